"""`Patient/$match`: which residents a Patient that is not in the record may be of, with grades.

The answer's entries are golden Patients (`identity.golden`), the likeliest first. Only registrations that the asker
sees are compared and shown: of a resident of whom he sees nothing, nothing can be inferred. It changes nothing.

Source: https://hl7.org/fhir/R4/patient-operation-match.html
"""

from dataclasses import dataclass
from typing import Literal

from msgspec import Raw

from kangyun.access.operations.model import Call
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.identity.deciding import Verdict
from kangyun.identity.golden import golden

KNOWN = frozenset({"resource", "onlyCertainMatches", "count"})
COUNT, LARGEST = 10, 100
GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
Grade = Literal["certain", "probable", "possible"]


@dataclass(frozen=True, slots=True)
class Match:
    """A resident who may be meant. score: 0 to 1."""

    resident: int
    grade: Grade
    score: float
    bits: float


async def match(record: Record, call: Call) -> Resource:
    """Returns a searchset. Raises Invalid for what is no Patient, or says nothing to look for; Forbidden."""
    record.may_search("Patient")
    inputs = Inputs.of(call.parameters, KNOWN)
    asked, count = inputs.resource("resource", "Patient"), inputs.count("count")
    only_certain = inputs.boolean("onlyCertainMatches", False)
    if asked is None:
        raise Invalid("fhir.terminology.parameter-needed", name="resource")
    index, store = record.gate.residents, record.store
    reading = index.rules.read(asked)
    if not reading.keys:
        raise Invalid("identity.nothing-to-match", at="resource")
    async with store.pool.connection() as connection:
        near = await index.near_seen(connection, reading, record.sight)
        prepared = index.rules.prepare(reading.fields, among=await index.among(connection))
        verdicts = [
            prepared.held(resident, [said for said in one.registrations.values() if said is not None]).verdict
            for resident, one in near.items()
        ]
        found = [one for verdict in verdicts if (one := graded(verdict)) is not None]
        if only_certain:
            found = [one for one in found if one.grade == "certain"]
            found = found if len(found) == 1 else []  # Of several none is the one who is meant.
        found.sort(key=lambda one: (-one.score, -one.bits, one.resident))
        found = found[: COUNT if count is None else max(min(count, LARGEST), 1)]
        located = await store.reader.opened(connection, [row for one in found for row in near[one.resident].rows])
    entries, patients = [], set[int]()
    for one in found:
        registrations = [each.stored for each in located.get(one.resident, ()) if each.stored is not None]
        if registrations:  # Else they were erased since.
            id_ = store.ids.id_of(one.resident)
            whole = golden(one.resident, id_, await record.shown(registrations))
            patients |= {each.res for each in registrations}
            url = f"{store.bases[0]}Patient/{id_}"
            entries.append({"fullUrl": url, "resource": Raw(whole.json), "search": _search(one)})
    await record.leave_row("match", 200, sorted(patients))
    made = {
        "resourceType": "Bundle",
        "type": "searchset",
        "timestamp": clock.instant(clock.now()),
        "total": len(entries),
    }
    return made | ({"entry": entries} if entries else {})


def graded(verdict: Verdict) -> Match | None:
    """Returns how a resident answers a question, None where he does not: as the index would decide on arrival."""
    if verdict.certain and not (verdict.contradicted or verdict.forbidden):
        return Match(verdict.resident, "certain", 1.0, verdict.bits)
    if verdict.certain:
        return Match(verdict.resident, "possible", min(verdict.probability, 0.5), verdict.bits)
    if verdict.forbidden or verdict.grade == "no":
        return None
    grade: Grade = "probable" if verdict.grade == "certain" else "possible"
    return Match(verdict.resident, grade, verdict.probability, verdict.bits)


def _search(one: Match) -> Resource:
    return {
        "extension": [{"url": GRADE, "valueCode": one.grade}], "mode": "match", "score": round(one.score, 6),
    }  # fmt: skip
