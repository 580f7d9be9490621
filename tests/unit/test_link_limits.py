"""How often links are opened: by one client, and such as are none of ours."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.reminders.config import Settings
from services.reminders.pages.desk import Desk
from services.reminders.pages.gate import Gate
from services.reminders.pages.routes import House, build_router
from shared.pages.rendering import Pages
from tests.support.letters import LINKS
from tests.support.links import gate

WRONG = ("/my/wrong", "/calendar/wrong.ics", "/my/wrong/deadline?id=d")
PROXY = ip_network("10.0.0.0/8")


def client(gate: Gate, peer: str = "10.0.0.1") -> httpx.AsyncClient:
    """Before the pages; what is none of ours is refused before anything is read."""
    nothing: Any = None
    app = FastAPI()
    desk = Desk(Pages("services.reminders.pages"), gate)
    app.include_router(
        build_router(
            House(desk=desk, reading=nothing, commands=nothing, addresses=nothing, links=LINKS)
        )
    )
    transport = httpx.ASGITransport(app, client=(peer, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://tahvil")


@pytest.mark.parametrize("limits", [{"wrong_link": "6 per minute"}, {"any_link": "6 per minute"}])
async def test_who_opens_too_many_waits(limits: Mapping[str, str]) -> None:
    async with client(gate(**limits)) as browser:
        for n in range(6):
            assert (await browser.get(WRONG[n % 3])).status_code == 404
        for language, words in (("en", "Try again in a while."), ("fa", "کمی دیگر")):
            refused = await browser.get(WRONG[0], headers={"Accept-Language": language})
            assert refused.status_code == 429
            assert 0 < int(refused.headers["retry-after"]) <= 61
            assert words in refused.text
            assert refused.headers["referrer-policy"] == "no-referrer"
        assert (await browser.post("/my/wrong/done")).status_code == 429
        assert (await browser.get("/pages/static/tahvil.css")).status_code == 200, "no link"


async def test_clients_behind_our_proxy_are_counted_apart_and_nobody_s_word_is_taken() -> None:
    behind = gate(wrong_link="2 per minute", proxies=(PROXY,))
    async with client(behind) as browser:
        for who in ("1.1.1.1", "2.2.2.2"):
            for expected in (404, 404, 429):
                answer = await browser.get(WRONG[0], headers={"X-Forwarded-For": who})
                assert answer.status_code == expected, who
    async with client(behind, peer="9.9.9.9") as stranger:
        codes = [
            (await stranger.get(WRONG[0], headers={"X-Forwarded-For": f"3.3.3.{n}"})).status_code
            for n in range(3)
        ]
        assert codes == [404, 404, 429]


@pytest.mark.parametrize("name", ["link_rate_client", "link_rate_wrong"])
def test_a_rate_is_one_or_the_service_does_not_start(name: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        Settings.model_validate(
            {"kafka_bootstrap": "k", "mongo_uri": "m", "http_password": "p" * 20,
             "link_key": "k" * 32, "smtp_host": "s", name: "often"}
        )  # fmt: skip
