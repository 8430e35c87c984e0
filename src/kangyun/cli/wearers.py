"""Simulated people who wear devices: those of the demonstration, and as many as `kangyun simulate devices` asks for.

Their devices are enrolled and given to them once, as an institution's officer would; names and secrets stand in the
data folder (0600). Then they speak to the platform as real ones do: over its MQTT port, and in no other way.
"""

import asyncio
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path
from random import Random
from uuid import uuid4

import asyncpg
import msgspec

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.platform import Platform, open_platform
from kangyun.access.record import Record
from kangyun.access.signin import ADMINISTRATOR
from kangyun.access.staff.sheets import Row, Sheet
from kangyun.base import clock
from kangyun.base.logging import configure
from kangyun.base.settings import Settings, read_settings
from kangyun.cli import alarms_shown
from kangyun.cli.children import tie_to_up, wait_for_up
from kangyun.cli.demonstration import HOSPITAL, read_mark
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, speak
from kangyun.devices import formats
from kangyun.devices.register import rows, users
from kangyun.devices.register.credentials import digester
from kangyun.devices.register.enrolling import enrol
from kangyun.devices.register.lists import DEFAULT_REGION, the_list
from kangyun.fhir import Resource
from kangyun.simulate import City, error_model
from kangyun.simulate.district import YEARS
from kangyun.simulate.physiology import Person, person_of
from kangyun.simulate.telemetry import (
    CONTINUOUS,
    KINDS,
    SAYS,
    Drive,
    Faults,
    Figures,
    Line,
    Owned,
    Place,
    Worn,
    drive,
    kit_of,
)

FILE = "simulated-devices.json"
BY = "Device/demo-wearers"
ROLE = "device-officer"
AT_ONCE = 200  # devices that are enrolled at once
MINUTE = 60_000_000  # microseconds
FIGURES_EVERY = 10.0  # seconds


class Known(msgspec.Struct):
    """A device that is enrolled: its name at the platform, and its secret."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True)
class Wearer:
    """Somebody who is measured. registration: the id of the Patient. patient: where it has to be written first."""

    person: Person
    registration: str
    patient: Resource | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. rate: readings a second of all together, 0: each device once a minute."""

    people: int
    rate: float
    host: str
    port: int
    authority: Path | None = None
    seconds: float = 0.0
    seed: int = 1
    faults: bool = True


def run() -> None:
    """Has the demonstration's people send until it is told to stop. Raises PlatformError."""
    tie_to_up()
    wait_for_up()
    settings = read_settings(demo=True, log_level="warning")
    configure(settings.log_level)
    mark = read_mark(settings)
    if mark is not None and settings.device_port:
        wish = Wish(mark.residents, 0.0, settings.device_host, settings.device_port)
        asyncio.run(_go(settings, settings.database, wish, told=False))


def simulate(wish: Wish, data: Path | None) -> int:
    """Has people send until Ctrl-C, or for the seconds that were asked for. Returns the status."""
    settings = read_settings(data=data, log_level="warning")
    with reached_database(settings) as database:
        asyncio.run(_go(settings, database, wish, told=True))
    return 0


