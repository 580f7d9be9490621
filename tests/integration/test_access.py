"""Who gets in, by link, session, proxy or password, on real servers and with real mail."""

import asyncio
import re
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path

import httpx
import pytest

from shared.contracts.directory import PersonRemoved, Role
from shared.contracts.event import EventData
from tahvil.demo import read_mails
from tests.support.builders import deal, event, manager
from tests.support.system import PASSWORD, System

NOW = datetime.now(UTC)
PROXY = {"X-Tahvil-Proxy-Secret": "s" * 32}


class Front:
    """The door of a running handoff, and browsers before it."""

    def __init__(self, system: System) -> None:
        self.system = system

    @property
    def door(self) -> str:
        return next(one.door for one in self.system.processes if one.name == "handoff")

    async def say(self, *datas: EventData, at: datetime = NOW) -> None:
        await self.system.publish(
            [
                event(data, id=f"{data.type}:{data.subject}:{at.isoformat()}", time=at)
                for data in datas
            ]
        )
        await self.system.settled()

    def browser(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.door, headers={"Accept": "text/html", "Origin": self.door} | headers
        )

    async def mails(self, count: int, seconds: float = 15) -> list[Message]:
        maildir = Path(self.system.servers.smtp.maildir)
        for _ in range(int(seconds * 10)):
            if len(read_mails(maildir)) >= count:
                break
            await asyncio.sleep(0.1)
        mails = read_mails(maildir)
        assert len(mails) == count
        return mails


def parts(mail: Message) -> dict[str, str]:
    found = {}
    for part in mail.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found[part.get_content_type()] = payload.decode()
    return found


def link(mail: Message) -> str:
    (found,) = re.findall(r"http://\S+", parts(mail)["text/plain"])
    assert f'href="{found}"' in parts(mail)["text/html"]
    return str(found)


@pytest.fixture
async def front(system: System) -> Front:
    system.extra["TAHVIL_PROXY_USER_HEADER"] = "X-Forwarded-Email"
    system.extra["TAHVIL_PROXY_SECRET"] = PROXY["X-Tahvil-Proxy-Secret"]
    await system.start("handoff")
    front = Front(system)
    await front.say(
        manager("mia", reports_to="hana"),
        manager("noah", language="fa", name="نوح", reports_to="otto"),
        manager("hana", roles=(Role.HEAD,)),
        manager("otto", roles=(Role.HEAD,)),
        manager("carla", roles=(Role.COMPANY_MANAGER,)),
        manager("sam", roles=(Role.SALESPERSON,)),
        manager("sue", roles=(Role.SALESPERSON,)),
    )
    await front.say(deal(account="acme", closed_at=NOW))
    return front


