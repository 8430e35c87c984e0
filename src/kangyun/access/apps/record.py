"""The record as an app sees it: for the actor who called it, within what the app declares. It adds no rights.

Each of its methods is one of the gate's, so that what is read is masked as ever, what is written is checked as ever,
and all of it leaves audit rows in the actor's name, for the app's purpose.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import tzinfo
from typing import Any
from uuid import uuid4

from kangyun.access import record as gate
from kangyun.access.actor import Actor
from kangyun.access.apps import presence
from kangyun.access.apps.model import Installed
from kangyun.access.apps.presence import Named, Shown
from kangyun.access.every import every
from kangyun.access.intake import check
from kangyun.access.keyed import Digester
from kangyun.access.messages.senders import Channel
from kangyun.access.relations.stated import CARD, WORD, ground_of
from kangyun.access.rulebook import rules_of
from kangyun.access.staff.posts import Staff
from kangyun.access.tries import count_try
from kangyun.base.crypto import derived_key
from kangyun.base.errors import Forbidden, Throttled, TooCostly, Undeclared
from kangyun.base.texts import Language
from kangyun.fhir import Resource

OWN_PURPOSES = frozenset({"PATRQT", "FAMRQT"})
"""Of residents and guardians, who use any app for their own."""
MOST = 100  # resources that a search of an app returns, where it says nothing else
CLASSIFIED_BY = ("category", "code", "type")
"""The elements that say which part of a type a resource is of."""


class Record:
    """The record during one call of an operation."""

    def __init__(self, inner: gate.Record, installed: Installed, action: str, language: Language) -> None:
        self._inner = inner
        self._installed = installed
        self._app = installed.app
        self._action = action
        self._urns: dict[int, tuple[Resource, str]] = {}
        self._read: dict[tuple[str, str], int] = {}
        self.language: Language = language

    @property
    def actor(self) -> Actor:
        """Who called, for the app's purpose."""
        return self._inner.actor

    @property
    def is_demonstration(self) -> bool:
        """Whether all residents here are invented."""
        return self._inner.gate.settings.demo

    @property
    def zone(self) -> tzinfo:
        """The region's time zone."""
        return self._inner.store.zone

    def rules(self, file: str) -> dict[str, Any]:
        """Returns a TOML file of the app's `data`, or the region's own of `policy/`. Raises Invalid."""
        return rules_of(f"kangyun.{self._installed.package}", file, self._inner.gate.settings.data)

    # --- reading

    async def read(self, type_: str, id_: str) -> Resource:
        """Returns a resource as the actor is shown it. Raises NotFound, Gone, Forbidden."""
        self._may_read(type_)
        return self._noted(await self._inner.read(type_, id_))

    async def search(self, type_: str, *criteria: tuple[str, str], most: int = MOST) -> list[Resource]:
        """Returns what matches all criteria, `("status", "requested")`. Raises TooCostly for more than `most`."""
        self._may_read(type_)
        found: list[gate.Stored] = []
        async for one in every(self._inner, type_, *criteria, at_once=most + 1, strict=True):
            found.append(one)
            if len(found) > most:
                raise TooCostly("access.apps.more", type=type_, most=most)
        return [self._noted(one) for one in found]

    async def same(self, patients: Collection[str]) -> dict[str, str]:
        """Returns all registrations, of those that the actor sees, of the residents of some: for the id of each, of
        which of these it is."""
        self._may_read("Patient")
        return await presence.same(self._inner, patients)

    async def colleague(self, name: str, roles: Collection[str]) -> str | None:
        """Returns the reference of who signs in by a name, in one of these roles at the actor's institution."""
        staff = Staff.of(self._inner.gate, self.actor.institution, roles)
        async with self._inner.store.pool.connection() as connection:
            return await staff.named(connection, name)

    # --- writing

    def urn(self, resource: Resource) -> str:
        """Returns how others of the same commit refer to a resource that has no id yet."""
        return self._urns.setdefault(id(resource), (resource, f"urn:uuid:{uuid4()}"))[1]

    async def commit(self, *resources: Resource) -> list[Resource]:
        """Writes resources in one transaction, with one audit row; returns them as they stand.

        What has an id is changed: it was read in this call, and nobody has written it since (else VersionConflict).
        What has none is new.
        """
        operations = [self._write(one, together=len(resources) > 1) for one in resources]
        done = await self._inner.commit(operations, self._action)
        return [self._noted(one.stored) for one in done if one.stored is not None]

    async def create(self, resource: Resource, *, unless: str) -> Resource:
        """Writes a resource unless one matches a search (`identifier=urn:…|…`), and returns what stands then.

        So a reaction that is given the same change again makes nothing twice. Raises MultipleMatches.
        """
        check(resource)
        self._may_write(resource)
        self._may_read(resource["resourceType"])
        operation = self._inner.operation("create", resource["resourceType"], resource=resource, condition=unless)
        (done,) = await self._inner.commit([operation], self._action)
        assert done.stored is not None
        return self._noted(done.stored)

    def _write(self, resource: Resource, *, together: bool) -> gate.Operation:
        check(resource)
        type_, id_ = resource["resourceType"], resource.get("id")
        self._may_write(resource)
        _, urn = self._urns.get(id(resource), (resource, ""))
        if id_ is None:
            return self._inner.operation("create", type_, resource=resource, full_url=urn if together else None)
        version = self._read.get((type_, id_))
        if version is None:
            raise Undeclared("access.apps.not-read", app=self._installed.name, type=type_)
        return self._inner.operation("update", type_, id=id_, resource=resource, if_match=version)

    async def identify(self, type_: str, id_: str, number_for: Callable[[Resource], Resource]) -> Resource:
        """Puts a number on a resource, or says anew what stands of it there: an Identifier of a system that the app
        declares. Returns it.

        number_for: is given the whole resource and returns the Identifier; it shows nothing of what it is given. Raises
        NotFound, Gone, Forbidden for who may not change the resource, VersionConflict.
        """
        self._may_read(type_)
        stored = await self._inner.read(type_, id_, whole=True)
        await self._inner.may_change(stored)  # Before anything depends on what stands there.
        identifier = number_for(stored.resource)
        if identifier["system"] not in self._app.identifies:
            raise Undeclared("access.apps.undeclared-write", app=self._installed.name, type=identifier["system"])
        name = identifier["system"], identifier["value"]
        others = [one for one in stored.resource.get("identifier", ()) if (one.get("system"), one.get("value")) != name]
        changed = stored.resource | {"identifier": [*others, identifier]}
        check(changed)
        operation = self._inner.operation("update", type_, id=id_, resource=changed, if_match=stored.version)
        await self._inner.commit([operation], self._action, whole=True)
        return identifier

    # --- who is here

    def may_open(self, ground: str) -> None:
        """Raises Forbidden where the actor's role, or his application, opens nothing by a ground."""
        self._may_open(ground)
        ground_of(self._inner, ground)

    async def find(self, named: Named) -> tuple[str, ...]:
        """Returns the ids of the Patients whom a code names, of those that the actor sees. It opens nothing."""
        self._may_read("Patient")
        return await presence.found(self._inner, named)

    async def show_code(self, patient: str) -> tuple[str, str]:
        """Returns a code by which who reads it has the resident before him, and its digits. Raises Forbidden."""
        self._may_open(CARD)
        return await presence.show_code(self._inner, patient)

    async def ask_word(self, named: Named, channel: Channel) -> str:
        """Sends a word to the telephone of whom a code names; returns the challenge. Raises Forbidden, RuleBroken."""
        self._may_open(WORD)
        return await presence.ask_word(self._inner, named, channel)

    async def open_by_code(self, code: str) -> Shown | None:
        """Opens the record of whose code was read to the actor; None where he sees nothing of it. Raises Forbidden."""
        self._may_open(CARD)
        return await presence.by_code(self._inner, code)

    async def open_by_word(self, challenge: str, word: str, named: Named) -> Shown | None:
        """The same for who was sent a word, and is whom a code names. Raises Forbidden."""
        self._may_open(WORD)
        return await presence.by_word(self._inner, challenge, word, named)

    async def open_by_reader(self, reader: str, named: Named) -> Shown | None:
        """The same for whose card was read by a reader that the policy believes. Raises Forbidden, Invalid."""
        self._may_open(CARD)
        return await presence.by_reader(self._inner, reader, named)

    async def open_by_issuer(self, issuer: str, named: Named) -> Shown | None:
        """The same for whose code its issuer has just found to be shown by him. Raises Forbidden."""
        self._may_open(CARD)
        return await presence.by_issuer(self._inner, issuer, named)

    # --- signing, counting

    async def sign(self, message: bytes) -> bytes:
        """Returns the platform's signature of a message of this app. Raises DeviceFailed."""
        return await asyncio.to_thread(self._inner.store.provider.sign, self._own(message))

    async def is_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether a signature is the platform's of a message of this app."""
        provider = self._inner.store.provider
        return await asyncio.to_thread(provider.verify, provider.public_key, self._own(message), signature)

    async def count(self, what: str, most: int) -> None:
        """Counts something that the actor did. Raises Throttled for more than so many within a day."""
        store = self._inner.store
        digester = Digester(derived_key(store.keys.index_key, f"app/{self._installed.package}", 32))
        async with store.pool.connection() as connection:
            if await count_try(connection, digester.of(what, self.actor.reference)) > most:
                raise Throttled("access.apps.too-many")

    def _own(self, message: bytes) -> bytes:
        return b"kangyun/" + self._installed.package.encode() + b"\0" + message

    # --- the declaration

    def _may_read(self, type_: str) -> None:
        if type_ not in self._app.reads:
            raise Undeclared("access.apps.undeclared-read", app=self._installed.name, type=type_)

    def _may_write(self, resource: Resource) -> None:
        if not self._app.writes & parts_of(resource):
            type_ = resource["resourceType"]
            raise Undeclared("access.apps.undeclared-write", app=self._installed.name, type=type_)

    def _may_open(self, ground: str) -> None:
        if ground not in self._app.opens:
            raise Undeclared("access.apps.undeclared-ground", app=self._installed.name, ground=ground)

    def _noted(self, stored: gate.Stored) -> Resource:
        resource: Resource = stored.resource
        # Another part of a type is another app's, although it may be read.
        if self._app.writes & parts_of(resource):
            self._read[stored.type, stored.id] = stored.version
        return resource


