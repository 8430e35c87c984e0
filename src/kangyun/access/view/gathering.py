"""What an actor sees of a resident, of some types, newest first; and how the institutions are called that wrote it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kangyun.access.alongside import registrations
from kangyun.access.events.people import called
from kangyun.access.look.lines import is_error
from kangyun.access.record import Record
from kangyun.database.statements import statements
from kangyun.fhir import Resource
from kangyun.store.model import Stored
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import seen

SQL = statements("access.view")
MOST = 20_000
"""Resources that a part is made of; older ones are left out, and it says so."""


@dataclass(slots=True)
class Houses:
    """Names of institutions, each once, and where it stands."""

    names: list[str] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def place(self, name: str) -> int:
        """Returns where a name stands, -1 for none."""
        if not name:
            return -1
        if name not in self._places:
            self._places[name] = len(self.names)
            self.names.append(name)
        return self._places[name]


@dataclass(slots=True)
class Gathered:
    """persons: registrations as they are stored (not to be shown), and the names of who registered each. found: what
    is shown, with the name of the institution of each; nothing entered in error. more: there are older ones."""

    persons: list[Stored]
    registrars: list[str]
    found: list[tuple[Resource, str]]
    more: bool
    houses: Houses

    def of(self, *types: str) -> list[tuple[Resource, str]]:
        """Returns those of some types."""
        return [one for one in self.found if one[0]["resourceType"] in types]

    @property
    def numbers(self) -> list[int]:
        """The internal numbers of the registrations."""
        return [one.res for one in self.persons]


async def gather(record: Record, id_: str, types: Iterable[str], action: str) -> Gathered:
    """Returns what is seen of whom an id means, a registration or a resident; its row is the caller's to leave.

    Raises NotFound, Gone, Forbidden: then the row is left.
    """
    store = record.store
    wanted = [TYPE_NUMBERS[name] for name in types if record.reads(name)]
    async with store.pool.connection() as connection:
        own = await registrations(record, connection, id_, action)
        asked = seen(SQL["of_types"], record.sight, [one.res for one in own], wanted, MOST + 1)
        rows = await connection.fetch(*asked)
        more, rows = len(rows) > MOST, rows[:MOST]
        await store.reader.bring_keys(connection, {row["key"] for row in rows})
        rows = [row for row in rows if store.reader.is_readable(row)]
        numbers = {row["institution"] for row in rows} | {one.institution for one in own}
        named = await connection.fetch(SQL["references"], list(numbers))
        names = await called(connection, store, {row["reference"] for row in named})
    writers = {row["id"]: names.name(row["reference"]) for row in named}
    shown = await record.shown([store.reader.stored(row, row["res"]) for row in rows])
    found = [one.resource for one in shown]
    said = _said([one.resource for one in shown if one.type == "Encounter"])
    houses = [
        _provider(resource, said) or writers.get(row["institution"], "")
        for resource, row in zip(found, rows, strict=True)
    ]
    persons = [one.stored for one in own if one.stored is not None]
    registrars = [writers.get(one.institution, "") for one in own if one.stored is not None]
    said_so = [one for one in zip(found, houses, strict=True) if not is_error(one[0])]
    return Gathered(persons, registrars, said_so, more, Houses())


def _said(encounters: Sequence[Resource]) -> dict[str, str]:
    """Returns the name of the institution of each visit that says it, and of the diagnoses that were made at it."""
    said: dict[str, str] = {}
    for one in encounters:
        house = str(one.get("serviceProvider", {}).get("display", ""))
        said[f"Encounter/{one['id']}"] = house
        for diagnosis in one.get("diagnosis", ()):
            said.setdefault(str(diagnosis.get("condition", {}).get("reference", "")), house)
    return said


def _provider(resource: Resource, visits: dict[str, str]) -> str:
    """Returns which institution a resource says it is of; empty where it does not: then it is its writer's."""
    own = resource.get("serviceProvider") or resource.get("custodian") or resource.get("managingOrganization")
    if isinstance(own, dict) and own.get("display"):
        return str(own["display"])
    performers = resource.get("performer", [])
    for performer in performers if isinstance(performers, list) else (performers,):  # Of a MedicationRequest it is one.
        actor = performer.get("actor", performer)
        if str(actor.get("reference", "")).startswith("Organization/") and actor.get("display"):
            return str(actor["display"])
    visit = resource.get("encounter", {}).get("reference") or f"{resource['resourceType']}/{resource['id']}"
    return visits.get(visit, "")
