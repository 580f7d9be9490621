"""The catalogue: every figure there is."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from services.reporting.figures.customers import CUSTOMERS
from services.reporting.figures.declaration import Figure
from services.reporting.figures.money import MONEY
from services.reporting.figures.sales import SALES
from services.reporting.figures.work import WORK

FIGURES: Mapping[str, Figure] = MappingProxyType(
    {figure.name: figure for figure in (*SALES, *WORK, *CUSTOMERS, *MONEY)}
)
"""By name, in the order in which people read of them."""


def _by_kind() -> dict[str, Sequence[Figure]]:
    kinds: dict[str, list[Figure]] = {}
    for figure in FIGURES.values():
        kinds.setdefault(figure.of, []).append(figure)
    return {kind: tuple(figures) for kind, figures in kinds.items()}


BY_KIND: Mapping[str, Sequence[Figure]] = MappingProxyType(_by_kind())
"""Which figures a fact of a kind counts in."""

OF_STANDING = frozenset(
    {"deal", "opportunity", "dispute", "satisfaction", "contact", "introduction", "spending",
     "transaction", "handoff", "account"}
)  # fmt: skip
"""Kinds of facts that count otherwise when their account's manager or tier is another."""
