"""Settings of the reminders service."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from pydantic import AnyHttpUrl, Field, SecretStr
from pydantic_settings import BaseSettings

from services.reminders import files
from services.reminders.policies import Policies, standard
from services.reminders.tokens import Links
from services.reminders.world import World
from shared.clients import Networks, Rate
from shared.config import KafkaSettings, ServiceSettings
from shared.contracts.values import Email
from shared.signing import Keys, split
from shared.smtp import SmtpSettings
from shared.working_time import Calendars
from shared.working_time.file import read_calendars


class RulesSettings(BaseSettings):
    """The rules of the company. The command line reads them too, to show what they do."""

    model_config = KafkaSettings.model_config

    calendars: Path | None = Field(
        None, description="YAML file of working hours by name and team; none: Mon-Fri 9-17 UTC"
    )
    policies: Path | None = Field(
        None, description="YAML file of escalation policies; none: the two reminders to the owner"
    )
    remind_before: timedelta = Field(
        timedelta(hours=24),
        gt=timedelta(0),
        le=timedelta(days=3660),
        description="how long before a deadline the first reminder comes, where no policy fits",
    )
    stale_after: timedelta = Field(
        timedelta(days=7),
        description="a deadline that is known only this long after it was due is recorded as "
        "missed, and nobody is written to: an import of old deals is no storm of mail",
    )

    def world(self) -> World:
        """The rules as the domain takes them; `Misconfigured` names file, line and field."""
        return World(
            calendars=read_calendars(self.calendars) if self.calendars else Calendars(),
            policies=files.policies(self.policies) if self.policies else Policies(),
            otherwise=standard(self.remind_before),
            stale_after=self.stale_after,
        )


class Settings(RulesSettings, SmtpSettings, ServiceSettings):
    """Everything the service reads."""

    reminders_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8082"),
        description="address of the links in messages, as people open it",
    )
    link_key: Keys = Field(
        description="keys of 32 characters or more that sign links, separated by spaces: "
        "the first one signs, links signed with the others still count"
    )
    link_life: timedelta = Field(
        timedelta(days=30),
        gt=timedelta(0),
        le=timedelta(days=3660),
        description="how long a message can be acted from",
    )
    messages_kept: timedelta = Field(
        timedelta(days=400),
        gt=timedelta(0),
        le=timedelta(days=36600),
        description="how long a message that was sent, or given up, is in the database",
    )
    link_rate_client: Rate = Field(
        "1200 per 5 minutes", description="links opened by one client, per replica"
    )
    link_rate_wrong: Rate = Field(
        "30 per 5 minutes", description="of those, links that are none of ours"
    )
    proxy_addresses: Networks = Field(
        (),
        description="networks of the proxies that say who asks (X-Forwarded-For), comma separated",
    )
    mail_unsubscribe: Email | None = Field(
        None, description="who takes people off summaries and notices; none: no List-Unsubscribe"
    )
    telegram_token: SecretStr | None = Field(None, description="of the bot; none: no Telegram")
    telegram_api: str = Field("https://api.telegram.org", description="or a server of your own")
    bale_token: SecretStr | None = Field(None, description="of the bot; none: no Bale")
    bale_api: str = Field("https://tapi.bale.ai", description="where Bale's bots are")
    slack_token: SecretStr | None = Field(
        None, description="of an app that may chat:write (xoxb-); none: no Slack"
    )
    slack_api: str = Field("https://slack.com/api", description="where Slack's API is")
    apprise: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        description="other channels, such as SMS: JSON of name to Apprise URL with {address} in it",
    )
    webhook_keys: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        description='JSON of host, or "*", to whsec_ key; an old key may follow the new one',
    )
    webhook_hosts: tuple[str, ...] = Field(
        (), description="JSON list of own hosts, or host:port, that may be private and plain HTTP"
    )
    messages_per_hour: int = Field(
        20, ge=1, description="to one person; what is more comes in one summary"
    )
    timer_lease: timedelta = Field(
        timedelta(seconds=5),
        ge=timedelta(seconds=1),
        le=timedelta(minutes=5),
        description="silence after which the timers of a replica go to the others",
    )
    alarm_margin: timedelta = Field(
        timedelta(minutes=5),
        ge=timedelta(seconds=1),
        description="how late a step of an open deadline may be before an alarm is raised",
    )
    alarm_mail: Email | None = Field(None, description="who is told of it by mail")
    alarm_webhook: SecretStr | None = Field(
        None, description="URL that is told of it: JSON with a text, as Slack and others take it"
    )
    patience: timedelta = Field(
        timedelta(hours=4), description="how long one channel is tried before the next"
    )
    patience_important: timedelta = Field(
        timedelta(minutes=15), description="the same for important messages with another channel"
    )

    def links(self) -> Links:
        """Makes the links in messages, and understands them."""
        return Links(str(self.reminders_url), split(self.link_key), self.link_life)
