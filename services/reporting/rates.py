"""Money of several currencies as money of one, by a table of rates."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from services.reporting.questions import Row, Unanswerable, summed
from services.reporting.standing import NONE
from shared.contracts.values import CURRENCIES

PLACES = Decimal("0.0001")
"""What converted sums are rounded to, once, at the end."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one unit of a currency is worth in the company's, from days on."""

    currency: str
    table: Mapping[str, Sequence[tuple[str, Decimal]]] = field(default_factory=dict)
    """By currency: ISO day from which it is so, in order, and the rate."""

    @property
    def dated(self) -> bool:
        """Whether a rate depends on the day."""
        return any(len(rates) > 1 or rates[0][0] for rates in self.table.values())

    def at(self, currency: str, day: str) -> Decimal:
        """The rate of a day; `Unanswerable` where there is none."""
        if currency in {self.currency, NONE}:
            return Decimal(1)
        rates = self.table.get(currency, ())
        found = bisect_right([since for since, _ in rates], day)
        if not found:
            raise Unanswerable(f"there is no rate of {currency} for {day}: add it to TAHVIL_RATES")
        return rates[found - 1][1]

    def converted(self, rows: Iterable[Row], by: Sequence[str]) -> list[Row]:
        """Rows with their currency, and their day where rates are dated, as rows without."""
        with localcontext(prec=60):
            found = summed((self._converted(row, by) for row in rows), by)
            return [Row(row.by, {n: _rounded(v) for n, v in row.measures.items()}) for row in found]

    def _converted(self, row: Row, by: Sequence[str]) -> Row:
        rate = self.at(row.by["currency"], row.by.get("day", "9999-12-31"))
        here = {**row.by, "currency": self.currency}
        return Row(
            {name: here[name] for name in by},
            {n: v * rate if isinstance(v, Decimal) else v for n, v in row.measures.items()},
        )


def _rounded(value: int | Decimal) -> int | Decimal:
    return value.quantize(PLACES) if isinstance(value, Decimal) else value


def parse(content: Mapping[str, Any]) -> Rates:
    """Of a YAML file; `ValueError` names the field and says what is wrong.

    `currency: EUR` and `rates:` with, by currency, one rate or rates by the day they hold from.
    """
    currency = _currency(content.get("currency"), "currency")
    given = content.get("rates", {})
    if not isinstance(given, Mapping):
        raise ValueError("rates: must be a mapping of currencies")  # noqa: TRY004
    table: dict[str, list[tuple[str, Decimal]]] = {}
    for name, value in given.items():
        where = f"rates.{_currency(name, 'rates')}"
        dated = value if isinstance(value, Mapping) else {"": value}
        if not dated:
            raise ValueError(f"{where}: must have a rate")
        table[name] = sorted((_day(day, where), _rate(rate, where)) for day, rate in dated.items())
    return Rates(currency, table)


def _currency(value: Any, where: str) -> str:
    if value not in CURRENCIES:
        raise ValueError(f"{where}: {value!r} is no ISO 4217 code such as EUR")
    return str(value)


def _day(value: Any, where: str) -> str:
    if value == "" or type(value) is date:
        return str(value)
    raise ValueError(f"{where}: {value!r} is no day such as 2026-01-01")


def _rate(value: Any, where: str) -> Decimal:
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        rate = Decimal(0)
    if not rate.is_finite() or rate <= 0:
        raise ValueError(f"{where}: {value!r} is no rate: write a number above 0")
    return rate
