"""Three hospitals of the demonstration that send as real ones do: one by a gateway that reads its database, one by a
gateway's drop folder, one by HL7 v2 messages. What goes wrong with their rows is the city's own (`simulate.sending`).

They tell of residents of the same city whom the district does not have. The past goes out at once, the last month a day
each half minute; then they have nothing more to say. How far they came stands in the data folder. Feeds in other
states are `feeds_shown`'s.
"""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import msgspec

from kangyun.access.applications.register import Application
from kangyun.access.platform import Platform, open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base import clock
from kangyun.base.errors import Conflict
from kangyun.base.logging import configure
from kangyun.base.settings import Settings, read_settings
from kangyun.cli import feeds_shown
from kangyun.cli.children import tie_to_up, wait_for_up
from kangyun.cli.demonstration import RESIDENTS, read_mark
from kangyun.cli.feeds_shown import Showing
from kangyun.exchange.feeds.messages import Messages
from kangyun.exchange.feeds.register import Register
from kangyun.exchange.gateway import configuration as told
from kangyun.exchange.gateway.configuration import Centre, Configuration, Folder, Source, Table
from kangyun.exchange.gateway.keys import PUBLIC, client_key
from kangyun.exchange.gateway.running import Gateway
from kangyun.exchange.hl7v2.framing import framed
from kangyun.exchange.hl7v2.listening import Bounds, Listener
from kangyun.exchange.hl7v2.mapping import Feed, standard
from kangyun.simulate import City, error_model
from kangyun.simulate.district import YEARS
from kangyun.simulate.sending import Dispatch, folded, sending

FOLDER, SENT = "hospitals", "sent.json"
MORE = 300  # residents of whom they tell, behind those of the district
BY_DAY = 30  # days of the end that go out one by one
DAY_EVERY = 30.0  # seconds
DATABASE = "his.sqlite"
BY = "Device/demo-hospitals"
END = b"\x1c\r"


@dataclass(frozen=True, slots=True)
class Hospital:
    """One that sends. key: of the city's institutions. feed: its name in the register. title: behind its own name."""

    key: str
    feed: str
    title: str
    dialect: str


BY_TABLES = Hospital("baiyun", "demo-baiyun-tables", "业务表（前置机读库）", "chengdu-2011")
BY_FILES = Hospital("centre-hospital", "demo-centre-files", "病案首页（前置机投递文件夹）", "n041")
BY_MESSAGES = Hospital("tertiary", "demo-tertiary-hl7", "HL7 v2 消息", "")
ALL = (BY_TABLES, BY_FILES, BY_MESSAGES)
# The business key and the business time of each table, by which the gateway counts the day before.
TABLES: Mapping[str, tuple[list[str], str]] = {
    "TB_YL_PATIENT_INFORMATION": ([], ""),
    "TB_YL_MZ_MEDICAL_RECORD": (["JZLSH"], "JZKSRQ"),
    "TB_YL_ZY_MEDICAL_RECORD": (["JZLSH"], "RYSJ"),
    "TB_LIS_REPORT": ([], ""),
    "TB_LIS_INDICATORS": ([], ""),
    "TB_CIS_PRESCRIPTION_DETAIL": (["CYH", "CFMXH"], "KFRQ"),
}
SERIAL = "KYXH"


class Sent(msgspec.Struct):
    """How far the hospitals came: the last day that went out."""

    through: date = date.min


def run() -> None:
    """Sends until it is told to stop. Raises PlatformError."""
    tie_to_up()
    wait_for_up()
    settings = read_settings(demo=True, log_level="warning")
    configure(settings.log_level)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    mark = read_mark(settings)
    if mark is None:
        return
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # A second residents' city is made beside requests: it takes a second of this process.
    city = City(mark.seed, RESIDENTS + MORE, mark.until, YEARS)
    days = await asyncio.to_thread(_by_day, city)
    platform = await open_platform(settings, settings.database)
    try:
        with contextlib.ExitStack() as stack:
            folder = settings.data / FOLDER
            await _register(platform, city, folder, settings)
            rows = [one for day in days.values() for one in _of(day, BY_TABLES)]
            await asyncio.to_thread(_make_tables, folder / BY_TABLES.key / DATABASE, rows)
            for hospital in (BY_TABLES, BY_FILES):
                stack.enter_context(_running(folder / hospital.key))
            listener, port = await _listening(platform, city)
            shown = Showing(platform, city, mark.until, settings.data / feeds_shown.DONE)
            showing = asyncio.ensure_future(shown.keep(stop))
            try:
                await _send(days, mark.until, folder, port, stop)
                await stop.wait()
                await showing
            finally:
                showing.cancel()
                await listener.stop()
    finally:
        await platform.close()


def _by_day(city: City) -> dict[date, list[Dispatch]]:
    ours = {hospital.key for hospital in ALL}
    days: dict[date, list[Dispatch]] = defaultdict(list)
    for dispatches, _ in sending(city, error_model("judging"), RESIDENTS):
        for one in dispatches:
            if one.institution in ours:
                days[one.day].append(one)
    return days


# --- what has to be agreed first


