"""`Patient/[id]/$summary`, the IPS; `$summary-paper`, the same as a PDF; `$check-paper`, whether a paper is ours.

All of it is of what is shown to who asks: a resident his own, a guardian what he sees, staff what policy, consent and
mask leave; how much the resident keeps back from them it says. Each leaves its row, `summary` or `summary-paper`. A PDF
is answered as a Binary.
"""

import asyncio
import base64
from collections.abc import Iterable

from kangyun.access.masking.resources import MARK, PARTIAL, is_masked
from kangyun.access.operations import Call, Operation
from kangyun.access.operations.everything import Gathered, gathered
from kangyun.access.operations.model import Input, parameters
from kangyun.access.platform import base_url
from kangyun.access.record import Record
from kangyun.access.view.first import hidden
from kangyun.base import clock
from kangyun.base.crypto import derived_key
from kangyun.base.errors import Invalid, NotSupported
from kangyun.base.texts import Language
from kangyun.exchange.summary.checking import check_code, is_genuine
from kangyun.exchange.summary.document import PROFILES, Summary, bundle
from kangyun.exchange.summary.making import filled, types
from kangyun.exchange.summary.paper import made_at, paper
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.identity.standing import SQL as STANDING

SUMMARY, PAPER = "summary", "summary-paper"
LONGEST = 200


async def summary(record: Record, call: Call) -> Resource:
    """Returns the International Patient Summary. Raises NotFound, Forbidden, NotSupported for another profile."""
    profile = Inputs.of(call.parameters, frozenset({"profile"})).text("profile")
    if profile is not None and profile.partition("|")[0] != f"{PROFILES}Bundle-uv-ips":
        raise NotSupported("fhir.terminology.parameter-unsupported", name="profile")
    return bundle(await _made(record, call, SUMMARY, call.language), base_url(record.gate.settings))


async def summary_paper(record: Record, call: Call) -> Resource:
    """Returns the summary as a PDF with a check code, in a Binary. Raises NotFound, Forbidden."""
    Inputs.of(call.parameters, frozenset())
    made = await _made(record, call, PAPER, call.language)
    zone = record.store.zone
    text = "\n".join(f"{one.day}\t{one.name}\t{one.value}" for each in made.sections for one in made.lines(each))
    code = check_code(_key(record), text, name_of(made.patient), made_at(made, zone))
    pdf = await asyncio.to_thread(paper, made, code, zone, demonstration=record.gate.settings.demo)
    return {
        "resourceType": "Binary",
        "contentType": "application/pdf",
        "data": base64.b64encode(pdf).decode(),
    }


async def check_paper(record: Record, call: Call) -> Resource:
    """Returns whether a code, a name and a minute stand together on a paper of this platform. Raises Invalid."""
    inputs = Inputs.of(call.parameters, frozenset({"code", "name", "made"}))
    said = [(inputs.text(name) or "").strip() for name in ("code", "name", "made")]
    if any(not 0 < len(one) <= LONGEST for one in said):
        raise Invalid("exchange.summary.wrong-code")
    genuine = is_genuine(_key(record), *said)
    await record.leave_row("check-paper", 200, [])
    return parameters({"name": "genuine", "valueBoolean": genuine})


async def _made(record: Record, call: Call, action: str, language: Language) -> Summary:
    found = await gathered(record, str(call.id), types(), action)
    now = clock.now()
    numbers = [one.res for one in found.patients]
    async with record.store.pool.connection() as connection:
        every = [row["patient"] for row in await connection.fetch(STANDING["of_same"], numbers)] or numbers
    references = {f"{one.type}/{one.id}": one.resource for one in (*found.included, *found.members)}
    return Summary(
        patient=_person(found),
        people=frozenset(f"Patient/{one.id}" for one in (*found.patients, found.person)),
        sections=filled((one.resource for one in found.members), now.astimezone(record.store.zone).date()),
        references=references,
        made=now,
        language=language,
        closed=tuple(_closed(record, language)),
        withheld=(await hidden(record, every, None)).count,
    )


def _person(found: Gathered) -> Resource:
    """Returns the one Patient, marked as masked where one of the registrations that it is made of is."""
    person = found.person.resource
    if is_masked(person) or not any(is_masked(one.resource) for one in found.patients):
        return person
    meta = person.get("meta", {})
    return {**person, "meta": {**meta, "security": [MARK], "tag": [*meta.get("tag", ()), PARTIAL]}}


def _closed(record: Record, language: Language) -> Iterable[str]:
    """Yields the names of the labels that are not shown to who asks, of his own record or of others'."""
    sight, labels = record.sight, record.gate.labels
    if sight.everything:
        return
    closed = (
        sight.selves_closed if sight.selves else (sight.granted_closed or sight.all_closed or sight.own_closed or 0)
    )
    named = labels.categories | labels.sensitivities
    for name in labels.names(closed & labels.all):
        if name in named:
            yield named[name].zh if language == "zh" else named[name].en


def _key(record: Record) -> bytes:
    return derived_key(record.store.keys.index_key, "paper", 32)


SUMMARY_OPERATIONS = (
    Operation(
        SUMMARY, frozenset({"instance"}), summary, "http://hl7.org/fhir/uv/ips/OperationDefinition/summary",
        (Input("profile", "uri"),), frozenset({"Patient"}),
    ),
    Operation(
        PAPER, frozenset({"instance"}), summary_paper, "urn:kangyun:operation:summary-paper", (),
        frozenset({"Patient"}),
    ),
    Operation(
        "check-paper", frozenset({"system"}), check_paper, "urn:kangyun:operation:check-paper",
        (Input("code", "string"), Input("name", "string"), Input("made", "string")), affects_state=True,
    ),
)  # fmt: skip
