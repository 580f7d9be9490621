"""What links in messages open, in a real browser: in both languages, by keyboard, on a phone."""

import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from shared.contracts.directory import Role
from tests.browser.visitor import PHONE, WIDE, Visitor, sound
from tests.support.builders import manager
from tests.support.links import KEY, Office, deadline, links_of
from tests.support.system import running_system

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<script>document.title='!'</script>"
TITLES = {
    "call": ("Call the customer and introduce yourself", "تماس با مشتری و معرفی خود"),
    "visit": ("Visit the new warehouse in Isfahan", "بازدید از انبار تازهٔ اصفهان"),
    "offer": ("Send the offer for the second order", "فرستادن پیشنهاد سفارش دوم (GTX Pro)"),
    "hostile": (HOSTILE, HOSTILE),
}
DUE = {"call": -1500.0, "visit": 90.0, "offer": 2000.0, "hostile": 9000.0}
"""Minutes from now."""
ELSEWHERE = "https://handoff.example.com/pages/handoffs/h-1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office() -> AsyncIterator[Office]:
    with tempfile.TemporaryDirectory() as folder:
        async with running_system(Path(folder)) as system:
            system.extra["TAHVIL_LINK_KEY"] = KEY
            await system.start("reminders")
            office = Office(system)
            tehran = {"time_zone": "Asia/Tehran", "language": "fa"}
            await office.say(
                manager("hana", name="Hana Head", roles=(Role.HEAD,)),
                manager("mia", name="Mia Rahimi", reports_to="hana"),
                manager("noah", name="Noah Miller", reports_to="hana"),
                manager("sara", name="سارا مرادی", reports_to="hamid", **tehran),
                manager("omid", name="امید کریمی", reports_to="hamid", **tehran),
                manager("hamid", name="حمید سرمدی", roles=(Role.HEAD,), **tehran),
            )
            for who in ("mia", "sara"):
                await office.say(
                    *(
                        deadline(
                            f"{who}-{name}",
                            who,
                            titles={"en": english, "fa": persian},
                            minutes=DUE[name],
                            done_only_on=ELSEWHERE if name == "offer" else None,
                        )
                        for name, (english, persian) in TITLES.items()
                    )
                )
            yield office


async def visit(office: Office, browser: Browser, person: str) -> Visitor:
    context = await browser.new_context(locale="en-GB", viewport=WIDE)  # type: ignore[arg-type]
    page = await context.new_page()
    return Visitor(office.system, context, page, person, "reminders")


async def mailed(office: Office, person: str) -> Sequence[str]:
    """The paths that the message about the late call leads to."""
    mail = await office.mail(person, TITLES["call"][person == "sara"])
    return [one.removeprefix(office.door) for one in links_of(mail) if one.startswith(office.door)]


@pytest.mark.parametrize("person", ["mia", "sara"])
async def test_every_page_looks_right(
    office: Office, browser: Browser, person: str, tmp_path: Path
) -> None:
    visitor = await visit(office, browser, person)
    paths = await mailed(office, person)
    act = next(one for one in paths if "/act/" in one).partition("?")[0]
    mine = next(one for one in paths if "/my/" in one)
    pages = {
        "act": act,
        "put-off": f"{act}?do=snooze",
        "mine": mine,
        "mine-one": f"{mine}/deadline?id={person}-hostile",
        "elsewhere": f"{mine}/deadline?id={person}-offer",
        "beyond": f"{mine}?due=9999-01-01T00:00:00Z",
        "forged": f"{act}x",
    }
    for name, path in pages.items():
        for scheme in ("light", "dark"):
            await visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for size in (WIDE, PHONE):
                await visitor.page.set_viewport_size(size)  # type: ignore[arg-type]
                await visitor.go(path)
                seen = f"{person}-{name}-{scheme}-{size['width']}"
                if name == "elsewhere":
                    away = visitor.page.locator(f'main a[href="{ELSEWHERE}"]')
                    await expect(away).to_be_visible()
                    assert await visitor.page.locator('form[action$="/done"]').count() == 0
                if name != "forged":  # whose link that is nobody knows: as the browser reads
                    spoken = await visitor.page.get_attribute("html", "lang")
                    assert spoken == ("fa" if person == "sara" else "en")
                for folded in await visitor.page.locator("details").all():
                    await folded.evaluate("one => one.open = true")
                await sound(visitor, seen)
                picture = tmp_path / f"{seen}.png"
                await visitor.page.screenshot(path=picture, full_page=True)
                assert picture.stat().st_size > 10_000
                assert await visitor.page.title() != "!"
    await visitor.context.close()


