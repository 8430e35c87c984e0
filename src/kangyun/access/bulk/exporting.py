"""`$export`: the Bulk Data operation, of everything, of all patients, or of a group's or some patients' compartments.

A job fixes the instant (transactionTime), then reads range after range into one file a type, saves where it is, and
goes on from there after a stop. Files are kept packed. Each range leaves an audit row, which names its patients,
before the lines of the range can be fetched.

Source: https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.bulk.folder import Folder, PackedFile, PlainFile
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Invalid, NotSupported, Unavailable
from kangyun.database.jobs import Running
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import encode
from kangyun.fhir.search.dates import bounds
from kangyun.fhir.search.query import Query
from kangyun.store.export import Exported, Exports, Scope, highest, settled
from kangyun.store.ids import SHARD_BITS
from kangyun.store.search.among import among
from kangyun.store.store import Store

KIND = "export"
ACTION = "export"
FORMATS = ("application/fhir+ndjson", "application/ndjson", "ndjson")
Level = Literal["system", "patients", "members"]
STEP = 4000 << SHARD_BITS  # of res, read at once
PATIENTS_AT_ONCE = 20
MOST_PATIENTS = 100_000
LINES_A_FILE = 250_000
DELETIONS_A_LINE = 500
SETTLES_WITHIN = 60.0  # seconds
DELETED = "Deleted"


class ExportRequest(msgspec.Struct, frozen=True):
    """What was asked, by whom.

    types: none for all. filters: FHIR searches, each `Type?…`; a resource of a type that has some must match one.
    patients: of the level "members", as `Patient/…`.
    """

    url: str
    level: Level
    actor: Actor
    about: Circumstances
    since: datetime | None = None
    types: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()


class _File(msgspec.Struct):
    """A file as far as it is surely on disk. `over`: it is whole."""

    type: str
    part: int
    lines: int = 0
    length: int = 0
    checksum: int = 0
    plain: int = 0
    over: bool = False

    @property
    def name(self) -> str:
        return f"{self.type}.{self.part}.ndjson"


class Kept(msgspec.Struct):
    """How far the export has come: `next` is the next res, or the place in the list of patients."""

    upto: datetime
    end: int
    next: int = 0
    files: list[_File] = []

    @property
    def lines(self) -> int:
        """How many resources are written."""
        return sum(file.lines for file in self.files)


async def read_parameters(pairs: Iterable[tuple[str, str]], *, lenient: bool, store: Store) -> dict[str, Any]:
    """Reads the parameters of a kick-off into fields of ExportRequest.

    Raises Invalid, and NotSupported for what is unknown unless `lenient`.
    """
    found: dict[str, Any] = {"types": (), "filters": (), "patients": ()}
    for name, value in pairs:
        if name == "_outputFormat":
            if value.replace(" ", "+") not in FORMATS:
                raise NotSupported("access.bulk.output-format", at=name)
        elif name == "_since":
            found["since"] = _instant(value, store.zone)
        elif name == "_type":
            found["types"] += tuple(_type(one) for one in value.split(",") if one)
        elif name == "_typeFilter":
            for one in _searches(value):
                await _query(one, store)  # What cannot be answered whole is refused now, and not by the job.
                found["filters"] += (one,)
        elif name == "patient":
            found["patients"] += tuple(_patient(one) for one in value.split(","))
        elif name not in ("_format", "_pretty") and not lenient:
            raise NotSupported("access.bulk.parameter", at=name[:64], name=name[:64])
    if found["types"] and not {one.partition("?")[0] for one in found["filters"]} <= set(found["types"]):
        raise Invalid("access.bulk.type-filter", at="_typeFilter")
    if len(found["patients"]) > MOST_PATIENTS:
        raise Invalid("access.bulk.too-many-patients", at="patient", limit=MOST_PATIENTS)
    return found


def pairs_of(parameters: Resource) -> list[tuple[str, str]]:
    """Returns Parameters as the pairs of a query string. Raises Invalid."""
    pairs = []
    given = parameters.get("parameter", [])
    for parameter in given if isinstance(given, list) else []:
        name = parameter.get("name") if isinstance(parameter, dict) else None
        value = next((value for key, value in parameter.items() if key.startswith("value")), None) if name else None
        if isinstance(value, dict):
            value = value.get("reference")
        if not isinstance(name, str) or not isinstance(value, str):
            raise Invalid("access.bulk.parameter", at="Parameters.parameter", name=str(name)[:64])
        pairs.append((name, value))
    return pairs


def _instant(text: str, zone: Any) -> datetime:
    return bounds(text.replace(" ", "+"), zone)[0]


def _type(text: str) -> str:
    if text not in definitions().resource_types:
        raise Invalid("access.bulk.type", at="_type")
    return text


def _patient(text: str) -> str:
    type_, _, id_ = text.rpartition("/")
    if (type_ or "Patient").rpartition("/")[2] != "Patient" or not id_:
        raise Invalid("access.bulk.patient", at="patient")
    return f"Patient/{id_}"


def _searches(text: str) -> list[str]:
    """Parts several searches of one _typeFilter: at a comma behind which a type and a question mark stand."""
    found: list[str] = []
    for part in text.split(","):
        if found and part.partition("?")[0] not in definitions().resource_types:
            found[-1] += f",{part}"
        elif part:
            found.append(part)
    return found


async def _query(text: str, store: Store) -> Query:
    """Reads one search of a _typeFilter. Raises Invalid or NotSupported for one that cannot be answered whole."""
    type_, mark, rest = text.partition("?")
    if type_ not in definitions().resource_types or not mark:
        raise Invalid("access.bulk.type-filter", at="_typeFilter")
    query = await store.read_query(type_, parse_qsl(rest, keep_blank_values=True), strict=True)
    if query.sort or query.includes or query.cursor or query.summary != "false" or query.elements:
        raise NotSupported("access.bulk.type-filter", at="_typeFilter")
    return query


async def members_of(record: Record, group: str) -> tuple[str, ...]:
    """Returns the patients of a Group, and of the groups in it. Raises NotFound, Gone, Invalid."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    rest = [group]
    while rest:
        id_ = rest.pop()
        if id_ in seen:
            continue
        seen.add(id_)
        for member in (await record.read("Group", id_)).resource.get("member", []):
            type_, _, own = str(member.get("entity", {}).get("reference", "")).partition("/")
            if member.get("inactive"):
                continue
            if type_ == "Patient":
                found[f"Patient/{own}"] = None
            elif type_ == "Group":
                rest.append(own)
        if len(found) > MOST_PATIENTS:
            raise Invalid("access.bulk.too-many-patients", at="Group.member", limit=MOST_PATIENTS)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Exporter:
    """Runs export jobs."""

    platform: Platform
    folder: Folder

    async def run(self, running: Running) -> bytes:
        """Handles a job of KIND. Returns the manifest as JSON; its URLs are relative to that of the jobs."""
        asked = msgspec.json.decode(running.job.asked, type=ExportRequest)
        if running.kept:
            kept = msgspec.json.decode(running.kept, type=Kept)
        else:
            kept = await begun(self.platform, asked, running.job.made)

        async def save(kept: Kept) -> None:
            share = kept.next * 100 // kept.end if kept.end else 100
            await running.save(msgspec.json.encode(kept), f"{share} %, {kept.lines} resources")

        record = await self.platform.gate.open(asked.actor, asked.about)
        export = Export(self.platform, record, asked, kept, self.folder.of(running.job.id), save)
        await export.run()
        return _manifest(asked, kept, running.job.id)


