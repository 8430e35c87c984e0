"""Who is around a resident, for who has to reach somebody for him: himself, his family, his doctors and nurses.

For the platform's own work, which shows nobody what it finds: it goes into messages and onto a duty desk. Each look
leaves its audit row. The family is who was given the right to be told of alarms; doctors and nurses are the members of
an active CareTeam of the category family-doctor.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.events.rows import standing
from kangyun.access.gate import Gate
from kangyun.access.identities.hearing import Hearer, hearers
from kangyun.access.linked import registrations
from kangyun.access.subscriptions.statuses import PLATFORM
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of
from kangyun.fhir.search.dates import bounds
from kangyun.store.model import Stored
from kangyun.store.visible import EVERYTHING

ACTION = "circle"
NURSES = frozenset({"nurse", "224535009", "106292003"})
"""Codes of a member's role that say nurse: ours, and SNOMED CT (registered nurse, professional nurse)."""
_TEAMS = 20
_MEDICINES = ("MedicationStatement", "MedicationRequest")
_PAGE = 1_000
_FAMILY_DOCTOR = "urn:kangyun:care-team|family-doctor"


@dataclass(frozen=True, slots=True)
class Circle:
    """A resident and who is around him. numbers, patients: of his registrations, the one asked for first.

    name, gender, phones, address: as his registrations have them; address in one line. medicated: there is a current
    statement or order of a medicine; of which is not told. reachable: the first registration that names a telephone.
    """

    numbers: tuple[int, ...]
    patients: tuple[str, ...]
    name: str
    gender: str
    birth: date | None
    phones: tuple[str, ...]
    address: str
    family: tuple[Hearer, ...]
    doctors: tuple[str, ...]
    nurses: tuple[str, ...]
    medicated: bool = False
    reachable: str = ""

    def age(self, today: date) -> int | None:
        """Returns full years, None where the birth is not known."""
        if self.birth is None:
            return None
        return today.year - self.birth.year - ((today.month, today.day) < (self.birth.month, self.birth.day))


async def circle_of(gate: Gate, person: int, registration: int, why: str) -> Circle:
    """Returns who is around a person (as `access.linked` names him). why: what the audit row says it is for."""
    store = gate.store
    async with store.pool.connection() as connection:
        numbers = (await registrations(connection, [person]))[person]
        order = list(dict.fromkeys([registration, *numbers]))
        found = await standing(connection, store, order)
        known = [found[number] for number in order if number in found and not found[number].deleted]
        ids = [one.id for one in known]
        family = await hearers(connection, ids)
        teams: list[Resource] = []
        medicated = False
        if ids:
            mine = ("patient", ",".join(f"Patient/{id_}" for id_ in ids)), ("status", "active")
            asked = [*mine, ("category", _FAMILY_DOCTOR), ("_count", str(_TEAMS))]
            teams = [one.resource for one in await _found(connection, gate, "CareTeam", asked)]
            for type_ in _MEDICINES:
                medicated |= bool(await _found(connection, gate, type_, [*mine, ("_count", "1")]))
    record = await gate.open(PLATFORM, Circumstances(why, "", ""))
    await record.leave_row(ACTION, 200, sorted({one.res for one in known}))
    members = list(dict.fromkeys(_members(teams)))
    people = [one.resource for one in known]
    return Circle(
        tuple(one.res for one in known) or (registration,),
        tuple(ids),
        next((name for one in people if (name := name_of(one))), ""),
        next((str(one["gender"]) for one in people if one.get("gender")), ""),
        next((birth_of(one) for one in people if one.get("birthDate")), None),
        tuple(dict.fromkeys(number for one in people for number in phones_of(one))),
        next((text for one in people if (text := address_of(one))), ""),
        tuple(family),
        tuple(name for name, nurse in members if not nurse),
        tuple(name for name, nurse in members if nurse),
        medicated,
        next((one.id for one in known if any(phones_of(one.resource))), ""),
    )


async def _found(
    connection: asyncpg.Connection, gate: Gate, type_: str, asked: Sequence[tuple[str, str]]
) -> list[Stored]:
    query = await gate.store.read_query(type_, asked)
    return list((await gate.store.searcher.search(connection, query, "circle", EVERYTHING)).matches)


async def team_of(gate: Gate, reference: str) -> set[int]:
    """Returns the numbers of the registrations whose active CareTeam of that category somebody is a member of."""
    store = gate.store
    found: set[str] = set()
    cursor: list[tuple[str, str]] = []
    asked = [("participant", reference), ("category", _FAMILY_DOCTOR), ("status", "active"), ("_count", str(_PAGE))]
    async with store.pool.connection() as connection:
        while True:
            query = await store.read_query("CareTeam", [*asked, *cursor])
            page = await store.searcher.search(connection, query, "circle", EVERYTHING)
            found |= {str(one.resource.get("subject", {}).get("reference", "")) for one in page.matches}
            if page.next is None:
                break
            cursor = [("_cursor", page.next)]
        ids = {text.partition("/")[2] for text in found if text.startswith("Patient/")}
        given = {id_: store.ids.res_of(id_) for id_ in ids}
        chosen = [("Patient", id_) for id_, res in given.items() if res is None]
        named = await store.reader.names(connection, chosen)
    return {res for res in given.values() if res is not None} | set(named.values())


def _members(teams: Iterable[Resource]) -> Iterator[tuple[str, bool]]:
    """Each Practitioner of a team, and whether he is a nurse."""
    for team in teams:
        for one in team.get("participant", ()):
            name = str(one.get("member", {}).get("reference", ""))
            codes = {coding.get("code") for role in one.get("role", ()) for coding in role.get("coding", ())}
            if name.startswith("Practitioner/"):
                yield name, bool(codes & NURSES)


def birth_of(patient: Resource) -> date:
    """Returns the day of birth of a Patient that has one; the first of what is known."""
    return bounds(str(patient["birthDate"]))[0].date()


def phones_of(patient: Resource) -> Iterator[str]:
    """Yields the telephone numbers of a Patient."""
    for point in patient.get("telecom", ()):
        if point.get("system") in ("phone", "sms") and point.get("use") != "old" and point.get("value"):
            yield str(point["value"])


def address_of(patient: Resource) -> str:
    """Returns the address of a Patient in one line, "" where it has none."""
    for one in patient.get("address", ()):
        parts: list[Any] = [one.get("state"), one.get("city"), one.get("district"), *one.get("line", ())]
        text = one.get("text") or "".join(str(part) for part in parts if part)
        if text and one.get("use") != "old":
            return str(text)
    return ""
