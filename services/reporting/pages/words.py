"""Words of what figures call by a code."""

from collections.abc import Mapping
from types import MappingProxyType

from services.reporting.pages.parts import Reader
from services.reporting.standing import NONE
from shared.pages.catalog import N_

WAITS_FOR: Mapping[str, str] = MappingProxyType(
    {
        "head": N_("A manager to be found"),
        "manager": N_("The manager's answer"),
        "salesperson": N_("The salesperson's answer"),
        "steps": N_("Steps to be done"),
    }
)
TIER: Mapping[str, str] = MappingProxyType(
    {"global": N_("Global"), "national": N_("National"), "regional": N_("Regional")}
)
SEVERITY: Mapping[str, str] = MappingProxyType(
    {
        "critical": N_("Critical"),
        "high": N_("High"),
        "normal": N_("Normal"),
        "low": N_("Low"),
    }
)
KEPT: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "on_time": (N_("On time"), "accent"),
        "late": (N_("Late"), "soon"),
        "open": (N_("Open"), "quiet"),
    }
)
"""How deadlines are kept, and its colour; what was cancelled is nobody's merit or fault."""
STATE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ahead": (N_("On track"), "good"),
        "at_risk": (N_("At risk"), "soon"),
        "missed": (N_("Missed"), "late"),
        "waiting": (N_("Not begun"), "quiet"),
    }
)
GRADE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "good": (N_("Good"), "good"),
        "watch": (N_("To be watched"), "soon"),
        "poor": (N_("Poor"), "late"),
    }
)
REASON: Mapping[str, str] = MappingProxyType(
    {
        "satisfaction_low": N_("Satisfaction is %(number)s of 100"),
        "satisfaction_fell": N_("Satisfaction fell by %(number)s"),
        "disputes": N_("Open disputes: %(number)s"),
        "overdue": N_("Overdue deadlines: %(number)s"),
        "silent": N_("Nobody was in touch for %(number)s days"),
    }
)
"""Why health is not whole."""


def word(words: Mapping[str, str], code: str, reader: Reader) -> str:
    """As plain text; what has no word stays as it is."""
    if code == NONE:
        return str(reader.writer.label("Not known"))
    return str(reader.writer.label(words[code])) if code in words else code
