"""`Patient/[id]/$choices` and `$choose`: what a resident allows and forbids, as switches in plain words. Our own.

Each switch is one Consent that he writes himself; what it comes to counts in the next statement. A guardian who may act
chooses for a ward, within what he sees.
"""

from typing import Any

from kangyun.access.consent import choices
from kangyun.access.consent.choices import INSTITUTION, SYSTEM
from kangyun.access.events.people import called
from kangyun.access.every import every
from kangyun.access.identities.model import OF_RESIDENTS
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

MOST_INSTITUTIONS = 100


async def look_at_choices(record: Record, call: Call) -> Resource:
    """Returns each switch and how it stands, and the institutions that have a record of him or looked at it."""
    Inputs.of(call.parameters, frozenset())
    patient = _own(record, call)
    said = await _said(record, patient)
    language = call.language
    parts: list[dict[str, Any]] = []
    for one in choices.choices().choice:
        words, about = one.words(language)
        parts.append(_part("choice", one.name, words, on=said.get(one.name, one.usual), about=about, usual=one.usual))
    homes, registered, names = await _institutions(record, patient)
    for reference, name in names.items():
        key = f"{INSTITUTION}{reference.partition('/')[2]}"
        about = "treated" if reference in homes else "registered" if reference in registered else "looked"
        parts.append(_part("institution", key, name, on=said.get(key, True), about=about, usual=True))
    await record.leave_row("choices", 200, sorted(await record.gate.numbers((patient,))))
    return parameters(*parts)


async def choose(record: Record, call: Call) -> Resource:
    """Switches one on or off. Raises Forbidden, Invalid, RuleBroken."""
    record.in_person()
    patient = _own(record, call)
    inputs = Inputs.of(call.parameters, frozenset({"choice", "on"}))
    name, on = inputs.text("choice") or "", inputs.boolean("on", False)
    homes, _, names = await _institutions(record, patient)
    known = {f"{INSTITUTION}{one.partition('/')[2]}" for one in names}
    if choices.find(name) is None and name not in known:
        raise Invalid("fhir.search.value", parameter="choice")
    made = choices.consent(
        patient, name, on=on, made=clock.instant(clock.now()), label_system=record.gate.labels.system, homes=homes
    )
    # Two taps at once make two of one name: all of them say the same from now on, or none could be taken back.
    found = [one.id for one in await _consents(record, patient) if _name(one.resource) == name]
    changes = [record.operation("update", "Consent", id=id_, resource={**made, "id": id_}) for id_ in found]
    await record.commit(changes or [record.operation("create", "Consent", resource=made)], "choose")
    return parameters(_part("choice", name, "", on=on, about="", usual=True))


def _own(record: Record, call: Call) -> str:
    if record.actor.role not in OF_RESIDENTS or call.id not in record.actor.patients:
        raise Forbidden("access.family.residents-only")
    return str(call.id)


async def _consents(record: Record, patient: str) -> list[Any]:
    asked = [("patient", f"Patient/{patient}"), ("identifier", f"{SYSTEM}|")]
    found = [one async for one in every(record, "Consent", *asked)]
    # A newer one of a name counts before an older one.
    return sorted(found, key=lambda one: one.res, reverse=True)


async def _said(record: Record, patient: str) -> dict[str, bool]:
    """Returns what was said otherwise than usual, by the choice's name."""
    said: dict[str, bool] = {}
    for one in await _consents(record, patient):
        name = _name(one.resource)
        choice = choices.find(name)
        if one.resource.get("status") == "active":
            said.setdefault(name, False if choice is None else not choice.usual)
    return said


def _name(consent: Resource) -> str:
    return next((str(one.get("value", "")) for one in consent.get("identifier", ()) if one.get("system") == SYSTEM), "")


async def _institutions(record: Record, patient: str) -> tuple[list[str], set[str], dict[str, str]]:
    """Returns who has treated somebody, whose a registration says to be, and the names of these and of who looked."""
    own = record.actor.patients if record.actor.for_one else ()
    numbers = list(await record.gate.numbers((patient, *own)))
    registered = await _registered(record, None if own else patient)
    store = record.store
    async with store.pool.connection() as connection:
        # Who has proven some registrations only is not told where else somebody of that number is registered.
        rows = await connection.fetch(_INSTITUTIONS, numbers, MOST_INSTITUTIONS, not record.actor.alone)
        references = list(dict.fromkeys([*(row["reference"] for row in rows), *sorted(registered)]))
        known = await called(connection, store, references)
    homes = [row["reference"] for row in rows if row["home"]]
    return homes, registered, {one: known.names[one] for one in references if one in known.names}


async def _registered(record: Record, patient: str | None) -> set[str]:
    """Returns whose registrations these are, where another sent them: a city's platform, a bulk import.

    patient: one of several persons; None where all that is seen is of one.
    """
    found = [one async for one in every(record, "Patient", *([("_id", patient)] if patient else []))]
    named = (one.resource.get("managingOrganization", {}).get("reference", "") for one in found)
    return {str(one) for one in named if str(one).startswith("Organization/")}


def _part(name: str, key: str, words: str, *, on: bool, about: str, usual: bool) -> dict[str, Any]:
    part: list[dict[str, Any]] = [
        {"name": "name", "valueString": key},
        {"name": "on", "valueBoolean": on},
        {"name": "usual", "valueBoolean": usual},
    ]
    for key_, value in (("words", words), ("about", about)):
        if value:
            part.append({"name": key_, "valueString": value})
    return {"name": name, "part": part}


_INSTITUTIONS = """
WITH all_of AS (
    SELECT unnest($1::int8[]) AS patient
    UNION SELECT l.patient FROM resident_link AS k JOIN resident_link AS l ON l.resident = k.resident
        WHERE k.patient = ANY ($1::int8[]) AND $3::bool
), homes AS (
    SELECT DISTINCT r.institution FROM resource AS r WHERE r.res = ANY (ARRAY(SELECT patient FROM all_of))
),
looked AS (
    SELECT DISTINCT a.institution FROM audit AS a
    WHERE a.patients && ARRAY(SELECT patient FROM all_of) AND a.patients <> '{}' AND a.outcome < 400
)
SELECT i.reference, i.id IN (SELECT institution FROM homes) AS home FROM institution AS i
WHERE i.id IN (SELECT institution FROM homes UNION SELECT institution FROM looked)
    AND i.reference LIKE 'Organization/%'
ORDER BY home DESC, i.reference LIMIT $2
"""
