"""How people, institutions and applications of audit rows are called: by the record, where it knows them.

Who is asked for as of an instant is called as he was then: a name that somebody changes is not changed in what was.
Who is not in the record is called by his reference. Names of patients are not looked for: a resident who looks at
himself is told so in other words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from kangyun.access.events.rows import standing
from kangyun.fhir import Resource
from kangyun.store.references import local_target
from kangyun.store.store import Store
from kangyun.store.visible import EVERYTHING

MOST = 200
"""People of one answer whose department is looked for."""
_CALLED = frozenset({"Practitioner", "PractitionerRole", "Organization", "Device", "RelatedPerson"})


@dataclass(frozen=True, slots=True)
class Called:
    """Names by reference, and by reference and instant; departments of staff by theirs, as they are now."""

    names: dict[str, str]
    departments: dict[str, str]
    then: dict[tuple[str, datetime], str] = field(default_factory=dict)

    def name(self, reference: str) -> str:
        """Returns a name, the reference itself where there is none."""
        return self.names.get(reference) or reference

    def department(self, reference: str) -> str:
        """Returns the department of somebody, empty where none is known."""
        return self.departments.get(reference, "")


async def called(
    connection: asyncpg.Connection, store: Store, references: Iterable[str],
    moments: Iterable[tuple[str, datetime]] = (),
) -> Called:  # fmt: skip
    """Looks for the names of whom audit rows name: as they are now, and of references as of instants."""
    targets = {text: target for text in set(references) if (target := local_target(text)) and target[0] in _CALLED}
    found = await store.reader.locate(connection, targets.values()) if targets else {}
    resources = {
        text: found[target].stored.resource  # type: ignore[union-attr]
        for text, target in targets.items()
        if target in found and found[target].stored is not None and not found[target].stored.deleted  # type: ignore[union-attr]
    }
    names = {text: name for text, resource in resources.items() if (name := _name(resource))}
    staff = [text for text, resource in resources.items() if resource["resourceType"] == "Practitioner"][:MOST]
    numbers = {text: found[target].res for text, target in targets.items() if target in found}
    asked = [(text, at) for text, at in dict.fromkeys(moments) if text in numbers]
    then = await _then(connection, store, [(numbers[text], at) for text, at in asked])
    named = {one: _name(resource) for one, resource in zip(asked, then, strict=True) if resource is not None}
    return Called(names, await _departments(connection, store, staff) if staff else {}, named)


async def _then(
    connection: asyncpg.Connection, store: Store, moments: Sequence[tuple[int, datetime]]
) -> list[Resource | None]:
    """Returns resources as they stood at instants; one that came later, as it was first."""
    if not moments:
        return []
    rows = {row["nth"]: row for row in await connection.fetch(_THEN, *map(list, zip(*moments, strict=True)))}
    await store.reader.bring_keys(connection, {row["key"] for row in rows.values()})
    readable = {nth: row for nth, row in rows.items() if store.reader.is_readable(row)}
    return [
        store.reader.stored(readable[nth], res).resource if nth in readable else None
        for nth, (res, _) in enumerate(moments, 1)
    ]


async def _departments(connection: asyncpg.Connection, store: Store, staff: list[str]) -> dict[str, str]:
    """Returns where people work: the organization or the specialty of their PractitionerRole."""
    pairs = [("practitioner", ",".join(staff)), ("active:not", "false"), ("_count", "1000")]
    query = await store.read_query("PractitionerRole", pairs)
    page = await store.searcher.search(connection, query, "", EVERYTHING)
    roles = [one.resource for one in page.matches]
    wanted = {target for role in roles if (target := _target(role.get("organization")))}
    located = await store.reader.locate(connection, wanted) if wanted else {}
    inside = await standing(connection, store, [one.res for one in located.values()])
    departments: dict[str, str] = {}
    for role in roles:
        reference = role.get("practitioner", {}).get("reference", "")
        target = _target(role.get("organization"))
        current = located.get(target) if target else None
        place = inside.get(current.res) if current else None
        # An organization that is part of another is a department of it.
        department = _name(place.resource) if place is not None and "partOf" in place.resource else ""
        departments.setdefault(reference, department or _text(role.get("specialty", [{}])[0]))
    return departments


def _target(reference: Any) -> tuple[str, str] | None:
    return local_target(str(reference.get("reference", ""))) if isinstance(reference, dict) else None


def _name(resource: Resource) -> str:
    match resource["resourceType"]:
        case "Organization":
            return str(resource.get("name", ""))
        case "Device":
            return str(next((one.get("name", "") for one in resource.get("deviceName", ())), ""))
        case "PractitionerRole":
            return str(resource.get("practitioner", {}).get("display", ""))
    for one in resource.get("name", ()):
        written = one.get("text") or f"{one.get('family', '')}{''.join(one.get('given', ()))}"
        if written:
            return str(written)
    return ""


_THEN = """
SELECT n.nth, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body
FROM unnest($1::int8[], $2::timestamptz[]) WITH ORDINALITY AS n(res, at, nth)
CROSS JOIN LATERAL (
    SELECT * FROM version AS v WHERE v.res = n.res AND v.action <> 'd'
    ORDER BY v.instant > n.at, CASE WHEN v.instant <= n.at THEN v.version END DESC, v.version LIMIT 1
) AS v
"""


def _text(concept: Any) -> str:
    codings = concept.get("coding", ())
    return str(concept.get("text") or next((one["display"] for one in codings if "display" in one), ""))
