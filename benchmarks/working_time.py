"""Working time: 100,000 random cases against a walk through every minute, and what one costs.

The walk knows nothing of years, searches or offsets: it goes minute by minute with the highest
time the clock on the wall has shown so far, and asks whether a shift contains that time.
"""

import random
import sys
import time
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from shared.working_time import Calendar, add, between, is_open, opens_at

ZONES = ("UTC", "Asia/Tehran", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
         "Asia/Kathmandu")  # fmt: skip
CASES = 100_000
CALENDARS = 10  # for each zone
DAYS = 50
STARTS = ("2021-03-10", "2021-09-10", "2026-03-01", "2026-10-01")
"""Windows with clock changes: Iran's of 2021 too, the last but one."""
MINUTE = timedelta(minutes=1)
console = Console()


def random_calendar(zone: str, chance: random.Random) -> Calendar:
    """Up to three ranges a day, some over midnight, some days off and some unlike the others."""

    def ranges() -> list[tuple[int, int]]:
        return [
            (chance.randrange(1440), chance.randrange(1441)) for _ in range(chance.randrange(4))
        ]

    week = {day: ranges() for day in range(7)}
    week[chance.randrange(7)] = [(540, 1020)]
    first = datetime.fromisoformat(chance.choice(STARTS)).date()
    days = [first + timedelta(days=chance.randrange(DAYS)) for _ in range(4)]
    return Calendar.weekly(zone, week, overrides={day: ranges() for day in days})


def walked(calendar: Calendar, begin: datetime) -> bytes:
    """Whether each minute of a window is working time, the slow way."""
    zone, shown, found = ZoneInfo(calendar.time_zone), datetime.min, bytearray()  # noqa: DTZ901
    overrides = dict(calendar.overrides)
    shifts: list[tuple[datetime, datetime]] = []
    day = None
    for n in range(-3 * 1440, DAYS * 1440):
        wall = (begin + n * MINUTE).astimezone(zone).replace(tzinfo=None)
        shown = max(shown, wall)
        if shown.date() != day:
            day = shown.date()
            shifts = [
                (midnight + opening * MINUTE, midnight + closing * MINUTE)
                for back in range(3)
                for one in [day - timedelta(days=back)]
                for midnight in [datetime.combine(one, datetime.min.time())]
                for opening, closing in overrides.get(one, calendar.week[one.weekday()])
            ]
        if n >= 0:
            found.append(any(opening <= shown < closing for opening, closing in shifts))
    return bytes(found)


def check(chance: random.Random) -> int:
    """Compare; how many cases were tried. The first that differs ends it."""
    tried, windows = 0, len(ZONES) * CALENDARS
    for number in range(windows):
        calendar = random_calendar(ZONES[number % len(ZONES)], chance)
        begin = datetime.fromisoformat(chance.choice(STARTS)).replace(tzinfo=UTC)
        minutes = walked(calendar, begin)
        worked = [n for n, one in enumerate(minutes) if one]
        for _ in range(-(-CASES // windows)):
            tried += 1
            case(calendar, begin, minutes, worked, chance)
    return tried


def case(
    calendar: Calendar, begin: datetime, minutes: bytes, worked: list[int], chance: random.Random
) -> None:
    """One start, one end, one amount: every function against the walk."""
    a, b = chance.randrange(len(minutes)), chance.randrange(len(minutes))
    start, end = begin + a * MINUTE, begin + b * MINUTE
    total = sum(minutes[min(a, b) : max(a, b)]) * (1 if a <= b else -1)
    expect(calendar, "between", start, between(calendar, start, end), total * MINUTE)
    expect(calendar, "is_open", start, is_open(calendar, start), bool(minutes[a]))
    p, q = sorted(chance.randrange(len(minutes)) for _ in range(2))
    pause = (begin + p * MINUTE, begin + q * MINUTE)
    low, high = max(min(a, b), p), min(max(a, b), q)
    paused = sum(minutes[low:high]) if low < high else 0
    left = (total - paused if a <= b else total + paused) * MINUTE
    expect(calendar, "between, paused", start, between(calendar, start, end, [pause]), left)
    index = bisect_left(worked, a)
    if index < len(worked):
        opening = begin + worked[index] * MINUTE
        expect(calendar, "opens_at", start, opens_at(calendar, start), opening)
    amount = chance.randrange(1, 3000)
    if index + amount <= len(worked):
        over = begin + (worked[index + amount - 1] + 1) * MINUTE
        expect(calendar, f"add {amount}", start, add(calendar, start, amount * MINUTE), over)
    if index - amount >= 0:
        over = begin + worked[index - amount] * MINUTE
        expect(calendar, f"add -{amount}", start, add(calendar, start, -amount * MINUTE), over)
    going = [n for n in worked[index : index + 2 * amount] if not p <= n < q]
    if len(going) >= amount:
        over = begin + (going[amount - 1] + 1) * MINUTE
        found = add(calendar, start, amount * MINUTE, [pause])
        expect(calendar, f"add {amount}, paused {pause}", start, found, over)


def expect(calendar: Calendar, what: str, start: datetime, found: object, right: object) -> None:
    """Say in full what differs, and end."""
    if found != right:
        sys.exit(f"void: {what} from {start} is {found}, not {right}, in {calendar}")


def cost(call: Callable[[], object], number: int = 2000) -> float:
    """Microseconds of one call, the best of five rounds."""
    call()
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(number):
            call()
        best = min(best, (time.perf_counter() - began) / number)
    return best * 1e6


def main() -> None:
    """Compare, then measure."""
    with console.status("against a walk through every minute…"):
        began = time.perf_counter()
        tried = check(random.Random(20261125))  # noqa: S311 - examples, no secret
        took = time.perf_counter() - began
    console.print(
        f"{tried:,} random cases in {len(ZONES)} time zones: all as walked ({took:.0f} s)"
    )
    iran = Calendar.saturday_to_wednesday(short_thursday=True)
    start = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
    table = Table("add, in Iran's calendar", "µs", "against an hour", "aim")
    hour = cost(lambda: add(iran, start, timedelta(hours=1)))
    for name, hours in (
        ("an hour", 1),
        ("a week", 40),
        ("half a year", 1000),
        ("ten years", 20000),
    ):
        length = timedelta(hours=hours)
        took = cost(lambda length=length: add(iran, start, length))  # type: ignore[misc]
        table.add_row(name, f"{took:.1f}", f"{took / hour:.2f}", "< 20")
        if took >= 20:
            console.print(f"[red]missed: {name} takes {took:.1f} µs[/red]")
    console.print(table)


if __name__ == "__main__":
    main()
