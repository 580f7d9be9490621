"""Who is erased is forgotten in whatever was said before, in whatever order it is told again."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.handoff import erasing
from services.reminders import erasing as reminders_erasing
from services.reminders.documents import from_reminder
from services.reminders.domain import notify
from shared.contracts.accounts import DisputeOpened
from shared.contracts.deals import DealClosed
from shared.contracts.directory import (
    AbsenceSet,
    ContactErased,
    PersonErased,
    PersonRemoved,
    PersonUpserted,
)
from shared.contracts.event import Event, EventData
from shared.contracts.generate import schema
from shared.contracts.notifications import NotificationRequested
from shared.contracts.registry import EVENTS
from shared.erasure import TEXTS, Mark, Sought, emptied, mark_of, remaining
from shared.errors import Misconfigured
from shared.identities import ERASED, GONE, Digests, Keys, Search, plain
from shared.pages.rendering import Pages
from shared.proof import has, texts
from tahvil.dead_letters import Letter
from tahvil.erasing import refuse
from tests.support.builders import NOON, deal, event, manager
from tests.support.telling import WORLD, Stored, applied

MADE = Digests("k" * 32)
BEFORE, AFTER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
SARA = {"name": "Sara Ahmadi", "email": "Sara@Example.com", "phone": "+98 912 345 6789",
        "interests": ["chess"], "notes": "Sara Ahmadi likes tea"}  # fmt: skip
TOM = {"name": "Tom Hill", "email": "tom@example.com"}


def package(*contacts: Any, **more: Any) -> dict[str, Any]:
    return {"contacts": list(contacts or (SARA, TOM)),
            "needs": ["ask sara ahmadi by 0912-345-6789", "a crane"],
            "relationship": {"notes": "mail to sara@example.com, please"}} | more  # fmt: skip


def contact_erased(*digests: str | None, account: str = "acme") -> Event:
    data = ContactErased(account_id=account, erasure_id="e1", erased_at=NOON, key_name=MADE.name,
                         digests=tuple(one for one in digests if one))  # fmt: skip
    return event(data)


def person_erased(**changes: Any) -> Event:
    digests = (MADE.of_name("Mia Rahimi"), MADE.of_mail("mia@example.com"))
    fields = {"person_id": "mia", "removed_at": NOON, "erasure_id": "e2", "key_name": MADE.name,
              "digests": digests, "reports_to": "hana"} | changes  # fmt: skip
    return event(PersonErased.model_validate(fields))


def sought(*erased: Event) -> list[Sought]:
    marks = [mark for one in erased if (mark := mark_of(one))]
    return [Sought(mark, MADE.search(mark.digests, mark.least)) for mark in marks]


def left(data: EventData, *erased: Event, at: Any = BEFORE) -> EventData | None:
    found = remaining(event(data, time=at), sought(*erased))
    return found and found.data


@pytest.mark.parametrize(
    "text",
    [
        "call Sara Ahmadi today", "SARA  AHMADI!", "(sara ahmadi)", "Sára Ahmadi",
        "write to SARA@example.com.", "<sara@example.com>", '{"email":"sara@example.com"}',
        "0912 345 6789", "+98(912)345-6789", "00989123456789", "۰۹۱۲۳۴۵۶۷۸۹",
        "021 8877 6655 0912 345 6789",
    ],
)  # fmt: skip
def test_somebody_is_found_however_it_is_spelled(text: str) -> None:
    wanted = {MADE.of_name("Sara Ahmadi"), MADE.of_mail("sara@example.com"),
              MADE.of_number("+98 912 345 6789")}  # fmt: skip
    search = MADE.search(frozenset(one for one in wanted if one))
    assert search.holds(text)
    assert GONE in search.scrubbed(text)
    assert not search.holds(search.scrubbed(text))


@pytest.mark.parametrize(
    "text", ["Sara", "Ahmadi", "sarah ahmadi", "tom@example.com", "0912 345 6780",
             "Sara, the one of the Ahmadis", "2026-11-24 10:00:00"],
)  # fmt: skip
def test_others_are_not_found(text: str) -> None:
    wanted = {MADE.of_name("Sara Ahmadi"), MADE.of_mail("sara@example.com"),
              MADE.of_number("+98 912 345 6789")}  # fmt: skip
    search = MADE.search(frozenset(one for one in wanted if one))
    assert not search.holds(text)
    assert search.scrubbed(text) == text


def test_persian_names_have_one_spelling() -> None:
    search = MADE.search(frozenset([str(MADE.of_name("علي كاظمي"))]))
    assert search.scrubbed("با علی کاظمی، فردا") == f"با {GONE}، فردا"
    assert MADE.of_name("حسین‌زاده") == MADE.of_name("حسین زاده")


def test_digests_tell_nothing_without_the_key() -> None:
    other = Digests("o" * 32)
    assert MADE.name != other.name
    assert MADE.of_mail("a@b.c") != other.of_mail("a@b.c")
    assert MADE.of_mail("a@b.c") != MADE.of_address("a@b.c"), "kinds are apart"
    keys = Keys(["o" * 32, "k" * 32])
    assert keys.first.name == other.name
    assert keys.named(MADE.name), "an older key still counts"
    assert keys.named("nobody") is None
    assert MADE.of_number("12 34 56") is None
    assert MADE.of_name("!") is None


@pytest.mark.parametrize(
    "known", [MADE.of_mail("sara@example.com"), MADE.of_number("0912 345 6789"),
              MADE.of_name("sara ahmadi")],
)  # fmt: skip
def test_a_contact_goes_whole_by_whatever_it_is_known(known: str) -> None:
    said = deal(package=package(), lost_reason="Sara Ahmadi left")
    found = left(said, contact_erased(known))
    assert isinstance(found, DealClosed)
    assert found.package
    assert [one.name for one in found.package.contacts] == ["Tom Hill"]
    assert found.package.needs == (f"ask {GONE} by {GONE}", "a crane")
    assert found.package.relationship
    assert found.package.relationship.notes == f"mail to {GONE}, please"
    assert found.lost_reason == f"{GONE} left"
    assert (found.amount, found.account, found.salesperson) == (
        said.amount, said.account, said.salesperson,
    )  # fmt: skip


def test_of_another_customer_or_at_a_later_time_nothing_changes() -> None:
    erased = contact_erased(MADE.of_mail("sara@example.com"))
    said = deal(package=package())
    assert left(said, erased, at=AFTER) == said, "who is told of anew is told of anew"
    other = deal(account="birch", package=package())
    assert left(other, erased) == other
    assert left(said, contact_erased(MADE.of_mail("nobody@example.com"))) == said


def test_texts_about_the_customer_lose_the_contact_too() -> None:
    title = {
        "account_id": "acme",
        "dispute_id": "x",
        "opened_at": NOON,
        "title": "Sara Ahmadi is cross",
    }
    found = left(DisputeOpened.model_validate(title), contact_erased(MADE.of_name("Sara Ahmadi")))
    assert isinstance(found, DisputeOpened)
    assert found.title == f"{GONE} is cross"


@pytest.mark.parametrize(
    "said",
    [
        manager("mia"),
        PersonRemoved(person_id="mia", removed_at=BEFORE),
        AbsenceSet.model_validate({"person_id": "mia", "absences": [{"since": BEFORE}]}),
    ],
)
def test_what_the_directory_said_before_is_not_heard(said: EventData) -> None:
    erased = person_erased()
    assert left(said, erased) is None
    assert left(said, erased, at=NOON) is None, "at the same time, too"
    assert left(said, erased, at=AFTER) == said, "who comes back is somebody again"
    assert left(manager("noah"), erased) == manager("noah")


def test_an_erasure_is_heard_whatever_was_erased_before() -> None:
    again = person_erased(erasure_id="e3")
    assert remaining(replace(again, time=BEFORE), sought(person_erased())) is not None


def test_staff_is_found_in_any_text_by_more_than_one_word() -> None:
    title = {"account_id": "birch", "dispute_id": "x", "opened_at": NOON}
    erased = person_erased(digests=[MADE.of_name("Mia Rahimi"), MADE.of_name("Max")])
    for text, expected in {"ask Mia Rahimi": f"ask {GONE}", "Max 10 a day": "Max 10 a day"}.items():
        found = left(DisputeOpened.model_validate(title | {"title": text}), erased)
        assert isinstance(found, DisputeOpened)
        assert found.title == expected


def test_figures_that_somebody_is_told_lose_the_names_in_them() -> None:
    line = {"name": "Mia Rahimi", "value": "12", "change": "Mia Rahimi: +3"}
    told = NotificationRequested.model_validate(
        {"notification_id": "n", "recipient_id": "hana", "kind": "digest", "title": "Your week",
         "body": "b", "lines": [line], "sections": [{"title": "Who did most", "lines": [line]}],
         "chart": {"title": "Won", "bars": [{"label": "Mia Rahimi", "value": "12", "part": 9}]}}
    )  # fmt: skip
    found = left(told, person_erased())
    assert isinstance(found, NotificationRequested)
    assert "Rahimi" not in str(found.model_dump())
    assert found.chart
    assert (found.lines[0].value, found.chart.bars[0].part) == ("12", 9)
    (stored,) = (p for p in reminders_erasing.ERASING.places if p.collection == "reminders")
    row = from_reminder(notify(told)) | {"state": "sent"}
    change = stored.clean(row, sought(person_erased())[0])
    assert change
    assert "Rahimi" not in str(row | change["$set"])


def free_texts(node: Any, name: str = "") -> Iterator[str]:
    """Names of fields that a schema lets people fill at length."""
    if isinstance(node, dict):
        if node.get("maxLength") == 10_000:
            yield name
        for key, one in node.get("properties", {}).items():
            yield from free_texts(one, key)
        inner = [*node.get("$defs", {}).values(), node.get("items"), *node.get("anyOf", [])]
        for one in inner:
            yield from free_texts(one, name)


def test_every_field_for_free_text_is_looked_into() -> None:
    free = {name for data in EVENTS.values() for name in free_texts(schema(data))}
    assert {"notes", "needs", "interests", "questions", "body", "lost_reason"} <= free
    assert free <= TEXTS


# Dead letters


def letter(
    value: bytes, *, key: bytes | None = None, topic: str = "deals", **more: Any
) -> dict[str, Any]:
    return {"_id": "deals/0/1", "topic": topic, "key": key, "value": value, "headers": [],
            "reason": "the value is not JSON"} | more  # fmt: skip


SARAS = contact_erased(MADE.of_name("Sara"), MADE.of_mail("sara@example.com"))


@pytest.mark.parametrize(
    "found",
    [
        letter(b'{"email": "SARA@example.com"'),
        letter(rb'"\u0073ara@example.com"'),
        letter(b'{"name": "Sara"', key=b"acme"),
        letter(b'{"account": "acme", "name": "Sara"'),
        letter(b"{", headers=[["note", b"sara@example.com"]]),
        letter(b"{", reason="ValueError: sara@example.com"),
        letter(b"\xffsara@example.com\xff\x00"),
    ],
)
def test_a_dead_letter_that_tells_of_somebody_is_emptied(found: dict[str, Any]) -> None:
    changed = emptied(found, sought(SARAS))
    assert changed
    after = found | changed
    assert not any(has(text, ("sara",)) for _, text in texts(after))
    assert emptied(after, sought(SARAS)) is None, "once"


def test_other_dead_letters_stay() -> None:
    assert emptied(letter(b'{"name": "Sara"', key=b"birch"), sought(SARAS)) is None
    assert emptied(letter(b"\xff\xfe", key=b"acme"), sought(SARAS)) is None
    mine = letter(b"\xff", key=b"mia", topic="directory")
    assert emptied(mine, sought(person_erased())), "what the directory said of a person"
    assert emptied(letter(b"\xff", key=b"noah", topic="directory"), sought(person_erased())) is None


def replayed(value: bytes, key: str = "k" * 32) -> None:
    about = {"service": "handoff", "topic": "deals", "partition": "0", "offset": "1"}
    said = [event(manager()), SARAS]
    refuse(Letter(about, b"acme", value, []).document, said, Keys([key]))


def test_a_dead_letter_that_tells_of_somebody_is_not_published_again() -> None:
    with pytest.raises(Misconfigured, match=r"tells of somebody who was erased \(erasure e1\)"):
        replayed(b'{"email": "SARA@example.com"')
    replayed(b'{"email": "tom@example.com"')


def test_without_the_key_nobody_knows_of_whom_it_tells() -> None:
    with pytest.raises(Misconfigured, match="another TAHVIL_ERASURE_KEY"):
        replayed(b'{"email": "tom@example.com"', key="another")


# What is stored


def test_packages_of_a_handoff_lose_the_contact_once() -> None:
    (one,) = sought(contact_erased(MADE.of_mail("sara@example.com")))
    row = {"package": package()}
    changed = erasing._handoff(row, one)
    assert changed
    after = changed["$set"]
    assert not any(has(text, ("sara", "912")) for _, text in texts(after))
    assert erasing._handoff(after, one) is None
    assert erasing._handoff({"package": None}, one) is None


def test_who_has_come_back_is_left_alone() -> None:
    (one,) = sought(person_erased())
    row = {"_id": "mia", "name": "Mia Rahimi", "email": "mia@example.com", "active": True}
    assert erasing._person(row, one) is None
    assert reminders_erasing._person(row, one) is None
    gone = row | {"active": False}
    changed = erasing._person(gone, one)
    assert changed
    assert changed["$set"] == {"name": ERASED}
    told = reminders_erasing._person(gone, one)
    assert told
    assert told["$inc"] == {"addresses": 1}, "links to the own page are closed"
    assert reminders_erasing._person(gone | told["$set"], one) is None


def test_messages_that_wait_for_who_is_erased_are_dropped() -> None:
    (one,) = sought(person_erased())
    row = {"recipient_id": "mia", "state": "pending", "title": "Call", "owner_name": None,
           "tried": ["email:mia@example.com"], "reasons": ["email: refused"]}  # fmt: skip
    changed = reminders_erasing._message(row, one)
    assert changed
    assert changed["$set"] == {"state": "dropped", "tried": [], "reasons": []}
    others = row | {"recipient_id": "hana", "owner_name": "Mia Rahimi", "tried": [], "reasons": []}
    changed = reminders_erasing._message(others, one)
    assert changed
    assert changed["$set"] == {"owner_name": ERASED}
    assert reminders_erasing._message(others | {"owner_name": "Noah"}, one) is None


# Properties

NAMES = st.sampled_from(["Sara Ahmadi", "Tom Hill", "Mia Rahimi"])
PARTS = ["tea", "and", "crane", "Sara Ahmadi", "sara@example.com", "0912 345 6789",
         "mia@example.com", "Mia Rahimi"]  # fmt: skip
WORDS = st.lists(st.sampled_from(PARTS), max_size=6).map(" ".join)
CONTACTS = st.builds(
    lambda name, mail, notes: {"name": name, "email": mail, "notes": notes},
    NAMES, st.sampled_from([None, "sara@example.com", "tom@example.com"]), WORDS,
)  # fmt: skip
DEALS = st.builds(
    lambda account, contacts, needs, at: event(
        deal(account=account, package={"contacts": contacts, "needs": needs}), time=at
    ),
    st.sampled_from(["acme", "birch"]), st.lists(CONTACTS, max_size=3), st.lists(WORDS, max_size=3),
    st.sampled_from([BEFORE, NOON]),
)  # fmt: skip


@given(DEALS)
def test_nothing_of_who_is_erased_is_left_and_nothing_else_goes(said: Event) -> None:
    erased = contact_erased(MADE.of_name("Sara Ahmadi"), MADE.of_mail("sara@example.com"),
                            MADE.of_number("09123456789"))  # fmt: skip
    known = sought(erased)
    once = remaining(said, known)
    assert once
    data = once.data
    assert isinstance(data, DealClosed)
    assert isinstance(said.data, DealClosed)
    if data.account.id == "acme":
        told = data.model_dump_json()
        assert not has(told, ("sara ahmadi", "sara@example.com", "9123456789"))
    else:
        assert data == said.data
    assert remaining(once, known) == once, "done again it changes nothing"
    assert data.model_copy(update={"package": None}) == said.data.model_copy(
        update={"package": None}
    ), "figures are made of the rest"
    DealClosed.model_validate_json(data.model_dump_json())


@given(DEALS, st.permutations([0, 1]))
def test_erasures_commute(said: Event, order: list[int]) -> None:
    erased = [contact_erased(MADE.of_mail("sara@example.com")), person_erased()]
    one = remaining(said, sought(*erased))
    other = remaining(said, sought(*(erased[n] for n in order)))
    assert one == other


def directory(n: int) -> list[Event]:
    """Two persons, known under several names, one of them erased."""
    return [
        event(manager("mia", name="Mia Rahimi", reports_to="hana"), id="1", time=BEFORE),
        event(manager("mia", name="Mia Kazemi", reports_to="hana"), id="8", time=NOON),
        event(manager("hana", name="Hana Head"), id="3", time=BEFORE),
        event(PersonRemoved(person_id="mia", removed_at=BEFORE), id="4", time=BEFORE),
        replace(person_erased(), id="5"),
        event(deal(account="acme", salesperson={"id": "mia"}), id="6", time=BEFORE),
    ][:n]


@given(st.randoms(use_true_random=False), st.integers(1, 3))
async def test_figures_and_people_are_the_same_in_any_order(
    chance: random.Random, size: int
) -> None:
    """A rebuild reads the directory from its beginning, before and after compaction."""
    events = [*directory(6), *directory(4)]
    expected = await applied([directory(6)])
    chance.shuffle(events)
    batches = [events[n : n + size] for n in range(0, len(events), size)]
    found = await applied(batches, WORLD)
    assert people_of(found) == people_of(expected)
    assert found.counters == expected.counters
    compacted = await applied([[e for e in directory(6) if e.id not in "148"]])
    assert people_of(compacted) == people_of(expected)
    assert compacted.counters == expected.counters


def people_of(stored: Stored) -> dict[str, Any]:
    found = {k.id: dict(f.values) for k, f in stored.facts_kept.items() if k.kind == "person"}
    assert found["mia"]["name"] == ERASED
    assert found["mia"]["reports_to"] == "hana", "the head's figures keep what was the person's"
    return {name: {n: v for n, v in one.items() if n != "roles"} for name, one in found.items()}


def test_a_search_of_nobody_finds_nobody() -> None:
    assert not Search(MADE, frozenset()).holds("Sara Ahmadi sara@example.com 0912 345 6789")
    assert plain("ÀB") == "ab"
    assert isinstance(mark_of(person_erased()), Mark)
    assert isinstance(manager("x"), PersonUpserted)


@pytest.mark.parametrize(("language", "expected"), [("en", "[erased]"), ("fa", "[حذف‌شده]")])
@pytest.mark.parametrize("package", ["handoff", "reminders", "reporting"])
def test_pages_say_erased_in_their_readers_language(
    package: str, language: Any, expected: str
) -> None:
    pages = Pages(f"services.{package}.pages")
    writer = pages.writer(language, "UTC")
    template = pages._templates.from_string("{{ name }}, {{ other }}")
    assert template.render(writer=writer, name=ERASED, other="Mia") == f"{expected}, Mia"
    assert expected in writer.say("%(time)s left", time=ERASED)
    assert expected in writer.label("%(time)s left", time=ERASED)
