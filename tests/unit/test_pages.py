"""Every page in every state, in both languages; and what hostile text becomes on it."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from services.handoff.candidates import Tier
from services.handoff.pages import customer, detail, inbox, portfolio
from services.handoff.pages.forms import Typed, lines, package
from services.handoff.pages.summary import Reader
from services.handoff.pages.words import DONE, SENTENCES, TIER
from services.handoff.people import Person
from services.handoff.states import Status
from services.handoff.verdicts import Reason
from services.handoff.views import (
    AccountRow,
    AccountView,
    ChecklistView,
    DeadlineView,
    DidView,
    ExplanationView,
    HandoffView,
    ManagerView,
    ObligationView,
    StepView,
    VerdictView,
)
from services.handoff.views import Portfolio as Accounts
from shared.contracts.deals import Contact, Package, Relationship
from shared.contracts.values import Money
from shared.pages.catalog import Language
from shared.pages.rendering import Frame, Pages
from shared.pages.sayings import Sayings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PAGES = Pages("services.handoff.pages")
SAYINGS = Sayings(SENTENCES)
HOSTILE = "<script>alert(1)</script>\"'><b onx=1>\u202e{{ 7*7 }} %(x)s &amp;"
LANGUAGES: tuple[Language, ...] = ("en", "fa")


def reader(language: Language, leads: bool = False) -> Reader:
    writer = PAGES.writer(language, "Asia/Tehran")
    return Reader(id="mia", now=NOW, writer=writer, sayings=SAYINGS, leads=leads)


def frame(language: Language, **more: Any) -> Frame:
    person = Person(id="mia", name=HOSTILE, time_zone="Asia/Tehran")
    writer = PAGES.writer(language, "Asia/Tehran")
    return Frame(writer=writer, viewer=person, csrf="a-token", back="/pages?x=1&y=2", **more)


def told(text: str = "x") -> Package:
    contact = Contact.model_construct(
        name=text, role=text, email=text, phone=text, interests=(text,), notes=text
    )
    relationship = Relationship.model_construct(state=text, satisfaction=3.5, notes=text)
    return Package.model_construct(
        contacts=(contact,), needs=(text,), promises=(text,),
        relationship=relationship, language=text,
    )  # fmt: skip


def listed(text: str) -> ChecklistView:
    steps = tuple(
        StepView(
            id=name, title=text, titles={"fa": text} if name == "review" else {}, owner="manager",
            person_id=None, offset="1 working day after closed", needs=(),
        )
        for name in ("welcome-call", "kick-off", "review")
    )  # fmt: skip
    return ChecklistView(name=text, version=1, steps=steps)


def handoff(status: Status = Status.ASSIGNED, text: str = "x", **more: Any) -> HandoffView:
    steps = {
        Status.UNASSIGNED: ("assign",),
        Status.ASSIGNED: ("accept", "kick-off"),
        Status.INFO_REQUESTED: ("accept", "answer", "kick-off"),
        Status.RETURNED: ("accept", "mend"),
        Status.ACCEPTED: ("kick-off",),
    }.get(status, ())
    due = tuple(
        DeadlineView(
            step=step, title=text, titles={}, owner_id="mia", owner_name=text,
            due_at=NOW + timedelta(hours=5 * n - 3),
        )
        for n, step in enumerate(steps)
    )  # fmt: skip
    return HandoffView.model_construct(
        **{
            "id": "h1", "deal_id": text, "account_id": text, "account_name": text, "kind": "new",
            "round": 2, "status": status, "salesperson_id": "sam", "salesperson_name": text,
            "manager_id": None if status == Status.UNASSIGNED else "mia",
            "manager_name": None if status == Status.UNASSIGNED else text,
            "closed_at": NOW, "amount": Money.model_validate({"value": "9.5", "currency": "EUR"}),
            "completeness": 50, "missing": ("amount", "package.needs"), "package": told(text),
            "attempt": 2, "deadlines": due, "done": ("welcome-call",), "checklist": listed(text),
            "may": ("accept", "ask", "return", "resubmit", "package", "steps/kick-off/done",
                    "steps/review/done", "steps/kick-off/move", "reassign"),
        }
        | more
    )  # fmt: skip


def explanation(text: str = "x", manager: str | None = "mia") -> ExplanationView:
    verdicts = [
        VerdictView(manager_id=f"m{n}", manager_name=text, reason=reason, words="")
        for reason in Reason
        for n in range(20)
    ]
    return ExplanationView(
        handoff_id="h1", account_id="a", manager_id=manager, manager_name=manager and text,
        reason=text, at=NOW, weight=3, need={"tier": "global", "language": text},
        verdicts=verdicts,
    )  # fmt: skip


HAD_ONE = ExplanationView(handoff_id="h1", account_id="a", manager_id="mia", reason="")


def history(text: str = "x") -> list[DidView]:
    return [
        DidView(
            at=NOW, by="mia", by_name=text, what=what, said=(text,),
            step="welcome-call" if what in {"step", "move"} else None,
            title=text if what in {"step", "move"} else None,
        )
        for what in DONE
    ]  # fmt: skip


def account(text: str = "x", **more: Any) -> AccountView:
    kinds = (("contact", None), ("dispute-answer", "critical"), ("follow-up", None))
    owed = tuple(
        ObligationView(
            id=kind, kind=kind, subject_id="s", title=text, owner_id="noah", owner_name=text,
            since=NOW, due_at=NOW, severity=severity,
        )
        for kind, severity in kinds
    )  # fmt: skip
    return AccountView.model_construct(
        **{
            "id": text, "name": text, "tier": "regional", "manager_id": "mia",
            "manager_name": text, "home_manager_id": "noah", "home_manager_name": text,
            "weight": 2, "satisfaction": 35, "satisfaction_at": NOW, "contacted_at": NOW,
            "whole": True, "city": text, "region": text, "country": text, "industry": text,
            "language": text, "key": True, "group_id": text, "tier_reason": text,
            "won": {"EUR": Decimal("-1.5"), "IRR": Decimal(5)}, "package": told(text),
            "obligations": owed, "handoffs": (handoff(text=text),), "more_handoffs": True,
        }
        | more
    )  # fmt: skip


def managers(text: str = "x") -> list[ManagerView]:
    loads = ((0, None), (7, 5), (7, 0), (0, 0), (3, 10))
    return [
        ManagerView(
            id=f"m{n}", name=text, active=True, load=load, capacity=capacity, absent=n == 1,
            absences=(), level=None, places=(),
        )
        for n, (load, capacity) in enumerate(loads)
    ]  # fmt: skip


def rows(count: int, text: str = "x") -> list[AccountRow]:
    names = AccountRow.model_fields
    return [
        AccountRow.model_construct(
            **{k: v for k, v in account(text).__dict__.items() if k in names}
            | {"id": f"{text}{n}", "manager_id": "mia" if n % 2 else "noah",
               "home_manager_id": (None, "mia", "noah")[n % 3],
               "satisfaction": None if n % 4 == 0 else n, "contacted_at": None if n % 5 else NOW}
        )
        for n in range(count)
    ]  # fmt: skip


@cache
def pages(language: Language, text: str) -> Sequence[tuple[str, str]]:
    return list(_pages(language, text))


def _pages(language: Language, text: str) -> Iterator[tuple[str, str]]:
    """Every template, in every state it knows, with this text wherever text can be."""
    one = reader(language)
    typed = Typed({"questions": text, "contact_name": text, "needs": text})
    for status in Status:
        for why in (explanation(text), explanation(text, None), HAD_ONE):
            found = detail.detail(handoff(status, text), why, history(text), one)
            yield (
                f"handoff {status}",
                PAGES.html(
                    "handoff.html", frame(language, note=one.said(text), refused=one.said(text)),
                    handoff=found, title=one.writer.label("%(name)s", name=text),
                    typed=typed, opened="ask", candidates=managers(text),
                ),
            )  # fmt: skip
    bare = handoff(
        Status.ASSIGNED, text, package=Package(), amount=None, missing=(), deadlines=(), done=(),
        may=(), kind="transfer", completeness=0,
    )  # fmt: skip
    found = detail.detail(bare, HAD_ONE, [], one)
    yield (
        "bare",
        PAGES.html(
            "handoff.html",
            frame(language),
            handoff=found,
            title="t",
            typed=Typed(),
            opened="",
            candidates=[],
        ),
    )
    every = [handoff(status, text) for status in Status]
    moves: tuple[tuple[str, ...], ...] = ((), ("package",))
    every += [handoff(status, text, may=may) for status in Status for may in moves]
    for leads in (True, False):
        shown = inbox.inbox(every, {"h1": (text,)}, reader(language, leads))
        yield (
            "inbox",
            PAGES.html(
                "inbox.html",
                frame(language, here="inbox"),
                inbox=shown,
                typed=Typed(),
                more=[("x", "/pages?state=x")],
                only="x",
            ),
        )
    empty = inbox.inbox([], {}, one)
    yield (
        "empty inbox",
        PAGES.html("inbox.html", frame(language), inbox=empty, more=[], only=None, typed=Typed()),
    )
    for seen in (
        account(text),
        account(text, whole=False, satisfaction=None, contacted_at=None, won={}, obligations=()),
        account(
            text, manager_id=None, manager_name=None, home_manager_name=None, package=None,
            satisfaction_at=None, won={}, handoffs=(), obligations=(), key=False, weight=0,
            tier_reason="", more_handoffs=False,
        ),
    ):  # fmt: skip
        yield (
            "account",
            PAGES.html(
                "account.html", frame(language), customer=customer.customer(seen, one), title="t"
            ),
        )
    say = one.writer.say
    queries = (
        portfolio.Query(manager="mia", order="satisfaction", down=True),
        portfolio.Query(manager="mia", search="nowhere at all"),
        portfolio.Query(),
    )
    for query, count in zip(queries, (50, 0, 0), strict=True):
        page = Accounts(items=rows(count, text), next="x\ny" if count else None)
        shown_portfolio = portfolio.portfolio(managers(text), page, query, one, first=not count)
        yield "portfolio", PAGES.html(
            "portfolio.html", frame(language, here="portfolio"), portfolio=shown_portfolio,
            tiers=[(tier.value, say(words)) for tier, words in TIER.items()],
            orders=[("name", say("Customer"))],
        )  # fmt: skip
    stranger = Frame(writer=one.writer)
    for name in ("ask", "sent", "confirm", "out"):
        yield name, PAGES.html(f"login-{name}.html", stranger, next=text, token=text)
    yield (
        "error",
        PAGES.html(
            "error.html", stranger, title=text, words=text, next_address="/login", next_words="Next"
        ),
    )


class Reading(HTMLParser):
    """What a browser would make of a page: elements, attributes and the text between."""

    VOID = frozenset({"meta", "link", "input", "br", "path", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        assert self.open == []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_sound(language: Language) -> None:
    for name, page in pages(language, "Acme"):
        read = Reading(page)
        (html,) = read.all("html")
        assert html == {"lang": language, "dir": "rtl" if language == "fa" else "ltr"}, name
        assert len(read.all("h1")) == 1, name
        ids = [str(a["id"]) for _, a in read.found if "id" in a]
        repeated = {one for one in ids if ids.count(one) > 1}
        assert not {one for one in repeated if not one.endswith("h1")} or "inbox" in name, name
        for field in (*read.all("textarea"), *read.all("select"), *read.all("input")):
            if field.get("type") != "hidden":
                assert any(one["for"] == field["id"] for one in read.all("label")), (name, field)
        for _, attributes in read.found:
            assert not {"style", "onclick", "onload"} & set(attributes), name
            if named := attributes.get("aria-labelledby"):
                assert named in ids, (name, named)
        assert not read.all("script")
        assert not read.all("style")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_that_acts_brings_the_token(language: Language) -> None:
    acts = 0
    for name, page in pages(language, "Acme"):
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", page, re.DOTALL):
            action = re.search(r'action="([^"]+)"', form)
            assert action
            if action[1].startswith(("/login", "/pages/language")):
                continue  # nobody is signed in yet; only words change
            acts += 1
            assert '<input type="hidden" name="form_token" value="a-token">' in form, (name, form)
    assert acts > 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_text_stays_text(language: Language) -> None:
    for name, page in pages(language, HOSTILE):
        read = Reading(page)
        assert not read.all("script"), name
        assert not [tag for tag, a in read.found if "onx" in a or tag == "b"], name
        assert "\u202e" not in page, name
        assert "{{ 7*7 }}" in page or name in ("ask", "sent", "confirm", "out", "empty inbox"), name


@settings(max_examples=40)  # two whole pages each
@given(st.text(max_size=40))
def test_any_text_leaves_a_page_sound(text: str) -> None:
    found = detail.detail(handoff(text=text), explanation(text), history(text), reader("fa"))
    page = PAGES.html(
        "handoff.html",
        frame("fa"),
        handoff=found,
        title="t",
        typed=Typed(),
        opened="",
        candidates=[],
    )
    plain = detail.detail(handoff(), explanation(), history(), reader("fa"))
    expected = PAGES.html(
        "handoff.html",
        frame("fa"),
        handoff=plain,
        title="t",
        typed=Typed(),
        opened="",
        candidates=[],
    )
    tags = {tag for tag, _ in Reading(expected).found}
    assert {tag for tag, _ in Reading(page).found} <= tags
    assert not set(page) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067")


@given(st.lists(st.sampled_from(sorted(Status)), max_size=12), st.booleans())
def test_nothing_live_is_left_out_of_an_inbox(states: list[Status], leads: bool) -> None:
    every = [handoff(one, id=f"h{n}", may=()) for n, one in enumerate(states)]
    found = inbox.inbox(every, {}, reader("en", leads))
    shown = [one.id for one in (*found.unassigned, *found.others, *found.under_way)]
    shown += [card.short.id for card in found.mine]
    ended = (Status.COMPLETED, Status.CANCELLED)
    assert sorted(shown) == sorted(one.id for one in every if one.status not in ended)


def test_the_most_urgent_is_first() -> None:
    soon = handoff(id="soon")
    late = handoff(
        id="late",
        deadlines=(soon.deadlines[0].model_copy(update={"due_at": NOW - timedelta(days=9)}),),
    )
    found = inbox.inbox([soon, late], {}, reader("en"))
    assert [card.short.id for card in found.mine] == ["late", "soon"]


def test_a_portfolio_leads_on_and_back_to_its_beginning() -> None:
    query = portfolio.Query(manager="mia", order="weight", tier=Tier.GLOBAL, down=True)
    page = Accounts(items=rows(3), next='[7,"a b"]')
    shown = portfolio.portfolio(managers(), page, query, reader("en"), first=False)
    asked = "/pages/portfolio?manager=mia&tier=global&order=weight&down=yes"
    assert shown.begin == asked
    assert shown.after == f"{asked}&after=%5B7%2C%22a+b%22%5D"
    last = portfolio.portfolio([], Accounts(items=[]), query, reader("en"), first=True)
    assert (last.begin, last.after, last.filtered) == (None, None, True)


def test_loads_are_parts_of_the_capacity() -> None:
    found = {one.id: one for one in portfolio.loads(managers(), "m1", reader("fa"))}
    assert (found["m1"].percent, found["m1"].over, str(found["m1"].words)) == (140, True, "۷ از ۵")
    assert found["m0"].percent == 0
    assert found["m2"].over
    assert str(found["m0"].words) == "۰، بدون سقف"


def test_forms_are_read_by_lines() -> None:
    assert lines(" a \r\n\n b\n") == ("a", "b")
    assert len(lines("x\n" * 99)) == 50
    assert package(Typed()) is None
    assert package(Typed({"relationship": "good "})) == Package(
        relationship=Relationship(notes="good")
    )
    with pytest.raises(ValueError, match="email"):
        package(Typed({"contact_name": "A", "contact_email": "nonsense"}))
    with pytest.raises(ValueError, match="name"):
        package(Typed({"contact_email": "a@example.com"}))
