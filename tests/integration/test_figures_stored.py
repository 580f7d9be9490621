"""MongoDB answers what memory answers: every figure, broken down in every way, in every range."""

from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from services.reporting.figures.catalogue import FIGURES
from services.reporting.handlers import ReportingWork
from services.reporting.questions import JOINED, Question, Unanswerable, dimensions
from services.reporting.reading import Enquiry, Reading
from services.reporting.repository import Repository
from shared import mongo
from shared.contracts.cloudevents import decode
from shared.contracts.event import Event
from tests.integration.test_rebuild import history, prepared
from tests.support.builders import NOON
from tests.support.system import System
from tests.support.telling import WORLD, applied, say

GOLDEN = Path("tests/contracts/golden")
RANGES: tuple[dict[str, Any], ...] = (
    {},
    {"since": date(2017, 4, 1), "until": date(2017, 6, 30)},
    {"since": date(2017, 4, 2)},
    {"until": date(2017, 8, 17)},
    {"since": date(2017, 5, 9), "until": date(2017, 5, 9)},
    {"since": date(2017, 3, 21), "until": date(2017, 9, 22)},
    {"where": {"manager": ["m1", "m9", "mia"]}},
)


def told() -> list[Event]:
    """The CRM with managers and transfers, and every golden message there is."""
    golden = [decode(file.parent.name, file.read_bytes(), []) for file in GOLDEN.glob("*/*.json")]
    return [*history()[:3000], *golden, say("dispute.opened", NOON, dispute_id="open")]


async def test_mongodb_answers_as_memory_does(system: System) -> None:
    events = told()
    batches = [events[n : n + 700] for n in range(0, len(events), 700)]
    async with prepared(system) as database:
        repository = Repository(database)

        async def slot(_: mongo.Session) -> str:
            return await repository.live()

        for batch in batches:

            async def body(session: mongo.Session, batch: list[Event] = batch) -> None:
                work = ReportingWork(repository, WORLD, slot)
                await work.load(batch, session)
                await work.save(session)

            await mongo.transaction(database, body)
        stored = await applied(batches)
        real = Reading(repository, WORLD, lambda: NOON)
        model = Reading(stored, WORLD, lambda: NOON)  # type: ignore[arg-type]
        compared = 0
        for name, figure in FIGURES.items():
            for by in [(), *((one,) for one in dimensions(figure)), *_together(name)]:
                enquiries = [Enquiry(name, Question(by=by, **asked)) for asked in RANGES]
                expected = await model.figures(enquiries)
                found = await real.figures(enquiries)  # in one question
                for enquiry, rows, wanted in zip(enquiries, found, expected, strict=True):
                    if isinstance(wanted, Unanswerable):
                        assert str(rows) == str(wanted)
                    else:
                        assert rows == wanted, enquiry
                        compared += len(wanted)
            assert await model.figure(name), name
        assert compared > 5000
        for account in ("acme-corporation", "cancity"):
            assert await real.customer(account) == await model.customer(account)
        assert await real.attainment() == await model.attainment() != []
        assert await real.budgets() == await model.budgets() != []


def _together(name: str) -> list[tuple[str, ...]]:
    figure = FIGURES[name]
    cubes = [(*figure.always, *cube, time) for cube in figure.cubes for time in ("day", "month")]
    heads = [(head, "jalali_month") for head, of in JOINED.items() if of in figure.dimensions]
    return [*cubes, *heads]


async def test_a_transfer_and_what_happens_meanwhile_do_not_miss_each_other(
    system: System,
) -> None:
    """Two processes at once: one moves the account, the other counts something by it."""
    moved = say("account.transferred", NOON, to_manager_id="bob")
    opened = say("dispute.opened", NOON, dispute_id="p1")
    async with prepared(system) as database:
        repository = Repository(database)
        tries: list[Event] = []

        async def slot(_: mongo.Session) -> str:
            return "a"

        async def tell(session: mongo.Session, event: Event, meanwhile: Event | None) -> None:
            tries.append(event)
            work = ReportingWork(repository, WORLD, slot)
            await work.load([event], session)
            if meanwhile and meanwhile not in tries:
                await mongo.transaction(database, partial(tell, event=meanwhile, meanwhile=None))
            await work.save(session)

        for first, second in ((moved, opened), (opened, moved)):
            tries.clear()
            for name in ("facts_a", "counters_a"):
                await mongo.delete(database[name], {})
            await mongo.transaction(database, partial(tell, event=first, meanwhile=second))
            assert tries == [first, second, first]
            reading = Reading(repository, WORLD, lambda: NOON)
            (row,) = await reading.figure("open_disputes", Question(by=["manager_now"]))
            assert row.by == {"manager_now": "bob"}
