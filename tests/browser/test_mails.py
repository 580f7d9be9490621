"""Mails as a reader of mails shows them: every kind, both languages, wide, phone, light, dark."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.visitor import PHONE, WIDE, serious, too_wide

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOLDEN = Path("tests/unit/golden/messages")
MAILS = sorted(path.stem for path in GOLDEN.glob("*.html"))


@pytest.mark.parametrize("name", MAILS)
async def test_a_mail_can_be_read_anywhere(browser: Browser, name: str) -> None:
    html = (GOLDEN / f"{name}.html").read_text(encoding="utf-8")
    asked: list[str] = []
    context = await browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    page = await context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    await page.set_content(html)
    for size in (WIDE, PHONE):
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        assert (over := await too_wide(page)) <= 0, f"{name} is {over} px too wide at {size}"
    for look in ("light", "dark"):
        await page.emulate_media(color_scheme=look)  # type: ignore[arg-type]
        assert not (found := await serious(page)), (look, found)
    direction = await page.evaluate(
        "getComputedStyle(document.body.querySelector('p, td, h1')).direction"
    )
    assert direction == ("rtl" if ".fa" in name else "ltr")
    assert asked == [], "a mail fetches nothing: who reads it is not watched"
    await context.close()
