"""How accounts change hands, one by one."""

from dataclasses import replace
from datetime import timedelta

from services.handoff.assignment import Away, Manager, Pool
from services.handoff.domain import close_deal
from services.handoff.portfolio import Change, Moved, cover, give_back, leave, receive
from services.handoff.states import Account, Handoff, Status
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
