"""Codings that were decided to stand beside what institutions write, added as it is written, whoever writes it.

A Coding of ours says by an extension which row of which map brought it; it is worked out anew each time, so what was
withdrawn goes, nobody can forge one, and a resource that is sent again is the same. What the institution wrote is never
touched, and of a system that it wrote itself none is added.

Where a code leads to another that leads on (local, 国临, 医保), both are added; what is mapped directly goes first.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import asyncpg

from kangyun.access.codes.kinds import element_of, is_source, key_of, kind_of_type, map_of
from kangyun.fhir import Resource

CODED_BY = "urn:kangyun:extension:coded-by"
"""Extension of a Coding: url of the map, and the number of its row behind a bar."""
LOOK_EVERY = 1.0  # seconds between two looks whether something was decided
MOST_KNOWN = 200_000
STEPS = 2

Key = tuple[str, str]
"""Canonical system and code."""


class Target(NamedTuple):
    """What a code stands for: a row of the map."""

    id: int
    system: str
    code: str
    name: str


Known = Mapping[Key, Sequence[Target]]


class Codings:
    """Adds what was decided. One for a process."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[Target, ...]] = {}
        self._edition = 0
        self._look_at = 0.0

    async def complete(self, connection: asyncpg.Connection, resources: Sequence[Resource]) -> list[Resource]:
        """Returns the resources with the codings that were decided; those that need none as they are."""
        concerned = {nth: asked for nth, one in enumerate(resources) if (asked := wanted(one)) is not None}
        found = list(resources)
        if concerned:
            known = await self._learn(connection, set().union(*concerned.values()))
            for nth in concerned:
                found[nth] = completed(resources[nth], known)
        return found

    async def _learn(self, connection: asyncpg.Connection, keys: set[Key]) -> Known:
        """Returns what keys stand for, and what that stands for."""
        if time.monotonic() > self._look_at:
            edition = await connection.fetchval("SELECT id FROM code_edition")
            if edition != self._edition or len(self._known) > MOST_KNOWN:
                # A new one, so that what others are reading of the edition before does not come to stand in it.
                self._known = {}
            self._edition, self._look_at = edition, time.monotonic() + LOOK_EVERY
        known = self._known
        for _ in range(STEPS):
            missing = sorted(keys - known.keys())
            if missing:
                known |= await approved(connection, missing)
            keys = {(target.system, target.code) for key in keys for target in known[key]}
        return known


async def approved(connection: asyncpg.Connection, keys: Sequence[Key]) -> dict[Key, tuple[Target, ...]]:
    """Returns what codes stand for by decision; of one that stands for nothing, nothing."""
    systems, codes = zip(*keys, strict=True)
    found: dict[Key, list[Target]] = {key: [] for key in keys}
    for row in await connection.fetch(_APPROVED, systems, codes):
        target = Target(row["id"], row["target_system"], row["target"], row["name"])
        found[row["system"], row["code"]].append(target)
    return {key: tuple(targets) for key, targets in found.items()}


_APPROVED = """
SELECT m.id, m.system, m.code, m.target_system, m.target, m.name
FROM unnest($1::text[], $2::text[]) AS w(system, code)
JOIN code_map AS m ON m.system = w.system AND m.code = w.code AND m.state = 'approved'
WHERE m.target <> '' ORDER BY m.target_system
"""


def wanted(resource: Resource) -> set[Key] | None:
    """Returns the codes of a resource that may stand for others; None where there is nothing to be done."""
    element = element_of(resource)
    if element is None:
        return None
    kind = kind_of_type(resource["resourceType"])
    assert kind is not None
    codings = resource[element]["coding"]
    keys = {key for one in codings if not is_ours(one) and (key := key_of(one)) is not None}
    asked = {key for key in keys if is_source(kind, key[0])}
    return asked if asked or any(map(is_ours, codings)) else None


def completed(resource: Resource, known: Known) -> Resource:
    """Returns a resource with the codings that its codes stand for, and with no other one of ours."""
    element = element_of(resource)
    assert element is not None
    codings = resource[element]["coding"]
    own = [one for one in codings if not is_ours(one)] or [_plain(one) for one in codings]
    there = {key[0] for one in own if (key := key_of(one)) is not None}
    front = [key for one in own if (key := key_of(one)) is not None]
    added: list[Resource] = []
    for _ in range(STEPS):
        reached = list(_targets(front, known, there))
        added += [_coding(source, target) for source, target in reached]
        front = [(target.system, target.code) for _, target in reached]
    if [*own, *added] == codings:
        return resource
    return {**resource, element: {**resource[element], "coding": [*own, *added]}}


def _targets(front: Iterable[Key], known: Known, there: set[str]) -> Iterable[tuple[Key, Target]]:
    """Yields what codes stand for, of each system one; `there` grows by it."""
    for key in front:
        for target in known.get(key, ()):
            if target.system not in there:
                there.add(target.system)
                yield key, target


def _coding(source: Key, target: Target) -> Resource:
    by = {"url": CODED_BY, "valueCanonical": f"{map_of(source[0])}|{target.id}"}
    coding: Resource = {"extension": [by], "system": target.system, "code": target.code}
    return coding | ({"display": target.name} if target.name else {})


def _plain(coding: Resource) -> Resource:
    """Returns a Coding of ours that somebody sent alone: then it is his own word."""
    return {name: value for name, value in coding.items() if name != "extension"}


def is_ours(coding: Resource) -> bool:
    """Whether a Coding was added by the platform."""
    return any(one.get("url") == CODED_BY for one in coding.get("extension", ()))
