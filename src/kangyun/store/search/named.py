"""The patients that a search names, for its audit row: those that are there, and that the asker sees.

Only what a page does not tell by itself costs a statement. Where no registration is seen, nothing was learnt of it.

An answer that shows nobody's resource, a count or an empty page, tells of few as well. A count tells of whom its
matches are about. Where nothing matches, it tells of who fits one of the criteria, or all but one, that he does not fit
the others. They are named where they are at most `FEW`: of more, nobody can be said to be meant.
"""

from collections.abc import MutableMapping, Sequence
from dataclasses import replace

import asyncpg

from kangyun.fhir.search.naming import PATIENT, Criteria, Named, criteria, is_about_named, parts
from kangyun.fhir.search.query import Query
from kangyun.fhir.search.tree import All, Node
from kangyun.store.ids import is_resident
from kangyun.store.model import Stored
from kangyun.store.reader import Name
from kangyun.store.references import local_target, relative
from kangyun.store.registry import Registry
from kangyun.store.search.searcher import Searcher
from kangyun.store.search.values import REGISTRATIONS
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import Sight, seen

MOST = 1_000  # Patients with the identifiers of one test
FEW = 10
"""Residents of whom an answer that shows nobody tells, at most; and criteria of which each is left out once."""


async def named_patients(
    connection: asyncpg.Connection, searcher: Searcher, registry: Registry, bases: tuple[str, ...],
    queries: Sequence[Query], sight: Sight, shown: Sequence[Stored], known: MutableMapping[str, int],
) -> set[int]:  # fmt: skip
    """Returns the patients that searches name which ask the same of different types. Raises TooCostly.

    shown: the page. known: the `res` of Patients by their ids, as far as others asked.
    """
    asked = criteria(queries, registry.known(PATIENT))
    told = {one.patient for one in shown if one.patient is not None}
    parts = [asked.tied] if told else [asked.tied, asked.direct]
    names = _names(asked, parts, bases)
    asks = [(All((test,)), min(len(test.values), MOST)) for part in parts for test in part.identifiers]
    asks += [(All(tuple(part.together)), 1) for part in parts if _say_more(part)]
    if not (names or asks):
        return set()
    # Whose registration is meant is told by what is asked of other types as well: its own need not be in scope.
    whole = replace(sight, types=None, narrowed=())
    for node, most in asks:
        ids = await searcher.matches(connection, PATIENT, node, most + 1, whole)
        names |= {(PATIENT, id_) for id_ in ids if len(ids) <= most}
    wanted = await _numbers(connection, searcher, names, known)
    wanted = {res: number for res, number in wanted.items() if res not in told}
    if not wanted:
        return set()
    residents = [res for res in wanted if is_resident(res)]
    if residents:
        linked = await connection.fetch(REGISTRATIONS, residents)
        wanted |= {row["patient"]: TYPE_NUMBERS[PATIENT] for row in linked if row["patient"] not in told}
    rows = await connection.fetch(*seen(_WHOSE, whole, list(wanted)))
    return {row["patient"] for row in rows if row["type"] == wanted[row["res"]] and row["patient"] is not None}


async def told_patients(
    connection: asyncpg.Connection, searcher: Searcher, queries: Sequence[Query], sight: Sight, total: int | None
) -> set[int]:
    """Returns the few patients of whom searches tell that show nobody. total: the matches, None where it is not known.

    Raises TooCostly.
    """
    found: set[int] = set()
    for query in queries:
        # Without criteria it asks after nobody.
        if is_about_named(query) or not (query.node.nodes or query.compartment):
            continue
        about = await searcher.residents(connection, query, query.node, FEW, sight) if total != 0 else set()
        if not about and not total:
            about = await _fitting(connection, searcher, query, sight)
        found |= about or set()
    return found if len(found) <= FEW or not total else set()


async def _fitting(connection: asyncpg.Connection, searcher: Searcher, query: Query, sight: Sight) -> set[int]:
    """Returns who fits one of the criteria of a search, or all but one, as far as they are few."""
    each = parts(query.node)
    asked: dict[tuple[Node, ...], None] = dict.fromkeys((one,) for one in each)
    if len(each) <= FEW:
        asked |= dict.fromkeys((*each[:nth], *each[nth + 1 :]) for nth in range(len(each)))
    # It has been asked as it is; and everybody fits no criterion at all.
    asked.pop(tuple(each), None)
    if query.compartment is None:
        asked.pop((), None)
    found: set[int] = set()
    for nodes in asked:
        found |= await searcher.residents(connection, query, All(nodes), FEW, sight) or set()
    return found


def _say_more(part: Named) -> bool:
    """Whether what is said of a Patient is more than one identifier."""
    return bool(part.together) and part.together != part.identifiers


def _names(asked: Criteria, parts: Sequence[Named], bases: tuple[str, ...]) -> set[Name]:
    """Returns the resources that are named, and may be about a patient."""
    found = {(PATIENT, id_) for part in (asked.direct, asked.tied) for id_ in part.patients}
    for part in parts:
        for name in part.others:
            target = local_target(relative(name, bases)) if isinstance(name, str) else name
            if target is not None and target[0] in TYPE_NUMBERS:
                found.add(target)
    return found


async def _numbers(
    connection: asyncpg.Connection, searcher: Searcher, names: set[Name], known: MutableMapping[str, int]
) -> dict[int, int]:
    """Returns `res` and the number of the type of what is named, as far as ids say it or were given to something."""
    found: dict[int, int] = {}
    chosen: list[Name] = []
    for name in names:
        res = known.get(name[1]) if name[0] == PATIENT else None
        res = searcher.reader.ids.res_of(name[1]) if res is None else res
        if res is None:
            chosen.append(name)
        else:
            found[res] = TYPE_NUMBERS[name[0]]
    given = await searcher.reader.names(connection, chosen) if chosen else {}
    for (type_, id_), res in given.items():
        found[res] = TYPE_NUMBERS[type_]
        if type_ == PATIENT:
            known[id_] = res
    return found


_WHOSE = "SELECT r.res, r.type, r.patient FROM resource AS r WHERE r.res = ANY ($1::int8[]) AND {visible:r}"
