"""What is asked of this node from above, fetched each second and answered: it connects only outward."""

import asyncio
import logging
import time
from uuid import UUID

import asyncpg

from kangyun.access.gate import Gate
from kangyun.access.oidc import tokens
from kangyun.access.platform import Platform
from kangyun.base.errors import PlatformError
from kangyun.database.leases import pause
from kangyun.database.pool import TROUBLES
from kangyun.exchange.federation import forms, looking, nodes, relay
from kangyun.exchange.federation.keeping import keep_each
from kangyun.exchange.federation.looking import Question
from kangyun.exchange.federation.nodes import Node, Nodes, nodes_of
from kangyun.exchange.federation.partner import Partner
from kangyun.exchange.federation.relay import Asked
from kangyun.fhir import Resource

logger = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks for what is asked
PATIENCE = 10.0  # seconds between two calls while the node above is away
AT_ONCE = 8


async def keep_answering(platform: Platform, stop: asyncio.Event) -> None:
    """Answers what nodes above ask until `stop`; of several processes one does for each."""
    gate, register = platform.gate, nodes_of(platform.gate)

    async def work(name: str, connection: asyncpg.Connection) -> None:
        await _with_lease(gate, register, name, connection, stop)

    await keep_each(
        gate.store.pool, register, "node-answers", work, stop, look=LOOK, takes=lambda node: node.kind == "kangyun"
    )


async def _with_lease(
    gate: Gate, register: Nodes, name: str, connection: asyncpg.Connection, stop: asyncio.Event
) -> None:
    node = await register.get(connection, name)
    partner = Partner(node, register)
    busy: set[asyncio.Task[None]] = set()
    try:
        while not stop.is_set():
            now = await register.get(connection, name)
            if now.base != node.base or now.own != node.own:
                return
            wait = LOOK
            if not now.paused and len(busy) < AT_ONCE:
                try:
                    for id_, asked in await fetched(partner):
                        task = asyncio.create_task(answer_one(gate, partner, id_, asked))
                        busy.add(task)
                        task.add_done_callback(busy.discard)
                except PlatformError:
                    wait = PATIENCE
            await pause(stop, wait)
    finally:
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        partner.close()


async def fetched(partner: Partner) -> list[tuple[UUID, Asked]]:
    """Returns what the node above asks. Raises Unavailable, Invalid."""
    status, answer = await partner.call("$node-fetch", {"resourceType": "Parameters"})
    return relay.read_fetched(answer) if status == 200 else []


async def answer_one(gate: Gate, partner: Partner, id_: UUID, asked: Asked) -> None:
    """Answers one request; where that fails, who asked is told that this node did not answer."""
    try:
        answered = await answer_of(gate, partner.node, asked)
        sent: Resource = {"resourceType": "Parameters", "parameter": [
            {"name": "id", "valueString": str(id_)}, {"name": "answer", "resource": answered},
        ]}  # fmt: skip
        await partner.call("$node-answer", sent)
    except TROUBLES as error:
        logger.warning("node %s: a request was not answered: %s", partner.node.name, type(error).__name__)


async def answer_of(gate: Gate, node: Node, asked: Asked) -> Resource:
    """Returns what this node and those below have about registrations that the one above names. Raises Invalid."""
    look = looking.read_look(tokens.unverified(asked.statement))
    question = Question(look, asked.statement, asked.path, time.monotonic() + asked.seconds)
    # The node above stands for everybody beyond it: with it there is an agreement, and with no other.
    question = await looking.with_asker(gate, question, node.institution)
    names = [name for id_ in asked.ids if (name := forms.name_in(node.own, id_)) is not None]
    async with gate.store.pool.connection() as connection:
        patients = sorted((await nodes.named(connection, node.name, names)).values())
    return looking.told(await looking.gather(gate, question, patients, node.own))
