"""A desk with a websocket, in a test: what it is told."""

import asyncio
import json
from typing import Any

PATIENCE = 60  # seconds


class Desk:
    """A websocket on /alarms/live of an application, without a server between. Told: messages, in order."""

    def __init__(
        self, application: Any, token: str, since: int | None = None, *, reads: bool = True,
        protocols: tuple[str, ...] = (), language: str = "",
    ) -> None:  # fmt: skip
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[dict[str, Any]] = asyncio.Queue(0 if reads else 1)
        self.protocol = ""
        query = f"lang={language}" + (f"&token={token}" if token else "") + ("" if since is None else f"&since={since}")
        scope = {
            "type": "websocket", "path": "/alarms/live", "raw_path": b"/alarms/live", "headers": [],
            "query_string": query.encode(), "client": ("127.0.0.1", 1), "subprotocols": list(protocols),
        }  # fmt: skip
        self._in.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(application(scope, self._in.get, self._out.put))

    async def hear(self) -> dict[str, Any]:
        """Returns the next message, past the handshake: what was told, or {"code": …} of the end."""
        while True:
            message = await asyncio.wait_for(self._out.get(), PATIENCE)
            self.protocol = message.get("subprotocol", self.protocol)
            if message["type"] == "websocket.send":
                told: dict[str, Any] = json.loads(message["text"])
                return told
            if message["type"] == "websocket.close":
                return {"code": message["code"]}

    async def until(self, type_: str) -> dict[str, Any]:
        """Returns the next message of a type. Raises ConnectionError where the socket is closed before."""
        while (told := await self.hear()).get("type") != type_:
            if "code" in told:
                raise ConnectionError(told["code"])
        return told

    async def leave(self) -> None:
        """Goes."""
        await self._in.put({"type": "websocket.disconnect", "code": 1000})
        await self.task
