"""Settings of the reminders service."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from services.reminders import files
from services.reminders.calendars import Calendars
from services.reminders.policies import Policies, standard
from services.reminders.world import World
from shared.config import KafkaSettings, ServiceSettings
from shared.smtp import SmtpSettings


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
            calendars=files.calendars(self.calendars) if self.calendars else Calendars(),
            policies=files.policies(self.policies) if self.policies else Policies(),
            otherwise=standard(self.remind_before),
            stale_after=self.stale_after,
        )


class Settings(SmtpSettings, RulesSettings, ServiceSettings):
    """Everything the service reads."""
