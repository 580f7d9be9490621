"""Settings of the reminders service."""

from datetime import timedelta

from pydantic import Field

from shared.config import ServiceSettings
from shared.smtp import SmtpSettings


class Settings(SmtpSettings, ServiceSettings):
    """Besides what every service has."""

    remind_before: timedelta = Field(
        timedelta(hours=24), description="how long before a deadline the first reminder comes"
    )
    stale_after: timedelta = Field(
        timedelta(days=7),
        description="a deadline that is known only this long after it was due is recorded as "
        "missed, and nobody is written to: an import of old deals is no storm of mail",
    )
