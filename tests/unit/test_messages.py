"""What people read, word for word, in both languages.

`python -m tests.unit.test_messages` writes the golden messages anew: look at them, then keep them.
"""

import email
import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import jinja2.ext
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import SecurityError
from persiantools.jdatetime import JalaliDate
from pydantic import ValidationError

from services.reminders.delivery import language
from services.reminders.delivery.mail import Mail
from services.reminders.delivery.writing import Family, Form, Letter, Writer, environment, one_line
from services.reminders.sending import Recipient
from shared.contracts.directory import PersonUpserted
from shared.identities import ERASED
from shared.smtp import SmtpSettings
from tests.support.builders import NOON
from tests.support.letters import FAMILIES, LINKS, letter, reminder

GOLDEN = Path("tests/unit/golden/messages")
TEMPLATES = Path("services/reminders/templates")
LANGUAGES: tuple[Literal["en", "fa"], ...] = ("en", "fa")


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer(LINKS)


def mail_of(letter: Letter, writer: Writer | None = None) -> EmailMessage:
    """As it arrives: written, sent over the wire, read."""
    settings = SmtpSettings(smtp_host="localhost", mail_from="Tahvil <tahvil@example.com>")
    made = Mail(settings, writer or Writer(LINKS), "directory@example.com").compose(letter)
    read = email.message_from_bytes(made.as_bytes(policy=SMTP), policy=SMTP)
    assert isinstance(read, EmailMessage)
    return read


def snapshot(name: str, language: Literal["en", "fa"], writer: Writer) -> dict[str, str]:
    one = letter(name, language)
    mail = mail_of(one, writer)
    headers = "\n".join(
        f"{header}: {value}" for header, value in mail.items() if header != "Content-Type"
    )
    text = writer.write(one, "mail.txt").text
    chat = writer.write(one, "chat.txt").text
    return {
        f"{name}.{language}.txt": f"{headers}\n\n{text}\n===== chat =====\n{chat}",
        f"{name}.{language}.html": writer.write(one, "mail.html").text,
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_message_is_the_golden_one(
    name: str, language: Literal["en", "fa"], writer: Writer
) -> None:
    for file, content in snapshot(name, language, writer).items():
        assert content == (GOLDEN / file).read_text(encoding="utf-8"), file


def test_every_family_has_a_golden_message() -> None:
    assert {name.partition("-")[0] for name in FAMILIES} == set(get_args(Family))
    names = {
        f"{n}.{lang}.{form}" for n in FAMILIES for lang in LANGUAGES for form in ("txt", "html")
    }
    assert {file.name for file in GOLDEN.iterdir()} == names


@pytest.mark.parametrize(("spoken", "word"), [("en", "[erased]"), ("fa", "[حذف‌شده]")])
@pytest.mark.parametrize("family", ["escalated", "undelivered"])
def test_who_is_erased_is_called_so_in_the_reader_s_language(
    family: str, spoken: Literal["en", "fa"], word: str, writer: Writer
) -> None:
    one = letter(family, spoken)
    item = replace(one.item, reminder=replace(one.item.reminder, owner_name=ERASED))
    one = replace(one, item=item, names=dict.fromkeys(one.names, ERASED))
    for form in get_args(Form):
        text = writer.write(one, form).text
        assert word in text, form
        assert spoken == "en" or ERASED not in text


def extracted() -> set[Any]:
    methods = [("**.jinja", "jinja2"), ("**.txt", "jinja2"), ("**.html", "jinja2")]
    options = {pattern: {"trim_blocks": "true", "lstrip_blocks": "true"} for pattern, _ in methods}
    return {row[2] for row in extract_from_dir(str(TEMPLATES), methods, options)}


def catalog(name: str) -> Catalog:
    return read_po(io.BytesIO((language.CATALOGS / f"{name}.po").read_bytes()), locale=name)


@pytest.mark.parametrize("name", [name for name in language.DIRECTIONS if name != "en"])
def test_every_sentence_is_translated_and_no_translation_is_left_over(name: str) -> None:
    known = {message.id: message for message in catalog(name) if message.id}
    assert set(known) == extracted(), "see services/reminders/locale: translate, or remove"
    for message in known.values():
        words = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(words), message.id
        assert not message.fuzzy, message.id
        first = message.id[0] if isinstance(message.id, tuple) else message.id
        for string in words:
            assert set(re.findall(r"%\(\w+\)s", first)) == set(re.findall(r"%\(\w+\)s", string))


def test_a_sentence_without_translation_is_noticed() -> None:
    assert "Needs attention" in extracted()
    assert len(extracted()) >= 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_mails_about_one_deadline_are_one_thread(language: Literal["en", "fa"]) -> None:
    before, due = (mail_of(letter(name, language)) for name in ("before", "due"))
    assert before["References"] == due["References"] == due["In-Reply-To"]
    assert before["Message-ID"] != due["Message-ID"]
    assert before["References"] not in (before["Message-ID"], due["Message-ID"])
    other = letter("due", language)
    other = replace(other, item=replace(other.item, reminder=reminder("due", deadline_id="d2")))
    assert mail_of(other)["References"] != due["References"]


def test_the_same_message_is_the_same_mail() -> None:
    first, again = mail_of(letter("due", "en")), mail_of(letter("due", "en"))
    assert dict(first.items()) | {"Content-Type": ""} == dict(again.items()) | {"Content-Type": ""}
    assert first["Auto-Submitted"] == "auto-generated"


def test_links_live_from_when_the_message_was_made() -> None:
    made = letter("due", "en")
    made = replace(made, item=replace(made.item, made_at=NOON))
    again = replace(made, now=NOON + timedelta(days=3))
    for form in ("mail.txt", "mail.html", "chat.txt"):
        assert WRITER.write(again, form) == WRITER.write(made, form)


@pytest.mark.parametrize(
    ("name", "there"), [("digest", True), ("notification", True), ("due", False), ("before", False)]
)
def test_only_what_is_no_duty_can_be_unsubscribed(name: str, there: bool) -> None:
    assert ("List-Unsubscribe" in mail_of(letter(name, "en"))) == there


HOSTILE = "Mia\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>"


def hostile() -> Letter:
    one = letter("due", "en")
    about = reminder("due", title=HOSTILE, titles={}, account_name=HOSTILE)
    return replace(
        one,
        item=replace(one.item, reminder=about),
        recipient=replace(one.recipient, name=HOSTILE),
    )


def test_line_ends_in_a_name_or_title_add_no_header_and_no_markup() -> None:
    mail = mail_of(hostile())
    assert "Bcc" not in mail
    assert mail["To"].addresses[0].addr_spec == "mia@example.com"
    assert len(mail["To"].addresses) == 1
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()


def test_line_ends_in_a_name_are_refused_at_the_door() -> None:
    with pytest.raises(ValidationError, match="name"):
        PersonUpserted(person_id="mia", name="Mia\r\nBcc: all@example.com")


def test_an_address_of_300_characters_is_refused_at_the_door() -> None:
    with pytest.raises(ValidationError, match=r"email\n.*at most 254"):
        PersonUpserted(person_id="mia", name="Mia", email=f"{'m' * 60}@{'e' * 236}.com")
    for kind in ("email", "sms", "webhook"):
        with pytest.raises(ValidationError, match=r"channels\.0"):
            PersonUpserted.model_validate(
                {
                    "person_id": "mia",
                    "name": "Mia",
                    "channels": [{"kind": kind, "address": "1" * 300}],
                }
            )


@given(st.text(max_size=400))
def test_a_header_has_one_line_whatever_it_is_made_of(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200)
)
def test_subjects_of_any_length_and_script_arrive_as_they_were(text: str) -> None:
    one = letter("due", "en")
    about = reminder("due", title=text or "-", titles={}, account_name=None)
    mail = mail_of(replace(one, item=replace(one.item, reminder=about)), WRITER)
    assert mail["Subject"] == one_line(f"Overdue: {text or '-'}")
    raw = mail.as_bytes(policy=SMTP).split(b"\r\n\r\n", 1)[0]
    assert all(len(line) <= 998 and line.isascii() for line in raw.split(b"\r\n"))


