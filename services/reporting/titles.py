"""What figures, dimensions and measures are called, for people. Pure."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from services.reporting.figures.catalogue import FIGURES
from services.reporting.questions import dimensions

_OTHERWISE: Mapping[str, str] = MappingProxyType(
    {
        "manager": "Account manager",
        "manager_now": "Account manager now",
        "jalali_month": "Month (Jalali)",
        "by": "By whom",
        "count": "Number",
    }
)


def title(name: str) -> str:
    """In English; the catalogs of the pages have it in other languages."""
    return _OTHERWISE.get(name) or name.replace("_", " ").capitalize()


def words() -> Iterator[str]:
    """All that the catalogue of figures says, for translators."""
    for figure in FIGURES.values():
        yield from (title(figure.name), figure.words, figure.day)
        yield from (title(name) for name in dimensions(figure))
        for measure in figure.measures:
            yield from (title(measure.name), measure.words)
