"""`Patient?_id=[id of a resident]`: golden Patients among the matches of a search.

A resident is found where one of his registrations that the asker sees meets whatever else is asked. Golden Patients
stand first, in the order of their numbers, whatever the order of the rest; includes are those of their registrations.
Only one `_id` that stands by itself means residents: no intersection of two. One in a chain means their registrations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import asyncpg

from kangyun.fhir.search.query import Query
from kangyun.fhir.search.tree import All, Column
from kangyun.store.model import Stored
from kangyun.store.search.searcher import Page, Searcher
from kangyun.store.visible import Sight

TYPE = "Patient"


@dataclass(frozen=True, slots=True)
class Asked:
    """A search by `_id` taken apart. residents: their ids by their numbers. others: the ids that are no resident's.

    rest: what else is asked.
    """

    residents: dict[int, str]
    others: tuple[str, ...]
    rest: All

    def of(self, ids: Sequence[str]) -> All:
        """Returns the same question of these ids only."""
        return All((Column("_id", tuple(ids)), *self.rest.nodes))


@dataclass(frozen=True, slots=True)
class Found:
    """A page. registrations: by the number of each resident on it, those that are seen. page: the rest of it."""

    registrations: dict[int, list[Stored]]
    page: Page


def asked_for(query: Query, resident_of: Callable[[str], int | None]) -> Asked | None:
    """Returns what a search asks of residents, None where it names none. Pure."""
    columns = [node for node in query.node.nodes if isinstance(node, Column) and node.name == "_id"]
    if query.type != TYPE or query.compartment is not None or len(columns) != 1:
        return None
    ids = [str(value) for value in columns[0].values]
    residents = {number: id_ for id_ in ids if (number := resident_of(id_)) is not None}
    rest = All(tuple(node for node in query.node.nodes if node is not columns[0]))
    others = tuple(id_ for id_ in ids if resident_of(id_) is None)
    return Asked(dict(sorted(residents.items())), others, rest) if residents else None


async def search_residents(
    searcher: Searcher, connection: asyncpg.Connection, query: Query, asked: Asked, actor: str, sight: Sight
) -> Found:
    """Returns a page of a search that names residents. Raises as `Searcher.search`."""
    registrations = await _meeting(searcher, connection, asked, sight)
    total = len(registrations)
    place = searcher.cursors.read(query.cursor, actor, query.asked) if query.cursor else None
    if place is not None:
        # A place among residents is a list in a list, which no place among resources is.
        last = place[0][0] if isinstance(place[0], list) else max(registrations, default=0)
        registrations = {number: seen for number, seen in registrations.items() if number > last}
    counts = query.summary == "count" or query.count == 0
    shown = dict(list(registrations.items())[: 0 if counts else query.count])
    beyond = place is not None and not isinstance(place[0], list)
    page = Page([], None if place is not None else 0)
    room = query.count - len(shown)
    if asked.others and (counts or (room and len(shown) == len(registrations))):
        others = replace(
            query, node=asked.of(asked.others), count=room, cursor=query.cursor if beyond else None
        )  # fmt: skip
        page = await searcher.search(connection, others, actor, sight)
    elif shown and (asked.others or len(shown) < len(registrations)):
        page = Page([], None, searcher.cursors.write([[max(shown)]], actor, query.asked))
    if page.total is not None and place is None:
        page.total += total
    if query.includes and shown:
        sources = [one for seen in shown.values() for one in seen]
        brought = await searcher.includer.included(connection, sources, query.includes, sight)
        known = {one.res for one in (*page.matches, *page.included)}
        page.included += [one for one in brought if one.res not in known]
    return Found(shown, page)


async def _meeting(
    searcher: Searcher, connection: asyncpg.Connection, asked: Asked, sight: Sight
) -> dict[int, list[Stored]]:
    """Returns the residents of whom a registration that is seen meets the rest, with all that are seen."""
    located = await searcher.reader.of_residents(connection, list(asked.residents), sight)
    seen = {
        number: [one.stored for one in located[number] if one.stored is not None]
        for number in asked.residents
        if located[number]
    }
    ids = [one.id for registrations in seen.values() for one in registrations]
    if ids and asked.rest.nodes:
        met = set(await searcher.matches(connection, TYPE, asked.of(ids), len(ids), sight))
        seen = {number: of for number, of in seen.items() if any(one.id in met for one in of)}
    return seen
