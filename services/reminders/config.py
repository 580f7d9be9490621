"""Settings of the reminders service."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr

from shared.config import ServiceSettings


class Settings(ServiceSettings):
    """Besides what every service has."""

    smtp_host: str = Field(description="mail server")
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = Field(
        "starttls", description="none: for a mail catcher on the same machine or network"
    )
    smtp_username: str | None = Field(None, description="none: no login")
    smtp_password: SecretStr | None = Field(None, description="password of smtp_username")
    mail_from: str = Field("Tahvil <tahvil@localhost>", description="sender of every mail")
    remind_before: timedelta = Field(
        timedelta(hours=24), description="how long before a deadline the first reminder comes"
    )
    stale_after: timedelta = Field(
        timedelta(days=7),
        description="a deadline that is known only this long after it was due is recorded as "
        "missed, and nobody is written to: an import of old deals is no storm of mail",
    )
