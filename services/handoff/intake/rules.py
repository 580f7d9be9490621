"""The language of mappings: where a field's value comes from, and how it is translated.

Places in the payload and conditions are JMESPath (jmespath.org), which can read and compare and
nothing else. A rule is written as

| rule | gives |
|---|---|
| `data.title` | what is there, as an id: text, a whole number in digits |
| `{take: data.title, as: name}` | the same as a name: one line of at most 200 characters |
| `{take: data.owner_id, through: owners}` | what the table `owners` says for it |
| `{take: [pipeline, dealstage], through: stages}` | what the table of that pipeline says |
| `{money: data.value, currency: data.currency}` | an exact amount |
| `{first: [rule, rule]}` | the first that gives something |
| `{each: data.products, item: rule}` | a list; in the rule `_.item` is the one it is about |
| `[rule, rule]` | a list of what they give |
| `{name: rule, other: rule}` | an object of what they give |

Nothing found is nothing given: the field is left out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jmespath.exceptions import JMESPathError

from services.handoff.intake import expressions

Rule: TypeAlias = Callable[[Any], Any]
"""From the document to a value or None. Raises `Unmappable`."""

NAME = 200  # characters of a Name of the contract
TEXT = 10_000  # characters of a Text

_OPTIONS = {"take", "as", "through", "missing", "prefix", "zone"}
_TRAP = re.compile(r"!([A-Za-z_]\w*\.)")
_EPOCH = re.compile(r"-?\d{10,14}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LARGEST = 40  # decimal places before or after the point that are written out


class Unmappable(Exception):
    """The payload does not give what the mapping needs; the reason names the place."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Wrong(Exception):
    """The mapping is wrong: where in it, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a source sets: `with` of its mapping and of itself."""

    texts: Mapping[str, str]
    tables: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, values: Mapping[str, Any], where: str) -> "Terms":
        """Texts and tables; keys of tables as text, since YAML reads 123 as a number."""
        texts: dict[str, str] = {}
        tables: dict[str, Mapping[str, Any]] = {}
        for name, value in values.items():
            if isinstance(value, Mapping):
                tables[name] = _keyed(value)
            elif isinstance(value, str | int) and not isinstance(value, bool):
                texts[name] = str(value)
            else:
                raise Wrong(f"{where}.{name}: must be a text or a table")
        return cls(texts, tables)


def place(expression: Any, where: str) -> Rule:
    """What JMESPath finds in the document, untranslated."""
    if not isinstance(expression, str):
        raise Wrong(f"{where}: must be a JMESPath expression, such as data.title")
    if trap := _TRAP.search(expression):
        raise Wrong(
            f"{where}: write !({trap[1]}…): JMESPath reads {trap[0]}… as whether the first is there"
        )
    try:
        search, sure = expressions.compiled(expression)
    except JMESPathError as error:
        raise Wrong(f"{where}: {expression!r} is not JMESPath: {str(error).splitlines()[0]}") from (
            None
        )
    if sure:
        return search

    def find(document: Any) -> Any:
        try:
            return search(document)
        # What its functions raise for values they cannot take.
        except (JMESPathError, TypeError, KeyError, ValueError, AttributeError) as error:
            reason = str(error).splitlines()[0][:80] if isinstance(error, JMESPathError) else ""
            raise Unmappable(f"{expression}: cannot be read {reason}".rstrip()) from None

    return find


def condition(expression: Any, where: str) -> Callable[[Any], bool]:
    """Whether it holds, as JMESPath takes truth."""
    find = place(expression, where)
    return lambda document: expressions.true(find(document))


def rule(written: Any, terms: Terms, where: str) -> Rule:  # noqa: PLR0911 - one a form
    """What is written in a mapping, as a function. Raises `Wrong`."""
    match written:
        case str():
            return _leaf({"take": written}, terms, where)
        case list():
            parts = [rule(part, terms, f"{where}[{n}]") for n, part in enumerate(written)]
            return lambda document: _present(part(document) for part in parts)
        case {"take": _}:
            return _leaf(written, terms, where)
        case {"money": _}:
            return _money(written, where)
        case {"first": list(choices)}:
            _only(written, {"first"}, where)
            rules = [rule(one, terms, f"{where}.first[{n}]") for n, one in enumerate(choices)]
            return _first(rules)
        case {"each": _}:
            return _each(written, terms, where)
        case Mapping() if written:
            fields = {str(k): rule(v, terms, f"{where}.{k}") for k, v in written.items()}
            return lambda document: (
                {k: value for k, one in fields.items() if (value := one(document)) is not None}
                or None
            )
        case _:
            raise Wrong(
                f"{where}: must be a rule: a place, such as data.title, or an object of rules"
            )