async def begun(platform: Platform, asked: ExportRequest, since: datetime) -> Kept:
    """Fixes the instant of an export: at or after `since`, so that all that was acknowledged before is in.

    Raises Unavailable when no sequencer runs.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLES_WITHIN
    while True:
        async with platform.pool.connection() as connection:
            upto = await settled(connection, since)
            end = len(asked.patients) if asked.level == "members" else await highest(connection)
        if upto is not None:
            return Kept(upto, end)
        if loop.time() > deadline:
            raise Unavailable("access.bulk.not-settled")
        await asyncio.sleep(0.1)


class Export:
    """One run of an export, into the files of a folder.

    save: called when all that `kept` says is surely on disk.
    """

    def __init__(
        self, platform: Platform, record: Record, asked: ExportRequest, kept: Kept, path: Path,
        save: Callable[[Kept], Awaitable[None]], *, packed: bool = True,
    ) -> None:  # fmt: skip
        self._platform = platform
        self._record = record
        self._asked = asked
        self._kept = kept
        self._path = path
        self._tell = save
        self._packed = packed
        store = platform.gate.store
        self._exports = Exports(store.reader, store.indexer)
        self._scope = Scope(kept.upto, asked.since, frozenset(asked.types) or None, asked.level == "patients")
        self._filters: dict[str, list[Query]] = {}
        self._open: dict[str, tuple[_File, PackedFile | PlainFile]] = {}

    async def run(self) -> None:
        """Exports what is left."""
        for text in self._asked.filters:
            query = await _query(text, self._platform.gate.store)
            self._filters.setdefault(query.type, []).append(query)
        try:
            await self._run()
        finally:
            for _, file in self._open.values():
                file.close()

    async def _run(self) -> None:
        async for found, reached in self._parts():
            found = await self._filtered(found)
            if found:
                patients = sorted({one.patient for one in found if one.patient is not None})
                await self._record.leave_row(ACTION, 200, patients)
                shown = await self._record.shown([one.stored for one in found])
                self._write([replace(one, stored=stored) for one, stored in zip(found, shown, strict=True)])
            self._kept.next = reached
            await self._save()
        # All that are not whole: a run before this one may have left some that nothing more was written to.
        for file in self._kept.files:
            if not file.over:
                self._file(file.type)[1].finish()
                file.over = True
        self._open.clear()
        await self._save()

    async def _parts(self) -> AsyncIterator[tuple[list[Exported], int]]:
        """Gives what is in scope, part by part, and where the next part begins."""
        kept, pool, sight = self._kept, self._platform.pool, self._record.sight
        members: list[int] = []
        if self._asked.level == "members":
            members = await self._members()
            kept.end = len(members)
        while kept.next < kept.end:
            async with pool.connection() as connection:
                if self._asked.level == "members":
                    reached = min(kept.next + PATIENTS_AT_ONCE, kept.end)
                    chosen = members[kept.next : reached]
                    found = await self._exports.of_patients(connection, chosen, members, self._scope, sight)
                else:
                    reached = min(kept.next + STEP, kept.end)
                    found = await self._exports.of_range(connection, kept.next, reached, self._scope, sight)
            yield found, reached

    async def _members(self) -> list[int]:
        """Returns the res of the patients, in an order that is the same after a stop."""
        names = [("Patient", text.partition("/")[2]) for text in self._asked.patients]
        async with self._platform.pool.connection() as connection:
            located = await self._record.store.reader.locate(connection, names, self._record.sight)
        return sorted(one.res for one in located.values() if one.stored is not None)

    async def _filtered(self, found: list[Exported]) -> list[Exported]:
        """Leaves out what no filter of its type lets through, as it is now; what was deleted is let through."""
        kept: set[int] = set()
        for type_, queries in self._filters.items():
            chosen = [one.stored.res for one in found if one.stored.type == type_]
            for query in queries if chosen else ():
                async with self._platform.pool.connection() as connection:
                    searcher, sight = self._record.store.searcher, self._record.sight
                    kept |= set(await among(connection, searcher, type_, query.node, chosen, sight))
        return [
            one for one in found if one.stored.type not in self._filters or one.stored.res in kept or one.stored.deleted
        ]

    def _write(self, found: Sequence[Exported]) -> None:
        lines: dict[str, list[bytes]] = {}
        deleted = []
        for one in found:
            if one.stored.deleted:
                deleted.append(one)
            else:
                lines.setdefault(one.stored.type, []).append(one.stored.json)
        if self._asked.since is not None:
            for start in range(0, len(deleted), DELETIONS_A_LINE):
                lines.setdefault(DELETED, []).append(_deletions(deleted[start : start + DELETIONS_A_LINE]))
        for type_, some in lines.items():
            file, packed = self._file(type_)
            packed.add(b"\n".join(some) + b"\n")
            file.lines += len(some)
            if file.lines >= LINES_A_FILE:
                packed.finish()
                file.over = True
                del self._open[type_]
            file.length, file.checksum, file.plain = packed.length, packed.checksum, packed.plain

    def _file(self, type_: str) -> tuple[_File, PackedFile | PlainFile]:
        if type_ not in self._open:
            known = [file for file in self._kept.files if file.type == type_]
            if not known or known[-1].over:
                known.append(_File(type_, len(known) + 1))
                self._kept.files.append(known[-1])
            file = known[-1]
            if self._packed:
                path = self._path / f"{file.name}.gz"
                self._open[type_] = (file, PackedFile(path, file.length, file.checksum, file.plain))
            else:
                self._open[type_] = (file, PlainFile(self._path / file.name, file.length))
        return self._open[type_]

    async def _save(self) -> None:
        for _, file in self._open.values():
            file.flush()
        await self._tell(self._kept)


def _deletions(deleted: Sequence[Exported]) -> bytes:
    entries = [{"request": {"method": "DELETE", "url": f"{one.stored.type}/{one.stored.id}"}} for one in deleted]
    return encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _manifest(asked: ExportRequest, kept: Kept, job: UUID) -> bytes:
    def entries(files: Iterable[_File]) -> list[dict[str, Any]]:
        return [
            {"type": "Bundle" if file.type == DELETED else file.type, "url": f"{job}/{file.name}", "count": file.lines}
            for file in files
        ]

    return msgspec.json.encode(
        {
            "transactionTime": clock.instant(kept.upto),
            "request": asked.url,
            "requiresAccessToken": True,
            "output": entries(file for file in kept.files if file.type != DELETED),
            "deleted": entries(file for file in kept.files if file.type == DELETED),
            "error": [],
        }
    )
