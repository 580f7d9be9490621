"""The digest of a week or month: numbers, a chart, and what made the difference. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal

from services.reporting.issues import Rhythm, Span
from services.reporting.movers import Mover, most
from services.reporting.pages.parts import Filters, Reader, month_of, signed, total
from services.reporting.plans import Attainment, Spent, State
from services.reporting.questions import Row
from shared.contracts.notifications import Bar, Chart, Line, Link, Section
from shared.pages.catalog import N_

Tone = Literal["good", "bad", "plain"]

NAMED = 3
"""Customers that account for most of a change."""
FIRST = 3
"""Currencies, and targets, of which each has a line."""

_TITLES: Mapping[Rhythm, str] = {
    "weekly": N_("Your week: %(since)s to %(until)s"),
    "monthly": N_("Your month: %(month)s"),
}
_LEADS: Mapping[tuple[Rhythm, str], str] = {
    ("weekly", "own"): N_("Your customers, against the week before."),
    ("weekly", "team"): N_("The customers of your team, against the week before."),
    ("weekly", "all"): N_("All customers, against the week before."),
    ("monthly", "own"): N_("Your customers, against the month before."),
    ("monthly", "team"): N_("The customers of your team, against the month before."),
    ("monthly", "all"): N_("All customers, against the month before."),
}
_CHARTS: Mapping[Rhythm, str] = {
    "weekly": N_("Won, by week"),
    "monthly": N_("Won, by month"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Satisfied:
    """What a customer's satisfaction was said to be on the mean, in both times."""

    account: str
    now: Decimal
    before: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a digest is made of. Rows by day, and by what their names say."""

    rhythm: Rhythm
    spans: Sequence[Span]
    """The oldest first: the last one is what it is about, the one before what it is held against.
    """
    whose: Literal["own", "team", "all"]
    person: str
    deals: Sequence[Row]
    """By outcome and currency, of all spans."""
    handovers: Sequence[Row]
    promises: Sequence[Row]
    """By outcome."""
    satisfaction: Sequence[Row]
    disputes: tuple[int, int]
    """Open ones, at the end of either span."""
    accounts: int
    """In the reader's portfolio, or in those that the reader sees."""
    targets: Sequence[Attainment]
    budgets: Sequence[Spent]
    currency: str | None
    """In which most was won."""
    won: Sequence[Mover]
    late: Sequence[Mover]
    disputed: Sequence[Mover]
    satisfied: Sequence[Satisfied]
    names: Mapping[str, str]
    """Of accounts."""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to tell of, and nobody it could be about."""
        told = (*self.deals, *self.handovers, *self.promises, *self.satisfaction)
        return not (told or any(self.disputes) or self.accounts or self.targets or self.budgets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is written to somebody, but for whom."""

    title: str
    body: str
    lines: tuple[Line, ...] = ()
    chart: Chart | None = None
    sections: tuple[Section, ...] = ()
    link: Link


def digest(seen: Seen, reader: Reader, address: str) -> Letter:
    """In the reader's words. `address`: of the dashboard."""
    plain = reader.writer.plain
    span = seen.spans[-1]
    month = month_of(span.since, reader)
    named = {
        "since": day_name(span.since, reader),
        "until": day_name(span.until, reader),
        "month": reader.month_name(month),
    }
    body = [plain(_LEADS[seen.rhythm, seen.whose])]
    lines = tuple(line for line in _lines(seen, reader) if line)
    if not any(line.change and line.tone != "plain" for line in lines):
        body.append(plain("It was quiet: nothing changed for better or worse."))
    asked = Filters(period=month if seen.rhythm == "monthly" else "")
    return Letter(
        title=plain(_TITLES[seen.rhythm], **named),
        body="\n".join(body),
        lines=lines,
        chart=_chart(seen, reader),
        sections=tuple(one for one in _sections(seen, reader) if one),
        link=Link(name=plain("All figures"), address=address + asked.address("/pages")),
    )


