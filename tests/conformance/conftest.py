"""What the conformance tests share: transactions of resources, and what a searchset says."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

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
    return [entry["resource"]["id"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match"]
