"""The pages in a real browser, against the running service: what people do, see and hear."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.scene import HOSTILE
from tests.browser.visitor import PHONE, WIDE, Visitor, sign_in, sound
from tests.support.builders import event, manager
from tests.support.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def pages_of(visitor: Visitor, prefix: str) -> Mapping[str, str]:
    if visitor.person in ("mia", "sara"):
        return {
            "inbox": "/pages",
            "to-accept": await visitor.path(f"{prefix}late"),
            "accepted": await visitor.path(f"{prefix}accept"),
            "account": f"/pages/account?id={prefix}accept",
            "portfolio": "/pages/portfolio?order=satisfaction&down=yes",
            "nothing": "/pages/handoffs/nothing",
        }
    if visitor.person in ("sam", "reza"):
        return {
            "inbox": "/pages",
            "asked": await visitor.path(f"{prefix}ask"),
            "account": f"/pages/account?id={prefix}accept",
            "portfolio": "/pages/portfolio",
        }
    return {
        "inbox": "/pages",
        "team": "/pages/portfolio?manager=mia",
        "to-give-away": await visitor.path(f"{prefix}accept"),
    }


@pytest.mark.parametrize("person", ["mia", "sam", "hana", "sara", "reza", "hamid"])
async def test_every_page_looks_right(
    company: System, browser: Browser, person: str, tmp_path: Path
) -> None:
    persian = person in ("sara", "reza", "hamid")
    visitor = await sign_in(company, browser, person)
    direction = await visitor.page.get_attribute("html", "dir")
    assert direction == ("rtl" if persian else "ltr"), "as the directory says, not the browser"
    for name, path in (await pages_of(visitor, "fa-" if persian else "")).items():
        for scheme in ("light", "dark"):
            await visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for size in (WIDE, PHONE):
                await visitor.page.set_viewport_size(size)  # type: ignore[arg-type]
                await visitor.go(path)
                seen = f"{person}-{name}-{scheme}-{size['width']}"
                for folded in await visitor.page.locator("details").all():
                    await folded.evaluate("one => one.open = true")
                await sound(visitor, seen)
                picture = tmp_path / f"{seen}.png"
                await visitor.page.screenshot(path=picture, full_page=True)
                assert picture.stat().st_size > 10_000
    await visitor.context.close()


async def test_signing_in_and_out_in_persian(company: System, browser: Browser) -> None:
    context = await browser.new_context(locale="fa-IR")
    stranger = Visitor(company, context, await context.new_page(), "")
    for path, words in (
        ("/pages", "پیوند را بفرست"),
        ("/login/nonsense", "وارد می‌شوم"),
    ):
        await stranger.go(path)
        assert words in await stranger.text()
        await sound(stranger, path)
    await stranger.page.locator("main form button").click()
    assert "از این پیوند دیگر نمی‌توان استفاده کرد" in await stranger.text()
    await sound(stranger, "over")
    await context.close()
    visitor = await sign_in(company, browser, "hamid", locale="fa-IR")
    await visitor.submit("/logout")
    assert "خارج شدید" in await visitor.text()
    await sound(visitor, "out")
    await visitor.go("/pages")
    assert "/login" in visitor.page.url
    await visitor.context.close()


async def test_the_language_can_be_changed(company: System, browser: Browser) -> None:
    visitor = await sign_in(company, browser, "hana")
    await visitor.go("/pages/portfolio?order=weight")
    await visitor.page.get_by_role("button", name="فارسی").click()
    await expect(visitor.page.locator("html")).to_have_attribute("dir", "rtl")
    assert visitor.page.url.endswith("/pages/portfolio?order=weight")
    assert "سبد مشتریان" in await visitor.text()
    await visitor.context.close()


async def test_the_two_sides_of_a_handoff(company: System, browser: Browser) -> None:
    mia = await sign_in(company, browser, "mia")
    sam = await sign_in(company, browser, "sam")
    path = await mia.path("late")
    await mia.go(path)
    assert "Mia Manager: the only one who can take the account." in await mia.text()
    assert "Does not speak the customer's language\n" in await mia.text(".verdicts")
    await mia.submit("/ask", {"questions": "   "})
    assert await mia.text("[role=alert]") == "ask at least one question"
    await mia.submit("/ask", {"questions": "Who signs?\n\nWhen do they start?"})
    assert "Your clock stands still" in await mia.text("[role=status]")
    assert await mia.page.locator(".stages [aria-current=step]").inner_text() == "Questions asked"

    await sam.go("/pages")
    card = sam.page.locator("article", has_text="Acme Rockets")
    assert "When do they start?" in await card.inner_text()
    await sam.go(path)
    await sam.submit("/resubmit", {"contact_email": "x@acme.example", "answers": "In May."})
    assert "A contact needs a name" in await sam.text("[role=alert]")
    typed = sam.page.locator('form[action$="/resubmit"] [name=answers]')
    assert await typed.input_value() == "In May.", "what was typed is still there"
    await sam.submit("/resubmit", {"contact_name": "Zoë Quinn", "contact_email": "z@acme.example"})
    assert "Sent." in await sam.text("[role=status]")

    await mia.go(path)
    assert "Zoë Quinn" in await mia.text()
    assert "In May." in await mia.text(".history")
    await mia.submit("/return", {"reasons": "No budget is named."})
    assert await mia.page.locator(".stages [aria-current=step]").inner_text() == "Returned"
    await sam.go(path)
    await sam.submit("/resubmit", {"answers": "Fifty thousand a year."})

    await mia.go("/pages")
    await by_keyboard(mia, "Accept Acme Rockets")
    assert "You have accepted the handoff" in await mia.text("[role=status]")
    step = mia.page.locator("li", has_text="Kick-off meeting")
    await step.get_by_role("button").click()
    await mia.page.wait_for_url("**done=step")
    assert "The step is done." in await mia.text("[role=status]")
    assert "Mia Manager did: Kick-off meeting" in await mia.text(".history")
    await sam.go(path)
    await sam.submit("/package", {"promises": "A discount in spring"})
    assert "A discount in spring" in await sam.text()
    for one in (mia, sam):
        await sound(one, "after all")
        await one.context.close()


async def by_keyboard(visitor: Visitor, button: str) -> None:
    """Nothing but Tab and Enter, from the top of the page."""
    page = visitor.page
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    for _ in range(60):
        await page.keyboard.press("Tab")
        name = await page.evaluate("document.activeElement.textContent.trim()")
        if " ".join(name.split()) == button:
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", "the focus can be seen"
            await page.keyboard.press("Enter")
            await page.wait_for_url("**done=accept")
            return
    raise AssertionError(f"Tab never comes to {button!r}")


async def test_a_refusal_in_persian(company: System, browser: Browser) -> None:
    sara = await sign_in(company, browser, "sara")
    await sara.go(await sara.path("fa-fresh"))
    token = await sara.page.locator("[name=form_token]").first.input_value()
    await sara.submit("/return", {"reasons": " "})
    assert "دست‌کم یک دلیل بنویسید" in await sara.text("[role=alert]")
    await sara.go(await sara.path("fa-accept"))
    answer = await sara.context.request.post(
        sara.door + await sara.path("fa-accept") + "/accept",
        form={"form_token": token},
        headers={"Accept": "text/html", "Origin": sara.door},
    )
    assert answer.status == 409
    assert "این تحویل را نمی‌توان پذیرفت: پیش از این پذیرفته شده است" in await answer.text()
    without = await sara.context.request.post(
        sara.door + await sara.path("fa-late") + "/accept",
        headers={"Accept": "text/html", "Origin": sara.door},
    )
    assert without.status == 403
    assert "انجام نشد" in await without.text()
    await sara.context.close()


async def test_names_are_text(company: System, browser: Browser) -> None:
    hana = await sign_in(company, browser, "hana")
    for path in ("/pages", "/pages/portfolio?manager=mia", "/pages/account?id=hostile"):
        await hana.go(path)
        assert HOSTILE in await hana.text()
        assert await hana.page.title() != "!"
        assert await hana.page.locator("script").count() == 0
    await hana.context.close()


async def test_a_step_gets_another_date(company: System, browser: Browser) -> None:
    mia = await sign_in(company, browser, "mia")
    path = await mia.path("accept")
    await mia.go(path)
    step = mia.page.locator("li", has_text="Kick-off meeting")
    await step.locator("summary").click()
    await step.get_by_label("Day").fill("2031-05-14")
    await step.get_by_label("Time").fill("09:30")
    await sound(mia, "another date")
    await step.get_by_role("button", name="Set the date").click()
    await mia.page.wait_for_url("**done=move")
    assert "The step is due then." in await mia.text("[role=status]")
    assert "14 May 2031, 09:30" in await mia.text(), "in the reader's time zone"
    assert "Mia Manager set another date: Kick-off meeting" in await mia.text(".history")
    step = mia.page.locator("li", has_text="Kick-off meeting")
    await step.locator("summary").click()
    await step.get_by_role("button", name="Set the date").click()
    assert "is due then already" in await mia.text("[role=alert]")
    await sound(mia, "the same date")
    await mia.context.close()


async def test_a_step_gets_another_date_in_the_jalali_calendar(
    company: System, browser: Browser, tmp_path: Path
) -> None:
    sara = await sign_in(company, browser, "sara")
    path = await sara.path("fa-accept")

    async def typed(day: str, clock: str, *, picture: str = "") -> None:
        step = sara.page.locator("li", has_text="جلسه آغاز همکاری")
        if not await step.locator("details").evaluate("one => one.open"):
            await step.locator("summary").click()
        await step.get_by_label("روز").fill(day)
        await step.get_by_label("ساعت").fill(clock)
        if picture:
            await sound(sara, picture)
            await sara.page.screenshot(path=tmp_path / f"{picture}.png", full_page=True)
        await step.get_by_role("button", name="ثبت تاریخ").click()

    await sara.go(path)
    offered = sara.page.locator("li", has_text="جلسه آغاز همکاری").locator("[name=day]")
    assert re.fullmatch("۱۴[۰-۹]{2}/[۰-۹]{2}/[۰-۹]{2}", await offered.input_value())
    await typed("۱۴۱۰/۱۲/۳۰", "۱۴:۳۰", picture="fa-another-date")
    assert await sara.text("[role=alert]") == "روز: ۱۴۱۰/۱۲/۳۰ در هیچ تقویمی نیست"
    await sound(sara, "fa-no-such-day")
    await sara.page.screenshot(path=tmp_path / "fa-no-such-day.png", full_page=True)
    await typed("۱۴۱۰/۰۲/۲۴", "۲۵:۰۰")
    assert (await sara.text("[role=alert]")).startswith("ساعت: ")
    await typed("۲۴ اردیبهشت ۱۴۱۰", "۱۴:۳۰")
    await sara.page.wait_for_url("**done=move")
    assert "۲۴ اردیبهشت ۱۴۱۰، ۱۴:۳۰" in await sara.text()
    await sara.context.close()


async def test_a_head_gives_an_account_to_another_manager(
    company: System, browser: Browser
) -> None:
    hana = await sign_in(company, browser, "hana")
    path = await hana.path("complete")
    await hana.go(path)
    why = {"to": "noah", "why": "Knows the family."}
    await give(hana, **why)
    alert = await hana.text("[role=alert]")
    assert alert == "Noah Miller cannot take the account: does not speak the customer's language"
    await sound(hana, "refused")
    olga = manager("olga", name="Olga Ivanova", capacity=9, reports_to="hana")
    await company.publish([event(olga, id="more room")])
    await company.settled()
    await give(hana, **(why | {"to": "olga"}))
    await hana.page.wait_for_url("**done=reassign")
    assert "Both managers see why." in await hana.text("[role=status]")
    assert "Olga Ivanova: reassigned by Hana Head: Knows the family." in await hana.text()
    assert "Hana Head gave the account to another manager" in await hana.text(".history")
    await sound(hana, "given")
    await hana.context.close()


async def give(visitor: Visitor, to: str, why: str) -> None:
    form = visitor.page.locator('form[action$="/reassign"]')
    if not await form.is_visible():
        await visitor.page.locator("summary", has_text="Give it to another manager").click()
    await form.locator("[name=to]").select_option(to)
    await form.locator("[name=why]").fill(why)
    await form.get_by_role("button").click()