def _lines(seen: Seen, reader: Reader) -> Iterable[Line | None]:
    plain = reader.writer.plain
    now, before = seen.spans[-1], seen.spans[-2]
    for currency in _currencies(seen):
        yield _compared(
            plain("Won"),
            _won(seen, now, currency),
            _won(seen, before, currency),
            reader,
            currency=currency,
        )
    deals, handovers = _both(seen.deals, seen), _both(seen.handovers, seen)
    for name, (rows, rows_before), measure, where, good in (
        (N_("Deals won"), deals, "count", {"outcome": "won"}, 1),
        (N_("Deals lost"), deals, "count", {"outcome": "lost"}, -1),
        (N_("Handoffs accepted"), handovers, "accepted", {}, 1),
    ):
        yield _compared(
            plain(name),
            total(rows, measure, **where),
            total(rows_before, measure, **where),
            reader,
            good=good,
        )
    yield from _deadlines(seen, reader)
    yield _compared(
        plain("Open disputes"),
        Decimal(seen.disputes[0]),
        Decimal(seen.disputes[1]),
        reader,
        good=-1,
    )
    yield _satisfaction(seen, reader)
    yield from _plans(seen, reader)


def _deadlines(seen: Seen, reader: Reader) -> Iterable[Line | None]:
    """What was due in a time, and how it was kept; what is open by now is late, too."""
    plain = reader.writer.plain
    shares: list[int | None] = []
    value = ""
    late: list[Decimal] = []
    for rows in reversed(_both(seen.promises, seen)):  # the time before first
        kept = total(rows, outcome="on_time")
        late.append(total(rows, outcome="late") + total(rows, outcome="open"))
        all_ = kept + late[-1]
        shares.append(round(100 * kept / all_) if all_ else None)
        value = plain(
            "%(number)s of %(all)s (%(share)s)",
            number=kept,
            all=all_,
            share=reader.share(kept, all_),
        )
    before, now = shares
    if now is not None:
        yield Line(
            name=plain("Deadlines kept on time"),
            value=value,
            change=None if before is None else _points(now - before, reader),
            tone=_tone(now - (now if before is None else before)),
        )
    yield _compared(plain("Deadlines late"), late[1], late[0], reader, good=-1)


def _satisfaction(seen: Seen, reader: Reader) -> Line | None:
    means = [
        round(total(rows, "score") / number, 1) if (number := total(rows)) else None
        for rows in _both(seen.satisfaction, seen)
    ]
    now, before = means
    if now is None:
        return None
    change = None if before is None else now - before
    return Line(
        name=reader.writer.plain("Satisfaction, of 100"),
        value=reader.writer.number(now),
        change=None if change is None else _points(change, reader),
        tone=_tone(change or 0),
    )


def _plans(seen: Seen, reader: Reader) -> Iterable[Line]:
    plain, percent = reader.writer.plain, reader.writer.percent
    own = [one for one in seen.targets if one.target.of == seen.person]
    for one in own[:FIRST]:
        target = one.target
        pace = None
        if one.projected is not None:
            projected = percent(_percent(one.projected, target.amount))
            pace = plain("%(share)s at this pace", share=projected)
        tone = {State.AT_RISK: "bad", State.MISSED: "bad", State.AHEAD: "good"}
        yield Line(
            name=plain("Target of %(period)s", period=str(reader.period_name(target.period.name))),
            value=plain(
                "%(share)s of %(amount)s",
                share=percent(_percent(one.sold, target.amount)),
                amount=str(reader.money(target.amount, target.currency)),
            ),
            change=pace,
            tone=tone.get(one.state, "plain"),
        )
    if others := [one for one in seen.targets if one.target.of != seen.person]:
        risky = sum(1 for one in others if one.state is State.AT_RISK)
        yield Line(
            name=plain("Targets at risk"),
            value=plain("%(number)s of %(all)s", number=risky, all=len(others)),
        )
    if seen.budgets:
        over = sum(1 for one in seen.budgets if one.left < 0)
        yield Line(
            name=plain("Budgets overrun"),
            value=plain("%(number)s of %(all)s", number=over, all=len(seen.budgets)),
        )
    for currency in sorted({one.budget.currency for one in seen.budgets})[:FIRST]:
        found = [one for one in seen.budgets if one.budget.currency == currency]
        spent = sum((one.spent for one in found), Decimal(0))
        whole = sum((one.budget.amount for one in found), Decimal(0))
        yield Line(
            name=plain("Spent of budgets"),
            value=plain(
                "%(share)s of %(amount)s",
                share=percent(_percent(spent, whole)),
                amount=str(reader.money(whole, currency)),
            ),
        )


