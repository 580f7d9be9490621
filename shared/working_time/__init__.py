"""Working time: calendars, and arithmetic in them."""

from shared.working_time.arithmetic import add, add_days, between, is_open, opens_at
from shared.working_time.calendar import Calendar, parse, personal

__all__ = ["Calendar", "add", "add_days", "between", "is_open", "opens_at", "parse", "personal"]
