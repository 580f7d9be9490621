"""Who sees and does what: of any company, nobody outside sees anything."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.handoff import dossier, rights
from services.handoff.checklists import Checklist, Step
from services.handoff.obligations import Kind, Obligation
from services.handoff.people import Person
from services.handoff.rights import Reach, Viewer
from services.handoff.states import LIVE, Account, Deadline, Handoff, Status
from shared.contracts.deals import Package
from shared.contracts.directory import Role
from tests.support.builders import NOON

PEOPLE = ("ann", "bob", "cyd", "dan", "eve")


def viewer(name: str = "mia", *roles: Role, team: tuple[str, ...] = ()) -> Viewer:
    return Viewer(Person(id=name, name=name, roles=frozenset(roles)), frozenset(team))


def account(**changes: Any) -> Account:
    return Account(**{"id": "acme", "name": "Acme", "manager_id": "mia"} | changes)


def handoff(**changes: Any) -> Handoff:
    fields = {
        "id": "h",
        "deal_id": "d",
        "account_id": "acme",
        "kind": "new",
        "round": 1,
        "status": Status.ASSIGNED,
        "manager_id": "mia",
        "salesperson_id": "sam",
        "closed_at": NOON,
        "deadlines": (due("accept", "mia"), due("kick-off", "mia")),
    }
    return Handoff(**fields | changes)


def due(step: str, owner: str) -> Deadline:
    return Deadline(step=step, title=step, owner_id=owner, due_at=NOON)


def owed(owner: str) -> Obligation:
    return Obligation(
        id="o",
        account_id="acme",
        subject_id="x",
        kind=Kind.FOLLOW_UP,
        title="Follow up",
        owner_id=owner,
        since=NOON,
        due_at=NOON,
    )


@pytest.mark.parametrize(
    ("who", "reach"),
    [
        (Viewer(None), Reach.ALL),
        (viewer("mia"), Reach.ALL),
        (viewer("hana", Role.HEAD, team=("mia",)), Reach.ALL),
        (viewer("hana", team=("mia",)), Reach.NOTHING),
        (viewer("carla", Role.COMPANY_MANAGER), Reach.ALL),
        (viewer("sam", Role.SALESPERSON), Reach.OWN),
        (viewer("sales-head", Role.HEAD, team=("sam",)), Reach.OWN),
        (viewer("noah", Role.ACCOUNT_MANAGER), Reach.NOTHING),
        (viewer("fay"), Reach.ALL),
    ],
)
def test_how_much_of_an_account(who: Viewer, reach: Reach) -> None:
    with_step = handoff(deadlines=(due("accept", "mia"), due("invoice", "fay")))
    assert rights.of_account(who, account(), [with_step]) == reach


@pytest.mark.parametrize(
    ("who", "reach"),
    [
        (viewer("olga"), Reach.ALL),
        (viewer("otto", Role.HEAD, team=("olga",)), Reach.ALL),
        (viewer("otto", team=("olga",)), Reach.NOTHING),
        (viewer("noah"), Reach.NOTHING),
    ],
)
def test_who_owes_the_customer_something_sees_the_account(who: Viewer, reach: Reach) -> None:
    assert rights.of_account(who, account(), [handoff()], [owed("olga")]) == reach
    assert rights.sees_handoff(who, handoff(), account(), [handoff()], [owed("olga")]) == bool(
        reach
    )


def test_both_sides_of_an_absence_see_the_account() -> None:
    covered = account(manager_id="noah", home_manager_id="mia")
    assert rights.manages(viewer("noah"), covered)
    assert rights.manages(viewer("mia"), covered)


def test_owing_an_answer_does_not_open_the_account() -> None:
    asked = handoff(status=Status.INFO_REQUESTED, deadlines=(due("answer", "sam"),))
    assert rights.of_account(viewer("sam"), account(), [asked]) == Reach.OWN


def test_who_managed_it_once_sees_the_own_handoffs() -> None:
    moved = account(manager_id="noah")
    assert rights.of_account(viewer("mia"), moved, [handoff(deadlines=())]) == Reach.OWN


def test_a_step_that_is_over_opens_nothing() -> None:
    over = handoff(status=Status.CANCELLED, deadlines=(due("invoice", "fay"),))
    assert rights.of_account(viewer("fay"), account(), [over]) == Reach.OWN


@pytest.mark.parametrize(
    ("who", "step", "may"),
    [
        ("mia", "kick-off", True),
        ("sam", "kick-off", False),
        ("fay", "kick-off", False),
        ("fay", "invoice", True),
        ("sam", "nothing", False),
    ],
)
def test_who_may_do_a_step(who: str, step: str, may: bool) -> None:
    one = handoff(deadlines=(due("kick-off", "mia"), due("invoice", "fay")))
    assert rights.may_do_step(viewer(who), one, account(), step) == may


def test_what_one_may_do_is_told() -> None:
    needing = Step(id="review", title="Review", amount=2, needs=("kick-off",))
    steps = (Step(id="kick-off", title="Kick-off", amount=1), needing)
    listed = Checklist(name="one", version=1, digest="", steps=steps)
    one = handoff(checklist=listed)
    own = ("steps/kick-off/done", "steps/kick-off/move", "steps/review/move")
    assert rights.may(viewer("mia"), one, account()) == ("accept", "ask", "return", *own)
    head = viewer("hana", Role.HEAD, team=("mia",))
    assert rights.may(head, one, account()) == (*own, "reassign")
    after = replace(one, done=("kick-off",), status=Status.ACCEPTED)
    expected = ("steps/review/done", "steps/review/move")
    assert rights.may(viewer("mia"), after, account()) == expected
    assert rights.may(viewer("sam"), one, account()) == ("package",)
    returned = handoff(status=Status.RETURNED)
    assert rights.may(viewer("sam"), returned, account()) == ("resubmit", "package")
    assert "return" not in rights.may(viewer("mia"), handoff(kind="transfer"), account())
    assert rights.may(viewer("mia"), replace(one, status=Status.CANCELLED), account()) == ()


def test_in_whose_name() -> None:
    assert rights.acts_for(Viewer(None), "mia") == "mia"
    assert rights.acts_for(Viewer(None), None) is None
    assert rights.acts_for(viewer("mia"), None) == "mia"
    assert rights.acts_for(viewer("mia"), "mia") == "mia"
    assert rights.acts_for(viewer("mia"), "noah") is None
    assert rights.acts_for(viewer("hana", Role.HEAD, team=("mia",)), "mia") is None


someone = st.sampled_from(PEOPLE)
handoffs = st.builds(
    lambda manager, seller, owners, status: handoff(
        manager_id=manager,
        salesperson_id=seller,
        status=status,
        deadlines=tuple(due(f"s{n}", owner) for n, owner in enumerate(owners)),
    ),
    st.none() | someone,
    someone,
    st.lists(someone, max_size=3),
    st.sampled_from(Status),
)
accounts = st.builds(
    lambda manager, home: account(manager_id=manager, home_manager_id=home),
    st.none() | someone,
    st.none() | someone,
)


@given(accounts, st.lists(handoffs, max_size=4), st.sets(someone), st.booleans())
def test_nobody_outside_sees(one: Account, many: list[Handoff], team: set[str], head: bool) -> None:
    """Outside is who is neither named anywhere nor leads anybody who is."""
    concerned = {one.manager_id, one.home_manager_id}
    for h in many:
        concerned |= {h.manager_id, h.salesperson_id, *(d.owner_id for d in h.deadlines)}
    led = team if head else set()
    outside = led.isdisjoint(concerned)
    stranger = viewer("zoe", *([Role.HEAD] if head else []), team=tuple(team))
    reach = rights.of_account(stranger, one, many)
    assert (reach == Reach.NOTHING) == outside
    for h in many:
        if outside:
            assert not rights.sees_handoff(stranger, h, one, many)
            assert rights.may(stranger, h, one) == ()
        if rights.sees_handoff(stranger, h, one, many):
            assert reach != Reach.NOTHING
        if rights.may(stranger, h, one):
            assert rights.sees_handoff(stranger, h, one, many)


@given(accounts, st.lists(handoffs, max_size=4), someone, st.sets(someone))
def test_a_head_sees_what_each_of_the_team_sees(
    one: Account, many: list[Handoff], member: str, team: set[str]
) -> None:
    head = viewer("zoe", Role.HEAD, team=(member, *team))
    assert rights.of_account(head, one, many) >= rights.of_account(viewer(member), one, many)
    for h in many:
        if rights.sees_handoff(viewer(member), h, one, many):
            assert rights.sees_handoff(head, h, one, many)


@given(accounts, st.lists(handoffs, min_size=1, max_size=4), someone)
def test_everything_is_only_for_who_has_part_in_it_now(
    one: Account, many: list[Handoff], who: str
) -> None:
    """A salesperson, or who managed it once, does not see all of an account."""
    if rights.of_account(viewer(who), one, many) == Reach.ALL:
        steps = [
            due.owner_id for h in many if h.status in LIVE
            for due in h.deadlines if due.owner_id != h.salesperson_id
        ]  # fmt: skip
        assert who in {one.manager_id, one.home_manager_id, *steps}


def test_what_all_handoffs_tell_is_one_package() -> None:
    first = Package.model_validate({
        "contacts": [{"name": "Ada", "role": "CFO", "interests": ["chess"]}],
        "needs": ["speed"], "relationship": {"state": "new"},
    })  # fmt: skip
    later = Package.model_validate({
        "contacts": [{"name": "ADA", "email": "ada@example.com", "interests": ["tea", "chess"]}],
        "needs": ["speed", "quiet"], "language": "fa",
    })  # fmt: skip
    old = handoff(package=first)
    new = replace(handoff(id="g", package=later), closed_at=NOON.replace(hour=13))
    for order in ([old, new], [new, old]):
        merged = dossier.merged(order)
        assert merged
        assert merged.model_dump(exclude_none=True, mode="json") == {
            "contacts": [{"name": "ADA", "role": "CFO", "email": "ada@example.com",
                          "interests": ["chess", "tea"]}],
            "needs": ["speed", "quiet"], "promises": [],
            "relationship": {"state": "new"}, "language": "fa",
        }  # fmt: skip
    assert dossier.merged([handoff()]) is None