async def _go(settings: Settings, database: str, wish: Wish, *, told: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    platform = await open_platform(settings, database)
    try:
        people = await asyncio.to_thread(_people, settings, wish)
        owned, known = await _enrolled(platform, settings, people, told=told)
    finally:
        await platform.close()
    drives, every = _drives(wish, owned, known)
    figures = Figures()
    telling = asyncio.create_task(_tell(figures, stop)) if told else None
    is_shown = told or (settings.data / alarms_shown.DONE).exists()
    showing = None if is_shown else asyncio.create_task(_show(settings, database, drives, people, stop))
    if wish.seconds:
        asyncio.get_running_loop().call_later(wish.seconds, stop.set)
    await drive(drives, every, _now, stop, figures)
    if showing is not None:
        await showing
    if telling is not None:
        telling.cancel()
        announce(_said(figures))


async def _show(
    settings: Settings, database: str, drives: Sequence[Drive], people: Sequence[Wearer], stop: asyncio.Event
) -> None:
    """Has some measure what raises alarms, and the desk look after them; once a demonstration."""
    platform = await open_platform(settings, database)
    try:
        holders = {one.person.number: one.registration for one in people}
        await alarms_shown.show(platform, drives, holders, _now(), stop, settings.data / alarms_shown.DONE)
    finally:
        await platform.close()


def _now() -> int:
    return time.time_ns() // 1000


# --- who they are


def _people(settings: Settings, wish: Wish) -> list[Wearer]:
    """Returns those of the demonstration, else residents of a city of their own, who have to be registered first."""
    mark, today = read_mark(settings), clock.now().date()
    if mark is not None:
        city = City(mark.seed, min(wish.people, mark.residents), mark.until, YEARS)
        return list(_of_district(city, today, wish.seed))
    return list(_of_their_own(City(wish.seed, wish.people, today, YEARS), today, wish.seed))


def _of_district(city: City, today: date, seed: int) -> Iterator[Wearer]:
    for lived in city.lives(error_model("judging")):
        if lived.truth:
            yield Wearer(person_of(lived.resident, lived.traits, today, seed), lived.truth[0].registration)


def _of_their_own(city: City, today: date, seed: int) -> Iterator[Wearer]:
    residents = city.residents()
    for (patient, truth), who in zip(city.registrations(error_model("judging"), each=1), residents, strict=True):
        chance = Random(f"{seed}:conditions:{who.index}")
        ill = {"hypertension": 0.3, "diabetes": 0.12, "heart-failure": 0.03, "dementia": 0.03}
        had = frozenset(name for name, share in ill.items() if chance.random() < share)
        person = Person(who.index, who.age(today), who.sex, had, seed=seed)
        yield Wearer(person, truth.registration, {k: v for k, v in patient.items() if k != "managingOrganization"})


# --- what has to be there first


async def _enrolled(
    platform: Platform, settings: Settings, people: Sequence[Wearer], *, told: bool
) -> tuple[list[Owned], dict[str, Known]]:  # fmt: skip
    """Registers people, enrols their devices and gives them out, where that was not done before."""
    file = settings.data / FILE
    known = msgspec.json.decode(file.read_bytes(), type=dict[str, Known]) if file.exists() else {}
    kits = [(who, kit_of(who.person)) for who in people]
    lacking = [(who, [one for one in kit if one.serial not in known]) for who, kit in kits]
    lacking = [(who, kit) for who, kit in lacking if kit]
    if lacking and told:
        announce(speak("cli.wearers-enrolling", devices=sum(len(kit) for _, kit in lacking), people=len(lacking)))
    if lacking:
        await _registered(platform, [who.patient for who, _ in lacking if who.patient is not None])
    async for made in _given(platform, lacking):
        known |= made
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(msgspec.json.encode(known))
        os.replace(fresh, file)
    return [one for _, kit in kits for one in kit], known


async def _registered(platform: Platform, patients: Sequence[Resource]) -> None:
    rest = iter(patients)
    while part := list(islice(rest, AT_ONCE)):
        record = await _record(platform, replace(ADMINISTRATOR, reference=BY, institution=HOSPITAL))
        await record.commit(
            [record.operation("update", "Patient", id=one["id"], resource=one) for one in part], "transaction"
        )


async def _given(
    platform: Platform, lacking: Sequence[tuple[Wearer, list[Owned]]]
) -> AsyncIterator[dict[str, Known]]:  # fmt: skip
    column = the_list().column
    rest = iter([(who, one) for who, kit in lacking for one in kit])
    while part := list(islice(rest, AT_ONCE)):
        officer = Actor(BY, "", HOSPITAL, "HOPERAT", True, ROLE)
        record = await _record(platform, officer)
        cells = [{column["kind"]: KINDS[one.key], column["serial"]: one.serial} for _, one in part]
        sheet = Sheet(tuple(column.values()), tuple(Row(place, row) for place, row in enumerate(cells, 2)))
        digests = digester(platform.gate.store.keys.index_key)
        outcome = await enrol(record, digests, sheet, formats.names(), dry_run=False)
        made = {one.wanted.serial: Known(one.name, one.secret) for one in outcome.made}
        people = list(dict.fromkeys(who.registration for who, _ in part))
        # By their numbers: nothing of anybody is looked at.
        holders = dict(zip(people, await platform.gate.numbers(people), strict=True))
        async with platform.pool.connection() as connection, connection.transaction():
            for who, one in part:
                if one.serial in made:
                    await _give(connection, made[one.serial].name, holders[who.registration])
            await record.leave_row_within(connection, "device-assign", 200, sorted(set(holders.values())))
        yield made


async def _give(connection: asyncpg.Connection, name: str, holder: int) -> None:
    await users.assign(connection, await rows.by_name(connection, name, lock=True), "", holder, BY)


async def _record(platform: Platform, actor: Actor) -> Record:
    return await platform.gate.open(actor, Circumstances("simulate devices", "local", uuid4().hex))


# --- sending


def _drives(wish: Wish, owned: Sequence[Owned], known: dict[str, Known]) -> tuple[list[Drive], int]:
    """Returns the devices with their lines, and how often each speaks, microseconds."""
    ours = [one for one in owned if one.serial in known]
    every = MINUTE if not wish.rate else max(int(1e6 * _values(ours) / wish.rate), 100_000)
    place = Place(wish.host, wish.port, _tls(wish.authority))
    faults = Faults() if wish.faults else Faults.none()
    start = _now()
    drives = []
    for one in ours:
        at = known[one.serial]
        line = Line(place, at.name, at.secret, DEFAULT_REGION)
        drives.append(Drive(Worn(one, every, faults), line, start))
    return drives, every


def _values(owned: Sequence[Owned]) -> int:
    return sum(len(SAYS[one.key]) for one in owned if one.key in CONTINUOUS) or 1


def _tls(authority: Path | None) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=str(authority)) if authority is not None else None


async def _tell(figures: Figures, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(FIGURES_EVERY)
        announce(_said(figures))


def _said(figures: Figures) -> str:
    return speak(
        "cli.wearers-figures", sent=figures.sent, acknowledged=figures.acknowledged, connected=figures.connected,
        refused=figures.refused, outages=figures.outages,
    )  # fmt: skip
