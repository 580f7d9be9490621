"""What deadlines are called, and what the rules say of them in English, for a reader."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from shared.pages import moments
from shared.pages.catalog import N_


class Standing(StrEnum):
    """How a deadline stands, for who reads of it."""

    LATE = "late"
    OPEN = "open"
    QUIET = "quiet"
    """Acknowledged or put off."""
    PAUSED = "paused"
    MET = "met"
    CANCELLED = "cancelled"


STANDING: Mapping[Standing, str] = MappingProxyType({
    Standing.LATE: N_("Late"),
    Standing.OPEN: N_("To come"),
    Standing.QUIET: N_("In hand or put off"),
    Standing.PAUSED: N_("Its clock stands still"),
    Standing.MET: N_("Done"),
    Standing.CANCELLED: N_("Cancelled"),
})  # fmt: skip

SAID: Mapping[str, str] = MappingProxyType({
    "done": N_("It is done."),
    "acknowledge": N_("You have it in hand. Nobody else is told for a while."),
    "snooze": N_("It is put off. You will be reminded then."),
    "hand-on": N_("It is handed on."),
    "already": N_("It was so already; nothing has changed."),
})  # fmt: skip
"""What is said when something was done."""

NO_TIME = N_("that is no time: choose one of those offered")
NOBODY = N_("the directory has nobody with this mail address or id")
NOT_CHOSEN = N_("choose somebody, or write a mail address")

SENTENCES: Sequence[str] = (
    *moments.SENTENCES,
    NO_TIME,
    NOBODY,
    NOT_CHOSEN,
    N_("it is not done by saying so here: open the page where it is done"),
    N_("it is done"),
    N_("it is cancelled"),
    N_("it can be put off to a time to come, and no further than its policy says"),
    N_("its clock stands still"),
    N_("it was put off %(number)s times already: do it, or hand it on to somebody"),
    N_("it is for %(owner)s, and %(who)s was never told of it"),
    N_("%(who)s is not in the directory"),
    N_("%(who)s has left"),
    N_("%(who)s is away"),
)  # fmt: skip
"""What is refused, by form."""

CLOSED: Mapping[str, tuple[int, str, str]] = MappingProxyType({
    "forged": (
        404,
        N_("This link is none of ours"),
        N_(
            "A part of it is missing or was changed. Open the message again and use its link as a "
            "whole."
        ),
    ),
    "expired": (
        410,
        N_("This link is too old"),
        N_("Links in messages can be used for a while only. A newer message has a newer one."),
    ),
    "closed": (
        410,
        N_("This address was closed"),
        N_("Its owner had it closed. The new one was sent to the owner by a message."),
    ),
    "stranger": (
        403,
        N_("This link is nobody's any more"),
        N_("Whom it was made for is not in the directory, or has left."),
    ),
    "often": (
        429,
        N_("Too many links were opened"),
        N_("Your network opens more links than Tahvil takes at a time. Try again in a while."),
    ),
    "unknown": (
        404,
        N_("There is no such deadline"),
        N_("It is not known here, or it is none of yours."),
    ),
    "foreign": (
        403,
        N_("This is for somebody else to do"),
        N_("The deadline is somebody else's, and was never brought to you."),
    ),
    "failed": (
        500,
        N_("Something went wrong here"),
        N_("It is noted, and nothing was lost. If it stays so, tell whoever runs Tahvil."),
    ),
    "waiting": (
        503,
        N_("Not possible right now"),
        N_("A part of the system is busy or away. Nothing was lost. Try again in a minute."),
    ),
})  # fmt: skip
"""Why a page is not shown: status, heading, what to do."""
