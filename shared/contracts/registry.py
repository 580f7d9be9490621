"""Which events there are."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from shared.contracts import (
    accounts,
    deadlines,
    deals,
    directory,
    handoffs,
    notifications,
    reminders,
)
from shared.contracts.event import EventData

_MODULES = (deals, accounts, directory, handoffs, deadlines, notifications, reminders)

EVENTS: Mapping[str, type[EventData]] = MappingProxyType(
    {
        item.type: item
        for module in _MODULES
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, EventData) and item is not EventData
    }
)
"""Every event by its CloudEvents type, in the order of the topics."""

_NAMES = frozenset((data.topic.value, name.rpartition(".")[0]) for name, data in EVENTS.items())


class Unknown(Enum):
    """Why a type is none of ours."""

    TYPE = "type"
    """No event of this name belongs on this topic: skipped, so that others may add theirs."""
    VERSION = "version"
    """The event is ours, its major version is not: read wrongly would be worse than not at all."""


def find(topic: str, name: str) -> type[EventData] | Unknown:
    """The model of a CloudEvents type on a topic."""
    data = EVENTS.get(name)
    if data is not None and data.topic == topic:
        return data
    stem, _, version = name.rpartition(".")
    if version[:1] == "v" and version[1:].isdecimal() and (topic, stem) in _NAMES:
        return Unknown.VERSION
    return Unknown.TYPE
