"""How accounts change hands, one by one."""

from dataclasses import replace
from datetime import timedelta

from services.handoff.assignment import Pool
from services.handoff.candidates import Away, Manager, Tier
from services.handoff.domain import close_deal
from services.handoff.lifecycle import Act, Refused, ask
from services.handoff.portfolio import (
    Change,
    Moved,
    answer_for,
    cover,
    give_back,
    leave,
    receive,
    retier,
)
from services.handoff.states import LIVE, Account, Handoff, Status
from shared.contracts.deadlines import DeadlineMoved
from shared.contracts.handoffs import AccountTransferred
from tests.support.builders import NOON, deal, rules

RULES = rules()
LATER = NOON + timedelta(days=1)


def begun(*managers: Manager) -> tuple[Account, Handoff, Pool]:
    pool = Pool({manager.id: manager for manager in managers})
    decision = close_deal(deal(), NOON, account=None, handoff=None, pool=pool, rules=RULES)
    assert decision.account
    assert decision.handoff
    return decision.account, decision.handoff, pool


def change(pool: Pool) -> Change:
    return Change(at=LATER, pool=pool, rules=RULES, reason="so it is")


def loads(pool: Pool) -> dict[str, int]:
    return {name: manager.load for name, manager in pool.managers.items()}


def kinds(moved: Moved) -> list[str]:
    return [type(data).__name__ for data in moved.publish]


def test_a_leavers_account_goes_to_another_with_its_open_deadlines() -> None:
    account, handoff, pool = begun(Manager(id="mia"), Manager(id="noah", load=5))
    pool.keep(replace(pool.managers["mia"], active=False))
    moved = leave(account, [handoff], "mia", change(pool))
    assert kinds(moved) == [
        "AccountTransferred", "HandoffCreated", "HandoffAssigned", "DeadlineSet",
        *["DeadlineMoved"] * 4,
    ]  # fmt: skip
    assert moved.account
    assert moved.account.manager_id == "noah"
    assert loads(pool) == {"mia": 0, "noah": 6}
    transferred = moved.publish[0]
    assert isinstance(transferred, AccountTransferred)
    assert (transferred.from_manager_id, transferred.to_manager_id) == ("mia", "noah")
    transfer, of_deal = moved.handoffs
    assert (transfer.kind, transfer.salesperson_id, transfer.manager_id) == (
        "transfer", "mia", "noah",
    )  # fmt: skip
    assert {deadline.owner_id for deadline in of_deal.deadlines} == {"noah"}
    assert {d.due_at for d in of_deal.deadlines} == {d.due_at for d in handoff.deadlines}
    assert {m.owner_id for m in moved.publish if isinstance(m, DeadlineMoved)} == {"noah"}
    assert leave(moved.account, moved.handoffs, "mia", change(pool)) == Moved()


def test_when_nobody_fits_the_account_waits_and_then_takes_its_deadlines_along() -> None:
    account, handoff, pool = begun(Manager(id="mia"))
    pool.keep(replace(pool.managers["mia"], active=False))
    moved = leave(account, [handoff], "mia", change(pool))
    assert kinds(moved) == ["HandoffCreated", "HandoffUnassigned"]
    assert moved.account
    assert moved.account.manager_id is None
    assert loads(pool) == {"mia": 0}
    (waiting,) = moved.handoffs
    assert receive(waiting, moved.account, [waiting, handoff], change(pool)) == Moved()
    pool.keep(Manager(id="noah"))
    received = receive(waiting, moved.account, [waiting, handoff], change(pool))
    assert kinds(received) == [
        "AccountTransferred", "HandoffAssigned", "DeadlineSet", *["DeadlineMoved"] * 4,
    ]  # fmt: skip
    assert {h.manager_id for h in received.handoffs} == {"noah"}
    assert loads(pool) == {"mia": 0, "noah": 1}


def owners(handoff: Handoff) -> set[str]:
    return {due.owner_id for due in handoff.deadlines}