async def _register(platform: Platform, city: City, folder: Path, settings: Settings) -> None:
    """Registers the feeds and the gateways' applications, once, and writes what the gateways are told."""
    register, applications = Register(platform.pool), platform.sign_in.applications
    known = {one.name for one in await register.list()}
    for hospital in ALL:
        place = folder / hospital.key
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        institution = _institution(city, hospital)
        client = f"gateway-{hospital.key}"
        if hospital is not BY_MESSAGES:
            client_key(place)
            told.write(place, _configuration(hospital, place, client, settings))
        if hospital.feed in known:
            continue
        if hospital is not BY_MESSAGES:
            with contextlib.suppress(Conflict):  # Ended between the two, the last time.
                await applications.add(_application(client, institution, place), BY, "demonstration")
            await applications.review(client, "passed", BY)
        row = city.institutions.by_key[hospital.key]
        await register.add(
            hospital.feed, institution, f"{row.name}{hospital.title}", BY, agreement="演示",
            agreed=clock.now().date(), client=client, code=city.institutions.code(row), dialect=hospital.dialect,
        )  # fmt: skip
        for state in ("testing", "trial", "live"):
            await register.move(hospital.feed, state, "centre", BY)


def _institution(city: City, hospital: Hospital) -> str:
    return f"Organization/{city.institutions.ids[hospital.key]}"


def _application(client: str, owner: str, place: Path) -> Application:
    keys = (place / PUBLIC).read_text("utf-8")
    ends = clock.now() + timedelta(days=365)
    return Application(
        client, "演示前置机", owner, "HOPERAT", (), ("system/feeds",), ends, jwks=json.dumps(json.loads(keys))
    )


def _configuration(hospital: Hospital, place: Path, client: str, settings: Settings) -> Configuration:
    centre = Centre(url=f"http://{settings.host}:{settings.port}", client=client)
    if hospital is BY_FILES:
        drop = place / "drop"
        drop.mkdir(exist_ok=True)
        folders = [Folder(folder=str(drop), feed=hospital.feed, dialect=hospital.dialect, settle=1)]
        return Configuration(centre=centre, folders=folders)
    source = Source(name="his", kind="sqlite", database=str(place / DATABASE))
    tables = [
        Table(
            source="his", table=name, feed=hospital.feed, by="number", column=SERIAL, dialect=hospital.dialect,
            key=key, business=business, form="%Y-%m-%d %H:%M:%S", every=1,
        )
        for name, (key, business) in TABLES.items()
    ]  # fmt: skip
    return Configuration(centre=centre, sources=[source], tables=tables)


@contextlib.contextmanager
def _running(place: Path) -> Iterator[None]:
    gateway = Gateway(place)
    thread = threading.Thread(target=gateway.run, name=f"gateway {place.name}")
    thread.start()
    try:
        yield
    finally:
        gateway.stop.set()
        thread.join()


async def _listening(platform: Platform, city: City) -> tuple[Listener, int]:
    institution = _institution(city, BY_MESSAGES)
    feed = Feed(institution.partition("/")[2], institution, standard())
    actor = replace(ADMINISTRATOR, reference=BY, institution=institution)
    listener = Listener(Messages(platform, actor, feed).store, Bounds(groups=1))
    return listener, await listener.start("127.0.0.1", 0)


# --- sending


async def _send(
    days: Mapping[date, Sequence[Dispatch]], until: date, folder: Path, port: int, stop: asyncio.Event
) -> None:
    """Lets out what has not gone out: the past at once, then a day each time."""
    file = folder / SENT
    sent = msgspec.json.decode(file.read_bytes(), type=Sent) if file.exists() else Sent()
    begins = until - timedelta(days=BY_DAY)
    left = sorted(day for day in days if day > sent.through)
    past, rest = [day for day in left if day <= begins], [day for day in left if day > begins]
    for together in ([past] if past else []) + [[day] for day in rest]:
        if stop.is_set():
            return
        rows = [one for day in together for one in days[day]]
        await asyncio.to_thread(_into_database, folder / BY_TABLES.key / DATABASE, _of(rows, BY_TABLES))
        await asyncio.to_thread(_into_drop, folder / BY_FILES.key / "drop", _of(rows, BY_FILES))
        await _over_the_line(port, [one.message for one in _of(rows, BY_MESSAGES)])
        fresh = file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(Sent(together[-1])))
        os.replace(fresh, file)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), DAY_EVERY)


def _of(rows: Sequence[Dispatch], hospital: Hospital) -> list[Dispatch]:
    return [one for one in rows if one.institution == hospital.key]


def _make_tables(file: Path, rows: Sequence[Dispatch]) -> None:
    """Makes the tables of the hospital's own system; each row has a serial number that rises."""
    headers = {one.table: ", ".join(f'"{name}" TEXT' for name in one.cells) for one in rows}
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        for table, columns in headers.items():
            serial = f"{SERIAL} INTEGER PRIMARY KEY AUTOINCREMENT"
            database.execute(f'CREATE TABLE IF NOT EXISTS "{table}" ({serial}, {columns})')


def _into_database(file: Path, rows: Sequence[Dispatch]) -> None:
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        for one in rows:
            columns, places = ", ".join(f'"{name}"' for name in one.cells), ", ".join("?" for _ in one.cells)
            database.execute(f'INSERT INTO "{one.table}" ({columns}) VALUES ({places})', list(one.cells.values()))


def _into_drop(drop: Path, rows: Sequence[Dispatch]) -> None:
    for name, content in folded(rows):
        _, day, file = name.split("/")
        (drop / f"{day}-{file}").write_bytes(content)


async def _over_the_line(port: int, messages: Sequence[bytes]) -> None:
    """Sends messages one after another; each waits for its answer, whatever it is."""
    if not messages:
        return
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for one in messages:
            writer.write(framed(one))
            await reader.readuntil(END)
    except (OSError, asyncio.IncompleteReadError):
        return  # The listener is stopping; what was not answered was not sent, and the next start has it.
    finally:
        writer.close()
