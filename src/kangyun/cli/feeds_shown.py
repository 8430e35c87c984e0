"""Feeds of the demonstration in each state that a feed has, so that every screen about feeds has something to show.

Delivered once, as if by gateways, for the last two weeks up to yesterday: rows that are refused, a table that was
stopped, counts that differ from what the hospital has, codes that nobody has mapped; then some visits each half minute.
What gateways and messages of the same city send is `hospitals`'. What is broken off goes on at the next start.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec

from kangyun.access.actor import Circumstances
from kangyun.access.codes.counting import count
from kangyun.access.codes.kinds import kinds
from kangyun.access.codes.table import Listed, Proposal, load_list, propose
from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base import clock
from kangyun.cli.demonstration import HOSPITAL
from kangyun.exchange.feeds.deliveries import Deliveries, Verdict
from kangyun.exchange.feeds.figures import Figures
from kangyun.exchange.feeds.reconciling import Reconciliation
from kangyun.exchange.feeds.register import SQL, Register, Source
from kangyun.exchange.protocol import Declared, Delivery, File, Rows, Serials, State
from kangyun.fhir.search.dates import BEIJING
from kangyun.simulate import City
from kangyun.simulate.outpatients import FEES, VISITS, Cells, Clinic, words

BY = "Device/demo-hospitals"
CODER = "Practitioner/demo-coder"
OURS = "demo-hospital-tables"
DONE = "feeds-shown"  # in the data folder, once nothing is left to be made
DAYS = 14
VISITS_A_DAY = 8
MORE = 40  # half minutes in which a few visits more come
EVERY = 30.0  # seconds
PATIENCE = 120.0  # seconds that what was delivered may take
DIALECT = "chengdu-2011"
AMOUNT = "MXXMJE"
LOCAL = "urn:kangyun:code-system:local:{house}:result-item"
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="2.16.156.10011.1.1" extension="CY-{number}"/><code code="C0053" codeSystem="2.16.156.10011.2.4"/>
<title>出院小结</title><effectiveTime value="{day:%Y%m%d}101500"/>
<recordTarget><patientRole>{whose}<patient><name>{name}</name></patient></patientRole></recordTarget>
<component><structuredBody/></component></ClinicalDocument>"""
WHOSE = """<id root="2.16.156.10011.1.13" extension="BA{number:04}"/>
<id root="2.16.156.10011.1.12" extension="ZY{number:04}"/>"""
LOST = (9, 12)
"""Days, from the first, of which not all rows came."""
Table = tuple[str, Cells]


@dataclass(frozen=True, slots=True)
class Shown:
    """A feed that is shown. institution: a key of the city's, empty for the demonstration's own hospital."""

    feed: str
    institution: str
    title: str
    states: tuple[State, ...]
    why: str = ""


LIVE: tuple[State, ...] = ("testing", "trial", "live")
ALL = (
    Shown(OURS, "", "演示医院门诊业务表", LIVE),
    Shown("demo-hospital-documents", "", "演示医院出院小结（共享文档）", LIVE),
    Shown("demo-hospital-inpatient", "", "演示医院住院业务表", ("testing",)),
    Shown("demo-hospital-pathology", "", "演示医院病理报告", ()),
    Shown("demo-maternal-tables", "maternal", "县妇幼保健院业务表", ("testing", "trial")),
    Shown("demo-county-tables", "county", "县人民医院业务表", (*LIVE, "paused"), "前置机证书到期，等医院更换"),
)  # fmt: skip


