"""Takes the pictures of the README from a running demonstration, by Chromium: docs/pictures/*.webp.

    python scripts/pictures.py [--url http://127.0.0.1:8080] [--data data] [NAME …]

NAME: only these. Which screens, as whom and how wide stands in scripts/pictures.toml. Persons in them are invented.
"""

import argparse
import asyncio
import base64
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, async_playwright, expect

from kangyun.testing.chromium import chromium

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
QUALITY = 80
PATIENCE = 60_000  # milliseconds: a machine may have other work
# What stands there as long as something is still coming.
COMING = ".ant-spin-spinning, .ant-skeleton, [aria-busy=true]"


async def take(browser: Browser, url: str, password: str, wanted: dict[str, Any]) -> Path:
    """Opens a screen as somebody, does what is to be done there, and keeps the picture. Raises where it never comes."""
    context = await browser.new_context(
        viewport={"width": wanted["width"], "height": wanted["height"]}, locale="zh-CN",
        device_scale_factor=wanted.get("scale", 1),
    )  # fmt: skip
    await context.add_init_script(
        f"localStorage.setItem('kangyun-language', 'zh'); localStorage.setItem('kangyun-dark', '{wanted['dark']}')"
    )
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    await page.goto(url + wanted["path"])
    if wanted.get("user"):
        await page.fill("input[name=user]", wanted["user"])
        await page.fill("input[name=password]", password)
        await page.press("input[name=password]", "Enter")
        await page.wait_for_url(lambda at: urlsplit(at).path == urlsplit(wanted["path"]).path)
    for step in wanted.get("steps", ()):
        await _do(page, step)
    await page.get_by_text(wanted["shows"]).first.wait_for()
    await _settle(page)
    session = await context.new_cdp_session(page)
    shot = await session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    file = PICTURES / f"{wanted['name']}.webp"
    file.write_bytes(base64.b64decode(shot["data"]))
    await context.close()
    return file


async def _do(page: Page, step: str) -> None:
    """Does one step.

    `type TEXT` into the field there is, and Enter; `code`: so the digits that the page shows; `click TEXT`;
    `first SELECTOR` clicks the first of them; `wait TEXT`.
    """
    verb, _, what = step.partition(" ")
    if verb in ("type", "code"):
        field = page.get_by_role("textbox").or_(page.get_by_role("searchbox")).or_(page.get_by_role("combobox")).first
        await field.wait_for()
        shown = re.search(r"\b\d{6}\b", await page.inner_text("body")) if verb == "code" else None
        await field.fill(shown[0] if shown else what)
        await field.press("Enter")
    elif verb == "first":
        await page.locator(what).first.click()
    elif verb == "click":
        await page.get_by_text(what, exact=True).first.click()
    elif verb == "wait":
        await page.get_by_text(what).first.wait_for()
    else:
        raise ValueError(step)
    await _settle(page)


async def _settle(page: Page) -> None:
    await expect(page.locator(COMING)).to_have_count(0, timeout=PATIENCE)
    await page.wait_for_timeout(1500)  # A chart is drawn a moment after its figures are there.


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    program = chromium()
    if program is None:
        sys.exit("没有找到 Chromium | Chromium is absent")
    accounts = json.loads((given.data / "demo-sign-ins.json").read_text("utf-8"))
    passwords = {one["user"]: one["password"] for one in accounts}
    pictures = tomllib.loads((ROOT / "scripts" / "pictures.toml").read_text("utf-8"))["pictures"]
    PICTURES.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for one in pictures:
            if given.names and one["name"] not in given.names:
                continue
            wanted = {"width": 1440, "height": 900, "dark": "false"} | one
            file = await take(browser, given.url, passwords.get(one.get("user", ""), ""), wanted)
            sys.stdout.write(f"{file.relative_to(ROOT)}  {file.stat().st_size // 1024} KB\n")
        await browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
