"""Ids that follow from their cause, so that the same work done again makes the same ids."""

from hashlib import blake2b


def derived(cause: str, *parts: str) -> str:
    """Id of what `cause` brought about; the same for the same arguments, for ever."""
    return blake2b("\0".join((cause, *parts)).encode(), digest_size=16).hexdigest()
