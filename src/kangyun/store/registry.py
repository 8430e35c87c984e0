"""The search parameters of this installation: R4's and those that the region added, each with the state of its index.

A parameter that was added is *building* until every resource was indexed by it: writers index it from that moment on,
searches by it are refused. Each change raises the edition of the index; a commit prepared under an older one is stale
(`record_commits`), so no resource escapes the building. `reindex.py` does the building.
"""

import logging
import re
from collections.abc import Callable, Iterable, Sequence

import asyncpg

from kangyun.base.errors import Conflict, Invalid, PlatformError
from kangyun.fhir import Resource
from kangyun.fhir.definitions import Component, SearchParameter, definitions
from kangyun.fhir.json import canonical, decode
from kangyun.fhir.search.parameters import Parameter, Parameters, compile_added, parameters
from kangyun.store.statements import statement

# Bits of `resource.present`; a parameter beyond them has no :missing.
MOST_NUMBERS = 63
LEAST_COMPONENTS = 2
# What can stand before the equals sign of a search, and is none of the names that the specification keeps for itself.
_CODE = re.compile(r"[^\W_][\w-]*")
logger = logging.getLogger(__name__)


class Registry:
    """What can be searched here, as this process last saw it. `on_change` is called when it sees something new."""

    def __init__(self) -> None:
        self.edition = 0
        self.on_change: Callable[[], None] = lambda: None
        self._added: dict[str, dict[str, Parameter]] = {}
        self._known: dict[str, Parameters] = {}

    def known(self, resource_type: str) -> Parameters:
        """Returns the parameters of a type by code, those being built included (`Parameter.building`)."""
        found = self._known.get(resource_type)
        if found is None:
            found = {**parameters(resource_type), **self._added.get(resource_type, {})}
            self._known[resource_type] = found
        return found

    def names_added(self, pairs: Iterable[tuple[str, str]]) -> bool:
        """Whether a search may be by a parameter that the region added."""
        codes = {code for added in self._added.values() for code in added}
        return bool(codes) and any(code in name or name == "_filter" for name, _ in pairs for code in codes)

    async def refresh(self, connection: asyncpg.Connection) -> bool:
        """Reads the table again where another process changed it; whether it did."""
        edition = await connection.fetchval("SELECT id FROM index_edition")
        if edition == self.edition:
            return False
        added: dict[str, dict[str, Parameter]] = {}
        rows = await connection.fetch(statement("search_parameters"))
        found = [(row, decode(row["definition"])) for row in rows]
        # Composites come last, when what they are made of is known.
        for row, definition in sorted(found, key=lambda pair: pair[1]["type"] == "composite"):
            type_, ours = row["type"], added.setdefault(row["type"], {})
            try:
                one = defined(definition, {**parameters(type_), **ours})
                ours[row["code"]] = compile_added(type_, row["number"], one, building=row["state"] == "building")
            except PlatformError:
                # A component was taken back: without it there is nothing to index or to search by.
                logger.warning("search parameter %s.%s is left out", type_, row["number"])
        self.edition, self._added, self._known = edition, added, {}
        self.on_change()
        return True

    async def add(self, connection: asyncpg.Connection, resource: Resource) -> list[tuple[str, str]]:
        """Adds a SearchParameter, or takes its new definition, for each of its base types; they are building then.

        Returns (type, code) of each that was not known just so.

        Raises Invalid for one that cannot be compiled, Conflict for a code that the type has already.
        """
        added = []
        async with connection.transaction():
            await connection.execute(statement("lock_editions"))
            types = bases_of(resource)
            retired = await connection.execute(statement("retire_others"), resource["url"], resource["code"], types)
            for type_ in types:
                one = defined(resource, self.known(type_))
                if one.code in parameters(type_):
                    raise Conflict("store.parameter-exists", parameter=f"{type_}.{one.code}")
                compile_added(type_, 0, one)  # refuses what nobody could index
                known = await connection.fetchrow(statement("parameter"), type_, one.code)
                if known and known["url"] != one.url and known["state"] != "retired":
                    raise Conflict("store.parameter-exists", parameter=f"{type_}.{one.code}")
                body = canonical(_definition(resource))
                if known and known["state"] != "retired" and known["definition"] == body:
                    # Written anew while it is still building: whatever became of that, it is built once more.
                    added += [(type_, one.code)] if known["state"] == "building" else []
                    continue
                first = len(parameters(type_))
                await connection.execute(statement("add_parameter"), first, type_, one.code, one.url, body)
                added.append((type_, one.code))
            if added or retired != "UPDATE 0":
                await connection.execute(statement("raise_edition"))
        return added

    async def make_anew(self, connection: asyncpg.Connection) -> None:
        """Makes every index row one of an older edition: for a reindexing of everything."""
        async with connection.transaction():
            await connection.execute(statement("lock_editions"))
            await connection.execute(statement("raise_edition"))

    async def retire(self, connection: asyncpg.Connection, url: str) -> None:
        """Takes a parameter back: it is no longer written, which the edition tells the writers."""
        async with connection.transaction():
            await connection.execute(statement("lock_editions"))
            await connection.execute(statement("retire_parameter"), url)
            await connection.execute(statement("raise_edition"))

    async def complete(self, connection: asyncpg.Connection, types: Sequence[str], edition: int) -> None:
        """Makes active what is building and was defined by that edition, of types whose rows are all of it or newer."""
        async with connection.transaction():
            await connection.execute(statement("lock_editions"))
            if await connection.execute(statement("activate_parameters"), types, edition) != "UPDATE 0":
                # Writers write it already, yet searchers must hear of it.
                await connection.execute(statement("raise_edition"))


