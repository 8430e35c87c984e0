"""`kangyun init`, `apps` and `people`: the registers of applications and identities, from a terminal of the machine.

Who may use this terminal has the root key and the database, so it asks no password; who says to act (`--by`) stands
in the audit trail, and must be somebody of the register who may sign in: nobody is written down there who is nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from kangyun.access.applications.register import Application, Review
from kangyun.access.identities.model import OFFICERS, PLATFORM, RELATIONS, Identity, Proxy
from kangyun.access.identities.officers import FIRST_SIGN_INS, admit_officers, drawn_password
from kangyun.access.look.tickets import Tickets
from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.base.errors import Conflict, Invalid, NotFound
from kangyun.base.settings import read_settings
from kangyun.cli.opened import on_platform, with_platform
from kangyun.cli.reach import reached_database
from kangyun.cli.serve import prepare_database
from kangyun.cli.speech import announce, speak
from kangyun.fhir.search.dates import bounds


def init(data: Path | None) -> None:
    """Makes the schema and the three officers, where they are missing, and says where their passwords are."""
    settings = read_settings(data=data)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = settings.data / FIRST_SIGN_INS

    async def make(platform: Platform) -> None:
        async with platform.pool.connection() as connection:
            made = await admit_officers(platform.sign_in.identities, connection, file)
        announce(speak("cli.first-sign-ins", file=str(file)) if made else speak("cli.no-first-sign-ins"))

    with reached_database(settings) as database:
        asyncio.run(prepare_database(database))
        asyncio.run(with_platform(database, data, make))


def add_app(data: Path | None, by: str, evidence: str, jwks: Path | None, days: int, **given: Any) -> None:
    """Registers an application and says its client id."""
    keys = ""
    if jwks is not None:
        try:
            keys = jwks.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise Invalid("cli.wrong-file", file=str(jwks)) from None
    wanted = Application(jwks=keys, expires=clock.now() + timedelta(days=days), **given)

    async def add(platform: Platform) -> None:
        made = await platform.sign_in.applications.add(wanted, await acting(platform, by), evidence)
        announce(speak("cli.app-added", client=made.client))
        if made.only_has_tickets:
            announce(speak("cli.app-tickets", client=made.client))

    on_platform(data, add)


def list_apps(data: Path | None) -> None:
    """Prints a line of JSON for each application."""

    async def tell(platform: Platform) -> None:
        found = await platform.sign_in.applications.list()
        for one in found:
            announce(msgspec.json.encode(one).decode())
        if not found:
            announce(speak("cli.apps-none"))

    on_platform(data, tell)


def review_app(data: Path | None, client: str, by: str, *, passed: bool, failed: bool) -> None:
    """Says what came of a review. Raises Invalid where it is not said, or both."""
    if passed == failed:
        raise Invalid("cli.apps-verdict")

    async def do(platform: Platform) -> None:
        verdict: Review = "passed" if passed else "failed"
        await platform.sign_in.applications.review(client, verdict, await acting(platform, by))

    _told(data, do)


def key_app(data: Path | None, client: str, by: str) -> None:
    """Draws the key that an application signs its calls for tickets with, and prints it."""

    async def draw(platform: Platform) -> None:
        tickets = Tickets(platform.gate.store, platform.sign_in, platform.gate.sights.policy)
        announce(speak("cli.app-key", key=await tickets.make_key(client, await acting(platform, by))))

    on_platform(data, draw)


def suspend_app(data: Path | None, client: str, by: str, why: str) -> None:
    async def do(platform: Platform) -> None:
        await platform.sign_in.applications.suspend(client, await acting(platform, by), why)

    _told(data, do)


def resume_app(data: Path | None, client: str, by: str, why: str) -> None:
    async def do(platform: Platform) -> None:
        await platform.sign_in.applications.resume(client, await acting(platform, by), why)

    _told(data, do)


def reset(data: Path | None, name: str, by: str) -> None:
    """Sets an initial password and prints it."""
    password = drawn_password()

    async def set_(platform: Platform) -> None:
        found, actor = await _found(platform, name), await acting(platform, by)
        sign_in = platform.sign_in
        await sign_in.identities.set_password(found.id, password, initial=True, by=actor)
        await sign_in.entrance.lockout.unlock(found.handle)
        await sign_in.sessions.end(found, None, "local", "")
        announce(speak("cli.reset-done", password=password))

    on_platform(data, set_)


def suspend(data: Path | None, name: str, by: str, why: str) -> None:
    async def do(platform: Platform) -> None:
        await platform.sign_in.identities.suspend((await _found(platform, name)).id, await acting(platform, by), why)

    _told(data, do)


def leave(data: Path | None, name: str, by: str, why: str) -> None:
    async def do(platform: Platform) -> None:
        await platform.sign_in.identities.leave((await _found(platform, name)).id, await acting(platform, by), why)

    _told(data, do)


def resume(data: Path | None, name: str, by: str, why: str) -> None:
    """Lets somebody who was suspended in again."""

    async def do(platform: Platform) -> None:
        await platform.sign_in.identities.resume((await _found(platform, name)).id, await acting(platform, by), why)

    _told(data, do)


def add_officer(data: Path | None, role: str, name: str, called: str, evidence: str, by: str) -> None:
    """Puts somebody in one of the three offices; who is not there yet is admitted, and the password printed.

    Raises Invalid, NotFound, Conflict where the office is held already, RuleBroken for who holds another one.
    """
    password = drawn_password()
    if role not in OFFICERS:
        raise Invalid("cli.people-office", known=", ".join(OFFICERS))
    if not evidence.strip():
        raise Invalid("access.identities.not-admitted")

    async def add(platform: Platform) -> None:
        identities, actor = platform.sign_in.identities, await acting(platform, by)
        found = await identities.find(name)
        if found is not None:
            if found.kind != "staff" or not identities.admits(found):
                raise Conflict("cli.people-no-officer")
            await identities.give_role(found.id, role, PLATFORM, actor)
            announce(speak("cli.done"))
            return
        _check_new(name, called)
        id_ = await identities.admit(
            "staff", f"Practitioner/{uuid4()}", PLATFORM, called.strip(), roles=[role], vouched_by=actor,
            evidence=evidence, handle=name,
        )  # fmt: skip
        await identities.set_password(id_, password, initial=True, by=actor)
        announce(speak("cli.reset-done", password=password))

    on_platform(data, add)


def _check_new(name: str, called: str) -> None:
    """Raises NotFound for a reference, which nobody has, and Invalid where the person's name was not said."""
    if "/" in name:
        raise NotFound("cli.no-such-identity", name=name)
    if not called.strip():
        raise Invalid("cli.people-called")


