"""Messages of every family in both languages, for snapshots and for looking at."""

from datetime import timedelta
from typing import Any, Literal

from services.reminders.delivery.writing import Letter
from services.reminders.domain import Reminder
from services.reminders.sending import ADDRESS, DIGEST, UNDELIVERED, Pending, Recipient
from services.reminders.tokens import Links
from tests.support.builders import NOON

DUE = NOON + timedelta(hours=3)
NAMES = {"mia": "Mia Rahimi", "reza": "رضا کاظمی"}
FAMILIES = (
    "before", "due", "due-late", "due-elsewhere", "escalated", "returned", "recalculated",
    "notification", "undelivered", "address", "digest",
)  # fmt: skip

LINKS = Links("https://reminders.example.com", ["k" * 32], timedelta(days=30))

_TITLES = {"en": "Call the customer and introduce yourself", "fa": "تماس با مشتری و معرفی خود"}
_ACCOUNTS = {"en": "Rahimi Trading", "fa": "بازرگانی رحیمی"}
_BODIES = {
    "en": "12 deadlines met, 2 late.\n\nSee you on Saturday <at nine> & don't be late.",
    "fa": "۱۲ کار به موقع انجام شد و ۲ کار دیر.\n\nشنبه ساعت ۹ می‌بینیمتان.",
}
_OTHERS = {"en": NAMES["reza"], "fa": "مینا رحیمی"}
_WEEKS = {"en": "Your week", "fa": "هفتهٔ شما"}
_RECIPIENTS = {
    "en": Recipient(id="mia", name=NAMES["mia"], email="mia@example.com"),
    "fa": Recipient(
        id="reza",
        name=NAMES["reza"],
        email="reza@example.com",
        language="fa",
        time_zone="Asia/Tehran",
    ),
}


def reminder(
    kind: str = "before", language: Literal["en", "fa"] = "en", **changes: Any
) -> Reminder:
    return Reminder(
        **{
            "id": f"{kind}-1",
            "recipient_id": _RECIPIENTS[language].id,
            "kind": kind,
            "title": _TITLES["en"],
            "titles": _TITLES,
            "deadline_id": "d1",
            "account_id": "rahimi",
            "account_name": _ACCOUNTS[language],
            "due_at": DUE,
        }
        | changes
    )


def letter(family: str, language: Literal["en", "fa"]) -> Letter:
    made: dict[str, Reminder] = {
        "before": reminder("before", language),
        "due": reminder("due", language),
        "due-late": reminder("due", language, late_by=timedelta(hours=5, minutes=12)),
        "due-elsewhere": reminder(
            "due", language, done_only_on="https://handoff.example.com/pages/handoffs/h-1"
        ),
        "escalated": reminder("escalated", language, important=True, owner_name=_OTHERS[language]),
        "returned": reminder("returned", language),
        "recalculated": reminder("recalculated", language, old_due_at=DUE - timedelta(days=1)),
        "notification": Reminder(
            id="n-1",
            recipient_id="mia",
            kind="weekly",
            title=_WEEKS[language],
            body=_BODIES[language],
        ),
        "undelivered": reminder(
            UNDELIVERED,
            language,
            unreached=("mia" if language == "fa" else "reza",),
            reason="email: the server refused the address (550); sms: no such channel is set up",
        ),
        "address": Reminder(
            id="a-1", recipient_id=_RECIPIENTS[language].id, kind=ADDRESS, title="-", important=True
        ),
        "digest": Reminder(
            id="g-1", recipient_id="mia", kind=DIGEST, title="*", due_at=NOON, gathers=True
        ),
    }
    members = ("before", "due", "escalated", "undelivered", "notification")
    return Letter(
        item=Pending(
            reminder=made[family],
            members=tuple(made[name] for name in members) if family == "digest" else (),
        ),
        recipient=_RECIPIENTS[language],
        names=NAMES,
        address=str(_RECIPIENTS[language].email),
        now=NOON,
    )
