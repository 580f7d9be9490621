"""Working time: calendars, and arithmetic in them."""

from shared.working_time.arithmetic import add, add_days, between, is_open, opens_at
from shared.working_time.calendar import Calendar, parse, personal
from shared.working_time.company import Calendars, Works

__all__ = [
    "Calendar",
    "Calendars",
    "Works",
    "add",
    "add_days",
    "between",
    "is_open",
    "opens_at",
    "parse",
    "personal",
]
