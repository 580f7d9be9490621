"""A person with a browser: signs in by the mailed link, and goes where a person can go."""

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tahvil.demo import read_mails
from tests.browser.scene import Acts
from tests.support.system import System

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium, with no window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


class Visitor:
    """Somebody who has signed in, or has opened a link."""

    def __init__(
        self,
        system: System,
        context: BrowserContext,
        page: Page,
        person: str,
        service: str = "handoff",
    ) -> None:
        self.system = system
        self.context = context
        self.page = page
        self.person = person
        self.door = door(system, service)
        self.complaints: list[str] = []
        page.on("console", self._note)

    async def go(self, path: str) -> None:
        await self.page.goto(self.door + path)

    async def path(self, account: str) -> str:
        """Of the page of an account's first handoff."""
        async with Acts(self.system) as acts:
            return f"/pages/handoffs/{(await acts.handoff(account))['id']}"

    async def text(self, selector: str = "main") -> str:
        return await self.page.inner_text(selector)

    async def submit(self, path: str, fields: dict[str, str] | None = None) -> None:
        """Open the form that is sent to a path, fill it in and send it."""
        form = self.page.locator(f'form[action$="{path}"]').first
        folded = self.page.locator("details", has=form)
        if await folded.count() and await folded.first.get_attribute("open") is None:
            await folded.first.locator("summary").click()
        for name, value in (fields or {}).items():
            await form.locator(f'[name="{name}"]').fill(value)
        await form.locator("button").click()
        await self.page.wait_for_load_state()

    def _note(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning") and "with a status of 4" not in text:
            self.complaints.append(text)


def door(system: System, service: str) -> str:
    return next(one.door for one in system.processes if one.name == service)


async def serious(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds that keeps people out, and where."""
    found = await Axe().run(page)
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]


async def too_wide(page: Page) -> int:
    """Pixels by which it is wider than the window."""
    over: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return over


async def sound(visitor: Visitor, seen: str) -> None:
    """No serious finding of axe, nothing wider than the window, nothing refused by the policy."""
    assert not (found := await serious(visitor.page)), (seen, found)
    assert (over := await too_wide(visitor.page)) <= 0, f"{seen} is {over} px too wide"
    assert not visitor.complaints, (seen, visitor.complaints)


async def sign_in(
    system: System, browser: Browser, person: str, *, locale: str = "en-GB"
) -> Visitor:
    """Ask for a link, open the mail, press the button."""
    context = await browser.new_context(locale=locale, viewport=WIDE)  # type: ignore[arg-type]
    page = await context.new_page()
    visitor = Visitor(system, context, page, person)
    maildir = Path(system.servers.smtp.maildir)
    before = len(read_mails(maildir))
    await visitor.go("/login")
    await visitor.submit("/login", {"email": f"{person}@example.com"})
    await page.goto(await link(maildir, before, f"{person}@example.com"))
    await page.locator("main form button").click()
    await page.wait_for_url("**/pages")
    return visitor


async def link(maildir: Path, before: int, address: str) -> str:
    """The link of a mail that has come since there were so many."""
    for _ in range(200):
        mails = read_mails(maildir)
        for mail in mails if len(mails) > before else ():
            if mail["To"] != address:
                continue
            for part in mail.walk():
                content = part.get_payload(decode=True)
                if part.get_content_type() == "text/plain" and isinstance(content, bytes):
                    found = re.search(r"http\S+/login/\S+", content.decode())
                    if found and found[0] not in _USED:
                        _USED.add(found[0])
                        return found[0]
        await asyncio.sleep(0.1)
    raise AssertionError(f"no mail for {address}")


_USED: set[str] = set()