def _first(rules: Sequence[Rule]) -> Rule:
    def give(document: Any) -> Any:
        for one in rules:
            if (value := one(document)) is not None:
                return value
        return None

    return give


def origins(written: Any, path: str) -> Mapping[str, str]:  # noqa: PLR0911 - one a form
    """Places that fields come from, by the path of the field: for telling what was wrong."""
    match written:
        case str():
            return {path: written}
        case {"take": taken}:
            return {path: " / ".join(taken) if isinstance(taken, list) else str(taken)}
        case {"money": money, **rest}:
            return {f"{path}.value": str(money), f"{path}.currency": str(rest.get("currency", ""))}
        case {"first": list(choices)}:
            found = [place for one in choices for place in origins(one, path).values()]
            return {path: ", else ".join(found)}
        case {"each": taken}:
            return {path: str(taken)}
        case Mapping():
            return {
                k: v
                for name, one in written.items()
                for k, v in origins(one, f"{path}.{name}").items()
            }
        case _:
            return {}


def _leaf(written: Mapping[str, Any], terms: Terms, where: str) -> Rule:
    _only(written, _OPTIONS, where)
    taken = written["take"]
    listed = taken if isinstance(taken, list) else [taken]
    finds = [place(one, f"{where}.take") for one in listed]
    origin = " / ".join(listed)
    kind = written.get("as", "id")
    if kind != "time" and kind not in _TRANSLATED:
        raise Wrong(f"{where}.as: must be id, name, text, time, flag or number")
    translated: Callable[[Any], Any] = _TRANSLATED.get(kind) or partial(
        _time, zone=_zone(written.get("zone", "time_zone"), terms, where)
    )
    through = _through(written, terms, where) if "through" in written else None
    if through is None and len(finds) > 1:
        raise Wrong(f"{where}.take: several places need `through`, a table of tables")
    prefix = terms.texts.get(str(written.get("prefix")), "")
    if "prefix" in written and written["prefix"] not in terms.texts:
        raise Wrong(f"{where}.prefix: `with` has no text {written['prefix']!r}")
    only = finds[0]

    def give(document: Any) -> Any:
        try:
            value = through([find(document) for find in finds]) if through else only(document)
            if value is None or value == "":
                return None
            value = translated(value)
        except _Untranslatable as error:
            raise Unmappable(f"{origin}: {error}") from None
        return prefix + value if prefix and value is not None else value

    return give


class _Untranslatable(Exception):
    """What is wrong with a value; never the value itself."""


def _number(value: Any) -> int | float:
    number = _decimal(value)
    return int(number) if number == number.to_integral_value() else float(number)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(_decimal(value))
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Untranslatable("must be text or a whole number")
    return str(value)


def _id(value: Any) -> str | None:
    return _written(value).strip() or None


def _name(value: Any) -> str | None:
    text = " ".join(_written(value).split())
    return (text if len(text) <= NAME else text[: NAME - 1].rstrip() + "…") or None


def _text(value: Any) -> str | None:
    return _written(value)[:TEXT].strip() or None


