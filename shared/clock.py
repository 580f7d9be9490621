"""The one place where the wall clock is read."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, aware, in milliseconds: MongoDB keeps no more than that."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
