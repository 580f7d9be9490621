"""When an endpoint is left alone. A value that changes with each attempt; times are arguments.

Written here because the libraries read the clock themselves and know no `Retry-After`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FAILURES = 5
"""Failures in a row after which an endpoint is left alone."""
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(minutes=10)
"""For how long: twice as long each time the one attempt after it fails too."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """How an endpoint has behaved."""

    failures: int = 0
    """In a row."""
    opened: int = 0
    """Times it was left alone since it last worked."""
    until: datetime | None = None
    """Left alone until then; after that one attempt shows whether it works again."""

    def wait(self, now: datetime) -> timedelta | None:
        """How long the endpoint is still left alone; None: it may be tried."""
        return self.until - now if self.until and self.until > now else None

    @property
    def probing(self) -> bool:
        """Whether only one attempt at a time is to be made."""
        return self.until is not None

    def succeeded(self) -> "Breaker":
        """It works."""
        return Breaker()

    def failed(self, now: datetime) -> "Breaker":
        """It does not; attempts that were under way when it was left alone change nothing."""
        if self.wait(now):
            return self
        failures = self.failures + 1
        if failures < FAILURES and not self.opened:
            return replace(self, failures=failures)
        alone = min(LONGEST, SHORTEST * 2 ** min(self.opened, 10))
        return Breaker(failures, self.opened + 1, now + alone)

    def throttled(self, now: datetime, after: timedelta) -> "Breaker":
        """It has said itself how long it wants to be left alone."""
        until = max(now + after, self.until or now)
        return replace(self, until=until)
