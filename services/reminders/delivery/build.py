"""Builds the channels that the settings name. Apprise is loaded only when it has one."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from pydantic import SecretStr

from services.reminders.config import Settings
from services.reminders.delivery.channels import Sender
from services.reminders.delivery.chat import Chat, Provider
from services.reminders.delivery.mail import Mail
from services.reminders.delivery.outward import Outward
from services.reminders.delivery.webhooks import Webhooks
from services.reminders.delivery.writing import Writer
from services.reminders.sending import EMAIL
from shared.clock import utc_now
from shared.errors import Misconfigured

WEBHOOK = "webhook"


def channels(settings: Settings) -> Mapping[str, Sender]:
    """The channels by their kind, as the directory spells it."""
    writer = Writer(settings.links())
    unsubscribe = settings.mail_unsubscribe
    made: dict[str, Sender] = {EMAIL: Mail(settings, writer, unsubscribe)}
    bots: Sequence[tuple[Provider, str, SecretStr | None]] = (
        ("telegram", settings.telegram_api, settings.telegram_token),
        ("bale", settings.bale_api, settings.bale_token),
        ("slack", settings.slack_api, settings.slack_token),
    )
    for kind, api, token in bots:
        if token:
            # The settings name the host: it may be the company's own.
            made[kind] = Chat(kind, api, token, Outward([_host(kind, api)]), writer)
    if settings.webhook_keys:
        http = Outward(settings.webhook_hosts)
        made[WEBHOOK] = Webhooks(settings.webhook_keys, http, writer, utc_now)
    if settings.apprise:
        from services.reminders.delivery.others import Other  # noqa: PLC0415 - 20 MB, rarely used

        for name, url in settings.apprise.items():
            if name in (EMAIL, WEBHOOK, *(kind for kind, _, _ in bots)):
                raise Misconfigured(f"TAHVIL_APPRISE: {name}: is a channel of its own already")
            made[name] = Other(name, url, writer)
    return made


def _host(kind: str, api: str) -> str:
    parts = urlsplit(api)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Misconfigured(
            f"TAHVIL_{kind.upper()}_API: must be a URL such as https://{kind}.example"
        )
    return parts.hostname
