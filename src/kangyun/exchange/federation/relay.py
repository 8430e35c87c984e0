"""What is asked of a node below until it fetches it, and its answer until who asked has it: both sealed, a minute at
most. Nodes below connect only outward, so nobody calls them.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec

from kangyun.access.gate import Gate
from kangyun.base.errors import Invalid
from kangyun.exchange.federation.nodes import Node, vault_of
from kangyun.fhir import Resource
from kangyun.fhir.json import decode, encode
from kangyun.fhir.terminology.operations.parameters import Inputs

LOOK = 0.1  # seconds between two looks for an answer
AT_ONCE = 16
"""Requests that are fetched together."""
KNOWN = frozenset({"statement", "path", "registration", "milliseconds"})
MOST = 200  # registrations of a request


class Asked(msgspec.Struct, frozen=True):
    """What is asked: about registrations, by the ids that they have at the node above of the two."""

    statement: str
    path: tuple[str, ...]
    ids: tuple[str, ...]
    seconds: float


def written(asked: Asked) -> Resource:
    """Returns what is asked as a Parameters resource."""
    return {"resourceType": "Parameters", "parameter": [
        {"name": "statement", "valueString": asked.statement},
        {"name": "milliseconds", "valueInteger": int(asked.seconds * 1000)},
        *({"name": "path", "valueString": name} for name in asked.path),
        *({"name": "registration", "valueString": id_} for id_ in asked.ids[:MOST]),
    ]}  # fmt: skip


def read_asked(parameters: Resource) -> Asked:
    """Reads what is asked. Raises Invalid, NotSupported."""
    inputs = Inputs.of(parameters, KNOWN)
    statement, ids = inputs.text("statement"), inputs.texts("registration")
    if not statement or not ids or len(ids) > MOST:
        raise Invalid("exchange.federation.wrong-call", name="statement, registration")
    return Asked(
        statement, tuple(inputs.texts("path")), tuple(ids), min((inputs.count("milliseconds") or 0) / 1000, 60.0)
    )


async def ask(gate: Gate, node: Node, asked: Asked) -> Any | None:
    """Asks a node below, and returns its answer, None where there was none in time."""
    vault, id_ = vault_of(gate), uuid4()
    sealed = vault.seal(msgspec.json.encode(asked), f"node-request/{id_}")
    async with gate.store.pool.connection() as connection:
        await connection.execute(_ASK, id_, node.name, sealed, asked.seconds)
    try:
        async with asyncio.timeout(asked.seconds):
            while True:
                await asyncio.sleep(LOOK)
                async with gate.store.pool.connection() as connection:
                    answer = await connection.fetchval("SELECT answer FROM node_request WHERE id = $1", id_)
                if answer is not None:
                    return decode(vault.open(answer, f"node-answer/{id_}"))
    except TimeoutError:
        return None
    finally:
        async with gate.store.pool.connection() as connection:
            await connection.execute(_OVER, id_)


async def fetch(gate: Gate, node: str) -> list[tuple[UUID, Asked]]:
    """Returns what is asked of a node below and was not fetched yet; that it asks is noted."""
    vault = vault_of(gate)
    async with gate.store.pool.connection() as connection:
        await connection.execute("UPDATE node SET heard = clock_timestamp() WHERE name = $1", node)
        rows = await connection.fetch(_FETCH, node, AT_ONCE)
    found = []
    for row in rows:
        asked = msgspec.json.decode(vault.open(row["asked"], f"node-request/{row['id']}"), type=Asked)
        found.append((row["id"], msgspec.structs.replace(asked, seconds=max(row["left"], 0.0))))
    return found


async def answer(gate: Gate, node: str, id_: UUID, answered: Resource) -> bool:
    """Takes the answer of a node below. Returns whether anybody still waits for it."""
    sealed = vault_of(gate).seal(encode(answered), f"node-answer/{id_}")
    async with gate.store.pool.connection() as connection:
        return bool(await connection.fetchval(_ANSWER, id_, node, sealed))


def fetched(found: Sequence[tuple[UUID, Asked]]) -> Resource:
    """Returns what was fetched as a Parameters resource."""
    return {"resourceType": "Parameters", "parameter": [
        {"name": "request", "part": [{"name": "id", "valueString": str(id_)}, *written(asked)["parameter"]]}
        for id_, asked in found
    ]}  # fmt: skip


def read_fetched(parameters: Any) -> list[tuple[UUID, Asked]]:
    """Reads what was fetched. Raises Invalid."""
    try:
        found = []
        for one in parameters.get("parameter", ()):
            id_, *rest = one["part"]
            found.append((UUID(id_["valueString"]), read_asked({"resourceType": "Parameters", "parameter": rest})))
        return found
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Invalid("exchange.federation.wrong-call", name="request") from None


_ASK = """
INSERT INTO node_request (id, node, asked, expires)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
"""
# What a process that was killed has left goes with the next one.
_OVER = "DELETE FROM node_request WHERE id = $1 OR expires < clock_timestamp() - interval '1 minute'"
_FETCH = """
UPDATE node_request SET taken = true WHERE id IN (
    SELECT id FROM node_request WHERE node = $1 AND NOT taken AND expires > clock_timestamp()
    ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING id, asked, extract(epoch FROM expires - clock_timestamp())::float8 AS left
"""
_ANSWER = """
UPDATE node_request SET answer = $3 WHERE id = $1 AND node = $2 AND answer IS NULL RETURNING true
"""
