"""The dashboard in a real browser, against the running services."""

import re
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from shared.contracts.accounts import DisputeOpened
from tests.browser.test_pages import sound
from tests.browser.visitor import PHONE, WIDE, Visitor, link, sign_in
from tests.browser.year import year
from tests.support.builders import event
from tests.support.system import System, running_system

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = {
    "overview": "/pages",
    "team": "/pages/team",
    "accounts": "/pages/accounts",
    "account": "/pages/account?id=hana-0",
    "deadlines": "/pages/deadlines?period=all",
    "disputes": "/pages/disputes?period=all",
    "targets": "/pages/targets",
    "empty": "/pages?period=1999",
    "nothing": "/pages/nothing",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reported() -> AsyncIterator[System]:
    with tempfile.TemporaryDirectory() as folder:
        async with running_system(Path(folder)) as system:
            for rate in ("ADDRESS", "CLIENT"):
                system.extra[f"TAHVIL_LOGIN_RATE_{rate}"] = "500 per 15 minutes"
            await system.start("handoff", "reporting")
            await system.publish(year())
            await system.settled()
            yield system


def reporting(system: System) -> str:
    return next(one.door for one in system.processes if one.name == "reporting")


_STANDS = """() => {
    const place = document.querySelector("[data-chart=disputes]");
    const drawn = echarts.getInstanceByDom(place).getOption();
    const told = JSON.parse(document.querySelector("[data-of=disputes]").textContent).series;
    return {
        told: told.map((one) => one.name),
        bars: drawn.series.map((one) => one.name),
        legend: drawn.legend[0].data.map((one) => one.name ?? one),
    };
}"""


async def reader(system: System, browser: Browser, person: str) -> Visitor:
    """Somebody who came from handoff's pages."""
    visitor = await sign_in(system, browser, person)
    await visitor.page.locator('nav a[href="/reports"]').click()
    await visitor.page.wait_for_url(f"{reporting(system)}/pages")
    visitor.door = reporting(system)
    return visitor


async def drawn(visitor: Visitor) -> None:
    """Every chart is there; the script draws it after the page."""
    places = visitor.page.locator("[data-chart]")
    for number in range(await places.count()):
        await expect(places.nth(number).locator("canvas")).to_be_visible()


@pytest.mark.parametrize("person", ["carla", "kaveh"])
async def test_every_report_looks_right(
    reported: System, browser: Browser, person: str, tmp_path: Path
) -> None:
    visitor = await reader(reported, browser, person)
    direction = await visitor.page.get_attribute("html", "dir")
    assert direction == ("rtl" if person == "kaveh" else "ltr"), "as the directory says"
    for name, path in PAGES.items():
        for scheme in ("light", "dark"):
            await visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for size in (WIDE, PHONE):
                await visitor.page.set_viewport_size(size)  # type: ignore[arg-type]
                await visitor.go(path)
                await drawn(visitor)
                seen = f"{person}-{name}-{scheme}-{size['width']}"
                await sound(visitor, seen)
                picture = tmp_path / f"{seen}.png"
                await visitor.page.screenshot(path=picture, full_page=True)
                assert picture.stat().st_size > 10_000
    if person == "kaveh":
        await visitor.go("/pages")
        assert re.search("[۰-۹]", await visitor.text(".tiles"))
        assert not re.search("[0-9]", await visitor.text(".tiles"))
        assert "فروردین ۱۴" in (await visitor.page.text_content("#board") or "")
    await visitor.context.close()


async def test_filters_are_in_the_address_and_lead_deeper(
    reported: System, browser: Browser
) -> None:
    visitor = await reader(reported, browser, "carla")
    page = visitor.page
    await page.locator("#manager").focus()
    await page.keyboard.type("Mia")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**manager=mia**")
    await page.get_by_role("link", name="Accounts").last.click()
    await page.wait_for_url("**/pages/accounts?**manager=mia")
    assert await page.locator("tbody tr").count() == 4
    await page.get_by_role("link", name="Acme Rockets").click()
    assert "Mia Manager" in await visitor.text(".facts")
    await page.go_back()
    await page.get_by_label("Name begins with").fill("acm")
    await page.get_by_role("button", name="Show").click()
    await page.wait_for_url("**search=acm**")
    assert await page.locator("tbody tr").count() == 1
    await page.get_by_label("Name begins with").fill("nobody")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".empty")).to_contain_text("take the filters away")
    await visitor.context.close()