def add_guardian(
    data: Path | None, name: str, called: str, of: str, relation: str, until: str, hidden: tuple[str, ...],
    evidence: str, by: str, hears: bool = False,
) -> None:  # fmt: skip
    """Lets somebody act for a Patient until a day; who is not there yet is admitted, and the password printed.

    Raises Invalid, Conflict where the name is that of somebody who is no guardian, NotFound.
    """
    password = drawn_password()
    if relation not in RELATIONS:
        raise Invalid("cli.people-relation", known=", ".join(RELATIONS))
    if not evidence.strip():
        raise Invalid("access.identities.not-admitted")
    ends = bounds(until)[1]
    if ends <= clock.now():
        raise Invalid("cli.people-until")

    async def add(platform: Platform) -> None:
        identities, actor = platform.sign_in.identities, await acting(platform, by)
        ward = await _patient(platform, of)
        proxy = Proxy(ward, relation, ~platform.gate.labels.mask(*hidden), ends=ends, hears=hears)
        found = await identities.find(name)
        if found is not None and found.kind != "guardian":
            raise Conflict("cli.people-no-guardian")
        if found is None:
            _check_new(name, called)
            id_ = await identities.admit(
                "guardian", f"RelatedPerson/{uuid4()}", PLATFORM, called.strip(), roles=["guardian"], vouched_by=actor,
                evidence=evidence, handle=name,
            )  # fmt: skip
            await identities.set_password(id_, password, initial=True, by=actor)
        else:
            id_ = found.id
        await identities.give_proxy(id_, proxy, actor, evidence)
        announce(speak("cli.done") if found else speak("cli.reset-done", password=password))

    on_platform(data, add)


def end_guardian(data: Path | None, name: str, of: str, by: str, why: str) -> None:
    """Lets somebody no longer act for a Patient. Raises NotFound."""

    async def do(platform: Platform) -> None:
        found, actor = await _found(platform, name), await acting(platform, by)
        await platform.sign_in.identities.take_proxy(found.id, of.removeprefix("Patient/"), actor, why)

    _told(data, do)


async def _patient(platform: Platform, reference: str) -> str:
    """Returns the id of a Patient that there is. Raises Invalid, NotFound."""
    type_, _, id_ = reference.partition("/")
    if type_ != "Patient" or not id_:
        raise Invalid("cli.people-of")
    store = platform.gate.store
    async with platform.pool.connection() as connection:
        current = (await store.reader.locate(connection, [(type_, id_)])).get((type_, id_))
    if current is None or current.stored is None or current.stored.deleted:
        raise NotFound("cli.people-no-patient")
    return id_


async def acting(platform: Platform, name: str) -> str:
    """Returns the reference of who acts, by sign-in name or reference. Raises Invalid for who is none of the staff."""
    identities = platform.sign_in.identities
    found = await identities.find(name.strip())
    if found is None or found.kind != "staff" or not identities.admits(found):
        raise Invalid("cli.by-nobody")
    return found.reference


async def _found(platform: Platform, name: str) -> Identity:
    found = await platform.sign_in.identities.find(name)
    if found is None:
        raise NotFound("cli.no-such-identity", name=name)
    return found


def _told(data: Path | None, do: Callable[[Platform], Awaitable[None]]) -> None:
    on_platform(data, do)
    announce(speak("cli.done"))
