"""Finds the words of a message: one view of it, put into templates in the recipient's language.

The templates are part of the program and nobody else can give one: what people and systems write
(names, titles, texts) is only ever put into them as text. The sandbox is there all the same.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from services.reminders.delivery import language
from services.reminders.domain import Kind, Reminder
from services.reminders.sending import ADDRESS, Pending, Recipient
from services.reminders.tokens import Links
from shared.identities import ERASED

Family = Literal[
    "before",
    "due",
    "escalated",
    "returned",
    "recalculated",
    "notification",
    "undelivered",
    "address",
    "digest",
]
Form = Literal["mail.txt", "mail.html", "chat.txt"]

LISTED = 50
"""What a digest names; the rest it counts."""
BLOCKS = 20
"""Length of the longest bar in plain text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """All that a message needs to be written: for whom, about what."""

    item: Pending
    recipient: Recipient
    names: Mapping[str, str]
    """Of people it speaks of."""
    address: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """A message in words."""

    subject: str
    text: str


class Writer:
    """Writes messages. Two environments a language, made once: plain text, and HTML.

    Two, because a sentence that both use must be escaped in one of them: Jinja takes what a macro
    gives to an HTML template for safe.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        self._plain = {name: environment(name, html=False) for name in language.DIRECTIONS}
        self._html = {name: environment(name, html=True) for name in language.DIRECTIONS}

    def write(self, letter: Letter, form: Form) -> Written:
        """A message in one of its forms."""
        spoken, view = letter.recipient.language, _view(letter, self._links)
        words: Any = self._plain[spoken].get_template("words.jinja").make_module({"m": view})
        written = (self._html if form == "mail.html" else self._plain)[spoken]
        text = written.get_template(form).render(m=view)
        return Written(one_line(words.subject(view)), text.strip() + "\n")


def family(reminder: Reminder) -> Family:
    """Which of the kinds of message a reminder is."""
    if reminder.gathers:
        return "digest"
    if reminder.unreached:
        return "undelivered"
    if reminder.deadline_id is None:
        return "address" if reminder.kind == ADDRESS else "notification"
    return _OF_KIND.get(reminder.kind, "escalated")


_OF_KIND: Mapping[str, Family] = MappingProxyType(
    {
        Kind.BEFORE: "before",
        Kind.DUE: "due",
        Kind.OVERDUE: "due",
        Kind.RETURNED: "returned",
        Kind.RECALCULATED: "recalculated",
    }
)


def one_line(text: str) -> str:
    """The text without line ends and other control characters: fit for a header."""
    return " ".join("".join(c if c.isprintable() or c in _JOINERS else " " for c in text).split())


_JOINERS = "\u200c\u200d"
"""Of Persian and other scripts: part of the word, though Python calls them not printable."""


def _view(letter: Letter, links: Links) -> dict[str, Any]:
    reminder, recipient = letter.item.reminder, letter.recipient
    members = letter.item.members[:LISTED]
    shared = _about(reminder, letter, links)
    title = shared["title"]
    left = len(letter.item.members) - len(members)
    return shared | {
        "language": recipient.language,
        "direction": language.DIRECTIONS[recipient.language],
        "fonts": language.FONTS[recipient.language],
        "name": one_line(recipient.name),
        "headline": f"{title} - {shared['account']}" if shared["account"] else title,
        "late": reminder.late_by and language.length(reminder.late_by, recipient.language),
        "listed": [_about(member, letter, links) for member in members],
        "total": len(letter.item.members),
        "count": language.numerals(str(len(letter.item.members)), recipient.language),
        "left": left,
        "page": links.page(recipient.id, recipient.addresses),
        "left_shown": language.numerals(str(left), recipient.language),
    }


def _about(reminder: Reminder, letter: Letter, links: Links) -> dict[str, Any]:
    to = letter.recipient
    gone = reminder.unreached[-1] if reminder.unreached else None
    # A link lives from then on, not from when it is sent: a message sent again is the same.
    made_at = letter.item.made_at or letter.now
    return {
        "family": family(reminder),
        "act": reminder.deadline_id and links.act(reminder.id, to.addresses, made_at),
        "page_of_it": reminder.done_only_on,
        "title": one_line(reminder.titles.get(to.language, reminder.title)),
        "account": reminder.account_name and one_line(reminder.account_name),
        "owner": reminder.owner_name and one_line(reminder.owner_name),
        "due": reminder.due_at and language.moment(reminder.due_at, to.language, to.time_zone),
        "was_due": reminder.old_due_at
        and language.moment(reminder.old_due_at, to.language, to.time_zone),
        "body_lines": (reminder.body or "").splitlines(),
        "figures": _figures(reminder.figures),
        "unreached": gone and letter.names.get(gone, gone),
        "reason": reminder.reason and one_line(reminder.reason),
    }


def _figures(figures: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """As the templates need them: the bars of a chart also as blocks, for plain text."""
    chart = figures and figures["chart"]
    if not figures or not chart:
        return figures
    longest = max(len(bar["label"]) for bar in chart["bars"])
    bars = [
        {
            **bar,
            "padded": bar["label"].ljust(longest),
            "blocks": "█" * -(-bar["part"] * BLOCKS // 100) or "·",
        }
        for bar in chart["bars"]
    ]
    return {**figures, "chart": {**chart, "bars": bars}}


def environment(name: str, *, html: bool) -> SandboxedEnvironment:
    """Where the templates of a language are rendered."""
    made = SandboxedEnvironment(
        loader=PackageLoader("services.reminders"),
        autoescape=html,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["erased"] = ERASED
    install: Any = made
    install.install_gettext_translations(_translations(name), newstyle=True)
    return made


@lru_cache
def _translations(name: str) -> Translations:
    """The catalog as it is written: compiled at start, so that no compiled one can be stale."""
    if name == "en":
        return Translations()
    with (language.CATALOGS / f"{name}.po").open("rb") as file:
        catalog = read_po(file, locale=name)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled)
