"""Settings of the reporting service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import yaml
from pydantic import AnyHttpUrl, Field, StringConstraints

from services.reporting import rates
from services.reporting.alerts import Band, Limits
from services.reporting.figures.declaration import World
from services.reporting.issues import RHYTHMS, Rhythm
from services.reporting.rates import Rates
from services.reporting.reading import Selling
from shared import working_time
from shared.config import ServiceSettings
from shared.errors import Misconfigured
from shared.signing import Keys, split
from shared.working_time import Calendar, Calendars
from shared.working_time.file import read_calendars

Rhythms = Annotated[
    str, StringConstraints(pattern=r"^(none|(weekly|monthly)( (weekly|monthly))?)$")
]
Pair = Annotated[str, StringConstraints(pattern=r"^(none|[0-9]{1,4}/[0-9]{1,4})$")]
"""Of two thresholds: where an alert begins, and where it ends."""


class Settings(ServiceSettings):
    """Besides what every service has."""

    time_zone: Annotated[
        ZoneInfo, Field(description="where the company is: a deal's day is the day there")
    ] = ZoneInfo("UTC")
    calendar: Path | None = Field(
        None, description="YAML file of the company's working hours; none: Mon-Fri 9-17 UTC"
    )

    calendars: Path | None = Field(
        None,
        description="YAML file of working hours by name and team, as reminders has it; none: all "
        "have the company's",
    )

    reporting_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8083"), description="address of the pages, as people open it"
    )
    handoff_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8081"), description="where people sign in"
    )
    session_key: Keys | None = Field(
        None, description="the keys of handoff's sessions; none: nobody but `ops` comes in"
    )

    rates: Path | None = Field(
        None, description="YAML file of the company's currency and rates; none: each by itself"
    )
    selling: Selling = Field(
        "opportunities", description="what counts for targets: opportunities or deals won"
    )

    digests: Rhythms = Field(
        "weekly monthly", description="which digests managers get, separated by a space; none: none"
    )
    alert_budget: Pair = Field(
        "100/95",
        description="percent of a budget spent from which its manager is told / below which "
        "the next time is another alert; none: no such alert",
    )
    alert_satisfaction: Pair = Field(
        "50/60", description="satisfaction below which / from which on, likewise"
    )
    alert_fall: Pair = Field(
        "20/10", description="points below the mean of the three times before, likewise"
    )
    alert_target: Pair = Field(
        "90/95", description="percent of a target, at the pace so far, likewise"
    )
    alert_target_from: int = Field(
        20, ge=0, le=100, description="percent of a target's time before which nobody is told"
    )

    @property
    def rhythms(self) -> tuple[Rhythm, ...]:
        """Which digests there are."""
        return tuple(one for one in RHYTHMS if one in self.digests.split())

    def limits(self) -> Limits:
        """When alerts are raised; `Misconfigured` names the setting whose thresholds make none."""
        return Limits(
            budget=_band("alert_budget", self.alert_budget, high=True),
            satisfaction=_band("alert_satisfaction", self.alert_satisfaction, high=False),
            fall=_band("alert_fall", self.alert_fall, high=True),
            target=_band("alert_target", self.alert_target, high=False),
            target_from=self.alert_target_from,
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of passes and cookies, the one that signs first."""
        return split(self.session_key) if self.session_key else ()

    def world(self) -> World:
        """The company's days and working time; `Misconfigured` names the file and the field."""
        return World(self.time_zone, self._calendar())

    def staff_calendars(self) -> Calendars:
        """Whose working time is which; `Misconfigured` names file, line and field.

        By these people are told of figures. Figures themselves go by the company's one calendar.
        """
        if self.calendars is None:
            return Calendars(company=self._calendar())
        return read_calendars(self.calendars)

    def table(self) -> Rates | None:
        """Rates, if there is a table; `Misconfigured` names the file and the field."""
        if self.rates is None:
            return None
        try:
            return rates.parse(_mapping(self.rates, "TAHVIL_RATES"))
        except ValueError as error:
            raise Misconfigured(f"TAHVIL_RATES: {self.rates}: {error}") from None

    def _calendar(self) -> Calendar:
        if self.calendar is None:
            return Calendar.monday_to_friday("UTC")
        content = _mapping(self.calendar, "TAHVIL_CALENDAR")
        return working_time.parse(content, str(self.calendar))


def _band(name: str, text: str, *, high: bool) -> Band | None:
    if text == "none":
        return None
    band = Band(*(int(part) for part in text.split("/")))
    if (band.begins > band.ends) != high or band.begins == band.ends:
        below = "below" if high else "above"
        raise Misconfigured(
            f"TAHVIL_{name.upper()}: the second number must be {below} the first, so that what "
            "is near the first is not told again and again"
        )
    return band


def _mapping(file: Path, variable: str) -> Mapping[str, object]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{variable}: {file}: {error}") from None
    if not isinstance(content, Mapping):
        raise Misconfigured(f"{variable}: {file}: must be a mapping")
    return content