async def test_from_the_mail_to_the_list_by_keyboard(office: Office, browser: Browser) -> None:
    mia = await visit(office, browser, "mia")
    link = next(one for one in await mailed(office, "mia") if "do=acknowledge" in one)
    await mia.go(link)
    await press(mia, "I have it in hand")
    await mia.page.wait_for_url("**said=acknowledge")
    assert "You have it in hand" in await mia.text("[role=status]")
    assert "Mia Rahimi, until" in await mia.text(".facts")
    await mia.page.get_by_role("link", name="All my deadlines").click()
    quiet = mia.page.get_by_role("region", name="In hand or put off")
    await expect(quiet.get_by_role("link", name=TITLES["call"][0])).to_be_visible()
    due = mia.page.get_by_role("region", name="To come").get_by_role("listitem")
    visiting = due.filter(has_text="Isfahan").get_by_role("button", name="It is done")
    await expect(visiting).to_have_accessible_description(TITLES["visit"][0])
    await visiting.click()
    await mia.page.wait_for_url("**said=done")
    await expect(mia.page.get_by_role("listitem").filter(has_text="Isfahan")).to_have_count(0)
    await sound(mia, "after acting")
    await mia.context.close()


async def test_put_off_and_handed_on_in_persian(office: Office, browser: Browser) -> None:
    sara = await visit(office, browser, "sara")
    paths = await mailed(office, "sara")
    await sara.go(next(one for one in paths if "do=snooze" in one))
    days = await sara.page.locator("#day option").all_inner_texts()
    assert len(days) == 8
    assert all(re.fullmatch(r"[آ-ی‌]+ [۰-۹]+ [آ-ی]+ ۱۴[۰-۹]{2}", one.strip()) for one in days)
    await sara.page.locator("#day").select_option(index=1)
    await sara.page.locator("#time").fill("۹:۹۹")
    own = sara.page.locator("form", has=sara.page.locator("#day"))
    await own.get_by_role("button").click()
    assert (await sara.text("[role=alert]")).startswith("ساعت: ")
    assert await sara.page.locator("#time").input_value() == "۹:۹۹", "what was typed is still there"
    await sara.page.locator("#time").fill("۱۴:۳۰")
    await own.get_by_role("button").click()
    await sara.page.wait_for_url("**said=snooze")
    assert "۱۴:۳۰" in await sara.text(".facts")
    await sara.go(next(one for one in paths if "do=hand-on" in one))
    await sara.page.locator("#to").select_option(label="امید کریمی")
    await sara.page.locator("form", has=sara.page.locator("#to")).get_by_role("button").click()
    await sara.page.wait_for_url("**said=hand-on")
    assert "امید کریمی" in await sara.text(".facts")
    assert (await office.case("sara-call"))["owner_id"] == "omid"
    await sound(sara, "handed on")
    await sara.context.close()


async def press(visitor: Visitor, button: str) -> None:
    """Nothing but Tab and Enter, from the top of the page."""
    page = visitor.page
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    for _ in range(30):
        await page.keyboard.press("Tab")
        name = await page.evaluate("document.activeElement.textContent.trim()")
        if name == button:
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", "the focus can be seen"
            await page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab never comes to {button!r}")
