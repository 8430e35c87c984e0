"""A real browser for tests, without a window: Chromium, spoken to by its own protocol.

Source: https://chromedevtools.github.io/devtools-protocol/
"""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 30.0  # seconds
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def chromium() -> str | None:
    """Returns the browser of this machine, None where it has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One page of the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **given: Any) -> Any:
        """Calls the browser and returns what it answers."""
        self._number += 1
        await self._socket.send(json.dumps({"id": self._number, "method": method, "params": given}))
        while True:
            message = json.loads(await self._socket.recv())
            if message.get("id") == self._number:
                return message.get("result")

    async def run(self, script: str) -> Any:
        """Runs a script on the page and returns its value."""
        done = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return done["result"].get("value")

    async def go(self, url: str) -> None:
        """Opens an address."""
        await self.call("Page.navigate", url=url)

    async def until(self, text: str) -> None:
        """Waits until the page says a text."""
        said = ""
        try:
            async with asyncio.timeout(PATIENCE):
                while text not in said:
                    await asyncio.sleep(0.1)
                    said = await self.run("document.body ? document.body.innerText : ''") or ""
        except TimeoutError:
            raise AssertionError(f"{text!r} is not in {said!r}") from None

    async def submit(self, **fields: str) -> None:
        """Fills the first form of the page and sends it; a radio button is chosen by its value."""
        await self.run(
            "for (const [name, value] of Object.entries(" + json.dumps(fields) + ")) {"
            "const radio = document.querySelector(`[type=radio][name='${name}'][value='${value}']`);"
            "if (radio) radio.checked = true; else document.querySelector(`[name='${name}']`).value = value; }"
            "document.querySelector('form button').click()"
        )


@asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """Starts a browser with an empty profile in `folder`, with an authenticator for passkeys, and gives its page."""
    program = chromium()
    assert program is not None
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--lang=en")
    with subprocess.Popen(
        [program, *options, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE):
                while not (folder / "DevToolsActivePort").exists():
                    await asyncio.sleep(0.1)
            port = (folder / "DevToolsActivePort").read_text().split()[0]
            async with httpx.AsyncClient() as http:
                listed = (await http.get(f"http://127.0.0.1:{port}/json")).json()
            url = next(one["webSocketDebuggerUrl"] for one in listed if one["type"] == "page")
            async with connect(url, max_size=None) as socket:
                page = Tab(socket)
                await page.call("Page.enable")
                await page.call("WebAuthn.enable")
                await page.call("WebAuthn.addVirtualAuthenticator", options=AUTHENTICATOR)
                yield page
        finally:
            process.terminate()
