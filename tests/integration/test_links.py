"""Acting from a message, the page of one person and the calendar: a running service, real mail."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.reminders.pages.desk import Desk
from services.reminders.pages.routes import build_router
from shared.contracts.deadlines import DeadlineMet
from shared.contracts.reminders import ReminderAcknowledged
from shared.contracts.topics import Topic
from shared.pages.rendering import Pages
from tahvil.reading import events
from tests.integration.test_rights import paths
from tests.support.builders import manager, soon
from tests.support.links import Office, deadline, gate, links_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_mail_scanner_that_opens_every_link_changes_nothing(office: Office) -> None:
    await office.act_link("scanned")
    links = sorted(set(links_of(await office.mail("mia", "Step scanned"))))
    assert len([one for one in links if "/act/" in one]) == 4
    assert len([one for one in links if "/my/" in one]) == 1
    await office.system.settled()
    before = await office.everything()
    async with office.browser() as scanner:
        opened, seen = list(links), set[str]()
        while opened:
            link = opened.pop()
            seen.add(link)
            for _ in range(2):
                shown = await scanner.get(link)
                head = await scanner.head(link)
                assert (shown.status_code, head.status_code) == (200, 200), link
                assert head.content == b""
            found = re.findall(r'(?:href|value)="(/[^"]+|http[^"]+)"', shown.text)
            paths = {str(shown.url.join(one.replace("&amp;", "&"))) for one in found}
            opened += sorted(paths - seen - set(opened))
    assert len(seen) > len(links)
    assert await office.everything() == before


async def test_acknowledged_from_a_real_mail(office: Office) -> None:
    link = await office.act_link("mailed")
    async with office.browser() as browser:
        shown = await browser.get(f"{link}?do=acknowledge")
        assert "Step mailed" in shown.text
        assert "Mia Rahimi" in shown.text
        (action,) = re.findall(r'action="([^"]+/acknowledge)"', shown.text)
        acted = await browser.post(action)
        assert acted.status_code == 303
        after = await browser.get(acted.headers["location"])
        assert "You have it in hand" in after.text
        again = await browser.post(action)
        assert "It was so already" in (await browser.get(again.headers["location"])).text
    case = await office.case("mailed")
    (quiet,) = case["quiet"]
    assert (quiet["by"], case["status"]) == ("mia", "missed")
    await office.system.settled()
    said = [one.data for one in await events(office.system.kafka, Topic.REMINDERS)]
    (heard,) = [one for one in said if isinstance(one, ReminderAcknowledged)]
    reminder = await office.database["reminders"].find_one({"deadline_id": "mailed"})
    assert reminder is not None
    assert (heard.channel, heard.reminder_id) == ("link", reminder["_id"])


async def test_done_twice_is_done_once(office: Office) -> None:
    link = await office.act_link("twice")
    async with office.browser() as browser:
        both = await asyncio.gather(*(browser.post(f"{link}/done") for _ in range(4)))
        assert {one.status_code for one in both} == {303}
        shown = await browser.get(link)
        assert "There is nothing to do here" in shown.text
        assert "<form" not in shown.text.partition("<main")[2]
        late = await browser.post(f"{link}/acknowledge")
        assert late.status_code == 409
        assert "it is done" in late.text
    await office.system.settled()
    met = [
        one.data
        for one in await events(office.system.kafka, Topic.DEADLINES)
        if isinstance(one.data, DeadlineMet) and one.data.deadline_id == "twice"
    ]
    assert len(met) == 1


async def test_what_is_done_on_a_page_of_its_own_is_not_done_here(office: Office) -> None:
    page = "https://handoff.example.com/pages/handoffs/h%2F1"
    link = await office.act_link("decide", "noah", done_only_on=page)
    mail = await office.mail("noah", "Step decide")
    links = links_of(mail)
    assert links.count(page) == 2, "in the text and in the HTML"
    assert not [one for one in links if "do=done" in one]
    assert len([one for one in links if "/act/" in one]) == 6
    mine = next(one for one in links if "/my/" in one)
    async with office.browser() as browser:
        for path in (f"{link}?do=done", f"{mine}/deadline?id=decide", mine):
            shown = (await browser.get(path)).text
            assert f'href="{page}"' in shown
            assert 'value="decide"' in shown or path.startswith(link)
        assert "/done" not in (await browser.get(link)).text, "an older link does not offer it"
        for path, told in ((f"{link}/done", {}), (f"{mine}/done", {"id": "decide"})):
            refused = await browser.post(path, data=told)
            assert refused.status_code == 409
            assert "it is not done by saying so here" in refused.text
            assert f'href="{page}"' in refused.text
        assert (await browser.post(f"{link}/acknowledge")).status_code == 303
    assert (await office.case("decide"))["status"] == "missed"
    said = [one.data for one in await events(office.system.kafka, Topic.DEADLINES)]
    assert not [m for m in said if isinstance(m, DeadlineMet) and m.deadline_id == "decide"]


async def test_put_off_to_a_time_offered_and_to_one_s_own(office: Office) -> None:
    link = await office.act_link("later")
    async with office.browser() as browser:
        shown = await browser.get(f"{link}?do=snooze")
        offered = re.findall(r'name="until" value="([^"]+)"', shown.text)
        assert len(offered) >= 3
        for _ in range(2):
            assert (
                await browser.post(f"{link}/snooze", data={"until": offered[0]})
            ).status_code == 303
        (quiet,) = (await office.case("later"))["quiet"]
        assert quiet["until"] == datetime.fromisoformat(offered[0])
        days = re.findall(r'<option value="(\d{4}-\d\d-\d\d)"', shown.text)
        own = {"day": days[2], "time": "۱۴:۳۰"}
        assert (await browser.post(f"{link}/snooze", data=own)).status_code == 303
        until = (await office.case("later"))["quiet"][-1]["until"]
        assert until.isoformat().startswith(f"{days[2]}T14:30")
        far = (soon(days=30)).isoformat()
        for typed, why in (
            ({"until": LONG_AGO.isoformat()}, "a time to come"),
            ({"until": far}, "no further than"),
            ({"until": "2026-01-01"}, "that is no time"),
            ({"until": "now"}, "that is no time"),
            ({"until": "0001-01-01T00:00:00+14:00"}, "a time to come"),
            ({"until": "9999-12-31T23:59:59-14:00"}, "no further than"),
            ({"day": days[0], "time": "25:00"}, "time: write hours and minutes"),
            ({"day": "2026-02-30", "time": "09:00"}, "day: no calendar has"),
            ({"day": "9999-12-31", "time": "23:59"}, "no further than"),
            ({"day": "0001-01-01", "time": "00:00"}, "a time to come"),
            ({}, "day: write year"),
        ):
            refused = await browser.post(f"{link}/snooze", data=typed)
            assert refused.status_code == 409, typed
            assert why in refused.text, typed
    assert len((await office.case("later"))["quiet"]) == 2


async def test_handed_on_to_somebody_named(office: Office) -> None:
    link = await office.act_link("handed")
    async with office.browser() as browser:
        shown = await browser.get(f"{link}?do=hand-on")
        assert re.findall(r'<option value="(\w+)">[^<]+</option>', shown.text) == ["hana", "noah"]
        for typed, why in (
            ({"other": "nobody@example.com"}, "has nobody"),
            ({"to": "", "other": ""}, "choose somebody"),
            ({"to": "stranger"}, "is not in the directory"),
            ({"other": "gone@example.com"}, "has nobody"),
        ):
            refused = await browser.post(f"{link}/hand-on", data=typed)
            assert (refused.status_code, why in refused.text) == (409, True), typed
        assert (await office.case("handed"))["owner_id"] == "mia"
        handed = await browser.post(f"{link}/hand-on", data={"other": "REZA@example.com"})
        assert handed.status_code == 303
        assert (await office.case("handed"))["owner_id"] == "reza"
        after = await browser.get(handed.headers["location"])
        assert "It is handed on" in after.text
        assert "رضا کاظمی" in after.text


async def test_a_page_in_persian_for_who_reads_persian(office: Office) -> None:
    link = await office.act_link("fa", "reza")
    async with office.browser(**{"Accept-Language": "en"}) as browser:
        shown = await browser.get(link)
        assert '<html lang="fa" dir="rtl">' in shown.text
        text = re.sub(r"<[^>]+>", " ", shown.text)
        assert not re.search(r"[0-9]", text.replace("09:30", "")), "Persian digits, Jalali days"
        refused = await browser.post(f"{link}/snooze", data={"until": LONG_AGO.isoformat()})
        assert "فقط به زمانی در آینده" in refused.text


async def test_links_that_do_not_count_say_why(office: Office) -> None:
    link = await office.act_link("guarded")
    await office.say(deadline("foreign", "noah", minutes=-5))
    await office.mail("noah", "Step foreign")
    reminder = await office.database["reminders"].find_one({"deadline_id": "guarded"})
    assert reminder is not None
    identity, token = reminder["_id"], link.rpartition("/")[2]
    links = office.links
    lost = {"_id": "lost", "recipient_id": "mia", "kind": "due", "title": "x", "state": "sent"}
    await office.database["reminders"].insert_many(
        [
            lost | {"deadline_id": "no-such-deadline"},
            lost | {"_id": "left", "recipient_id": "gone", "deadline_id": "guarded"},
            lost | {"_id": "theirs", "deadline_id": "foreign"},
            lost | {"_id": "news", "deadline_id": None},
        ]
    )
    now = soon()
    bad = {
        links.act(identity, 0, now - timedelta(days=30)): (410, "too old"),
        links.act(identity, 1, now): (410, "was closed"),
        links.act("unknown", 0, now): (404, "no such deadline"),
        links.act("lost", 0, now): (404, "no such deadline"),
        links.act("news", 0, now): (404, "no such deadline"),
        links.act("left", 0, now): (403, "nobody's any more"),
        links.act("theirs", 0, now): (403, "somebody else"),
        f"{link[:-1]}{'A' if link[-1] != 'A' else 'B'}x": (404, "none of ours"),
        f"{office.door}/act/{links.page('mia', 0).rpartition('/')[2]}": (404, "none of ours"),
        f"{office.door}/my/{token}": (404, "none of ours"),
        f"{office.door}/act/nonsense": (404, "none of ours"),
    }
    before = await office.everything()
    async with office.browser() as browser:
        for one, (code, why) in bad.items():
            for answer in (await browser.get(one), await browser.post(f"{one}/done")):
                assert (answer.status_code, why in answer.text) == (code, True), (one, answer.text)
                assert "Step " not in answer.text.partition("<main")[2]
        for n in range(len(token) - 1):  # the last letter of base64 holds bits that mean nothing
            changed = f"{token[:n]}{'-' if token[n] != '-' else '_'}{token[n + 1 :]}"
            assert (await browser.post(f"/act/{changed}/done")).status_code == 404, changed
        for path in ("/act/", "/act", "/my", "/my/", "/calendar/.ics", "/calendar/x.ics"):
            assert (await browser.get(path)).status_code == 404, path
    assert await office.everything() == before


SAFE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
}


async def test_pages_are_shown_to_nobody_else_and_their_addresses_are_in_no_log(
    office: Office,
) -> None:
    link = await office.act_link("quiet")
    page = office.links.page("mia", 0)
    async with office.browser() as browser:
        for one in (link, page, f"{page}/deadline?id=quiet", f"{office.door}/my/nothing"):
            answer = await browser.get(one)
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert {name: answer.headers[name] for name in SAFE} == SAFE
            assert "http" not in re.sub(
                re.escape(office.door),
                "",
                "".join(re.findall(r'(?:src|href)="[^"]*"', answer.text)),
            ), "nothing from elsewhere"
        await browser.post(f"{link}/acknowledge")
        broken = await browser.get(f"{page}?due=nonsense")
        assert broken.status_code == 404
    log = next(p for p in office.system.processes if p.name == "reminders").log.read_text()
    for secret in (link, page):
        assert secret.rpartition("/")[2] not in log
    assert "mia@example.com" not in log


async def test_what_reached_nobody_can_be_acted_on_by_the_head(office: Office) -> None:
    await office.say(manager("nomail", name="No Mail", email=None, reports_to="hana"))
    await office.say(deadline("unheard", "nomail", minutes=-5))
    mail = await office.mail("hana", "Not delivered: Step unheard")
    link = next(one for one in links_of(mail) if "/act/" in one).partition("?")[0]
    async with office.browser() as browser:
        assert (await browser.get(link)).status_code == 200
        assert (await browser.post(f"{link}/hand-on", data={"to": "noah"})).status_code == 303
    assert (await office.case("unheard"))["owner_id"] == "noah"


async def test_no_route_is_without_a_test_below() -> None:
    house: Any = SimpleNamespace(desk=Desk(Pages("services.reminders.pages"), gate()))
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(build_router(house))
    routes = {tuple(one.split()) for one in paths(app)}
    assert routes == {
        ("GET", "/act/{token}"),
        ("POST", "/act/{token}/{what}"),
        ("GET", "/my/{token}"),
        ("GET", "/my/{token}/deadline"),
        ("POST", "/my/{token}/close"),
        ("POST", "/my/{token}/{what}"),
        ("GET", "/calendar/{token}.ics"),
        ("GET", "/pages/static/{name}"),
    }


async def test_every_route_without_a_secret_with_a_wrong_one_and_with_another_s(
    office: Office,
) -> None:
    await office.say(deadline("hers", "mia", days=2), deadline("his", "noah", days=2))
    mia, other = office.links.page("mia", 0), office.links.page("noah", 0)
    hers = office.links.calendar("mia", 0)
    act = await office.act_link("routed")
    routes = {
        ("POST", f"{mia}/close"): None,  # what it does has a test of its own
        ("GET", mia): 200,
        ("GET", f"{mia}/deadline?id=hers"): 200,
        ("POST", f"{mia}/acknowledge"): 303,
        ("GET", act): 200,
        ("POST", f"{act}/acknowledge"): 303,
        ("GET", hers): 200,
    }
    async with office.browser() as browser:
        for (method, address), code in routes.items():
            kind, _, rest = address.removeprefix(f"{office.door}/").partition("/")
            token = re.split(r"[/?.]ics|[/?]", rest)[0]
            form = {"id": "hers"} if method == "POST" else None
            if code:
                answer = await browser.request(method, address, data=form)
                assert answer.status_code == code, address
            for wrong in ("", "wrong", token[::-1], token.swapcase()):
                url = address.replace(token, wrong)
                answer = await browser.request(method, url, data=form)
                assert answer.status_code in (404, 405), (method, url)
            for instead in {"act", "my", "calendar"} - {kind}:
                url = address.replace(f"/{kind}/", f"/{instead}/")
                answer = await browser.request(method, url, data=form)
                assert answer.status_code in (404, 405), (method, url)
        stranger = await browser.get(f"{other}/deadline?id=hers")
        unknown = await browser.get(f"{other}/deadline?id=no-such")
        assert (stranger.status_code, stranger.text) == (404, unknown.text), "it tells nothing"
        before = await office.case("hers")
        for what in ("done", "acknowledge", "snooze", "hand-on"):
            typed = {"id": "hers", "to": "noah", "until": soon(hours=1).isoformat()}
            assert (await browser.post(f"{other}/{what}", data=typed)).status_code == 404
        assert await office.case("hers") == before
        assert "Step hers" not in (await browser.get(other)).text
        assert (await browser.post(f"{mia}/dance", data={"id": "hers"})).status_code == 404
        assert (await browser.post(f"{act}/dance")).status_code == 404


async def test_mongodb_away_is_said_and_nothing_is_lost(office: Office) -> None:
    link = await office.act_link("away")
    mongo = office.system.servers.mongo
    async with office.browser() as browser:
        browser.timeout = httpx.Timeout(60)
        await mongo.stop()
        answer = await browser.post(f"{link}/done")
        assert answer.status_code == 503
        assert "Nothing was lost" in answer.text
        await mongo.start()
        for _ in range(60):
            if (await browser.post(f"{link}/done")).status_code == 303:
                break
            await asyncio.sleep(0.5)
    assert (await office.case("away"))["status"] == "met"