def _chart(seen: Seen, reader: Reader) -> Chart | None:
    """What was won in each span, from the first in which anything was; in the main currency."""
    if seen.currency is None:
        return None
    sums = [_won(seen, span, seen.currency) for span in seen.spans]
    first = next((n for n, value in enumerate(sums) if value), None)
    if first is None:
        return None
    first = min(first, len(sums) - 2)
    return Chart(
        title=reader.writer.plain(_CHARTS[seen.rhythm]),
        bars=tuple(
            Bar(
                label=day_name(span.since, reader)
                if seen.rhythm == "weekly"
                else reader.month_name(month_of(span.since, reader)),
                value=str(reader.money(value, seen.currency)),
                part=bar_part(value, max(sums)),
            )
            for span, value in list(zip(seen.spans, sums, strict=True))[first:]
        ),
    )


def _sections(seen: Seen, reader: Reader) -> Iterable[Section | None]:
    plain, currency = reader.writer.plain, seen.currency
    if currency:
        yield _section(
            plain("Won: what made the difference"),
            seen,
            [(one.account, signed(reader, one.change, currency)) for one in most(seen.won, NAMED)],
        )
    yield _section(
        plain("Deadlines late, by customer"),
        seen,
        [
            (one.account, reader.writer.number(one.now))
            for one in most(seen.late, NAMED, lambda one: one.now)
        ],
    )
    yield _section(
        plain("Disputes: where more came, or more were settled"),
        seen,
        [
            (one.account, signed(reader, one.now))
            for one in most(seen.disputed, NAMED, lambda one: one.now)
        ],
    )
    moved = sorted(
        (one for one in seen.satisfied if one.now != one.before),
        key=lambda one: (-abs(one.now - one.before), one.account),
    )
    yield _section(
        plain("Satisfaction: where it changed most"),
        seen,
        [
            (
                one.account,
                plain(
                    "%(now)s, before %(before)s",
                    now=round(one.now, 1),
                    before=round(one.before, 1),
                ),
            )
            for one in moved[:NAMED]
        ],
    )


def _section(title: str, seen: Seen, found: Sequence[tuple[str, str]]) -> Section | None:
    lines = [Line(name=seen.names.get(of, of), value=value) for of, value in found]
    return Section(title=title, lines=tuple(lines)) if lines else None


def _compared(
    name: str,
    now: Decimal,
    before: Decimal,
    reader: Reader,
    *,
    currency: str | None = None,
    good: int = 1,
) -> Line | None:
    """A number against the one before; nothing of what is nothing in both."""
    if not now and not before:
        return None
    change = now - before
    value = str(reader.money(now, currency)) if currency else reader.writer.number(now)
    return Line(
        name=name,
        value=value,
        change=signed(reader, change, currency) if change else reader.writer.plain("as before"),
        tone=_tone(good * change),
    )


def _points(change: Decimal | int, reader: Reader) -> str:
    if not change:
        return reader.writer.plain("as before")
    points = reader.writer.plain("%(change)s points", change=signed(reader, change))
    # The words go from right to left, the sign stays before its number.
    return f"\u200f\u200e{points}" if reader.writer.language == "fa" else points


def _tone(change: Decimal | int) -> Tone:
    if not change:
        return "plain"
    return "good" if change > 0 else "bad"


def _both(rows: Sequence[Row], seen: Seen) -> tuple[list[Row], list[Row]]:
    """The rows of the time it is about, and of the one before."""
    now, before = (_within(rows, span) for span in (seen.spans[-1], seen.spans[-2]))
    return now, before


def _within(rows: Sequence[Row], span: Span) -> list[Row]:
    since, until = span.since.isoformat(), span.until.isoformat()
    return [row for row in rows if since <= row.by["day"] <= until]


def _won(seen: Seen, span: Span, currency: str) -> Decimal:
    return total(_within(seen.deals, span), "amount", outcome="won", currency=currency)


def _currencies(seen: Seen) -> list[str]:
    """Those in which anything was won in either time, the most used one first."""
    both = [row for span in seen.spans[-2:] for row in _within(seen.deals, span)]
    found = {row.by["currency"] for row in both if row.measures["amount"]}
    return sorted(found, key=lambda one: (one != seen.currency, one))[:FIRST]


def _percent(part: Decimal, whole: Decimal) -> int:
    """Rounded down: all of it is said when it is all."""
    return int(100 * part // whole) if whole else 100


def bar_part(value: Decimal, longest: Decimal) -> int:
    """How long a bar is, of the longest; what is not nothing can be seen."""
    if value <= 0 or longest <= 0:
        return 0
    return max(1, min(100, round(100 * value / longest)))


def day_name(on: date, reader: Reader) -> str:
    """A day with its year."""
    return reader.day_name(datetime.combine(on, time(12), reader.writer.zone))