def test_while_nobody_fits_a_head_has_what_the_leaver_was_to_do() -> None:
    account, handoff, pool = begun(Manager(id="mia"))
    for name in ("hana", "zoe"):
        pool.keep(Manager(id=name, active=False, head=True))
    pool.keep(replace(pool.managers["mia"], active=False))
    left = leave(account, [handoff], "mia", change(pool))
    assert kinds(left) == [
        "HandoffCreated", "HandoffUnassigned", "DeadlineSet", *["DeadlineMoved"] * 4,
    ]  # fmt: skip
    assert left.account
    waiting, stood = left.handoffs
    assert owners(stood) == {"hana"}
    assert stood.manager_id == "mia", "whom it waits for is told nowhere else"

    again = receive(waiting, left.account, [waiting, stood], change(pool))
    assert again == Moved(), "twice is once"
    pool.keep(replace(pool.managers["hana"], head=False))
    followed = receive(waiting, left.account, [waiting, stood], change(pool))
    assert kinds(followed) == ["DeadlineMoved"] * 5
    waiting, stood = followed.handoffs
    assert owners(stood) == {"zoe"}

    pool.keep(Manager(id="noah"))
    received = receive(waiting, left.account, [waiting, stood], change(pool))
    assert [owners(one) for one in received.handoffs] == [{"noah"}, {"noah"}]


def test_who_comes_back_before_anybody_is_found_has_the_deadlines_again() -> None:
    account, handoff, pool = begun(Manager(id="mia"))
    pool.keep(Manager(id="hana", active=False, head=True))
    pool.keep(replace(pool.managers["mia"], active=False))
    left = leave(account, [handoff], "mia", change(pool))
    assert left.account
    pool.keep(replace(pool.managers["mia"], active=True))
    back = receive(left.handoffs[0], left.account, left.handoffs, change(pool))
    ended, mine = back.handoffs
    assert (ended.status, owners(mine)) == (Status.CANCELLED, {"mia"})


def test_an_absence_is_covered_and_the_capacity_is_kept_for_the_return() -> None:
    account, handoff, pool = begun(Manager(id="mia", capacity=1), Manager(id="noah", load=5))
    away = replace(pool.managers["mia"], absences=(Away(LATER, None),))
    pool.keep(away)
    covered = cover(account, [handoff], "mia", change(pool))
    assert covered.account
    assert (covered.account.manager_id, covered.account.home_manager_id) == ("noah", "mia")
    assert loads(pool) == {"mia": 1, "noah": 6}, "nobody else may take the place"
    assert cover(covered.account, covered.handoffs, "mia", change(pool)) == Moved()

    back = give_back(covered.account, covered.handoffs, "mia", change(pool))
    assert back.account
    assert (back.account.manager_id, back.account.home_manager_id) == ("mia", None)
    assert loads(pool) == {"mia": 1, "noah": 5}
    assert give_back(back.account, back.handoffs, "mia", change(pool)) == Moved()
    owners = {d.owner_id for h in back.handoffs for d in h.deadlines}
    assert owners == {"mia"}


def test_without_a_cover_the_account_stays() -> None:
    account, handoff, pool = begun(Manager(id="mia"))
    pool.keep(replace(pool.managers["mia"], absences=(Away(LATER, None),)))
    assert cover(account, [handoff], "mia", change(pool)) == Moved()
    assert loads(pool) == {"mia": 1}


def test_a_cover_of_a_cover_goes_home_all_the_same() -> None:
    account, handoff, pool = begun(
        Manager(id="mia"), Manager(id="noah", load=5), Manager(id="olga", load=7)
    )
    first = cover(account, [handoff], "mia", change(pool))
    assert first.account
    pool.keep(replace(pool.managers["mia"], absences=(Away(LATER, None),)))
    second = cover(first.account, first.handoffs, "noah", change(pool))
    assert second.account
    assert (second.account.manager_id, second.account.home_manager_id) == ("olga", "mia")
    assert loads(pool) == {"mia": 1, "noah": 5, "olga": 8}
    back = give_back(second.account, second.handoffs, "mia", change(pool))
    assert loads(pool) == {"mia": 1, "noah": 5, "olga": 7}
    assert back.account
    assert back.account.manager_id == "mia"