class Showing:
    """Makes the feeds that are shown. One for a process."""

    def __init__(self, platform: Platform, city: City, until: date, done: Path) -> None:
        self._platform, self._city, self._until, self._done = platform, city, until, done
        self._there = 0  # deliveries of the feed that is being made that an earlier start has made
        kept = Kept(platform.gate.store)
        self._register = Register(platform.pool)
        self._deliveries = Deliveries(platform.pool, self._register, kept)
        self._reconciliation = Reconciliation(platform.pool, kept)

    async def keep(self, stop: asyncio.Event) -> None:
        """Makes what is shown, where it is not there yet, then goes on with a few visits at a time until `stop`."""
        if not self._done.exists() and await self._make():
            self._done.touch(mode=0o600)
        for nth in range(MORE):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY)
            if stop.is_set():
                return
            await self._tables(OURS, _clinic(1).day(clock.now().astimezone(BEIJING).date(), nth + 1)[-6:])

    async def _make(self) -> bool:
        """Makes what is not there yet, step by step; returns whether all of it is."""
        known = {one.name for one in await self._register.list()}
        for shown in ALL:
            if shown.feed not in known:
                await self._add(shown)
            await self._move(shown)
        if not await self._until_settled():
            return False
        await self._reconcile()
        await self._map()
        await Figures(self._platform).publish(self._until.replace(day=1))
        return True

    async def _add(self, shown: Shown) -> None:
        client = f"gateway-{shown.feed}"
        said = (
            {"agreement": "演示", "agreed": self._until, "client": client, "dialect": DIALECT} if shown.states else {}
        )
        await self._register.add(shown.feed, self._house(shown), shown.title, BY, **said)

    async def _move(self, shown: Shown) -> None:
        """Moves a feed through those states that it was not moved to before; delivers what is not there yet."""
        been = {row["state"] for row in await self._register.history(shown.feed) if row["act"] == "moved"}
        for nth, state in enumerate(shown.states, start=1):
            if state not in been:
                await self._register.move(shown.feed, state, "centre", BY, shown.why if state == "paused" else "")
            if nth == min(len(shown.states), 3) and not been.intersection(shown.states[nth:]):
                self._there = (await self._register.get(shown.feed)).next - 1
                await self._deliver(shown)
                self._there = 0

    async def _deliver(self, shown: Shown) -> None:
        seed = 1 + [one.feed for one in ALL].index(shown.feed)
        clinic = _clinic(seed)
        days = [self._until - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
        match shown.feed:
            case "demo-hospital-documents":
                for number, day in enumerate(days[-6:], start=1):
                    await self._keep(shown.feed, _document(number, day))
            case "demo-hospital-inpatient":
                await self._tables(shown.feed, [*clinic.persons(), *clinic.day(days[-1], 6)])
            case "demo-maternal-tables":
                await self._tables(shown.feed, [*clinic.persons(), *clinic.day(days[-2], 5)])
                # A view that lost columns stops its table, and no other.
                rows = [
                    (VISITS, _without(cells, "JZKSMC", "BMLX"))
                    for name, cells in clinic.day(days[-1], 4)
                    if name == VISITS
                ]
                await self._tables(shown.feed, rows)
            case "demo-county-tables":
                await self._tables(shown.feed, [*clinic.persons(), *clinic.day(days[-5], 3)])
            case _:
                await self._tables(shown.feed, clinic.persons())
                for nth, day in enumerate(days):
                    rows = clinic.day(day, VISITS_A_DAY + nth % 4)
                    # Of two days not all rows come: those that the hospital has beyond them are asked for.
                    await self._tables(shown.feed, rows[:-9] if nth in LOST else rows)

    async def _tables(self, feed: str, rows: Sequence[Table]) -> None:
        """Delivers rows, a delivery for each table."""
        tables: dict[str, list[Cells]] = defaultdict(list)
        for name, cells in rows:
            tables[name].append(cells)
        for name, found in tables.items():
            columns = list(dict.fromkeys(column for cells in found for column in cells))
            told = [[cells.get(column) for column in columns] for cells in found]
            await self._keep(feed, Rows(name, columns, told, clock.now()))

    async def _keep(self, feed: str, delivery: Delivery) -> None:
        if self._there:
            self._there -= 1
            return
        now = await self._register.get(feed)
        record = await self._record(now.institution)

        async def audit(connection: asyncpg.Connection, verdict: Verdict) -> None:
            await record.leave_row_within(connection, "feed-delivery", 201)

        body = msgspec.json.encode(delivery)
        await self._deliveries.keep(feed, now.next, body, record.institution, audit)

    async def _until_settled(self) -> bool:
        """Waits until what was delivered is taken in; returns whether it is."""
        deadline = clock.now() + timedelta(seconds=PATIENCE)
        while clock.now() < deadline:
            async with self._platform.pool.connection() as connection:
                if not await connection.fetch(SQL["due"]):
                    return True
            await asyncio.sleep(0.5)
        return False

    # --- what the hospital has, against what came

    async def _reconcile(self) -> None:
        feed, clinic = await self._register.get(OURS), _clinic(1)
        told: list[Declared] = []
        for nth in range(DAYS):
            day = self._until - timedelta(days=DAYS - 1 - nth)
            told += _declared(clinic.day(day, VISITS_A_DAY + nth % 4), day)
        await self._reconciliation.declare(feed, told)
        await self._ask(feed, clinic)

    async def _ask(self, feed: Source, clinic: Clinic) -> None:
        """Asks for the serial numbers of the last day that differs, and answers as the hospital's gateway would."""
        asked = await self._reconciliation.all_asked(feed)
        if asked and asked[0]["answered"] is not None:
            return
        record, nth = await self._record(feed.institution), max(LOST)
        day = self._until - timedelta(days=DAYS - 1 - nth)
        if asked:
            id_ = asked[0]["id"]
        else:
            id_ = await self._reconciliation.ask(feed, "serials", FEES, day, BY, record.institution)
        rows = clinic.day(day, VISITS_A_DAY + nth % 4)
        keys = [[cells["YLJGDM"], cells["SFMXID"], cells["XGBZ"]] for name, cells in rows if name == FEES]
        await self._reconciliation.answer(feed, id_, Serials(id_, keys), record.institution)

    # --- codes

    async def _map(self) -> None:
        """Loads a list of the region, counts what is used, and has the demonstration's coder propose two codes."""
        target = kinds()["laboratory"].targets[0]
        rows = [Listed(one.code, one.name, one.unit, "", one.loinc) for one in words().regional]
        await load_list(await self._record(HOSPITAL), target, "演示", rows)
        await count(self._platform.gate.store)
        system = LOCAL.format(house=HOSPITAL.partition("/")[2])
        proposals = [
            Proposal(system, item.code, target, one.code, one.name)
            for item, one in ((words().items[5], words().regional[6]), (words().items[6], words().regional[7]))
        ]
        actor = replace(ADMINISTRATOR, reference=CODER, institution=HOSPITAL)
        await propose(await self._platform.gate.open(actor, _about()), proposals)

    async def _record(self, institution: str) -> Record:
        return await self._platform.gate.open(replace(ADMINISTRATOR, reference=BY, institution=institution), _about())

    def _house(self, shown: Shown) -> str:
        return f"Organization/{self._city.institutions.ids[shown.institution]}" if shown.institution else HOSPITAL


def _clinic(seed: int) -> Clinic:
    return Clinic(f"99YANSHI{seed:02}", seed)


def _about() -> Circumstances:
    return Circumstances("feed", "", uuid4().hex, historic=True)


def _without(cells: Cells, *columns: str) -> Mapping[str, str]:
    return {name: cell for name, cell in cells.items() if name not in columns}


def _document(number: int, day: date) -> File:
    name = words().surnames[number] + words().given[number]
    # One says of whom it is in no way that a platform knows.
    whose = "" if number == 4 else WHOSE.format(number=number)
    return File(f"出院小结-{number:04}.xml", DOCUMENT.format(number=number, day=day, whose=whose, name=name).encode())


def _declared(rows: Sequence[Table], day: date) -> list[Declared]:
    """Returns what a hospital counts of a day, as its gateway does."""
    tables: dict[str, list[Cells]] = defaultdict(list)
    for name, cells in rows:
        tables[name].append(cells)
    return [
        Declared(name, day, len(found), {AMOUNT: str(sum(map(_amount, found), Decimal(0)))} if name == FEES else {})
        for name, found in tables.items()
    ]


def _amount(cells: Cells) -> Decimal:
    try:
        return Decimal(cells[AMOUNT])
    except InvalidOperation:
        return Decimal(0)
