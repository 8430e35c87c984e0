"""The record hears of what devices measured: in the background, by what was noted (`device_news`), at least once.

The id of an Observation follows from what it is of, so that what is told again is an update, and unchanged makes no
version. What was moved to somebody else, or is doubted by now, is deleted. Bundles, each of one institution's devices:
the record has one commit for two hundred of them.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import asyncpg

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.access.record import Operation, Record
from kangyun.base.crypto import Unreadable
from kangyun.base.errors import PlatformError, Throttled, Unavailable
from kangyun.database.statements import statements
from kangyun.devices.metrics import Metric, metrics, metrics_by_number
from kangyun.devices.series import days
from kangyun.devices.series.coding import PANELS, is_recorded, panel_of
from kangyun.devices.series.reading import Readings
from kangyun.devices.series.resources import About, measurement, observation_id, stretch, summary
from kangyun.fhir import Resource

logger = logging.getLogger(__name__)

SQL = statements("devices.series")
AT_ONCE = 1_000  # news
OF_A_COMMIT = 200
ACTION = "device-series"
MOST_NAMES = 100_000


class _Rest(Protocol):
    @property
    def series(self) -> int: ...


class Found(Protocol):
    """What a rule found, as `devices.signals` tells it: from the sample at `since` to that at `at`."""

    @property
    def rule(self) -> str: ...
    @property
    def since(self) -> int: ...
    @property
    def at(self) -> int: ...
    @property
    def rests(self) -> Sequence[_Rest]: ...


async def tell_of(connection: asyncpg.Connection, found: Iterable[Found]) -> None:
    """Notes stretches for the record, within the transaction that takes them in; what is of one instant is none."""
    rows = [(one.rests[0].series, one.since, one.at, one.rule) for one in found if one.rests and one.since < one.at]
    if rows:
        await connection.execute(SQL["tell_of"], *(list(column) for column in zip(*rows, strict=True)))


class _News(NamedTuple):
    id: int
    series: int
    at: int
    until: int | None
    rule: str | None
    device: int | None
    metric: int | None
    holder: int | None


@dataclass(slots=True)
class _Told:
    """An Observation to be: its id, what it says (None: nothing any more), and the news that led to it."""

    id: str
    institution: int
    resource: Resource | None
    news: list[int] = field(default_factory=list)


class Recording:
    """Tells the record. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.gate.store
        self._readings = Readings(Kept(self._store))
        self._names: dict[int, str | None] = {}
        self._institutions: dict[int, str] = {}

    async def run(self) -> int:
        """Tells what there is; returns of how many news. Whoever calls it holds the lease. Raises Unavailable."""
        async with self._readings.reading() as connection:
            news = [_News(*row) for row in await connection.fetch(SQL["news"], AT_ONCE)]
            told, refused = await self._readable(connection, news)
        for institution in {one.institution for one in told}:
            of_it = [one for one in told if one.institution == institution]
            record = await self._record(institution)
            for begin in range(0, len(of_it), OF_A_COMMIT):
                refused += await self._commit(record, of_it[begin : begin + OF_A_COMMIT])
        async with self._platform.pool.connection() as connection:
            kept = {number for number, _ in refused}
            await connection.execute(SQL["told"], [one.id for one in news if one.id not in kept])
            if refused:
                await connection.execute(SQL["refused"], *(list(column) for column in zip(*refused, strict=True)))
        return len(news)

    async def _readable(
        self, connection: asyncpg.Connection, news: Sequence[_News]
    ) -> tuple[list[_Told], list[tuple[int, str]]]:
        """Returns the Observations of news, and which rest on what cannot be read: it keeps no other waiting."""
        try:
            return await self._observations(connection, news), []
        except Unreadable as error:
            if len(news) == 1:
                logger.warning("series: what an Observation rests on cannot be read")
                return [], [(news[0].id, error.issues[0].text)]
            middle = len(news) // 2
            parts = [await self._readable(connection, part) for part in (news[:middle], news[middle:])]
            return [*parts[0][0], *parts[1][0]], [*parts[0][1], *parts[1][1]]

    async def _observations(self, connection: asyncpg.Connection, news: Sequence[_News]) -> list[_Told]:
        heard = [one for one in news if _is_heard(one)]
        rows = await connection.fetch(SQL["devices"], sorted({one.device or 0 for one in heard}))
        devices = {row["id"]: row for row in rows}
        numbers = {one.holder or 0 for one in heard} | {row["resource"] for row in rows if row["resource"]}
        await self._bring_names(connection, numbers)
        persons = {one.holder for one in heard if self._names[one.holder or 0] is not None}
        heard = [one for one in heard if one.holder in persons]
        making = _Making(self._readings, devices, self._names, self._store.zone)
        found = [one for one in heard if one.rule is None]
        episodic = [one for one in found if _metric(one).kind == "episodic"]
        return [
            *await making.measurements(connection, episodic),
            *await making.summaries(connection, [one for one in found if _metric(one).kind != "episodic"]),
            *await making.stretches(connection, [one for one in heard if one.rule is not None]),
        ]

    async def _bring_names(self, connection: asyncpg.Connection, numbers: Iterable[int]) -> None:
        """Finds out the ids of Patients and Devices; None of what is deleted, or erased."""
        if len(self._names) > MOST_NAMES:
            self._names.clear()
        for number in [one for one in numbers if one not in self._names]:
            stored = await self._store.reader.of_number(connection, number)
            self._names[number] = None if stored is None or stored.deleted else stored.id

    async def _record(self, institution: int) -> Record:
        if institution not in self._institutions:
            async with self._platform.pool.connection() as connection:
                name = await connection.fetchval("SELECT reference FROM institution WHERE id = $1", institution)
            self._institutions[institution] = name or "Organization/platform"
        home = self._institutions[institution]
        actor = Actor("Device/series", "设备数据", home, "SYSADMIN", administrator=True)
        return await self._platform.gate.open(actor, Circumstances(ACTION, "", uuid4().hex, historic=True))

    async def _commit(self, record: Record, told: Sequence[_Told]) -> list[tuple[int, str]]:
        """Commits together; where that is refused, halves, down to the one that is to blame. Returns refused news."""
        operations = [
            Operation("update", "Observation", id=one.id, resource=one.resource | {"id": one.id})
            if one.resource is not None
            else Operation("delete", "Observation", id=one.id)
            for one in told
        ]
        try:
            await record.commit(operations, ACTION, whole=True)
        except (Unavailable, Throttled):
            raise
        except PlatformError as error:
            if len(told) == 1:
                text = error.issues[0].text
                logger.warning("series: the record refuses an Observation: %s", text)
                return [(number, text) for number in told[0].news]
            middle = len(told) // 2
            return [*await self._commit(record, told[:middle]), *await self._commit(record, told[middle:])]
        return []


