"""AuditEvents that other systems send: appended to the trail, sealed with it, shown as they were sent.

A row says what can be said without a value; the resource itself stands beside it, encrypted. The row's instant is that
of its coming: the order of the trail is that in which it learnt of things. It is about those residents only whom its
sender may write about; what names others is kept as it was sent, and counts as nobody's.

Source: IHE ITI TF-2, ITI-20 Record Audit Event (FHIR feed): https://profiles.ihe.net/ITI/TF/Volume2/ITI-20.html
"""

import re
from typing import Any

import asyncpg

from kangyun.access.events.rights import SENDERS, refuse_scopes
from kangyun.access.events.rows import sealed_detail
from kangyun.access.events.words import EXTERNAL, STATUS_OF
from kangyun.access.record import Record, Stored
from kangyun.base import clock
from kangyun.base.errors import Forbidden, TooLong
from kangyun.fhir import Resource
from kangyun.fhir.json import encode
from kangyun.store.body import text_of
from kangyun.store.model import CREATED
from kangyun.store.references import local_target, relative

LARGEST = 200_000  # bytes
MOST_PATIENTS = 1000
UNKNOWN = "unknown"
_PURPOSE = re.compile(r"[A-Z]{3,12}")
_INSERT = """
INSERT INTO audit (
    instant, institution, outcome, action, actor, purpose, shape, source, request, patients, client, origin, detail
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id
"""


async def receive(record: Record, resource: Resource) -> Stored:
    """Appends a valid AuditEvent; returns it with its id. Raises Forbidden, TooLong."""
    actor, store = record.actor, record.store
    if actor.role not in SENDERS and not actor.administrator:
        raise Forbidden("access.events.senders-only")
    refuse_scopes(actor.scopes, "c")
    sent = {name: value for name, value in resource.items() if name != "id"}
    detail = encode(sent)
    if len(detail) > LARGEST:
        raise TooLong("web.body-too-long", limit=LARGEST)
    about = record.circumstances
    moment = clock.now()
    async with store.pool.connection() as connection:
        row = (
            *(moment, record.institution, STATUS_OF[sent.get("outcome", "0")]),
            *(f"{EXTERNAL}-{sent.get('action', 'E')}", _actor(sent, store.bases), _purpose(sent), "", about.source),
            *(about.request, await _patients(connection, record, sent), actor.reference, EXTERNAL),
            sealed_detail(store.keys, detail, actor.reference, about.request),
        )
        id_ = await connection.fetchval(_INSERT, *row)
    return Stored(0, "AuditEvent", str(id_), 1, moment, CREATED, text_of(sent, None))


def _actor(sent: Resource, bases: tuple[str, ...]) -> str:
    """Who did it, by a reference of ours: any other name could be a person's."""
    agents = sorted(sent["agent"], key=lambda agent: not agent.get("requestor"))
    for agent in agents:
        reference = relative(str(agent.get("who", {}).get("reference", "")), bases)
        if local_target(reference) is not None:
            return reference
    return UNKNOWN


def _purpose(sent: Resource) -> str:
    concepts = [
        *sent.get("purposeOfEvent", ()),
        *(one for agent in sent["agent"] for one in agent.get("purposeOfUse", ())),
    ]
    codes = (str(coding.get("code", "")) for concept in concepts for coding in concept.get("coding", ()))
    return next((code for code in codes if _PURPOSE.fullmatch(code)), "")


async def _patients(connection: asyncpg.Connection, record: Record, sent: Resource) -> list[int]:
    """Returns the Patients that the entities are, or are about, as far as the sender may know of them.

    These are what he sees, what his institution wrote, and Patients that are still to come under an id of its own. What
    is answered is the same for others, whether they are known here or not.
    """
    store = record.store
    references: list[Any] = [entity.get("what", {}).get("reference") for entity in sent.get("entity", ())]
    targets = (local_target(relative(str(one), store.bases)) for one in references if one)
    wanted = [target for target in targets if target is not None][:MOST_PATIENTS]
    found = await store.reader.locate(connection, wanted) if wanted else {}
    if not record.writes_about_strangers:
        others = [name for name, one in found.items() if one.institution != record.institution]
        seen = await store.reader.locate(connection, others, record.sight) if others else {}
        for name in others:
            is_seen = name in seen and seen[name].stored is not None
            is_to_come = found[name].stored is None and not found[name].erased and record.may_register(name[1])
            if not (is_seen or is_to_come):
                del found[name]
    whose = (one.res if type_ == "Patient" else one.patient for (type_, _), one in found.items())
    return sorted({one for one in whose if one is not None})
