"""`Patient/$ihe-pix`: which other numbers and Patients are of the resident who has a number, as far as they are seen.

A number that only hidden registrations have is not found; of the resident's registrations those that are seen are told,
as they are shown. An assigner is known where the platform knows it, or the asker sees a Patient with a number of it: so
none is told of that he could not find by a search.

Source: IHE ITI PIXm 3.1.0, ITI-83, https://profiles.ihe.net/ITI/PIXm/ITI-83.html
"""

from collections.abc import Sequence

import asyncpg

from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.base.errors import Invalid, Issue, MultipleMatches, NotFound
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.identity.registration.identifiers import kinds
from kangyun.identity.standing import residents_of
from kangyun.store.model import Stored
from kangyun.store.references import local_target

PIX = "ihe-pix"
KNOWN = frozenset({"sourceIdentifier", "targetSystem"})
MOST = 50  # registrations with one number
NOT_FOUND = Issue(
    "error", "not-found", "identity.pix-source", "sourceIdentifier",
    diagnostics="sourceIdentifier Patient Identifier not found",
)  # fmt: skip
NO_SOURCE = Issue(
    "error", "code-invalid", "identity.pix-source-domain", "sourceIdentifier",
    diagnostics="sourceIdentifier Assigning Authority not found",
)  # fmt: skip
NO_TARGET = Issue(
    "error", "code-invalid", "identity.pix-target-domain", "targetSystem", diagnostics="targetSystem not found"
)  # fmt: skip


async def ihe_pix(record: Record, call: Call) -> Resource:
    """Returns identifiers and Patients. Raises NotFound, Invalid, MultipleMatches, Forbidden."""
    record.may_search("Patient")
    inputs = Inputs.of(call.parameters, KNOWN)
    text, targets = inputs.text("sourceIdentifier"), inputs.texts("targetSystem")
    if not text:
        raise Invalid("fhir.terminology.parameter-needed", name="sourceIdentifier")
    system, mark, value = text.partition("|")
    if not (mark and system.strip() and value.strip()):
        raise Invalid("identity.pix-source-form", at="sourceIdentifier")
    bases = {base.rstrip("/") for base in record.store.bases}
    here = system.rstrip("/") in bases
    async with record.store.pool.connection() as connection:
        found = _by_id(value) if here else await _numbered(record, connection, system, value)
        if not found and not here and not await _is_known(record, connection, system):
            raise Invalid(issues=(NO_SOURCE,))
        for target in targets:
            if target.rstrip("/") not in bases and not await _is_known(record, connection, target):
                raise Invalid(issues=(NO_TARGET,))
        seen = await _registrations(record, connection, found) if found else []
    if not seen:
        raise NotFound(issues=(NOT_FOUND,))
    await record.leave_row(PIX, 200, sorted(one.res for one in seen))
    shown = await record.shown(seen)
    return parameters(*_answer(seen, shown, (system, value), None if not targets else set(targets), bases))


def _answer(
    seen: Sequence[Stored], shown: Sequence[Stored], asked: tuple[str, str], targets: set[str] | None, bases: set[str]
) -> list[Resource]:
    """Returns each identifier once, but for the one that was asked by, and each Patient. Pure.

    Where domains are asked for: their identifiers, and the Patients that have one; all Patients for the own base.
    """
    told: dict[tuple[str, str], Resource] = {}
    patients = []
    everyone = targets is None or any(one.rstrip("/") in bases for one in targets)
    for whole, masked in zip(seen, shown, strict=True):
        # What is masked is no number.
        own = [one for one in masked.resource.get("identifier", ()) if one in whole.resource.get("identifier", ())]
        own = [one for one in own if one.get("system") and one.get("value")]
        wanted = [one for one in own if targets is None or one["system"] in targets]
        for one in wanted:
            told.setdefault((one["system"], one["value"]), one)
        itself = asked[0].rstrip("/") in bases and asked[1] == f"Patient/{whole.id}"
        if (wanted or everyone) and not itself:
            patients.append({"name": "targetId", "valueReference": {"reference": f"Patient/{whole.id}"}})
    told.pop(asked, None)
    return [*({"name": "targetIdentifier", "valueIdentifier": one} for one in told.values()), *patients]


def _by_id(value: str) -> list[str]:
    target = local_target(value)
    return [target[1]] if target is not None and target[0] == "Patient" else []


async def _numbered(record: Record, connection: asyncpg.Connection, system: str, value: str) -> list[str]:
    pair = ("identifier", f"{escaped(system)}|{escaped(value)}")
    query = await record.read_query("Patient", [pair], strict=True)
    return await record.store.searcher.matches(connection, "Patient", query.node, MOST, record.sight)


async def _is_known(record: Record, connection: asyncpg.Connection, system: str) -> bool:
    if any(system in kind.systems for kind in kinds().values()):
        return True
    query = await record.read_query("Patient", [("identifier", f"{escaped(system)}|")], strict=True)
    return bool(await record.store.searcher.matches(connection, "Patient", query.node, 1, record.sight))


async def _registrations(record: Record, connection: asyncpg.Connection, ids: Sequence[str]) -> list[Stored]:
    """Returns all registrations of whose these are, as far as they are seen. Raises MultipleMatches."""
    reader = record.store.reader
    numbers = [number for id_ in ids if (number := record.resident_of("Patient", id_)) is not None]
    names = [("Patient", id_) for id_ in ids if record.resident_of("Patient", id_) is None]
    located = await reader.locate(connection, names, record.sight)
    own = [one.stored for one in located.values() if one.stored is not None and not one.stored.deleted]
    residents = {*numbers, *(await residents_of(connection, [one.res for one in own])).values()}
    if len(residents) > 1:
        raise MultipleMatches("identity.pix-several", at="sourceIdentifier")
    if not residents:
        return own  # It is not in the index yet.
    of = await reader.of_residents(connection, sorted(residents), record.sight)
    return [one.stored for each in of.values() for one in each if one.stored is not None]


def escaped(text: str) -> str:
    """Returns a text as the value of a search: signs that would part it are escaped."""
    return "".join(f"\\{sign}" if sign in "\\|,$" else sign for sign in text)