async def test_a_click_on_a_bar_leads_to_its_month(reported: System, browser: Browser) -> None:
    visitor = await reader(reported, browser, "carla")
    await drawn(visitor)
    place = visitor.page.locator("[data-chart=won]")
    box = await place.bounding_box()
    assert box
    for part in range(8, 92, 4):
        await place.click(position={"x": box["width"] * part / 100, "y": box["height"] - 40})
        if "period=" in visitor.page.url:
            break
    assert re.search(r"period=\d{4}-\d\d", visitor.page.url)
    await visitor.context.close()


@pytest.mark.parametrize("person", ["carla", "kaveh"])
async def test_bars_and_legends_stand_as_they_are_read(
    reported: System, browser: Browser, person: str
) -> None:
    visitor = await reader(reported, browser, person)
    await visitor.go("/pages/disputes?period=all")
    await drawn(visitor)
    found = await visitor.page.evaluate(_STANDS)
    assert len(found["told"]) == 2
    stands = found["told"][:: -1 if person == "kaveh" else 1]
    assert found["bars"] == found["legend"] == stands, "from left to right"
    await visitor.context.close()


async def test_everything_is_there_without_a_script(reported: System, browser: Browser) -> None:
    visitor = await reader(reported, browser, "carla")
    plain = await browser.new_context(
        java_script_enabled=False,
        storage_state=await visitor.context.storage_state(),
        extra_http_headers={"Accept-Language": "en"},
    )
    page = await plain.new_page()
    await page.goto(f"{visitor.door}/pages")
    tables = page.locator(".chart table")
    assert await tables.count() >= 5
    await expect(tables.first).to_be_visible()
    await expect(page.locator("[data-chart]").first).to_be_hidden()
    await plain.close()
    await visitor.context.close()


async def test_the_look_can_be_chosen(reported: System, browser: Browser) -> None:
    visitor = await reader(reported, browser, "carla")
    page = visitor.page
    await page.emulate_media(color_scheme="light")

    async def ground() -> str:
        return str(
            await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        )

    light = await ground()
    await page.get_by_role("button", name="Dark").click()
    await expect(page.locator("html")).to_have_attribute("data-look", "dark")
    assert await ground() != light
    await sound(visitor, "dark by choice")
    await page.get_by_role("button", name="As the system has it").click()
    await expect(page.locator("html")).not_to_have_attribute("data-look", "dark")
    assert await ground() == light
    await page.get_by_role("button", name="فارسی").click()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await visitor.context.close()


async def test_what_is_new_comes_by_itself(reported: System, browser: Browser) -> None:
    visitor = await reader(reported, browser, "carla")
    await visitor.go("/pages/disputes")
    await drawn(visitor)
    value = visitor.page.locator(".tile .value").first
    before = int(await value.inner_text())
    now = datetime.now(UTC)
    dispute = DisputeOpened(
        account_id="hana-0", dispute_id="x-new", opened_at=now, severity="low", title="New"
    )
    await reported.publish([event(dispute, id="x-new", time=now)])
    await expect(value).to_have_text(str(before + 1), timeout=30_000)
    await expect(visitor.page.locator(".live")).to_contain_text("As of")
    await drawn(visitor)
    await sound(visitor, "renewed")
    await visitor.context.close()


async def test_whoever_is_not_signed_in_is_led_there_and_back(
    reported: System, browser: Browser
) -> None:
    context = await browser.new_context()
    visitor = Visitor(reported, context, await context.new_page(), "mia")
    maildir = Path(reported.servers.smtp.maildir)
    wanted = f"{reporting(reported)}/pages/team?period=all"
    await visitor.page.goto(wanted)
    assert visitor.page.url.startswith(f"{visitor.door}/login")
    before = len(list((maildir / "new").iterdir())) if (maildir / "new").exists() else 0
    await visitor.submit("/login", {"email": "mia@example.com"})
    await visitor.page.goto(await link(maildir, min(before, 0), "mia@example.com"))
    await visitor.page.locator("main form button").click()
    await visitor.page.wait_for_url(wanted)
    rows = visitor.page.locator("section.block tbody tr")
    assert await rows.count() == 1, "only herself"
    await context.close()
