"""A document written of the record: what it is of is asked for through the gate, so it holds what its reader may see.

The only module of this package that does I/O.
"""

from collections.abc import Iterable
from typing import Any

from kangyun.access.record import Record
from kangyun.base.errors import Gone, Invalid, NotFound, TooCostly
from kangyun.exchange.cda import writing
from kangyun.exchange.cda.parsing import TEXTS
from kangyun.exchange.cda.writing.content import is_laboratory
from kangyun.fhir import Resource

MOST = 1000
"""Resources of one type in one document; of a stay with more no document is written."""
_OF_STAY = (
    ("Condition", "encounter"), ("Observation", "encounter"), ("Procedure", "encounter"),
    ("MedicationRequest", "encounter"), ("MedicationAdministration", "context"), ("Composition", "encounter"),
)  # fmt: skip
_OF_PATIENT = (("AllergyIntolerance", ()), ("Immunization", ()), ("Observation", (("code", "883-9,10331-7"),)))
_OF_LIFE = (("Condition", (("category", "problem-list-item"),)), ("Composition", ()))


async def document(record: Record, type_: str, id_: str, kind: str) -> bytes:
    """Returns a document of a kind: of a stay, a report, a prescription, a procedure or a patient.

    Raises Invalid for a kind that is not written or not of this type, NotFound for what nobody may see or what the
    record has nothing for, Gone, Forbidden, TooCostly.
    """
    wanted = writing.about(kind)
    if wanted != type_:
        raise Invalid(TEXTS + "other-type", kind=kind, type=wanted)
    focus = (await record.read(type_, id_)).resource
    if type_ == "DiagnosticReport" and is_laboratory(focus) is (kind == "C0006"):
        raise Invalid(TEXTS + "other-report", kind=kind)
    found: dict[tuple[str, str], Resource] = {}
    _add(found, [focus])
    patient = focus if type_ == "Patient" else await _referred(record, focus, ("subject", "patient"), "Patient")
    if patient is None:
        raise NotFound(TEXTS + "wanted-patient")
    _add(found, [patient])
    stay = focus if type_ == "Encounter" else await _referred(record, focus, ("encounter",), "Encounter")
    if stay is not None:
        _add(found, [stay])
        for name, parameter in _OF_STAY:
            _add(found, await _search(record, name, [(parameter, f"Encounter/{stay['id']}")]))
    for name, more in (*_OF_PATIENT, *(_OF_LIFE if type_ == "Patient" else ())):
        _add(found, await _search(record, name, [("patient", str(patient["id"])), *more]))
    for one in focus.get("result", ()):
        _add(found, [result] if (result := await _named(record, one, "Observation")) else ())
    house = await _referred(record, stay or patient, ("serviceProvider", "managingOrganization"), "Organization")
    _add(found, [house] if house is not None else ())
    # By type and id, so that the order of a search decides nothing.
    return writing.write(kind, [one for _, one in sorted(found.items())], focus)


def _add(found: dict[tuple[str, str], Resource], resources: Iterable[Resource]) -> None:
    for one in resources:
        found[one["resourceType"], str(one["id"])] = one


async def _search(record: Record, type_: str, pairs: list[tuple[str, str]]) -> list[Resource]:
    """Returns what the reader sees; nothing of a type that may not be read."""
    if not record.reads(type_):
        return []
    page = await record.search(await record.read_query(type_, [*pairs, ("_count", str(MOST))], strict=True))
    if page.next is not None:
        raise TooCostly(TEXTS + "too-many-of", type=type_, most=MOST)
    return [one.resource for one in page.matches]


async def _referred(record: Record, of: Resource, elements: tuple[str, ...], type_: str) -> Resource | None:
    for name in elements:
        if name in of:
            return await _named(record, of[name], type_)
    return None


async def _named(record: Record, reference: Any, type_: str) -> Resource | None:
    """Returns what a reference names, None where it is not there, not to be seen or of another type."""
    name, _, id_ = str(reference.get("reference", "")).partition("/")
    if name != type_ or not id_ or not record.reads(type_):
        return None
    try:
        return (await record.read(type_, id_)).resource
    except (NotFound, Gone):
        return None
