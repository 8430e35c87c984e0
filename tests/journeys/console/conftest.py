"""A demonstration that is up, and a real browser before it. Skipped where there is no Chromium.

What a page says on its console, every request that leaves the machine, and what axe finds are looked at in every test;
pictures are kept in `results/console`.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright
from pytest_asyncio import is_async_test

from kangyun.testing.chromium import chromium
from kangyun.testing.folders import database_folder
from kangyun.testing.installation import Installation

ROOT = Path(__file__).resolve().parents[3]
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "results" / "console"
WIDTHS = {"desk": (1440, 900), "phone": (360, 740)}
GRAVE = ("serious", "critical")


class CardReader(BaseHTTPRequestHandler):
    """What a vendor's local service answers of a card: no two alike, this one nested. number: on the card."""

    number = ""

    def do_GET(self) -> None:
        body = json.dumps({"code": 0, "data": {"partyName": "演示", "certNumber": CardReader.number}}).encode()
        self.send_response(200)
        self.send_header("access-control-allow-origin", "*")
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="session")
def card_reader() -> Iterator[str]:
    """The address of a card reader's service on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), CardReader) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/read"
        server.shutdown()


@pytest.fixture
def card() -> type[CardReader]:
    """The card on the reader: a test sets its number."""
    return CardReader


@pytest.fixture(scope="session")
def demonstration(card_reader: str) -> Iterator[Installation]:
    """The demonstration with its data, one for all tests of a process; they change nothing that another looks at."""
    with database_folder("console") as data:
        made = Installation(data, demonstration=True, card_readers=card_reader)
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
        await self.sign_in(user)
        await self.page.wait_for_url(f"**{path}")

    async def sign_in(self, user: str) -> None:
        """Fills in the platform's own sign-in, which stands open."""
        await self.page.fill("input[name=user]", user)
        await self.page.fill("input[name=password]", self.password(user))
        await self.page.press("input[name=password]", "Enter")

    async def part(self, name: str) -> None:
        """Opens a part of a page: by its tab, or on a phone from the list that stands for many tabs."""
        tab = self.page.get_by_role("tab", name=name)
        chooser = self.page.get_by_role("combobox", name=re.compile("要看的部分|What to look at"))
        await tab.or_(chooser).first.wait_for()
        if await tab.count():
            await tab.click()
        else:
            await chooser.select_option(label=name)

    async def looks_well(self, name: str) -> None:
        """Keeps a picture, and holds the page against what axe knows of accessible pages."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}-{self.picture}.png")
        await self.page.evaluate(AXE.read_text("utf-8"))
        found = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        faults = [one for one in found["violations"] if one["impact"] in GRAVE]
        assert [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in faults] == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets the tests of this folder share one event loop, as they share one browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("needs Chromium, which is absent here")
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        await made.close()


@pytest_asyncio.fixture(params=["zh-desk", "en-phone"], loop_scope="session")
async def visitor(
    request: pytest.FixtureRequest, browser: Browser, demonstration: Installation
) -> AsyncIterator[Visitor]:
    """A visitor in Chinese at a desk, and one in English at a phone."""
    language, _, place = request.param.partition("-")
    width, height = WIDTHS[place]
    # Nothing moves: what is on its way to its place is missed by a click where the machine is busy.
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN", reduced_motion="reduce"
    )
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
    await context.close()
    assert made.wrong == []
