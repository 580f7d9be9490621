"""The way to the mail server, for every service that sends mail."""

import contextlib
from collections.abc import AsyncIterator
from typing import Literal

import aiosmtplib
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from shared.config import KafkaSettings

TIMEOUT = 15  # seconds an exchange with the mail server may take
REFUSALS = (aiosmtplib.SMTPException, OSError)
"""What a connection raises when the server refuses, is away, or does not answer in time."""


class SmtpSettings(BaseSettings):
    """Which mail server, and who writes."""

    model_config = KafkaSettings.model_config

    smtp_host: str = Field(description="mail server")
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = Field(
        "starttls", description="none: for a mail catcher on the same machine or network"
    )
    smtp_username: str | None = Field(None, description="none: no login")
    smtp_password: SecretStr | None = Field(None, description="password of smtp_username")
    mail_from: str = Field("Tahvil <tahvil@localhost>", description="sender of every mail")


@contextlib.asynccontextmanager
async def connected(settings: SmtpSettings) -> AsyncIterator[aiosmtplib.SMTP]:
    """A connection that is logged in, for any number of mails. Raises one of `REFUSALS`."""
    password = settings.smtp_password
    async with aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        timeout=TIMEOUT,
        use_tls=settings.smtp_security == "tls",
        start_tls=settings.smtp_security == "starttls",
        username=settings.smtp_username,
        password=password.get_secret_value() if password else None,
    ) as connection:
        yield connection
