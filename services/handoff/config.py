"""Settings of the handoff service: its rules, besides what every service has."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field
from pydantic_settings import BaseSettings

from services.handoff import checklist_file
from services.handoff.access import AccessSettings
from services.handoff.assignment import Policy
from services.handoff.candidates import Tier
from services.handoff.intake import sources
from services.handoff.intake.sources import Source
from services.handoff.rules import Rules, TierRules
from shared import working_time
from shared.config import SECRETS, KafkaSettings, ServiceSettings
from shared.contracts.values import Money
from shared.errors import Misconfigured
from shared.smtp import SmtpSettings
from shared.working_time import Calendar

Counted = Literal[
    "amount",
    "products",
    "package.contacts",
    "package.needs",
    "package.promises",
    "package.relationship",
]


class RulesSettings(BaseSettings):
    """The rules of the company. The command line reads them too, to simulate."""

    model_config = KafkaSettings.model_config

    calendar: Path | None = Field(
        None, description="YAML file of the company's working hours; none: Mon-Fri 9-17 UTC"
    )
    checklists: Path | None = Field(
        None, description="YAML file or folder of checklists; none: the three steps built in"
    )
    tier_weights: dict[Tier, int] = Field(
        {Tier.REGIONAL: 1, Tier.NATIONAL: 2, Tier.GLOBAL: 4},
        description="how much of a manager's capacity an account of each tier takes",
    )
    revenue_step: Money | None = Field(
        None, description="won value that adds one to an account's weight; none: revenue adds none"
    )
    revenue_most: int = Field(10, ge=0, description="what revenue adds to a weight at most")
    tier_won: dict[Tier, Money] = Field(
        default_factory=dict, description="won value of an account's group that gives it a tier"
    )
    tier_countries: dict[Tier, int] = Field(
        default_factory=dict, description="number of countries of a group that gives it a tier"
    )
    tier_key: Tier | None = Field(Tier.GLOBAL, description="tier of a key account")
    tier_keep: Decimal = Field(
        Decimal("0.8"), gt=0, le=1, description="part of a threshold that keeps a tier"
    )
    ramp: timedelta = Field(
        timedelta(days=30),
        description="time in which somebody new or back from leave catches up with the others",
    )
    cover_after: timedelta = Field(
        timedelta(days=3),
        description="absences of this length or longer have their accounts covered",
    )
    required: dict[Tier, tuple[Counted, ...]] = Field(
        default_factory=dict,
        description="parts of a deal that count for completeness, by tier; not named: all",
    )
    assign_within: timedelta = Field(
        timedelta(hours=4), description="working time of the head for what nobody can take"
    )
    accept_within: timedelta = Field(
        timedelta(hours=8), description="working time of a manager to accept, ask or return"
    )
    answer_within: timedelta = Field(
        timedelta(hours=8), description="working time of a salesperson to answer or mend"
    )

    def rules(self, url: str = "") -> Rules:
        """The rules as the domain takes them; `Misconfigured` names the file and the field.

        `url`: of the pages, as people open them.
        """
        return Rules(
            policy=Policy(
                tier_weights=self.tier_weights,
                revenue_step=self.revenue_step,
                revenue_most=self.revenue_most,
                ramp=self.ramp,
            ),
            tiers=TierRules(
                won=self.tier_won,
                countries=self.tier_countries,
                key=self.tier_key,
                keep=self.tier_keep,
            ),
            working=self.working(),
            checklists=checklist_file.load(self.checklists),
            required=self.required,
            assign_within=self.assign_within,
            accept_within=self.accept_within,
            answer_within=self.answer_within,
            url=url.rstrip("/"),
        )

    def working(self) -> "CompanyTime":
        """Working time of the company."""
        return CompanyTime(self._calendar())

    def _calendar(self) -> Calendar:
        if self.calendar is None:
            return Calendar.monday_to_friday("UTC")
        try:
            content = yaml.safe_load(self.calendar.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise Misconfigured(f"TAHVIL_CALENDAR: {self.calendar}: {error}") from None
        if not isinstance(content, Mapping):
            raise Misconfigured(f"TAHVIL_CALENDAR: {self.calendar}: must be a mapping")
        return working_time.parse(content, str(self.calendar))


class Settings(RulesSettings, AccessSettings, SmtpSettings, ServiceSettings):
    """Everything the service reads."""

    intake: Path | None = Field(
        None, description="YAML file of the systems that send webhooks; none: no intake"
    )

    def sources(self) -> Mapping[str, Source]:
        """The systems that send webhooks, with their secrets; `Misconfigured` says what is not."""
        return sources.read(self.intake, intake_secret) if self.intake else {}


def intake_secret(name: str) -> str | None:
    """A secret of the intake, of the environment or of a secret file."""
    variable = f"TAHVIL_INTAKE_SECRET_{name.upper()}"
    if variable in os.environ:
        return os.environ[variable]
    try:
        return (SECRETS / variable.lower()).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


@dataclass(frozen=True, slots=True)
class CompanyTime:
    """Working time of the company's calendar."""

    calendar: Calendar

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """When that much working time has passed."""
        return _added(self.calendar, start, amount)

    def add_days(self, start: datetime, days: int) -> datetime:
        """The same time of day, that many working days later."""
        return _added_days(self.calendar, start, days)


# What a batch brings about is counted from a few moments: its own, and the days of its deals.
@lru_cache(maxsize=4096)
def _added(calendar: Calendar, start: datetime, amount: timedelta) -> datetime:
    try:
        return working_time.add(calendar, start, amount)
    except (OverflowError, ValueError):  # a deal of the year 1 or 9999 is due when it is
        return start


@lru_cache(maxsize=4096)
def _added_days(calendar: Calendar, start: datetime, days: int) -> datetime:
    try:
        return working_time.add_days(calendar, start, days)
    except (OverflowError, ValueError):
        return start
