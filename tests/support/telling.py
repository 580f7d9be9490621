"""Any event of any type, as a strategy; and reporting's work on a store in memory."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import localcontext
from typing import Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from services.reporting.domain import Counter, Fold
from services.reporting.facts import Fact, Key, micros
from services.reporting.figures.catalogue import OF_STANDING
from services.reporting.figures.declaration import Amount, World
from services.reporting.handlers import ReportingWork
from services.reporting.periods import months
from services.reporting.pipelines import Sums
from services.reporting.questions import Row
from services.reporting.repository import WHEN, Positions
from services.reporting.standing import standing
from shared.contracts.directory import Figures
from shared.contracts.event import Event, EventData
from shared.contracts.registry import EVENTS
from shared.working_time import Calendar

WORLD = World(ZoneInfo("UTC"), Calendar.monday_to_friday("UTC"))
_BEGIN = datetime(2026, 3, 18, 10, tzinfo=UTC)  # Jalali new year is near

PEOPLE = ["ann", "bob", "cyd"]
ACCOUNTS = ["acme", "birch"]
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "amount": st.builds(
        lambda units, currency: {"value": f"{units / 100:.2f}", "currency": currency},
        st.integers(0, 10**8),
        st.sampled_from(["EUR", "IRR"]),
    ),
    "account": st.builds(
        lambda id_, **place: {"id": id_, "name": f"Account {id_}"} | place,
        st.sampled_from(ACCOUNTS),
        industry=st.sampled_from([None, "retail", "medical"]),
        region=st.sampled_from([None, "North", "South"]),
    ),
    "period": st.sampled_from(["2026-Q1", "1405-01", "2026", "1404-H2"]),
    "products": st.lists(st.sampled_from(["GTX", "MG"]), max_size=3),
    "absences": st.just([]),
    "mutes": st.lists(st.sampled_from(get_args(Figures)), max_size=2),
    "digests": st.just(["0" * 32]),
    "completeness": st.integers(0, 100),
    "score": st.integers(0, 100),
    "step": st.none(),
    "completeness_first": st.integers(0, 100),
}
_REQUIRED: dict[str, st.SearchStrategy[Any]] = {
    "salesperson": st.builds(lambda id_: {"id": id_}, st.sampled_from(PEOPLE)),
    "step": st.sampled_from(["1", "2"]),
}
_PERSONS = ("manager_id", "owner_id", "person_id", "recipient_id", "salesperson_id", "reports_to")


def _times() -> st.SearchStrategy[datetime]:
    """Few, so that many events are of one time."""
    return st.builds(lambda n: _BEGIN + timedelta(hours=7 * n), st.integers(0, 12))


def _field(name: str, annotation: Any, *, required: bool) -> st.SearchStrategy[Any]:
    literals = [
        option for option in (annotation, *get_args(annotation)) if get_origin(option) is Literal
    ]
    if required and name in _REQUIRED:
        found = _REQUIRED[name]
    elif name in _BY_NAME:
        found = _BY_NAME[name]
    elif literals:
        found = st.sampled_from(get_args(literals[0]))
    elif name == "account_id":
        found = st.sampled_from(ACCOUNTS)
    elif name in {"by", "to_id"} or name.endswith(_PERSONS):
        found = st.sampled_from(PEOPLE)
    elif name == "at" or name.endswith("_at"):
        found = _times()
    elif name in {"questions", "reasons"}:
        found = st.just(["something"])
    else:  # ids of deals, handoffs, disputes and so on; names
        found = st.sampled_from(["x", "y"]) if required else st.none()
    return found


def _data(model: type[EventData]) -> st.SearchStrategy[EventData]:
    fields = {
        name: _field(name, field.annotation, required=field.is_required())
        for name, field in model.model_fields.items()
        if name not in {"digest", "digest_at"}
    }
    optional = {n for n, f in model.model_fields.items() if not f.is_required()}

    def build(values: dict[str, Any]) -> EventData:
        told = {n: v for n, v in values.items() if not (n in optional and v is None)}
        return model.model_validate(told)

    return st.fixed_dictionaries(fields).map(build)


def events(types: Iterable[str] = EVENTS) -> st.SearchStrategy[list[Event]]:
    """Histories: few subjects, times that coincide, each event with an id of its own."""
    one = st.tuples(st.sampled_from(sorted(types)).flatmap(lambda t: _data(EVENTS[t])), _times())

    def build(found: list[tuple[EventData, datetime]]) -> list[Event]:
        return [
            Event(id=f"e{n}", source="/test", time=time, data=data, correlation_id="c")
            for n, (data, time) in enumerate(found)
        ]

    return st.lists(one, max_size=25).map(build)


def say(type_: str, moment: datetime, **data: Any) -> Event:
    """An event of a type, of a moment: also the time in its data, where that has one."""
    model = EVENTS[f"{type_}.v1"]
    for name, field in model.model_fields.items():
        if field.is_required() and (name == "at" or name.endswith("_at")):
            data.setdefault(name, moment)
    about = model.model_validate({"account_id": "acme", "reason": "r"} | data)
    id_ = f"{type_}:{about.subject}:{moment.isoformat()}"
    return Event(id=id_, source="/test", time=moment, data=about, correlation_id=id_)


class Stored:
    """Facts and counters in memory: the repository of reporting as far as its work needs it."""

    def __init__(self) -> None:
        self.facts_kept: dict[Key, Fact] = {}
        self.counters: dict[Counter, tuple[Amount, ...]] = {}

    async def live(self, _: Any = None) -> str:
        return "a"

    async def positions(self) -> Positions:
        people = [fact for key, fact in self.facts_kept.items() if key.kind == "person"]
        return Positions("a", str(len(self.facts_kept)), repr(people))

    async def facts(self, _: str, keys: Iterable[Key], __: Any = None) -> dict[Key, Fact]:
        return {key: self.facts_kept[key] for key in keys if key in self.facts_kept}

    async def of_accounts(
        self,
        _: str,
        accounts: Collection[str],
        __: Any = None,
        kinds: Collection[str] = OF_STANDING - {"account"},
    ) -> dict[Key, Fact]:
        return {
            key: fact
            for key, fact in self.facts_kept.items()
            if fact.account in accounts and key.kind in kinds
        }

    async def of_kind(self, _: str, kind: str) -> dict[Key, Fact]:
        return {key: fact for key, fact in self.facts_kept.items() if key.kind == kind}

    async def rows(self, _: str, wanted: Sequence[Sums]) -> list[list[Row]]:
        return [self._rows(one) for one in wanted]

    def _rows(self, wanted: Sums) -> list[Row]:
        figure = wanted.figure
        names = (*figure.always, *figure.cubes[wanted.cube])
        found: list[Row] = []
        since, until = (day.isoformat() if day else "" for day in wanted.days)
        for (name, number, day, values), measures in self.counters.items():
            if (name, number) != (figure.name, wanted.cube):
                continue
            month, jalali = months(day)
            has = dict(zip(names, values, strict=True))
            has |= {"day": day, "month": month, "jalali_month": jalali}
            if since <= day <= (until or "9999-99") and all(
                has[of] in {*values} for of, values in wanted.where.items()
            ):
                sums = dict(zip((m.name for m in figure.measures), measures, strict=True))
                found.append(Row({of: has[of] for of in wanted.by}, sums))
        return found

    async def between(
        self, _: str, kind: str, since: date, until: date, accounts: Collection[str] | None
    ) -> AsyncIterator[Fact]:
        day = timedelta(days=1)
        first, last = (
            micros(datetime.combine(on, time(), UTC)) for on in (since - day, until + 2 * day)
        )
        for key, fact in sorted(self.facts_kept.items()):
            mine = accounts is None or fact.account in accounts
            times = [fact.get(name) for name in WHEN.get(kind, ())]
            if key.kind == kind and mine and any(at and first <= at < last for at in times):
                yield fact

    async def managed(self, _: str, managers: Collection[str] | None) -> set[str]:
        return {
            key.id
            for key, fact in self.facts_kept.items()
            if key.kind == "account" and (managers is None or standing(fact).manager in managers)
        }

    async def save(self, _: str, fold: Fold, __: Any = None) -> None:
        self.facts_kept |= fold.changed
        for counter, change in fold.changes().items():
            now = self.counters.pop(counter, (0,) * len(change))
            with localcontext(prec=60):
                total = tuple(a + b for a, b in zip(now, change, strict=True))
            if any(total):
                self.counters[counter] = total


async def applied(batches: Iterable[Sequence[Event]], world: World = WORLD) -> Stored:
    """What is stored after these batches."""
    stored = Stored()
    for batch in batches:
        work = ReportingWork(stored, world, stored.live)  # type: ignore[arg-type]
        await work.load(batch, None)  # type: ignore[arg-type]
        for event in batch:
            work.apply(event)
        await work.save(None)  # type: ignore[arg-type]
    return stored