def _time(value: Any, zone: ZoneInfo) -> str:
    """RFC 3339. A date without a time is noon in the company's zone: the same date elsewhere."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = format(_decimal(value).to_integral_value(), "f")
    if not isinstance(value, str):
        raise _Untranslatable("must be a time")
    return _moment(value.strip(), zone)


@lru_cache(maxsize=1024)  # an event tells one moment as its time, in its id and in its data
def _moment(text: str, zone: ZoneInfo) -> str:
    try:
        if _EPOCH.fullmatch(text):
            # 10 or 11 digits are seconds (to the year 5138), more are milliseconds (from 1973)
            return _epoch(int(text), 1 if len(text.lstrip("-")) <= 11 else 1000)
        if _DATE.fullmatch(text):
            moment = datetime.combine(date.fromisoformat(text), time(12), zone)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return moment.isoformat()
    except (ValueError, OverflowError, OSError):
        raise _Untranslatable(
            "must be a time: milliseconds or seconds since 1970, a date, or a date and time"
        ) from None


def _epoch(number: int, per_second: int) -> str:
    seconds, rest = divmod(number, per_second)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)
    return moment.isoformat()


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise _Untranslatable("must be true or false")


_TRANSLATED: Mapping[str, Callable[[Any], Any]] = {
    "id": _id, "name": _name, "text": _text, "flag": _flag, "number": _number,
}  # fmt: skip
"""By what a value is to be read as; a time needs its zone besides."""


def _decimal(value: Any) -> Decimal:
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except InvalidOperation:
            raise _Untranslatable("must be a number, without spaces or separators") from None
        # 1e999999999 would be written out with as many zeros.
        if number.is_finite() and (not number or abs(number.adjusted()) <= _LARGEST):
            return number
    raise _Untranslatable("must be a number")


def _money(written: Mapping[str, Any], where: str) -> Rule:
    _only(written, {"money", "currency"}, where)
    if "currency" not in written:
        raise Wrong(f"{where}.currency: missing; a place, such as data.currency || _.with.currency")
    value, currency = place(written["money"], where), place(written["currency"], where)

    def give(document: Any) -> Any:
        amount = value(document)
        if amount is None or amount == "":
            return None
        try:
            number = _decimal(amount)
            unit = currency(document)
            unit = None if unit is None else _id(unit)
        except _Untranslatable as error:
            raise Unmappable(f"{written['money']}: {error}") from None
        if unit is None:
            raise Unmappable(
                f"{written['currency']}: there is an amount and no currency; name the company's "
                "in `with: {currency: …}`"
            )
        # 12.5000000 is 12.5; what is really finer than the contract takes is refused by it
        plain = format(number.normalize() if number else Decimal(0), "f")
        return {"value": plain, "currency": unit.upper()}

    return give


def _each(written: Mapping[str, Any], terms: Terms, where: str) -> Rule:
    _only(written, {"each", "item"}, where)
    find = place(written["each"], f"{where}.each")
    item = rule(written.get("item"), terms, f"{where}.item")

    def give(document: Any) -> Any:
        found = find(document)
        if found is None:
            return None
        if not isinstance(found, list):
            raise Unmappable(f"{written['each']}: must be a list")
        return _present(item({**document, "_": {**document["_"], "item": one}}) for one in found)

    return give


def _through(
    written: Mapping[str, Any], terms: Terms, where: str
) -> Callable[[Sequence[Any]], Any]:
    name, missing = str(written["through"]), written.get("missing", "keep")
    if name not in terms.tables:
        raise Wrong(f"{where}.through: `with` has no table {name!r}")
    if missing not in {"keep", "drop", "refuse"}:
        raise Wrong(f"{where}.missing: must be keep, drop or refuse")
    table = terms.tables[name]

    def look_up(keys: Sequence[Any]) -> Any:
        if keys[-1] is None or keys[-1] == "":
            return None
        found: Any = table
        for key in keys:
            found = found.get(_key(key)) if isinstance(found, Mapping) else None
        if found is not None and not isinstance(found, Mapping):
            return found
        if missing == "refuse":
            raise _Untranslatable(f"the table {name!r} of the source does not know this one")
        return keys[-1] if missing == "keep" else None

    return look_up


def _key(key: Any) -> str:
    return (
        key if isinstance(key, str) else format(key, "f") if isinstance(key, Decimal) else str(key)
    )


def _zone(name: Any, terms: Terms, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(terms.texts.get(str(name), "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong(f"{where}: with.{name} must be an IANA time zone such as Asia/Tehran") from None


def _keyed(table: Mapping[Any, Any]) -> Mapping[str, Any]:
    return {str(k): _keyed(v) if isinstance(v, Mapping) else v for k, v in table.items()}


def _present(values: Any) -> list[Any] | None:
    return [value for value in values if value is not None] or None


def _only(written: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := written.keys() - known:
        raise Wrong(f"{where}: {', '.join(map(repr, sorted(unknown)))} is not known here")