def bases_of(resource: Resource) -> list[str]:
    """Returns the types that a SearchParameter is for. Raises Invalid for one that R4 does not have."""
    bases: Iterable[str] = resource.get("base", ())
    if {"Resource", "DomainResource"} & set(bases):
        return sorted(definitions().resource_types)
    for type_ in bases:
        if type_ not in definitions().resource_types:
            raise Invalid("fhir.search.no-such-type", type=type_)
    return list(bases)


def defined(resource: Resource, known: Parameters) -> SearchParameter:
    """Returns the definition that a SearchParameter resource is. Raises Invalid where it lacks what is needed.

    known: the other parameters of the type, of which a composite is made.
    """
    if not _CODE.fullmatch(resource.get("code", "")):
        raise Invalid("store.parameter-code")
    if resource.get("type") not in ("number", "date", "string", "token", "reference", "composite", "quantity", "uri"):
        raise Invalid("store.parameter-type")
    if not resource.get("expression"):
        raise Invalid("store.parameter-expression")
    return SearchParameter(
        url=resource["url"],
        code=resource["code"],
        type=resource["type"],
        expression=resource["expression"],
        targets=tuple(resource.get("target", ())),
        components=_components(resource, known) if resource["type"] == "composite" else (),
    )


def _components(resource: Resource, known: Parameters) -> tuple[Component, ...]:
    codes = {one.url: code for code, one in known.items() if one.type not in ("composite", "special")}
    found = tuple(
        Component(codes[one["definition"]], one["expression"])
        for one in resource.get("component", ())
        if one.get("definition") in codes and one.get("expression")
    )
    if len(found) < LEAST_COMPONENTS or len(found) < len(resource["component"]):
        raise Invalid("store.parameter-components")
    return found


def _definition(resource: Resource) -> Resource:
    """What the index depends on: another version of the resource may say the same."""
    told = ("resourceType", "url", "code", "base", "type", "expression", "target", "component")
    return {name: resource[name] for name in told if name in resource}


def is_ours(resource: Resource) -> bool:
    """Whether a SearchParameter resource asks for an index here: active, readable, and not one of R4's own."""
    if resource.get("status") != "active" or not resource.get("expression"):
        return False
    try:
        types = bases_of(resource)
    except PlatformError:
        return False
    known = definitions().search_parameters
    return any(
        (found := known[type_].get(resource.get("code", ""))) is None or found.url != resource.get("url")
        for type_ in types
    )