def test_who_leaves_while_covered_loses_the_claim() -> None:
    account, handoff, pool = begun(Manager(id="mia"), Manager(id="noah", load=5))
    covered = cover(account, [handoff], "mia", change(pool))
    assert covered.account
    left = leave(covered.account, covered.handoffs, "mia", change(pool))
    assert left.account
    assert (left.account.manager_id, left.account.home_manager_id) == ("noah", None)
    assert loads(pool) == {"mia": 0, "noah": 6}
    assert not left.publish


def test_a_cover_that_leaves_gives_way_to_another_and_the_claim_stays() -> None:
    account, handoff, pool = begun(
        Manager(id="mia"), Manager(id="noah", load=5), Manager(id="olga", load=7)
    )
    covered = cover(account, [handoff], "mia", change(pool))
    assert covered.account
    pool.keep(replace(pool.managers["noah"], active=False))
    pool.keep(replace(pool.managers["mia"], absences=(Away(LATER, None),)))
    left = leave(covered.account, covered.handoffs, "noah", change(pool))
    assert left.account
    assert (left.account.manager_id, left.account.home_manager_id) == ("olga", "mia")
    first, transfer, of_deal = left.handoffs
    assert first.status == Status.CANCELLED, "nobody hands over what has gone on"
    assert (transfer.status, transfer.manager_id) == (Status.ASSIGNED, "olga")
    assert of_deal.manager_id == "olga"


def away(pool: Pool, name: str) -> None:
    pool.keep(replace(pool.managers[name], absences=(Away(NOON, None),)))


def test_when_the_cover_leaves_and_the_absent_is_back_it_goes_straight_home() -> None:
    account, handoff, pool = begun(Manager(id="mia", capacity=1), Manager(id="noah", load=5))
    covered = cover(account, [handoff], "mia", change(pool))
    assert covered.account
    pool.keep(replace(pool.managers["noah"], active=False))
    left = leave(covered.account, covered.handoffs, "noah", change(pool))
    assert left.account
    assert (left.account.manager_id, left.account.home_manager_id) == ("mia", None)
    assert loads(pool) == {"mia": 1, "noah": 5}


def test_who_gets_an_account_that_waits_for_its_return_gives_up_the_place_kept() -> None:
    account, _, pool = begun(Manager(id="mia", capacity=2))
    free = replace(account, manager_id=None, weight=0, home_manager_id="mia", home_weight=1)
    found = close_deal(deal("d2"), LATER, account=free, handoff=None, pool=pool, rules=RULES)
    assert found.account
    assert (found.account.manager_id, found.account.home_manager_id) == ("mia", None)
    assert loads(pool) == {"mia": 1}


def test_there_and_back_leaves_one_handoff_to_accept_at_most() -> None:
    account, handoff, pool = begun(Manager(id="mia"), Manager(id="noah", load=5))
    covered = cover(account, [handoff], "mia", change(pool))
    assert covered.account
    back = give_back(covered.account, covered.handoffs, "mia", change(pool))
    transfers = [one for one in back.handoffs if one.kind == "transfer"]
    assert [one.status for one in transfers] == [Status.CANCELLED, Status.ASSIGNED]
    assert not transfers[0].deadlines


def test_who_left_and_comes_back_before_anybody_is_found_hands_nothing_over() -> None:
    account, handoff, pool = begun(Manager(id="mia"))
    pool.keep(replace(pool.managers["mia"], active=False))
    left = leave(account, [handoff], "mia", change(pool))
    assert left.account
    pool.keep(replace(pool.managers["mia"], active=True))
    back = receive(left.handoffs[0], left.account, [*left.handoffs, handoff], change(pool))
    assert kinds(back) == ["HandoffCancelled"]
    assert back.account
    assert back.account.manager_id == "mia"


def test_the_head_answers_for_who_has_left_or_is_away() -> None:
    account, handoff, pool = begun(Manager(id="mia"), Manager(id="noah"))
    pool.keep(Manager(id="hana", active=False, head=True))
    away(pool, "mia")
    covered = cover(account, [handoff], "mia", change(pool))
    assert covered.handoffs[0].salesperson_id == "hana"
    assert covered.handoffs[0].from_manager_id == "mia"


