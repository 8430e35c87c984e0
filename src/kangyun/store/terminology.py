"""The site's terminology: the specification's, and each CodeSystem, ValueSet and ConceptMap that everybody may see.

Serves the token modifiers `:in :not-in :above :below` and the terminology operations. Of one URL what counts is said in
`canonicals`.

Source: https://hl7.org/fhir/R4/search.html#modifiers, https://hl7.org/fhir/R4/terminology-service.html
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

import asyncpg

from kangyun.base.errors import Invalid, NotFound, PlatformError
from kangyun.fhir import Resource
from kangyun.fhir.search.terms import Token
from kangyun.fhir.terminology import Terminology, specification, specified
from kangyun.store.canonicals import Canonicals
from kangyun.store.holdings import Holdings
from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.references import local_target, relative
from kangyun.store.visible import Sight

logger = logging.getLogger(__name__)

TYPES = ("CodeSystem", "ConceptMap", "ValueSet")
Pair = tuple[str, str]
"""System and code."""


class StoredTerminology:
    """The terminology of one process. `bases`: own base URLs, each with a slash at its end."""

    def __init__(self, reader: Reader, bases: tuple[str, ...]) -> None:
        self._reader = reader
        self._bases = bases
        self._holdings = Holdings(reader, TYPES)
        self._lock = asyncio.Lock()
        self._terminology = specification()
        self._canonicals = Canonicals(specified().__contains__)

    def share(self, sight: Callable[[], Sight], authority: str) -> None:
        """From now on holds what this sight shows. authority: the institution whose resources go before all others'."""
        self._holdings.sight = sight
        self._canonicals = Canonicals(specified().__contains__, authority)

    async def current(self, connection: asyncpg.Connection) -> Terminology:
        """Returns the terminology as the record has it now."""
        async with self._lock:
            changes = await self._holdings.changes(connection)
            if changes:
                await self._take(changes)
            return self._terminology

    async def _take(self, changes: dict[int, Stored | None]) -> None:
        touched: set[str] = set()
        for res, stored in changes.items():
            touched |= self._canonicals.take(res, self._holdings.institutions.get(res, ""), stored)
            await asyncio.sleep(0)  # Some of them are large.
        counted = [resource for url in sorted(touched) for resource in self._canonicals.counted(url)]
        self._terminology = _with(self._terminology.without(touched), counted)

    async def pairs(
        self, connection: asyncpg.Connection, modifier: str, value: Token | str, systems: Iterable[str]
    ) -> Sequence[Pair]:
        """Returns what a value of `:in`, `:not-in`, `:above` or `:below` stands for.

        systems: those that a code without a system can be of. Raises Invalid for a value set or system that is not
        here, TooCostly for one that cannot be listed.
        """
        terminology = await self.current(connection)
        try:
            if isinstance(value, str):
                return tuple(await self._members(connection, terminology, value))
            reach = terminology.ancestors if modifier == "above" else terminology.descendants
            code = value.code or ""
            wanted = sorted(systems) if value.system is None else [value.system]
            if not wanted or not code:
                raise Invalid("store.system-needed", modifier=modifier)
            return [(system, one) for system in wanted for one in sorted(reach(system, code))]
        except NotFound as error:
            raise Invalid(issues=error.issues) from None

    async def _members(
        self, connection: asyncpg.Connection, terminology: Terminology, value_set: str
    ) -> frozenset[Pair]:
        name = local_target(relative(value_set, self._bases))
        if name is None or name[0] != "ValueSet":
            return terminology.codes_in(value_set)
        current = (await self._reader.locate(connection, [name], self._holdings.sight())).get(name)
        if current is None or current.stored is None or current.stored.deleted:
            raise NotFound("fhir.terminology.value-set-not-here", url="/".join(name))
        return terminology.value_set(current.stored.resource).pairs


def _with(terminology: Terminology, resources: Sequence[Resource]) -> Terminology:
    try:
        return terminology.with_resources(resources)
    except PlatformError:
        # One that R4 allows and that makes no sense must not take the others away.
        for resource in resources:
            try:
                terminology = terminology.with_resources([resource])
            except PlatformError as error:
                logger.warning("%s left out: %s", resource["resourceType"], error)
        return terminology
