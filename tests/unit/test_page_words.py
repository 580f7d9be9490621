"""The words of the pages: every message in Persian, every saying of the rules recognised."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.handoff import checklist_file, lifecycle
from services.handoff.assignment import Tier
from services.handoff.checklists import Deal, Step
from services.handoff.lifecycle import Act, Refused
from services.handoff.obligations import Kind
from services.handoff.pages.words import (
    KIND,
    OWED,
    PART,
    SENTENCES,
    STATUS,
    TIER,
    VERDICT,
    listed,
    parts,
)
from services.handoff.rules import COUNTED
from services.handoff.states import Account, Deadline, Handoff, Status
from services.handoff.tiers import Facts, TierRules, tier_of
from services.handoff.verdicts import Reason
from shared.contracts.deals import Package
from shared.contracts.values import Money
from shared.pages.rendering import Pages
from shared.pages.sayings import Sayings
from shared.pages.writing import Writer
from tests.support.builders import NOON, rules
from tests.support.words import PAGES, catalog, messages

HANDOFF = Pages("services.handoff.pages")
FA = HANDOFF.writer("fa", "Asia/Tehran")
EN = HANDOFF.writer("en", "Europe/London")
_HOLE = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("pages", PAGES, ids=str)
def test_every_message_is_in_persian_and_none_is_left_over(pages: Path) -> None:
    known = catalog(pages)
    wanted = {one if isinstance(one, str) else one[0] for one in messages(pages)}
    assert not wanted - {one.id if isinstance(one.id, str) else one.id[0] for one in known}
    for one in known:
        if not one.id:
            continue
        name = one.id if isinstance(one.id, str) else one.id[0]
        said = [one.string] if isinstance(one.string, str) else list(one.string)
        assert name in wanted, f"nothing says {name!r} any more"
        assert all(said), f"not translated: {name!r}"
        assert not one.fuzzy, name
        for text in said:
            assert set(_HOLE.findall(text)) == set(_HOLE.findall(name)), name
            assert "ي" not in text, f"Arabic letter in {text!r}"
            assert "ك" not in text, f"Arabic letter in {text!r}"


def test_everything_the_rules_name_has_a_word() -> None:
    assert set(STATUS) == set(Status)
    assert set(TIER) == set(Tier)
    assert set(VERDICT) == set(Reason)
    assert set(OWED) == set(Kind)
    assert set(PART) == set(COUNTED)
    assert set(KIND) == {"new", "expansion", "transfer"}


LISTED = checklist_file.load(None).choose(Deal(kind="new"))


def _refusals() -> list[str]:
    account = Account(id="a", name="A")
    last = Step(id="last", title="Last", amount=9, needs=("kick-off",))
    found = []
    for status in Status:
        for kind in ("new", "transfer"):
            handoff = Handoff(
                id="h", deal_id="d", account_id="a", kind=kind, round=1, status=status,
                salesperson_id="sam", manager_id="mia", closed_at=NOON, done=("welcome-call",),
                package=Package(needs=("speed",)),
                checklist=replace(LISTED, steps=(*LISTED.steps, last)),
                deadlines=(Deadline(step="kick-off", title="", owner_id="mia", due_at=NOON),),
            )  # fmt: skip
            for by in ("mia", "sam", "other"):
                act = Act(by=by, at=NOON, account=account, rules=rules())
                found += [
                    lifecycle.accept(handoff, act),
                    lifecycle.ask(handoff, (), act),
                    lifecycle.give_back(handoff, (), act),
                    lifecycle.resubmit(handoff, (), None, act),
                    lifecycle.add(handoff, Package(), act),
                    lifecycle.do_step(handoff, "welcome-call", act),
                    lifecycle.do_step(handoff, "nothing", act),
                    lifecycle.do_step(handoff, "last", act),
                    lifecycle.move_step(handoff, "kick-off", NOON, act),
                ]
    return sorted({one.reason for one in found if isinstance(one, Refused)})


@pytest.mark.parametrize("reason", _refusals())
def test_every_refusal_is_said_in_persian(reason: str) -> None:
    said = Sayings(SENTENCES).said(reason, FA, {"mia": "میا", "sam": "سام"})
    left = re.sub(r"<[^>]*>|welcome-call|nothing|kick-off|last", "", said)
    assert not re.search("[A-Za-z]", left), said
    assert Sayings(SENTENCES).said(reason, EN, {"mia": "mia", "sam": "sam"}).striptags() == reason


def test_the_company_s_own_words_stay_as_they_are() -> None:
    assert Sayings(SENTENCES).said("Send <flowers>", FA, {}) == "<bdi>Send &lt;flowers&gt;</bdi>"
    titles = [step.title for step in LISTED.steps]
    assert all("bdi" not in Sayings(SENTENCES).said(title, FA, {}) for title in titles)
    told = Sayings(SENTENCES).said("Settle the dispute: wrong size", FA, {})
    assert told == "حل اختلاف: <bdi>wrong size</bdi>"


def test_why_a_tier_is_said_in_persian() -> None:
    members = {"a": Facts({"EUR": Money.model_validate({"value": "9", "currency": "EUR"}).value})}
    limit = Money.model_validate({"value": "5", "currency": "EUR"})
    for setting, of in (
        (TierRules(won={Tier.NATIONAL: limit}), members),
        (TierRules(countries={Tier.NATIONAL: 1}), {"a": Facts(country="IR")}),
        (TierRules(), {"a": Facts(key=True)}),
        (TierRules(), members),
    ):
        _, reason = tier_of(of, Tier.REGIONAL, setting)
        assert re.search("[آ-ی]", Sayings(SENTENCES).said(reason, FA, {}).striptags()), reason


def test_lists_are_sentences() -> None:
    names = ("package.contacts", "amount", "package.needs")
    assert listed(list(parts(names, EN)), EN) == "contacts, the amount and needs"
    assert listed(list(parts(names, FA)), FA) == "افراد، مبلغ و نیازها"
    assert listed(list(parts(names[:1], EN)), EN) == "contacts"


def test_numbers_of_things() -> None:
    assert EN.say_many("%(number)s hour", "%(number)s hours", 1) == "1 hour"
    assert FA.say_many("%(number)s hour", "%(number)s hours", 12) == "۱۲ ساعت"


def test_a_zone_of_the_directory_is_taken() -> None:
    writer = Writer("en", ZoneInfo("Asia/Tehran"), EN.words)
    assert ", 15:30" in writer.moment(datetime(2026, 11, 24, 12, tzinfo=UTC))
