"""What the conformance tests share: transactions of resources, and what a searchset says."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from kangyun.access.subscriptions import delivery, rules, sockets
from kangyun.store import feed

Resource = dict[str, Any]


@pytest.fixture
def transaction() -> Callable[..., Resource]:
    """Makes a transaction that puts each resource under its own id."""
    return _transaction


@pytest.fixture
def searched() -> Callable[[httpx.AsyncClient, str], Awaitable[Resource]]:
    """Gives the searchset of a search, which must be understood and answered."""
    return _searched


@pytest.fixture
def ids_of() -> Callable[[httpx.AsyncClient, str], Awaitable[list[str]]]:
    """Gives the ids of the matches of a search, in order."""
    return _ids_of


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stocked(request: pytest.FixtureRequest, shared_client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The module's shared client on an installation that holds the resources of the module's STOCK."""
    answer = await shared_client.post("", json=_transaction(*request.module.STOCK))
    assert answer.status_code == 200, answer.text
    return shared_client


def _transaction(*resources: Resource) -> Resource:
    entries = [
        {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
        for resource in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def _searched(client: httpx.AsyncClient, url: str) -> Resource:
    answer = await client.get(url, headers={"prefer": "handling=strict"})
    assert answer.status_code == 200, answer.text
    bundle: Resource = answer.json()
    return bundle


async def _ids_of(client: httpx.AsyncClient, url: str) -> list[str]:
    bundle = await _searched(client, url)
    found = [entry["resource"]["id"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match"]
    assert len(found) == len(set(found))
    return found


@pytest.fixture
def quick_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long between two looks, or two calls."""
    monkeypatch.setattr(feed, "LOOK", 0.02)
    monkeypatch.setattr(delivery, "LOOK", 0.02)
    monkeypatch.setattr(sockets, "LOOK", 0.02)
    monkeypatch.setattr(rules, "SHORTEST_WAIT", 0.02)
    monkeypatch.setattr(rules, "LONGEST_WAIT", 0.1)


@pytest_asyncio.fixture
async def hooked(open_client: Any, start_background: Any) -> httpx.AsyncClient:
    """A client of an installation that may call this machine."""
    start_background(subscription_hosts="127.0.0.1")
    return await open_client()
