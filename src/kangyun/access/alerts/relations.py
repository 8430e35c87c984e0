"""Whose relatives are whose, as far as the record knows: for staff that is in it as a Practitioner.

The Patients with an identifier of his own are himself; those of RelatedPersons with an identifier of his are his; those
of the same family name and the same address are taken for his. The gate does not come into it: the trail is asked, and
no name leaves. What would take too long to find out is not known, which is logged: the rest goes on.
"""

import logging
from collections.abc import Iterable, Sequence

from kangyun.base.errors import TooCostly
from kangyun.fhir import Resource
from kangyun.store.references import local_target
from kangyun.store.store import Store
from kangyun.store.visible import EVERYTHING

logger = logging.getLogger(__name__)

MOST = 200
"""Patients of one name and address; more share a dormitory, not a family."""
MOST_TAGGED = 10_000
_PAGE = 1000


async def relatives(store: Store, actors: Iterable[str]) -> dict[str, frozenset[int]]:
    """Returns the Patients that are somebody's own or his relatives', by internal number."""
    targets = {actor: target for actor in actors if (target := local_target(actor)) and target[0] == "Practitioner"}
    located = {}
    if targets:
        async with store.pool.connection() as connection:
            located = await store.reader.locate(connection, targets.values())
    found = {}
    for actor, target in targets.items():
        current = located.get(target)
        if current is not None and current.stored is not None and not current.stored.deleted:
            found[actor] = await _of(store, current.stored.resource)
    return found


async def tagged(store: Store, tags: Sequence[str]) -> frozenset[int]:
    """Returns the Patients with one of these tags."""
    return await _patients(store, [("_tag", ",".join(map(_escaped_token, tags)))], MOST_TAGGED)


async def _of(store: Store, person: Resource) -> frozenset[int]:
    found: frozenset[int] = frozenset()
    identifiers = [
        f"{_escaped(str(one.get('system', '')))}|{_escaped(str(one['value']))}"
        for one in person.get("identifier", ())
        if one.get("value") and one.get("system")
    ]
    if identifiers:
        asked = ",".join(identifiers)
        found |= await _patients(store, [("identifier", asked)], MOST)
        found |= await _patients(store, [("_has:RelatedPerson:patient:identifier", asked)], MOST)
    families = {_family(name) for name in person.get("name", ())} - {""}
    places = {text for address in person.get("address", ()) for text in _places(address)}
    if families and places:
        same = [("family:exact", ",".join(map(_escaped, sorted(families)))), ("address:exact", _any(places))]
        found |= await _patients(store, same, MOST)
    return found


async def _patients(store: Store, pairs: list[tuple[str, str]], most: int) -> frozenset[int]:
    """Returns the Patients of a search, none where they are more than `most`, or too many to look through in time."""
    found: set[int] = set()
    cursor = None
    try:
        while True:
            more: list[tuple[str, str]] = [("_cursor", cursor)] if cursor else []
            query = await store.read_query("Patient", [*pairs, ("_count", str(_PAGE)), *more])
            async with store.pool.connection() as connection:
                page = await store.searcher.search(connection, query, "alerts", EVERYTHING)
            found |= {one.res for one in page.matches}
            cursor = page.next
            if len(found) > most:
                return frozenset()
            if cursor is None:
                return frozenset(found)
    except TooCostly:
        logger.warning("audit alerts: relations by %s take too long to find", pairs[0][0])
        return frozenset()


def _family(name: Resource) -> str:
    return str(name.get("family") or "")


def _places(address: Resource) -> list[str]:
    """An address in one text, or its lines: a district alone is no household."""
    return [text for text in (address.get("text"), *address.get("line", ())) if text]


def _any(texts: Iterable[str]) -> str:
    return ",".join(_escaped(text) for text in sorted(texts))


def _escaped(text: str) -> str:
    for sign in "\\,$|":
        text = text.replace(sign, f"\\{sign}")
    return text


def _escaped_token(token: str) -> str:
    system, bar, code = token.rpartition("|")
    return f"{_escaped(system)}{bar}{_escaped(code)}"