def test_the_head_answers_for_a_salesperson_who_has_left() -> None:
    account, handoff, pool = begun(Manager(id="mia"))
    doing = Act(by="mia", at=LATER, account=account, rules=RULES)
    asked = ask(handoff, ("?",), doing)
    assert not isinstance(asked, Refused)
    assert answer_for(asked.handoff, "sam", change(pool)) == Moved(), "there is no head"
    pool.keep(Manager(id="hana", active=False, head=True))
    assert answer_for(asked.handoff, "sue", change(pool)) == Moved()
    moved = answer_for(asked.handoff, "sam", change(pool))
    (now,) = moved.handoffs
    assert now.salesperson_id == "hana"
    assert {due.step: due.owner_id for due in now.deadlines}["answer"] == "hana"
    (told,) = moved.publish
    assert isinstance(told, DeadlineMoved)


def test_a_salesperson_s_answer_stays_with_the_salesperson_who_managed_it_too() -> None:
    by_mia = deal(salesperson={"id": "mia"})
    pool = Pool({"mia": Manager(id="mia"), "noah": Manager(id="noah", load=9)})
    begun = close_deal(by_mia, NOON, account=None, handoff=None, pool=pool, rules=RULES)
    assert begun.handoff
    assert begun.account
    doing = Act(by="mia", at=LATER, account=begun.account, rules=RULES)
    asked = ask(begun.handoff, ("?",), doing)
    assert not isinstance(asked, Refused)
    moved = cover(begun.account, [asked.handoff], "mia", change(pool))
    owners = {due.step: due.owner_id for due in moved.handoffs[1].deadlines}
    assert (owners["answer"], owners["accept"]) == ("mia", "noah")


def test_a_head_who_comes_later_is_told_and_one_who_leaves_is_followed() -> None:
    account, handoff, pool = begun()
    assert handoff.deadlines == ()
    pool.keep(Manager(id="hana", active=False, head=True))
    told = receive(handoff, account, [handoff], change(pool))
    assert kinds(told) == ["DeadlineSet"]
    (waiting,) = told.handoffs
    assert receive(waiting, account, [waiting], change(pool)) == Moved(), "once is enough"
    pool.keep(Manager(id="hana", active=False))
    pool.keep(Manager(id="ivan", active=False, head=True))
    followed = receive(waiting, account, [waiting], change(pool))
    assert kinds(followed) == ["DeadlineMoved"]
    assert followed.handoffs[0].deadlines[0].owner_id == "ivan"


def test_an_account_that_grows_never_passes_the_capacity() -> None:
    account, handoff, pool = begun(Manager(id="mia", capacity=2, level=Tier.REGIONAL))
    wanting = replace(account, tier_wanted=Tier.GLOBAL)
    grown = retier(wanting, [handoff], change(pool))
    assert grown.account
    assert (grown.account.tier, grown.account.weight, loads(pool)["mia"]) == (Tier.GLOBAL, 2, 2)


def test_a_place_kept_with_somebody_below_the_new_tier_is_given_up() -> None:
    account, handoff, pool = begun(
        Manager(id="mia", level=Tier.REGIONAL), Manager(id="noah", load=5)
    )
    covered = cover(account, [handoff], "mia", change(pool))
    assert covered.account
    wanting = replace(covered.account, tier_wanted=Tier.GLOBAL)
    moved = retier(wanting, covered.handoffs, change(pool))
    assert moved.account
    assert (moved.account.manager_id, moved.account.home_manager_id) == ("noah", None)
    assert loads(pool) == {"mia": 0, "noah": 9}


def test_completed_handoffs_stay_with_whom_they_were() -> None:
    account, handoff, pool = begun(Manager(id="mia"), Manager(id="noah", load=5))
    done = replace(handoff, status=Status.COMPLETED, deadlines=())
    pool.keep(replace(pool.managers["mia"], active=False))
    live = [one for one in [done] if one.status in LIVE]
    assert [one.kind for one in leave(account, live, "mia", change(pool)).handoffs] == ["transfer"]
