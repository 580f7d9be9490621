"""What people type into the forms of the pages, as the commands take it. Pure."""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError
from typing_extensions import override

from shared.contracts.deals import Contact, Package, Relationship
from shared.pages.catalog import N_

MOST_LINES = 50
NOTHING = Package()

_FAULTS: Mapping[str, str] = {
    "email": N_("The mail address is none: it is written like name@example.com"),
    "phone": N_("The phone number is too long, or holds a sign that cannot be printed"),
    "role": N_("The role is too long, or holds a sign that cannot be printed"),
    "name": N_("A contact needs a name of at most 200 signs"),
}


class Typed(Mapping[str, str]):
    """What was typed into a form; what was not is empty."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})

    @override
    def __getitem__(self, name: str) -> str:
        return self._values.get(name, "")

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @override
    def __len__(self) -> int:
        return len(self._values)


def lines(text: str) -> tuple[str, ...]:
    """One thing a line; empty lines are none."""
    found = (line.strip() for line in text.splitlines())
    return tuple(line for line in found if line)[:MOST_LINES]


def package(typed: Mapping[str, str]) -> Package | None:
    """What is told of the customer; None: nothing. `ValidationError` names what is wrong."""
    contact = {
        name: value
        for name in ("name", "role", "email", "phone")
        if (value := typed[f"contact_{name}"].strip())
    }
    needs, promises = lines(typed["needs"]), lines(typed["promises"])
    notes = typed["relationship"].strip()
    if not (contact or needs or promises or notes):
        return None
    return Package(
        contacts=(Contact.model_validate(contact),) if contact else (),
        needs=needs,
        promises=promises,
        relationship=Relationship(notes=notes) if notes else None,
    )


def fault(error: ValidationError) -> str:
    """What is wrong, as a message of the catalog."""
    field = str(error.errors(include_url=False, include_input=False)[0]["loc"][-1])
    return _FAULTS.get(field, N_("A text is too long: 10000 signs at most"))
