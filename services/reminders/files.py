"""Policies from a YAML file. Every fault is one line: file, line, what to write."""

from pathlib import Path

from pydantic import ValidationError

from services.reminders.policies import Policies
from shared import lined
from shared.errors import Misconfigured

_PLAINLY = {
    "missing": "is missing",
    "extra_forbidden": "is unknown: check its spelling",
    "string_type": "write a text",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "model_type": "write fields and their values, such as name: standard",
}


def policies(file: Path) -> Policies:
    """Read a file of policies."""
    told = lined.read(file)
    try:
        read = Policies.model_validate(told.content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        reason = _PLAINLY.get(fault["type"], fault["msg"][:1].lower() + fault["msg"][1:])
        raise Misconfigured(f"{told.where(fault['loc'])}: {reason}") from None
    seen: dict[str, int] = {}
    for number, policy in enumerate(read.policies):
        if policy.name in seen:
            where = told.where(["policies", number, "name"])
            raise Misconfigured(
                f"{where}: {policy.name!r} stands there twice: a changed policy takes the place "
                "of the old one, with a higher version"
            )
        seen[policy.name] = number
    for number, policy in enumerate(read.policies[:-1]):
        if policy.match.fits({}):
            where = told.where(["policies", number + 1])
            raise Misconfigured(
                f"{where}: is never reached: {policy.name!r} above it has no match, so it is for "
                "every deadline; put it last"
            )
    return read