def parts_of(resource: Resource) -> frozenset[str]:
    """Returns what an app may declare that it writes, so that this resource is of it: `Task`, `Task:referral`."""
    type_ = resource["resourceType"]
    found = {type_}
    for element in CLASSIFIED_BY:
        concepts = resource.get(element, ())
        for concept in concepts if isinstance(concepts, list) else (concepts,):
            codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
            found |= {
                f"{type_}:{one['code']}" for one in codings if one.get("system") == system_of(type_) and "code" in one
            }
    return frozenset(found)


def system_of(type_: str) -> str:
    """Returns the code system of the parts of a type: `urn:kangyun:service-request`."""
    return "urn:kangyun:" + "".join(f"-{sign.lower()}" if sign.isupper() else sign for sign in type_).lstrip("-")


@asynccontextmanager
async def opened(
    outer: gate.Record, installed: Installed, action: str, language: Language
) -> AsyncIterator[Record]:  # fmt: skip
    """Opens the record of a request for an app. Raises Forbidden for who may not act for its purpose."""
    actor = acting(outer, installed.app.purpose)
    inner = outer if actor is outer.actor else await outer.gate.open(actor, outer.circumstances)
    try:
        yield Record(inner, installed, action, language)
    finally:
        # The request's own record answers for the row, and for the watermark.
        outer.outcome = inner.outcome
        outer.has_shown_persons |= inner.has_shown_persons


def acting(record: gate.Record, purpose: str) -> Actor:
    """Returns the actor as he acts for a purpose that his role may have. Raises Forbidden."""
    actor = record.actor
    if actor.purpose in OWN_PURPOSES or actor.purpose == purpose or (actor.administrator and actor.scopes is None):
        return actor
    roles: Mapping[str, Any] = record.gate.sights.policy.roles
    role = roles.get(actor.role)
    if actor.client or role is None or purpose not in role.purposes:  # An application has one purpose, by its contract.
        raise Forbidden("access.apps.purpose", purpose=purpose)
    return replace(actor, purpose=purpose)


__all__ = ["Record", "acting", "opened", "parts_of", "system_of"]
