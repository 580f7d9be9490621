"""Passes: handoff, where people sign in, tells another service who somebody is.

A pass is in an address for a moment, so it is good for a minute and for one purpose only. The
service turns it into a cookie of its own that is short-lived too: when it ends, the browser is
led through handoff again, which knows whether that person is still signed in.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from itsdangerous import BadData

from shared.signing import serializer

PASS_LIFE = timedelta(minutes=1)


class Bearer(NamedTuple):
    """Whom a pass or a cookie names."""

    person_id: str
    language: str
    """In which the person reads."""


class Passes:
    """Signs and reads for one purpose. Time is an argument."""

    def __init__(self, keys: Sequence[str], purpose: str, life: timedelta = PASS_LIFE) -> None:
        self._signed = serializer(keys, purpose)
        self._life = life

    def write(self, bearer: Bearer, now: datetime) -> str:
        """A pass for somebody."""
        return str(self._signed.dumps([*bearer, now.timestamp()]))

    def read(self, text: str, now: datetime) -> Bearer | None:
        """Whom it names; None when it is forged, of another purpose, or too old."""
        try:
            person_id, language, at = self._signed.loads(text)
            age = now.timestamp() - float(at)
        except (BadData, ValueError, TypeError):
            return None
        if not 0 <= age + 5 <= self._life.total_seconds() + 5:  # clocks of two machines differ
            return None
        return Bearer(str(person_id), str(language))


def local(path: str) -> str:
    """Where to go on: a path of this site, or its beginning."""
    fine = path.startswith("/") and not path.startswith("//") and path.isprintable()
    return path if fine and "\\" not in path else "/"
