"""Settings of who gets in, and how."""

from datetime import timedelta
from typing import Self

from pydantic import AnyHttpUrl, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from shared.clients import Networks, Rate
from shared.config import KafkaSettings
from shared.signing import Keys, split


class AccessSettings(BaseSettings):
    """Sessions, login links, and the proxy that may say who somebody is."""

    model_config = KafkaSettings.model_config

    handoff_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8081"), description="address of the pages, as people open it"
    )
    reporting_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8083"), description="where the reports are, for people"
    )
    session_key: Keys = Field(
        description="keys of 32 characters or more that sign sessions, separated by spaces: "
        "the first one signs, sessions signed with the others go on"
    )
    session_idle: timedelta = Field(
        timedelta(hours=12), gt=timedelta(0), description="a session not used that long ends"
    )
    session_life: timedelta = Field(
        timedelta(days=7), gt=timedelta(0), description="a session ends after that, used or not"
    )
    login_link_life: timedelta = Field(
        timedelta(minutes=15), gt=timedelta(0), description="how long a login link can be used"
    )
    login_rate_address: Rate = Field(
        "5 per 15 minutes", description="login links asked for one mail address, per replica"
    )
    login_rate_client: Rate = Field(
        "30 per 15 minutes", description="login links asked for by one client, per replica"
    )
    proxy_user_header: str | None = Field(
        None, description="header in which a proxy names who signed in there (mail address or id)"
    )
    proxy_addresses: Networks = Field(
        (), description="networks of the proxies that may set it, comma separated"
    )
    proxy_secret: SecretStr | None = Field(
        None, min_length=32, description="what a proxy must send as X-Tahvil-Proxy-Secret"
    )

    @model_validator(mode="after")
    def _proxy_is_known(self) -> Self:
        if self.proxy_user_header and not (self.proxy_addresses or self.proxy_secret):
            raise ValueError(
                "TAHVIL_PROXY_USER_HEADER needs TAHVIL_PROXY_ADDRESSES or TAHVIL_PROXY_SECRET: "
                "else anybody could say to be somebody"
            )
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of sessions, the one that signs first."""
        return split(self.session_key)

    @property
    def origin(self) -> str:
        """Scheme, host and port of the pages, as browsers write it in `Origin`."""
        url = self.handoff_url
        standard = {"http": 80, "https": 443}[url.scheme]
        port = "" if url.port == standard else f":{url.port}"
        return f"{url.scheme}://{url.host}{port}"

    @property
    def secure(self) -> bool:
        """Whether the pages are opened with https only."""
        return self.handoff_url.scheme == "https"
