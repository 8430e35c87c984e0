"""A look across nodes: who asks, signed by the node where he sits; what each node answers, by its own gate.

A node answers for its own registrations and for those of nodes below it, which it asks in turn (`relay`); it asks the
one above about the rest. Each holder shows what it shows to somebody elsewhere (`access.upward`): nothing that is
closed to everybody, to his institution or his role, nothing sensitive, persons masked. A node that does not answer in
time is named, so that nobody takes its silence for an empty record. Nothing of an answer is kept.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from joserfc import jwt

from kangyun.access import upward
from kangyun.access.actor import Actor, Circumstances
from kangyun.access.gate import Gate
from kangyun.access.oidc import tokens
from kangyun.access.oidc.remote_keys import keys_of
from kangyun.access.platform import base_url
from kangyun.access.record import Record
from kangyun.access.subscriptions.statuses import PLATFORM
from kangyun.access.upward import Asker, Known
from kangyun.base.errors import Invalid, PlatformError, SignInNeeded, TooCostly, Unavailable
from kangyun.exchange.federation import forms, nodes, relay
from kangyun.exchange.federation.forms import COMPANION, GONE, Upward
from kangyun.exchange.federation.nodes import ALGORITHM, Node, Nodes, nodes_of
from kangyun.exchange.federation.partner import Partner
from kangyun.fhir import Resource

ACTION = "node-look"
MOST_OF_TYPE = 50
"""Resources of a type and registration: the newest; that there are more is said."""
LEAST_LEFT = 0.5  # seconds; with less nobody further is asked
HOP = 0.5  # seconds that each node keeps for itself
LASTS = 60  # seconds that a statement is good for
LONGEST = 8_000  # characters of one
_RESERVED = frozenset(",|$\\\0")


class Look(msgspec.Struct, frozen=True):
    """Who asks. actor, institution: references at the node `origin`. identifiers: of the institution, as system and
    value. ground: the word for why."""

    origin: str
    actor: str
    role: str
    ground: str
    institution: str
    identifiers: tuple[tuple[str, str], ...] = ()
    request: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What came of one node. state: answered, unreachable, paused, not-told. more: there is more than was sent."""

    node: str
    state: str
    entries: tuple[Resource, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A look under way. path: the nodes that it came by; until: `time.monotonic` when it is over."""

    look: Look
    statement: str
    path: tuple[str, ...]
    until: float
    asker: Asker = field(default_factory=lambda: Asker(""))

    @property
    def left(self) -> float:
        """Seconds."""
        return self.until - time.monotonic()


async def state(register: Nodes, own: str, look: Look) -> str:
    """Returns a statement of who asks, signed by this node."""
    kid, key = await register.key()
    now = int(time.time())
    claims = {"iss": own, "sub": look.actor, "iat": now, "exp": now + LASTS, "jti": look.request,
              "look": msgspec.to_builtins(look)}  # fmt: skip
    return jwt.encode({"alg": ALGORITHM, "kid": kid, "typ": "JWT"}, claims, key, [ALGORITHM])


async def heard(register: Nodes, node: Node, statement: str) -> Look:
    """Reads the statement that a node below has brought. What it signed itself is verified; what it passes on, it
    answers for. Raises Invalid."""
    try:
        if len(statement) > LONGEST:
            raise Invalid("exchange.federation.statement")
        claims = tokens.unverified(statement)
        if claims.get("iss") == node.name:
            kid, _ = tokens.header_of(statement)
            key = keys_of(msgspec.json.decode(await register.public_of(node.name))).get(kid)
            claims = tokens.verified(statement, key, (ALGORITHM,))
        return read_look(claims)
    except (SignInNeeded, Unavailable, msgspec.DecodeError):
        raise Invalid("exchange.federation.statement") from None


def read_look(claims: Mapping[str, Any]) -> Look:
    """Returns who asks by a statement. Raises Invalid for one that is over, or says somebody else's node."""
    try:
        look = msgspec.convert(claims.get("look"), Look)
        if float(claims["exp"]) > time.time() and claims["iss"] == look.origin:
            return look
    except (msgspec.ValidationError, KeyError, TypeError, ValueError):
        pass
    raise Invalid("exchange.federation.statement")


async def with_asker(gate: Gate, question: Question, neighbour: str) -> Question:
    """Returns a question with how a Consent here may call who asks: by the institution that has the same number here,
    by the role, and by the node that brought it."""
    parties = [f"role:{question.look.role}"]
    numbers = [
        f"{system}|{value}"
        for system, value in question.look.identifiers
        if not (_RESERVED & {*system, *value}) and system and value
    ]
    if numbers:
        record = await gate.open(PLATFORM, Circumstances("LOOK /Organization", "", question.look.request))
        query = await record.read_query("Organization", [("identifier", ",".join(numbers))], strict=True)
        houses = [f"Organization/{one.id}" for one in (await record.search(query)).matches]
        parties += [name for house in houses for name in (house, f"{house}#{question.look.role}")]
    asker = Asker(neighbour, tuple(parties))
    return Question(question.look, question.statement, question.path, question.until, asker)


async def gather(
    gate: Gate, question: Question, patients: Sequence[int], own: str, *, but: str = "", here: bool = True
) -> list[Part]:  # fmt: skip
    """Returns what this node and those below have about registrations of this node.

    own: what this node is called. but: the institution of the node that asks, which knows its own. here: whether this
    node's own registrations are wanted as well.
    """
    upward_ = forms.upward_of(gate.settings.data)
    async with gate.store.pool.connection() as connection:
        known = await upward.known(gate, connection, question.asker, patients, upward_.types, COMPANION)
    below = {node.institution: node for node in await nodes_of(gate).placed("child")}
    mine = [one for one in known.values() if one.institution not in below]
    asked: dict[str, list[Known]] = {}
    for one in known.values():
        if one.institution in below and one.institution != but:
            asked.setdefault(one.institution, []).append(one)
    calls = [_below(gate, question, below[name], [one.stored.id for one in some], own) for name, some in asked.items()]
    if here:
        record = await _opened(gate, question, upward_)
        passed = sorted(one.stored.res for some in asked.values() for one in some)
        if passed:
            await record.leave_row(ACTION, 200, passed)
        if mine:
            calls.append(_here(record, mine, upward_, own))
    return [part for parts in await asyncio.gather(*calls) for part in parts]


async def _opened(gate: Gate, question: Question, upward_: Upward) -> Record:
    """Opens the record for who asks: under his name at his node, which nobody has here."""
    look = question.look
    actor = Actor(f"{look.actor}@{look.origin}", "", question.asker.node, upward.PURPOSE)
    about = Circumstances("LOOK /Patient", "", look.request, way=look.ground)
    return await upward.opened_for(gate, actor, about, question.asker, {"Patient", *upward_.types})


async def _here(record: Record, mine: Sequence[Known], upward_: Upward, own: str) -> list[Part]:
    base, source = base_url(record.gate.settings), f"urn:kangyun:node:{own}"
    entries, more = [], False
    for one in mine:
        for type_ in sorted(upward_.types):
            pairs = [("patient", f"Patient/{one.stored.id}"), ("_count", str(MOST_OF_TYPE))]
            try:
                page = await record.search(await record.read_query(type_, pairs, strict=True))
            except TooCostly:
                more = True
                continue
            more |= page.next is not None
            for found in page.matches:
                meta = {**found.resource.get("meta", {}), "source": source}
                entries.append({"fullUrl": f"{base}/{type_}/{found.id}", "resource": found.resource | {"meta": meta}})
    return [Part(own, "answered", tuple(entries), more)]


async def _below(gate: Gate, question: Question, node: Node, ids: Sequence[str], own: str) -> list[Part]:
    if node.paused:
        return [Part(node.name, "paused")]
    seconds = question.left - HOP
    if not node.is_heard or seconds < LEAST_LEFT:
        return [Part(node.name, "unreachable")]
    asked = relay.Asked(question.statement, (*question.path, own), tuple(ids), seconds)
    answer = await relay.ask(gate, node, asked)
    return [Part(node.name, "unreachable")] if answer is None else parts_in(answer)


async def above(gate: Gate, question: Question, patients: Sequence[int]) -> list[Part]:
    """Returns what the node above finds out about registrations of this node that it was told of."""
    register = nodes_of(gate)
    node = await register.above()
    if node is None or node.name in question.path:
        return []
    if node.paused:
        return [Part(node.name, "paused")]
    async with gate.store.pool.connection() as connection:
        rows = await nodes.rows_of(connection, node.name, patients)
    ids = [forms.id_of(node.own, row.name) for row in rows.values() if row.digest not in (None, GONE)]
    return await _asked_above(register, question, node, ids) if ids else [Part(node.name, "not-told")]


async def _asked_above(register: Nodes, question: Question, node: Node, ids: Sequence[str]) -> list[Part]:
    partner = Partner(node, register)
    asked = relay.Asked(question.statement, (*question.path, node.own), tuple(ids), question.left - HOP)
    try:
        async with asyncio.timeout(max(question.left, 0.0)):
            status, answer = await partner.call("$node-look", relay.written(asked), max(question.left, 0.1))
        return parts_in(answer) if status == 200 else [Part(node.name, "unreachable")]
    except (PlatformError, TimeoutError):
        return [Part(node.name, "unreachable")]
    finally:
        partner.close()


# --- parts, as they travel


def told(parts: Sequence[Part]) -> Resource:
    """Returns parts as a Parameters resource."""
    return {"resourceType": "Parameters", "parameter": [
        {"name": "node", "part": [
            {"name": "name", "valueString": one.node},
            {"name": "state", "valueCode": one.state},
            {"name": "more", "valueBoolean": one.more},
            {"name": "records", "resource": {
                "resourceType": "Bundle", "type": "collection", **({"entry": list(one.entries)} if one.entries else {}),
            }},
        ]}
        for one in parts
    ]}  # fmt: skip


def parts_in(answer: Any) -> list[Part]:
    """Reads parts. Raises Unavailable for what is none."""
    try:
        found = []
        for parameter in answer.get("parameter", ()):
            said = {one["name"]: one for one in parameter["part"]}
            entries = tuple(said["records"]["resource"].get("entry", ()))
            found.append(
                Part(said["name"]["valueString"], said["state"]["valueCode"], entries, said["more"]["valueBoolean"])
            )
        return found
    except (KeyError, TypeError, AttributeError):
        raise Unavailable("exchange.federation.no-answer", status=200) from None