WRITER = Writer(LINKS)


def test_template_syntax_in_what_people_write_is_only_text(writer: Writer) -> None:
    loop = "{% for x in range(10**9) %}{{ x }}{% endfor %}{{ 7*7 }}"
    one = letter("notification", "en")
    about = replace(one.item.reminder, title=loop, body=loop)
    written = writer.write(replace(one, item=replace(one.item, reminder=about)), "mail.txt")
    assert written.subject == loop
    assert loop in written.text


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{% for x in range(10**9) %}{{ x }}{% endfor %}", OverflowError),
        ("{{ ''.__class__.__mro__ }}", SecurityError),
        ("{{ m.missing }}", jinja2.exceptions.UndefinedError),
    ],
)
def test_a_template_that_loops_for_ever_or_reaches_out_is_stopped(
    template: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        environment("en", html=False).from_string(template).render(m=object())


def test_persian_is_right_to_left_jalali_and_in_persian_digits(writer: Writer) -> None:
    one = letter("due", "fa")
    html = writer.write(one, "mail.html").text
    assert '<html lang="fa" dir="rtl">' in html
    assert "۳ آذر ۱۴۰۵، ساعت ۱۸:۳۰ (تهران)" in html
    text = writer.write(one, "mail.txt").text
    assert not re.search(r"[0-9]", re.sub(r"https\S+", "", text))


@given(st.dates(date(1925, 1, 1), date(2090, 1, 1)), st.integers(0, 23))
def test_a_jalali_moment_is_the_librarys_day_on_the_persons_clock(day: date, hour: int) -> None:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    local = at.astimezone(ZoneInfo("Asia/Tehran"))
    jalali = JalaliDate(local.date())
    shown = language.moment(at, "fa", "Asia/Tehran")
    assert language.numerals(f" {jalali.day} ", "fa") in shown
    assert language.numerals(f" {jalali.year}", "fa") in shown
    assert language.numerals(f"{local:%H:%M}", "fa") in shown


@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize("zone", ["Asia/Tehran", "UTC", "Pacific/Kiritimati", "America/Adak"])
@pytest.mark.parametrize(
    "at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), NOON]
)
def test_no_moment_is_too_early_or_too_late_to_be_shown(at: datetime, zone: str, name: str) -> None:
    assert language.moment(at, name, zone)


def test_the_lateness_of_a_message_is_told(writer: Writer) -> None:
    one = letter("due", "en")
    late = replace(one.item.reminder, late_by=timedelta(days=2))
    text = writer.write(replace(one, item=replace(one.item, reminder=late)), "chat.txt").text
    assert "comes 2 days late" in text


def test_a_digest_names_fifty_and_counts_the_rest(writer: Writer) -> None:
    one = letter("digest", "en")
    members = tuple(reminder("before", id=f"r{n}") for n in range(73))
    text = writer.write(replace(one, item=replace(one.item, members=members)), "mail.txt")
    assert text.subject.startswith("73 messages")
    assert text.text.count("* Call the customer") == 50
    assert "and 23 more" in text.text


def test_a_recipient_without_language_reads_english() -> None:
    assert Recipient(id="x", name="X").language == "en"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for family in FAMILIES:
        for of in LANGUAGES:
            for file, content in snapshot(family, of, Writer(LINKS)).items():
                (GOLDEN / file).write_text(content, encoding="utf-8")
