"""Asks for what a digest is made of, for one reader."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from services.reporting.answers import Answers, Asking
from services.reporting.issues import Habits, Rhythm, Span, latest
from services.reporting.movers import Counted, Mover, most
from services.reporting.pages.boards import main_currency
from services.reporting.pages.digest import NAMED, Satisfied, Seen
from services.reporting.questions import Row
from services.reporting.reading import Look
from services.reporting.rights import Viewer
from services.reporting.standing import NONE

CHARTED = 8
"""Weeks or months that the chart shows."""

_SCORES = Counted("satisfaction", "score", {})
_SAID = Counted("satisfaction", "count", {})
_DISPUTED = Counted("open_disputes", "count", {})


class Digests:
    """What somebody is told of a week or a month."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def of(
        self, viewer: Viewer, rhythm: Rhythm, habits: Habits, span: Span, today: date
    ) -> Seen:
        """Of the accounts that somebody sees. `today`: the company's day."""
        spans = latest(rhythm, habits, span, CHARTED)
        look = await self._answers.look()
        ask = Asking(self._answers, viewer, look)
        now, before = spans[-1], spans[-2]
        all_, both = (spans[0].since, now.until), (before.since, now.until)
        deals, handovers, promises, satisfaction, open_now, open_before, own = await ask.rows(
            ask.enquiry("deals", ("day", "outcome", "currency"), all_),
            ask.enquiry("handovers", ("day",), both),
            ask.enquiry("promises", ("day", "outcome"), both),
            ask.enquiry("satisfaction", ("day",), both, of="manager_now"),
            ask.enquiry("open_disputes", (), (None, now.until), of="manager_now"),
            ask.enquiry("open_disputes", (), (None, before.until), of="manager_now"),
            ask.enquiry("portfolio", ()),
        )
        currency = main_currency([r for r in deals if r.by["outcome"] == "won"])
        moved = await self._moved(viewer, look, now, before, currency)
        named = {one.account for found in moved.values() for one in found}
        return Seen(
            rhythm=rhythm,
            spans=spans,
            whose=_whose(viewer),
            person=viewer.person_id or "",
            deals=deals,
            handovers=handovers,
            promises=promises,
            satisfaction=satisfaction,
            disputes=(_count(open_now), _count(open_before)),
            accounts=sum(int(row.measures["accounts"]) for row in own),
            targets=await self._answers.attainment(viewer, look, today),
            budgets=await self._answers.budgets(viewer, look, today),
            currency=currency,
            names=await self._answers.account_names(named, look),
            **moved,
        )

    async def _moved(
        self, viewer: Viewer, look: Look, now: Span, before: Span, currency: str | None
    ) -> dict[str, Any]:
        """Customers that made the difference."""
        whose = {} if viewer.whose is None else {"manager": viewer.whose}
        money = {"currency": {currency or ""}}
        won = Counted("deals", "amount", {"outcome": {"won"}, **money, **whose})
        late = Counted("promises", "count", {"outcome": {"late", "open"}, **whose})
        counted = [won, late, _DISPUTED, _SCORES, _SAID]
        shares = await self._answers.shares(counted, viewer, look, now, before)

        def first(of: Counted, *, change: bool) -> list[Mover]:
            named = [one for one in shares.movers(of) if one.account != NONE]
            return most(named, NAMED, lambda one: one.change if change else one.now)

        said = {one.account: one for one in shares.movers(_SAID)}
        satisfied = [
            Satisfied(
                account=one.account,
                now=one.now / said[one.account].now,
                before=one.before / said[one.account].before,
            )
            for one in shares.movers(_SCORES)
            if said[one.account].now and said[one.account].before
        ]
        return {
            "won": first(won, change=True),
            "late": first(late, change=False),
            "disputed": first(_DISPUTED, change=False),
            "satisfied": sorted(satisfied, key=lambda o: -abs(o.now - o.before))[:NAMED],
        }


def _whose(viewer: Viewer) -> Literal["own", "team", "all"]:
    if viewer.whose is None:
        return "all"
    return "team" if viewer.leads else "own"


def _count(rows: Sequence[Row]) -> int:
    return sum(int(row.measures["count"]) for row in rows)