async def test_signing_in_by_a_link_that_is_good_once(front: Front) -> None:
    async with front.browser() as browser, front.browser() as thief:
        lost = await browser.get("/handoffs?status=assigned")
        assert lost.status_code == 303
        assert lost.headers["location"] == "/login?next=/handoffs%3Fstatus%3Dassigned"
        form = await browser.get(lost.headers["location"])
        assert 'value="/handoffs?status=assigned"' in form.text
        asked = await browser.post(
            "/login", data={"email": "MIA@example.com", "next": "/handoffs?status=assigned"}
        )
        unknown = await browser.post("/login", data={"email": "nobody@example.com"})
        assert (asked.status_code, asked.text) == (unknown.status_code, unknown.text)
        assert asked.status_code == 202
        (mail,) = await front.mails(1)
        assert (mail["To"], mail["Subject"]) == ("mia@example.com", "Sign in to Tahvil")
        path = link(mail).removeprefix(front.door)
        for _ in range(3):  # a scanner of mail opens links: nothing is used up
            shown = await thief.get(path)
            assert f'action="{path}"' in shown.text
        foreign = await thief.post(path, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        signed = await browser.post(path)
        assert (signed.status_code, signed.headers["location"]) == (
            303,
            "/handoffs?status=assigned",
        )
        cookie = signed.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        (handoff,) = (await browser.get(signed.headers["location"])).json()
        assert (handoff["manager_id"], handoff["manager_name"]) == ("mia", "Manager mia")
        again = await thief.post(path)
        assert again.status_code == 410
        assert (await thief.get("/handoffs", headers={"Accept": "*/*"})).status_code == 401


async def sign_in(front: Front, browser: httpx.AsyncClient, person: str, nth: int = 1) -> None:
    await browser.post("/login", data={"email": f"{person}@example.com"})
    mail = (await front.mails(nth))[-1]
    assert (await browser.post(link(mail))).status_code == 303


async def test_a_removed_person_is_out_at_once(front: Front) -> None:
    async with front.browser() as browser:
        await sign_in(front, browser, "mia")
        assert (await browser.get("/accounts/acme")).status_code == 200
        await browser.post("/login", data={"email": "mia@example.com"})
        unused = link((await front.mails(2))[-1])
        await front.say(PersonRemoved(person_id="mia", removed_at=NOW))
        assert (await browser.get("/accounts/acme")).status_code == 303
        assert (await browser.post(unused)).status_code == 410
        await front.say(manager("mia"), at=datetime.now(UTC))
        assert (await browser.get("/accounts/acme")).status_code == 303, "the old session stays out"


async def test_the_mail_is_in_the_persons_language(front: Front) -> None:
    async with front.browser() as browser:
        await browser.post("/login", data={"email": "noah@example.com"})
        (mail,) = await front.mails(1)
        assert "نوح" in parts(mail)["text/plain"]
        assert 'dir="rtl"' in parts(mail)["text/html"]


async def test_signing_out_ends_copies_of_the_cookie(front: Front) -> None:
    async with front.browser() as browser, front.browser() as copy:
        await sign_in(front, browser, "mia")
        copy.cookies.update(browser.cookies)
        assert (await copy.get("/managers")).status_code == 200
        assert (await browser.post("/logout")).status_code == 403, "without the form's token"
        assert (await copy.get("/managers")).status_code == 200


async def test_a_person_acts_in_the_own_name_only(front: Front) -> None:
    async with front.browser(Accept="application/json") as browser:
        await sign_in(front, browser, "mia")
        (handoff,) = (await browser.get("/handoffs")).json()
        path = f"/handoffs/{handoff['id']}"
        assert set(handoff["may"]) >= {"accept", "ask", "return"}
        forged = await browser.post(f"{path}/accept", json={}, headers={"Origin": "https://evil"})
        assert forged.status_code == 403
        other = await browser.post(f"{path}/accept", json={"by": "noah"})
        assert (other.status_code, other.json()["detail"][:3]) == (403, "by:")
        done = await browser.post(f"{path}/accept", json={})
        assert done.json()["status"] == "accepted"
    async with httpx.AsyncClient(base_url=front.door, auth=("ops", PASSWORD)) as machine:
        nobody = await machine.post(f"{path}/steps/kick-off/done", json={})
        assert nobody.status_code == 422
        assert nobody.json()["detail"][0]["loc"] == ["body", "by"]


async def test_the_proxy_names_a_person_and_a_stranger_may_not(front: Front) -> None:
    async with httpx.AsyncClient(base_url=front.door) as client:
        for who, seen in (("mia@example.com", 1), ("mia", 1), ("sue@example.com", 0)):
            found = await client.get("/handoffs", headers={"X-Forwarded-Email": who} | PROXY)
            assert len(found.json()) == seen, who
        for who in ("nobody@example.com", ""):
            lost = await client.get("/handoffs", headers={"X-Forwarded-Email": who} | PROXY)
            assert lost.status_code == 403
        for secret in ({}, {"X-Tahvil-Proxy-Secret": "guessed"}):
            stranger = await client.get("/handoffs", headers={"X-Forwarded-Email": "mia"} | secret)
            assert stranger.status_code == 403
        twice = [("X-Forwarded-Email", "mia"), ("X-Forwarded-Email", "hana"), *PROXY.items()]
        assert (await client.get("/handoffs", headers=twice)).status_code == 403


async def test_the_inbox_shows_what_one_may_see(front: Front) -> None:
    seen = {"mia": 1, "sam": 1, "hana": 1, "carla": 1, "noah": 0, "sue": 0, "otto": 0}
    async with httpx.AsyncClient(base_url=front.door, auth=("ops", PASSWORD)) as ops:
        (handoff,) = (await ops.get("/handoffs")).json()
    for who, count in seen.items():
        headers = {"X-Forwarded-Email": who} | PROXY
        async with httpx.AsyncClient(base_url=front.door, headers=headers) as client:
            assert len((await client.get("/handoffs")).json()) == count, who
            assert len((await client.get("/accounts")).json()["items"]) == count, who
            for path in (f"/handoffs/{handoff['id']}", "/accounts/acme",
                         f"/handoffs/{handoff['id']}/explanation"):  # fmt: skip
                assert (await client.get(path)).status_code == (200 if count else 404), who


async def test_asking_for_links_is_limited(front: Front) -> None:
    async with front.browser(Accept="*/*") as browser:
        answers = [
            await browser.post("/login", data={"email": "nobody@example.com"}) for _ in range(6)
        ]
        assert [one.status_code for one in answers] == [202] * 5 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert (
            await browser.post("/login", data={"email": "other@example.com"})
        ).status_code == 202
        assert (await browser.post("/login", data={"email": "no address"})).status_code == 422