def _is_heard(one: _News) -> bool:
    """Whether it is of somebody, and matters; two measurements that somebody made are no stretch."""
    if one.holder is None or not is_recorded(_metric(one)):
        return False
    return one.rule is None or _metric(one).kind == "continuous"


def _metric(one: _News) -> Metric:
    return metrics_by_number()[one.metric or 0]


class _Making:
    """Makes Observations of one lot of news, all read at the same moment."""

    def __init__(
        self, readings: Readings, devices: Mapping[int, Any], names: Mapping[int, str | None], zone: tzinfo
    ) -> None:
        self._readings = readings
        self._devices = devices
        self._names = names
        self._zone = zone

    def _about(self, one: _News) -> tuple[About, int]:
        row = self._devices.get(one.device or 0)
        device: dict[str, Any] = {"type": "Device", "display": str(one.device)}
        if row is not None:
            id_ = self._names.get(row["resource"]) if row["resource"] else None
            device = {"reference": f"Device/{id_}"} if id_ else {"type": "Device", "display": row["name"]}
        return About(self._names[one.holder or 0] or "", device), row["institution"] if row is not None else 0

    async def measurements(self, connection: asyncpg.Connection, news: Sequence[_News]) -> list[_Told]:
        """Of one instant each: a metric that stands alone, or a panel of pressures."""
        groups: dict[tuple[int, int, str, int], list[_News]] = {}
        for one in news:
            metric = _metric(one)
            name = panel_of(metric) or metric.name
            groups.setdefault((one.device or 0, one.holder or 0, name, one.at), []).append(one)
        asked = [(key, metrics()[name]) for key in groups for name in PANELS.get(key[2], (key[2],))]
        wanted = [(device, metric.number, holder, at) for (device, holder, _, at), metric in asked]
        samples = await self._readings.at(connection, wanted)
        values: dict[tuple[int, int, str, int], dict[Metric, tuple[int, int]]] = {key: {} for key in groups}
        for (key, metric), sample in zip(asked, samples, strict=True):
            if sample is not None:
                values[key][metric] = sample
        found = []
        for key, group in groups.items():
            about, institution = self._about(group[0])
            resource = measurement(about, key[3], values[key])
            found.append(_Told(observation_id(*key), institution, resource, [one.id for one in group]))
        return found

    async def summaries(self, connection: asyncpg.Connection, news: Sequence[_News]) -> list[_Told]:
        """Of one day each."""
        found = []
        for begin in sorted({one.at for one in news}):
            until = days.day_after(begin, self._zone)
            of_it = {one.series: one for one in news if one.at == begin}
            curves = await self._readings.curves(connection, list(of_it), begin, until)
            for series, one in of_it.items():
                about, institution = self._about(one)
                resource = summary(about, _metric(one), begin, until, curves[series]) if series in curves else None
                found.append(_Told(observation_id(series, "day", begin), institution, resource))
        told = {one.id: one for one in found}
        for one in news:
            told[observation_id(one.series, "day", one.at)].news.append(one.id)
        return found

    async def stretches(self, connection: asyncpg.Connection, news: Sequence[_News]) -> list[_Told]:
        """As rules found them; of those with the same beginning the last, which reaches farthest."""
        found: dict[str, _Told] = {}
        for one in sorted(news, key=lambda one: one.until or 0):
            until = one.until or one.at
            curve = (await self._readings.curves(connection, [one.series], one.at, until + 1)).get(one.series)
            about, institution = self._about(one)
            rule = one.rule or ""
            resource = stretch(about, _metric(one), one.at, until, rule, curve) if curve is not None else None
            id_ = observation_id(one.series, rule, one.at)
            before = found[id_].news if id_ in found else []
            found[id_] = _Told(id_, institution, resource, [*before, one.id])
        return list(found.values())
