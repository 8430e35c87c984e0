"""The StructureDefinitions of the record, for validation by profiles: kept as bytes, opened when one is asked for.

What is written is held against those that it claims (`meta.profile`): a region says which profiles count by putting
them into the record. Of those that it does not have nothing is said. What another process wrote of them counts for
writes LOOK_EVERY later, what this one wrote from its commit on.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import asyncpg

from kangyun.base.errors import Issue, TooCostly
from kangyun.fhir import Resource
from kangyun.fhir.definitions import Codes
from kangyun.fhir.terminology import Terminology
from kangyun.fhir.validation import Validator
from kangyun.fhir.validation.bindings import package_codes
from kangyun.store.holdings import Holdings
from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.terminology import StoredTerminology
from kangyun.store.visible import Sight

LOOK_EVERY = 1.0  # seconds
_DECIDING = frozenset({"StructureDefinition", "ValueSet", "CodeSystem"})


class StoredProfiles:
    """The validator of one process that knows the site's profiles and terminology."""

    def __init__(self, reader: Reader, terminology: StoredTerminology) -> None:
        self._holdings = Holdings(reader, ["StructureDefinition"])
        self._stored_terminology = terminology
        self._lock = asyncio.Lock()
        self._look_at = 0.0
        self._stored: dict[int, tuple[str, Stored]] = {}
        self._of_url: dict[str, Stored] = {}
        self._opened: dict[str, Resource] = {}
        self._terminology: Terminology | None = None
        self._validator = Validator()

    def share(self, sight: Callable[[], Sight]) -> None:
        """From now on holds what this sight shows."""
        self._holdings.sight = sight

    async def validator(self, connection: asyncpg.Connection) -> Validator:
        """Returns a validator that knows the record's profiles, value sets and code systems as they are now."""
        async with self._lock:
            terminology = await self._stored_terminology.current(connection)
            changes = await self._holdings.changes(connection)
            if changes:
                await self._take(changes)
            if changes or terminology is not self._terminology:
                # What is compiled of a profile holds what it refers to: all is compiled anew.
                self._opened = {}
                self._terminology = terminology
                self._validator = Validator(structure_of=self.structure, codes_of=self._codes)
            return self._validator

    async def faults(self, connection: asyncpg.Connection, resource: Resource) -> list[Issue]:
        """Returns what a valid resource is wrong in by the profiles that it claims and the record has."""
        claimed = [url.partition("|")[0] for url in resource["meta"]["profile"] if url]
        if time.monotonic() > self._look_at:
            await self.validator(connection)
            self._look_at = time.monotonic() + LOOK_EVERY
        structures = [structure for url in claimed if (structure := self.structure(url)) is not None]
        return self._validator.validate(resource, profiles=structures) if structures else []

    def look_again(self, written: Iterable[str]) -> None:
        """After this process has written resources of these types: what is known of them may be old."""
        if not _DECIDING.isdisjoint(written):
            self._look_at = 0.0

    def structure(self, url: str) -> Resource | None:
        """Returns the StructureDefinition with this canonical url, as last seen by `validator`."""
        found = self._opened.get(url)
        if found is None and url in self._of_url:
            found = self._opened[url] = replace(self._of_url[url]).resource
        return found

    async def _take(self, changes: dict[int, Stored | None]) -> None:
        for res, stored in changes.items():
            if stored is None:
                self._stored.pop(res, None)
            else:
                # A copy, because opening one to see its url keeps it open.
                self._stored[res] = (replace(stored).resource["url"], stored)
            await asyncio.sleep(0)
        newest_last = sorted(self._stored.values(), key=lambda entry: (entry[1].instant, entry[1].res))
        self._of_url = dict(newest_last)

    def _codes(self, value_set: str) -> Codes | None:
        assert self._terminology is not None
        content = self._terminology.content(value_set)
        if content is None or content.missing is not None:
            return package_codes(value_set)
        try:
            pairs = content.pairs
        except TooCostly:
            return package_codes(value_set)
        systems: dict[str, set[str]] = {}
        for system, code in pairs:
            systems.setdefault(system, set()).add(code)
        return {system: frozenset(codes) for system, codes in systems.items()}
