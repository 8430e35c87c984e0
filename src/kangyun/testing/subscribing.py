"""Asking for a subscription in a test, and waiting until it says so."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx

PATIENT = {"resourceType": "Patient", "name": [{"family": "张"}]}
PATIENCE = 120  # seconds until a test gives up: a busy machine is no fault of ours
Json = dict[str, Any]


class Socket:
    """A websocket to an application, without a server between."""

    def __init__(self, application: Any, headers: Sequence[tuple[bytes, bytes]] = (), query: str = "") -> None:
        self._in: asyncio.Queue[Json] = asyncio.Queue()
        self.out: asyncio.Queue[Json] = asyncio.Queue()
        scope = {
            "type": "websocket", "path": "/fhir/websocket", "raw_path": b"/fhir/websocket",
            "headers": list(headers), "query_string": query.encode(), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        self._in.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(application(scope, self._in.get, self.out.put))

    async def say(self, text: str) -> None:
        await self._in.put({"type": "websocket.receive", "text": text})

    async def hear(self) -> Json:
        return await asyncio.wait_for(self.out.get(), PATIENCE)

    async def leave(self) -> None:
        await self._in.put({"type": "websocket.disconnect", "code": 1000})
        await self.task


def subscription(endpoint: str | None = None, criteria: str = "Patient?gender=female", **channel: Any) -> Json:
    """Returns a Subscription that asks; `channel` as the fields of its channel."""
    channel = {"type": "rest-hook", "endpoint": endpoint} | channel
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "test",
        "criteria": criteria,
        "channel": {name: value for name, value in channel.items() if value is not None},
    }


async def until(condition: Callable[[], Any]) -> None:
    """Waits until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


async def subscribed(client: httpx.AsyncClient, resource: Json, status: str = "active") -> Json:
    """Writes a Subscription and waits until it says so."""
    made = await client.post("Subscription", json=resource)
    assert made.status_code == 201, made.text
    return await becomes(client, made.json()["id"], status)


async def becomes(client: httpx.AsyncClient, id_: str, status: str) -> Json:
    """Waits until a Subscription has a status, and returns it."""
    async with asyncio.timeout(PATIENCE):
        while (found := (await client.get(f"Subscription/{id_}")).json())["status"] != status:
            await asyncio.sleep(0.02)
    return dict(found)
