"""The page of one person's deadlines and its calendar: a running service, real mail."""

import asyncio
import re

import icalendar
import pytest

from tests.support.builders import manager, soon
from tests.support.links import Office, deadline, links_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_many_deadlines_come_page_by_page(office: Office) -> None:
    await office.say(*(deadline(f"many-{n}", "many", days=2 + n // 7) for n in range(120)))
    seen: list[str] = []
    async with office.browser() as browser:
        address: str | None = office.links.page("many", 0)
        while address:
            shown = await browser.get(address)
            assert shown.status_code == 200
            seen += re.findall(r"deadline\?id=([\w-]+)", shown.text)
            following = re.findall(r'rel="next" href="([^"]+)"', shown.text)
            address = following[0].replace("&amp;", "&") if following else None
        beyond = await browser.get(f"{office.links.page('many', 0)}?due=9999-01-01T00:00:00Z")
        assert "There is nothing more" in beyond.text
        for odd in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "yesterday"):
            answer = await browser.get(f"{office.links.page('many', 0)}?due={odd}")
            assert answer.status_code == 404, odd
    assert len(seen) == 120
    assert set(seen) == {f"many-{n}" for n in range(120)}


async def test_the_page_shows_what_is_late_due_and_put_off(office: Office) -> None:
    await office.say(manager("ada", name="Ada Byron"))
    for name, due in (
        ("late", {"minutes": -5}),
        ("due", {"hours": 5}),
        ("quiet-one", {"hours": 6}),
    ):
        await office.say(deadline(f"ada-{name}", "ada", **due))
    page = office.links.page("ada", 0)
    async with office.browser() as browser:
        form = {"id": "ada-quiet-one", "until": soon(hours=1).isoformat()}
        acted = await browser.post(f"{page}/snooze", data=form)
        shown = await browser.get(acted.headers["location"])
        assert "It is put off" in shown.text
        groups = re.split(r'<section aria-labelledby="', shown.text)[1:]
        found = {one.partition('"')[0]: re.findall(r"\?id=([\w-]+)", one) for one in groups}
        assert found == {"late": ["ada-late"], "open": ["ada-due"], "quiet": ["ada-quiet-one"]}
        await browser.post(f"{page}/done", data={"id": "ada-late"})
        assert "ada-late" not in (await browser.get(page)).text


async def test_the_calendar(office: Office) -> None:
    nasty = "Call, then;\r\nBEGIN:VALARM \\ تماس"
    await office.say(manager("cal", name="Cal Endar"))
    await office.say(
        deadline("cal-1", "cal", days=1, titles={"en": "Call, then; \\ تماس" * 8}),
        deadline("cal-late", "cal", minutes=-5),
        deadline("cal-done", "cal", days=1),
    )
    await office.database["deadlines"].update_one(
        {"_id": "cal-1"}, {"$set": {"account_name": nasty}}
    )
    page, address = office.links.page("cal", 0), office.links.calendar("cal", 0)
    async with office.browser() as browser:
        assert address in (await browser.get(page)).text
        await browser.post(f"{page}/done", data={"id": "cal-done"})
        answer = await browser.get(address)
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
        read = icalendar.Calendar.from_ical(answer.content)
        (first, late) = sorted(read.events, key=lambda one: str(one["summary"]))
        case = await office.case("cal-1")
        assert first.start == case["due_at"].replace(microsecond=0)
        assert b"DTSTART:" + f"{case['due_at']:%Y%m%dT%H%M%SZ}".encode() in answer.content
        assert str(first["summary"]) == "Call, then; \\ تماس" * 8
        assert str(late["summary"]) == "Late: Step cal-late"
        assert "VALARM" not in [one.name for one in read.walk()]
        again = await browser.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        await browser.post(f"{page}/done", data={"id": "cal-late"})
        changed = await browser.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert changed.status_code == 200
        (left,) = icalendar.Calendar.from_ical(changed.content).events
        assert left["uid"] == first["uid"]
        await office.say(deadline("cal-1", "cal", days=3))
        (moved,) = icalendar.Calendar.from_ical((await browser.get(address)).content).events
        assert moved["uid"] == first["uid"]
        assert moved["sequence"] > first["sequence"]
        assert moved["last-modified"].dt > first["last-modified"].dt
        assert moved.start > first.start


async def test_a_closed_address_opens_no_more_and_a_new_one_comes_by_mail(office: Office) -> None:
    await office.say(manager("zoe", name="Zoe Zadeh"))
    link = await office.act_link("zoe-1", "zoe")
    page, calendar = office.links.page("zoe", 0), office.links.calendar("zoe", 0)
    async with office.browser() as browser:
        both = await asyncio.gather(*(browser.post(f"{page}/close") for _ in range(2)))
        assert sorted(one.status_code for one in both) == [200, 410]
        for closed in (page, calendar, link, f"{page}/deadline?id=zoe-1"):
            assert (await browser.get(closed)).status_code == 410, closed
        assert (await browser.post(f"{page}/done", data={"id": "zoe-1"})).status_code == 410
        assert (await browser.post(f"{link}/done")).status_code == 410
        mail = await office.mail("zoe", "new address")
        (new,) = {one for one in links_of(mail) if "/my/" in one}
        assert new == office.links.page("zoe", 1) != page
        shown = await browser.get(new)
        assert "Step zoe-1" in shown.text
        assert (await browser.get(office.links.calendar("zoe", 1))).status_code == 200
    assert (await office.case("zoe-1"))["status"] == "missed"
