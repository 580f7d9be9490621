"""Messages of every family in both languages, for snapshots and for looking at."""

from datetime import timedelta
from typing import Any, Literal

from services.reminders.delivery.writing import Letter
from services.reminders.domain import Reminder, notify
from services.reminders.sending import ADDRESS, DIGEST, UNDELIVERED, Pending, Recipient
from services.reminders.tokens import Links
from shared.contracts.notifications import NotificationRequested
from tests.support.builders import NOON

DUE = NOON + timedelta(hours=3)
NAMES = {"mia": "Mia Rahimi", "reza": "رضا کاظمی"}
FAMILIES = (
    "before", "due", "due-late", "due-elsewhere", "escalated", "returned", "recalculated",
    "notification", "notification-figures", "undelivered", "address", "digest",
)  # fmt: skip

LINKS = Links("https://reminders.example.com", ["k" * 32], timedelta(days=30))

_TITLES = {"en": "Call the customer and introduce yourself", "fa": "تماس با مشتری و معرفی خود"}
_ACCOUNTS = {"en": "Rahimi Trading", "fa": "بازرگانی رحیمی"}
_BODIES = {
    "en": "12 deadlines met, 2 late.\n\nSee you on Saturday <at nine> & don't be late.",
    "fa": "۱۲ کار به موقع انجام شد و ۲ کار دیر.\n\nشنبه ساعت ۹ می‌بینیمتان.",
}
_FIGURED = {
    "en": "Your customers, against the week before.",
    "fa": "مشتریان شما، در سنجش با هفتهٔ پیش از آن.",
}
_FIGURES: dict[str, dict[str, Any]] = {
    "en": {
        "lines": [
            {"name": "Won", "value": "12,300 EUR", "change": "+2,300 EUR", "tone": "good"},
            {"name": "Deadlines late", "value": "3", "change": "+2", "tone": "bad"},
            {"name": "Open disputes", "value": "1", "change": "as before"},
            {"name": "Budgets overrun", "value": "1 of 5"},
        ],
        "chart": {
            "title": "Won, by week",
            "bars": [
                {"label": "2 Nov 2026", "value": "0 EUR", "part": 0},
                {"label": "9 Nov 2026", "value": "10,000 EUR", "part": 81},
                {"label": "16 Nov 2026", "value": "12,300 EUR", "part": 100},
            ],
        },
        "sections": [
            {
                "title": "Won: what made the difference",
                "lines": [
                    {"name": "Rahimi <Trading> & Sons", "value": "+3,000 EUR"},
                    {"name": "بازرگانی رحیمی", "value": "\u2212700 EUR", "change": "2"},
                ],
            }
        ],
        "link": {"name": "All figures", "address": "https://reports.example.com/pages?a=1&b=2"},
    },
    "fa": {
        "lines": [
            {"name": "برده‌شده", "value": "۱۲٬۳۰۰\u00a0EUR", "change": "\u200e+۲٬۳۰۰\u00a0EUR",
             "tone": "good"},
            {"name": "مهلت‌های دیر", "value": "۳", "change": "\u200e+۲", "tone": "bad"},
            {"name": "اختلاف‌های باز", "value": "۱", "change": "مانند پیش"},
        ],
        "chart": {
            "title": "برده‌شده، هفته به هفته",
            "bars": [
                {"label": "۱۶ آبان ۱۴۰۵", "value": "۱۰٬۰۰۰\u00a0EUR", "part": 81},
                {"label": "۲۳ آبان ۱۴۰۵", "value": "۱۲٬۳۰۰\u00a0EUR", "part": 100},
            ],
        },
        "sections": [
            {
                "title": "برده‌شده: تفاوت از کجا آمد",
                "lines": [
                    {"name": "Acme Corporation", "value": "\u200e+۳٬۰۰۰\u00a0EUR"},
                    {"name": "بازرگانی رحیمی", "value": "\u200e\u2212۷۰۰\u00a0EUR"},
                ],
            }
        ],
        "link": {"name": "همهٔ آمار", "address": "https://reports.example.com/pages"},
    },
}  # fmt: skip
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
        "notification-figures": Reminder(
            id="n-2",
            recipient_id="mia",
            kind="weekly-digest",
            title=_WEEKS[language],
            body=_FIGURED[language],
            figures=notify(
                NotificationRequested.model_validate(
                    {
                        "notification_id": "n-2",
                        "recipient_id": "mia",
                        "kind": "weekly-digest",
                        "title": _WEEKS[language],
                        "body": _FIGURED[language],
                        **_FIGURES[language],
                    }
                )
            ).figures,
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
