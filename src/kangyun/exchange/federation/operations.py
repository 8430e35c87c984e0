"""The look across nodes as operations.

`Patient/[id]/$elsewhere`  for who treats a resident here and has a reason: what other nodes hold, who did not answer
`$node-look`               for a node below: the same, for somebody who sits there
`$node-fetch`, `$node-answer`  for a node below: what is asked of it, and its answer
"""

import time
from uuid import UUID

from kangyun.access import upward
from kangyun.access.look.front import standing_grounds
from kangyun.access.operations import Call, Operation
from kangyun.access.operations.model import Input, Level
from kangyun.access.record import Record
from kangyun.access.relations.whom import by_id
from kangyun.base.errors import Forbidden, Invalid, NotFound
from kangyun.base.texts import say
from kangyun.exchange.federation import looking, relay
from kangyun.exchange.federation.looking import Look, Part, Question
from kangyun.exchange.federation.nodes import Node, nodes_of
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

SECONDS, MOST_SECONDS = 10, 30
MISSING = ("unreachable", "paused", "not-told")
"""States of a node whose records are not there; each is the text that says so."""


async def elsewhere(record: Record, call: Call) -> Resource:
    """Returns what other nodes hold of a resident, and which did not answer. Raises Forbidden, NotFound, Invalid."""
    record.in_person()
    seconds = Inputs.of(call.parameters, frozenset({"seconds"})).count("seconds") or SECONDS
    if seconds > MOST_SECONDS:
        raise Invalid("exchange.federation.wrong-call", name="seconds")
    gate = record.gate
    await record.read("Patient", str(call.id))
    resident = await by_id(gate.store, str(call.id))
    ground = await standing_grounds(record, resident)
    if ground is None or record.actor.purpose != upward.PURPOSE:
        raise Forbidden("exchange.federation.no-ground")
    register = nodes_of(gate)
    parent = await register.above()
    own = parent.own if parent is not None else ""
    look = Look(
        own, record.actor.reference, record.actor.role, ground.way, record.actor.institution,
        await upward.numbers_of(gate, record.actor.institution), record.circumstances.request,
    )  # fmt: skip
    statement = await looking.state(register, own, look)
    question = Question(look, statement, (), time.monotonic() + seconds)
    question = await looking.with_asker(gate, question, record.actor.institution)
    patients = await upward.those_seen(record, resident.numbers)
    parts = await looking.gather(gate, question, patients, own, here=False)
    parts += await looking.above(gate, question, patients)
    await record.leave_row(looking.ACTION, 200, patients)
    return _shown(parts, call, own)


async def node_look(record: Record, call: Call) -> Resource:
    """Answers a node below that asks for somebody who sits there. Raises Forbidden, Invalid."""
    node, gate = await _node(record), record.gate
    asked = relay.read_asked(call.parameters)
    register = nodes_of(gate)
    look = await looking.heard(register, node, asked.statement)
    question = Question(look, asked.statement, asked.path, time.monotonic() + asked.seconds)
    question = await looking.with_asker(gate, question, node.institution)
    its_own = await upward.numbered(record, asked.ids)
    patients = await upward.of_same(gate, its_own)
    parent = await register.above()
    own = parent.own if parent is not None else ""
    parts = await looking.gather(gate, question, patients, own, but=node.institution)
    parts += await looking.above(gate, question, patients)
    await record.leave_row(looking.ACTION, 200, its_own)
    return looking.told(parts)


async def node_fetch(record: Record, call: Call) -> Resource:
    """Hands a node below what is asked of it. Raises Forbidden."""
    node = await _node(record)
    return relay.fetched(await relay.fetch(record.gate, node.name))


async def node_answer(record: Record, call: Call) -> Resource:
    """Takes the answer of a node below. Raises Forbidden, Invalid, NotFound where nobody waits for it any more."""
    node = await _node(record)
    inputs = Inputs.of(call.parameters, frozenset({"id", "answer"}))
    answered = inputs.resource("answer", "Parameters")
    try:
        id_ = UUID(inputs.text("id") or "")
    except ValueError:
        raise Invalid("exchange.federation.wrong-call", name="id") from None
    if answered is None:
        raise Invalid("exchange.federation.wrong-call", name="answer")
    if not await relay.answer(record.gate, node.name, id_, answered):
        raise NotFound
    return {"resourceType": "Parameters"}


async def _node(record: Record) -> Node:
    """Returns the node below that calls. Raises Forbidden for anybody else."""
    name = record.actor.reference.removeprefix("Device/")
    if record.actor.role == "application":
        for node in await nodes_of(record.gate).placed("child"):
            if node.name == name and not node.paused:
                return node
    raise Forbidden("exchange.federation.not-a-node")


def _shown(parts: list[Part], call: Call, own: str) -> Resource:
    """Returns what a person is shown: a collection, and first of all an OperationOutcome that names who is missing."""
    issues = []
    for one in parts:
        text = one.state if one.state in MISSING else "more" if one.more else None
        if text is not None:
            said = say(f"exchange.federation.{text}", call.language, {"node": one.node or own})
            issues.append({"severity": "warning", "code": "incomplete", "details": {"text": said}})
    if not issues:
        said = say("exchange.federation.all-answered", call.language, {"count": len(parts)})
        issues = [{"severity": "information", "code": "informational", "details": {"text": said}}]
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    return {
        "resourceType": "Bundle", "type": "collection",
        "entry": [{"resource": outcome}, *(entry for one in parts for entry in one.entries)],
    }  # fmt: skip


_ASKED = (
    Input("statement", "string"), Input("path", "string", True), Input("registration", "string", True),
    Input("milliseconds", "integer"),
)  # fmt: skip
_SYSTEM: frozenset[Level] = frozenset({"system"})
NODE_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "elsewhere", frozenset({"instance"}), elsewhere, "urn:kangyun:operation:elsewhere",
        (Input("seconds", "integer"),), frozenset({"Patient"}), affects_state=True,
    ),
    Operation("node-look", _SYSTEM, node_look, "urn:kangyun:operation:node-look", _ASKED, affects_state=True),
    Operation("node-fetch", _SYSTEM, node_fetch, "urn:kangyun:operation:node-fetch", affects_state=True),
    Operation(
        "node-answer", _SYSTEM, node_answer, "urn:kangyun:operation:node-answer",
        (Input("id", "string"), Input("answer", "Parameters")), affects_state=True,
    ),
)  # fmt: skip
