"""Asking for a subscription in a test, and waiting until it says so."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

PATIENT = {"resourceType": "Patient", "name": [{"family": "张"}]}
PATIENCE = 120  # seconds until a test gives up: a busy machine is no fault of ours
Json = dict[str, Any]


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
