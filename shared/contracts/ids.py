"""Ids that follow from their cause, so that the same work done again makes the same ids."""

from uuid import UUID, uuid5

_NAMESPACE = UUID("7a0c9a52-51b5-5f0e-9d5c-6b1f7f6f2f11")


def derived(cause: str, *parts: str) -> str:
    """Id of what `cause` brought about; the same for the same arguments, for ever."""
    return str(uuid5(_NAMESPACE, "\0".join((cause, *parts))))
