"""A demonstration that is up, and a real browser before it. Skipped where there is no Chromium.

What a page says on its console, every request that leaves the machine, and what axe finds are looked at in every test;
pictures are kept in `results/console`.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from kangyun.testing.chromium import chromium
from kangyun.testing.folders import database_folder
from kangyun.testing.installation import Installation

ROOT = Path(__file__).resolve().parents[3]
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "results" / "console"
WIDTHS = {"desk": (1440, 900), "phone": (360, 740)}
GRAVE = ("serious", "critical")


@pytest.fixture(scope="session")
def demonstration() -> Iterator[Installation]:
    """The demonstration with its data, one for all tests of a process; they change nothing that another looks at."""
    with database_folder("console") as data:
        made = Installation(data, demonstration=True)
        made.start()
        yield made
        made.stop()


@dataclass
class Visitor:
    """Somebody before the browser. `wrong`: what a page complained of, or asked of another machine."""

    page: Page
    installation: Installation
    language: str
    picture: str
    wrong: list[str] = field(default_factory=list)

    def password(self, user: str) -> str:
        """Returns the password of a user of the demonstration."""
        accounts = json.loads((self.installation.data / "demo-sign-ins.json").read_text())
        return str(next(one["password"] for one in accounts if one["user"] == user))

    async def come(self, user: str, path: str, by: str = "") -> None:
        """Opens a page as a user of the demonstration, by the platform's own sign-in. by: where that is asked for."""
        await self.page.goto(f"http://127.0.0.1:{self.installation.port}{by or path}")
        await self.page.fill("input[name=user]", user)
        await self.page.fill("input[name=password]", self.password(user))
        await self.page.press("input[name=password]", "Enter")
        await self.page.wait_for_url(f"**{path}")

    async def looks_well(self, name: str) -> None:
        """Keeps a picture, and holds the page against what axe knows of accessible pages."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}-{self.picture}.png")
        await self.page.evaluate(AXE.read_text("utf-8"))
        found = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        faults = [one for one in found["violations"] if one["impact"] in GRAVE]
        assert [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in faults] == []


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("needs Chromium, which is absent here")
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        await made.close()


@pytest.fixture(params=["zh-desk", "en-phone"])
async def visitor(
    request: pytest.FixtureRequest, browser: Browser, demonstration: Installation
) -> AsyncIterator[Visitor]:
    """A visitor in Chinese at a desk, and one in English at a phone."""
    language, _, place = request.param.partition("-")
    width, height = WIDTHS[place]
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    await context.add_init_script(f"localStorage.setItem('kangyun-language', '{language}')")
    page = await context.new_page()
    made = Visitor(page, demonstration, language, request.param)

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            made.wrong.append(message.text)

    def asked(sent: Request) -> None:
        if not re.match(r"(data|blob):|http://127\.0\.0\.1[:/]", sent.url):
            made.wrong.append(sent.url)

    page.on("console", heard)
    page.on("request", asked)
    page.on("pageerror", lambda error: made.wrong.append(str(error)))
    yield made
    assert made.wrong == []
    await context.close()
