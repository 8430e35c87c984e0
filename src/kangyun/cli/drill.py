"""`kangyun drill`: restores the newest backup into a scratch place and holds it against the living record.

It goes the whole way of a restore: the copy, the log to its end, the new epoch, the trail; and opens bodies with the
root key that it is given. What it measured stands in `drill.json` of the data folder.
"""

import asyncio
import random
import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from kangyun.access.recovery import Cut, explained
from kangyun.access.trail.chain import START
from kangyun.access.trail.roots import FILE as ROOTS
from kangyun.access.trail.roots import Roots, standing
from kangyun.access.trail.rows import BEHIND
from kangyun.access.trail.verifying import Progress, verify
from kangyun.base import clock
from kangyun.base.crypto import sm3
from kangyun.base.errors import PlatformError, Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.audit import archive_folder
from kangyun.cli.backup import cipher, medium_folder, open_medium, root_file
from kangyun.cli.folder import holder
from kangyun.cli.recovering import Wish, recovered
from kangyun.cli.restore import accepted
from kangyun.cli.speech import announce, speak
from kangyun.database.backups.medium import Base, Medium, write_whole
from kangyun.database.backups.unpacking import chosen, refuse_what_the_log_has_not
from kangyun.database.embedded import EmbeddedServer
from kangyun.fhir.json import canonical
from kangyun.store.ids import IdPermutation
from kangyun.store.keys import open_key_ring
from kangyun.store.reader import Reader
from kangyun.store.root import root_key
from kangyun.store.types import TYPE_NAMES

FILE, SCRATCH = "drill.json", "drill"
UNREADABLE = b"unreadable"
SAMPLE = 200  # bodies that are opened on both sides
_UPTO = "SELECT upto::text::int8 FROM sequencer"
_LATER = "SELECT id FROM commit WHERE xid >= $1::text::xid8"
_LOST = """
SELECT count(*), min(instant) FROM commit
WHERE xid >= $1::text::xid8 AND NOT id = ANY ($2::int8[]) AND instant <= $3
"""
_SEALS = "SELECT number, digest FROM audit_seal ORDER BY number DESC LIMIT 10000"
_COMMON = """
SELECT s.number, s.xid, s.id FROM audit_seal AS s
JOIN unnest($1::int8[], $2::bytea[]) AS r(number, digest) ON r.number = s.number AND r.digest = s.digest
ORDER BY s.number DESC LIMIT 1
"""
_ROWS = f"SELECT a.id, a.instant FROM audit AS a WHERE {BEHIND}"
_LOST_ROWS = f"""
SELECT count(*), min(a.instant) FROM audit AS a
WHERE {BEHIND} AND a.instant <= $3
    AND (a.id, a.instant) NOT IN (SELECT r.* FROM unnest($4::int8[], $5::timestamptz[]) AS r)
"""
_COUNTS = """
SELECT v.type, count(*) FROM version AS v
WHERE v.commit IN (SELECT f.commit FROM feed AS f WHERE f.position <= $1) GROUP BY v.type
"""
_COMMITS = """
SELECT c.id, c.res[1] AS res, c.versions[1] AS version, c.digest FROM feed AS f JOIN commit AS c ON c.id = f.commit
WHERE f.position = ANY ($1::int8[]) AND cardinality(c.res) > 0 ORDER BY c.id
"""


class Result(msgspec.Struct, kw_only=True):
    """What a drill found. lost: commits that were not in the backup when the drill began, lost_rows: audit rows.

    sealed: the newest seal that both have. rpo: seconds up to then since the oldest of either. rto: seconds.
    compared: whether the living record could be asked. differ: resource types whose numbers of versions are not the
    same, up to the recovery point. bodies: opened on both sides; bodies_differ: of them not the same. faults: of the
    audit trail that was restored.
    """

    instant: datetime
    backup: str
    recovered: datetime | None = None
    position: int = 0
    versions: int = 0
    rpo: float | None = None
    rto: float = 0.0
    lost: int | None = None
    lost_rows: int | None = None
    sealed: int = 0
    compared: bool = False
    differ: list[str] = []
    bodies: int = 0
    bodies_differ: int = 0
    trail_rows: int = 0
    faults: int = 0
    root_key: str = ""
    passed: bool = False


class _Start(msgspec.Struct, frozen=True):
    instant: datetime
    database: str | None


def drill(data: Path | None, from_: Path | None, root: Path | None, scratch: Path | None, *, as_json: bool) -> bool:
    """Drills and says what came of it. Returns whether all of it is as it should be. Raises Unavailable."""
    settings = read_settings(data=data)
    folder = scratch or settings.data / SCRATCH
    if folder.exists() and any(folder.iterdir()):
        if scratch is not None:
            raise Unavailable("cli.drill-not-empty", folder=str(folder))
        shutil.rmtree(folder)  # A drill that was broken off.
    medium = open_medium(settings, medium_folder(settings, from_), root=root)
    start = _Start(clock.now(), _living(settings))
    began = time.monotonic()
    base = chosen(medium, None)
    refuse_what_the_log_has_not(medium, base, None)
    result = Result(instant=start.instant, backup=base.id, root_key=str(root or root_file(settings)))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _restore(settings, folder, medium, base, start, result, root or root_file(settings), began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result.passed = not (result.differ or result.bodies_differ or result.faults)
    text = msgspec.json.encode(result)
    write_whole(settings.data / FILE, text)
    _say(result)
    if as_json:
        print(text.decode())  # noqa: T201 - what was asked for
    return result.passed


def last_drill(data: Path) -> Result | None:
    """Returns what the last drill found, None where there was none or it cannot be read."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError):
        return None


def _living(settings: Settings) -> str | None:
    if settings.database:
        return settings.database
    return EmbeddedServer(settings.data).url if holder(settings.data) is not None else None


def _restore(
    settings: Settings, folder: Path, medium: Medium, base: Base, start: _Start, result: Result, root: Path,
    began: float,
) -> None:  # fmt: skip
    there = msgspec.structs.replace(settings, data=folder, database="", root_key=str(root), ledger="")
    with recovered(there, medium, Wish(base)) as server:
        cut, _ = asyncio.run(accepted(server.url, there, f"backup={base.id} drill", medium.known(), medium))
        result.rto = round(time.monotonic() - began, 3)
        asyncio.run(_look(settings, there, server.url, start, cut, result))


async def _look(settings: Settings, there: Settings, scratch: str, start: _Start, cut: Cut, result: Result) -> None:
    restored = await asyncpg.connect(scratch)
    living = None
    try:
        await _look_at_trail(restored, there, archive_folder(settings), result)
        result.recovered = await restored.fetchval("SELECT max(instant) FROM commit")
        result.position = cut.position
        counts = await _counts(restored, cut.position)
        result.versions = sum(counts.values())
        if start.database is not None:
            living = await asyncpg.connect(start.database)
            await _compare(settings, there, restored, living, start, cut, counts, result)
        else:
            await _open_bodies(there, restored, await _sample(restored, cut.position), result)
    finally:
        await restored.close()
        if living is not None:
            await living.close()


async def _look_at_trail(
    restored: asyncpg.Connection, there: Settings, archives: Path, result: Result
) -> None:  # fmt: skip
    told, _ = Roots(there.data / ROOTS).read()
    held = standing(told)
    progress = Progress()

    def tell(one: Progress) -> None:
        nonlocal progress
        progress = one

    async for _ in verify(restored, held.roots, tell, archives):
        result.faults += 1
    for one in held.cuts:
        result.faults += await explained(restored, one.cut) is None
    result.trail_rows = progress.rows


async def _compare(
    settings: Settings, there: Settings, restored: asyncpg.Connection, living: asyncpg.Connection, start: _Start,
    cut: Cut, counts: dict[str, int], result: Result,
) -> None:  # fmt: skip
    result.compared = True
    upto = await restored.fetchval(_UPTO)
    ids = [row["id"] for row in await restored.fetch(_LATER, str(upto))]
    lost, oldest = await living.fetchrow(_LOST, str(upto), ids, start.instant)
    result.sealed, result.lost_rows, oldest_row = await lost_rows(restored, living, start.instant)
    result.lost = lost
    result.rpo = max([0.0, *((start.instant - one).total_seconds() for one in (oldest, oldest_row) if one)])
    # What was expunged or erased here since is still in the backup: fewer here is no fault of it.
    alive = await _counts(living, cut.position)
    result.differ = sorted(
        type_ for type_ in counts.keys() | alive.keys() if alive.get(type_, 0) > counts.get(type_, 0)
    )
    sample = await _sample(restored, cut.position)
    opened = await _open_bodies(there, restored, sample, result)
    here = await _bodies(settings, living, sample, Path(there.root_key))
    result.bodies_differ += sum(body not in (None, opened[place]) for place, body in here.items())


async def lost_rows(
    restored: asyncpg.Connection, living: asyncpg.Connection, until: datetime
) -> tuple[int, int, datetime | None]:
    """Returns the newest seal that both have, how many audit rows up to an instant only the living has, and the oldest.

    Rows are looked for behind that seal. Those that the restored record has written since may have the same numbers.
    """
    seals = await restored.fetch(_SEALS)
    common = await living.fetchrow(_COMMON, [row["number"] for row in seals], [row["digest"] for row in seals])
    number, *place = common if common is not None else (0, *START)
    kept = await restored.fetch(_ROWS, *place)
    rows = [row["id"] for row in kept], [row["instant"] for row in kept]
    count, oldest = await living.fetchrow(_LOST_ROWS, *place, until, *rows)
    return number, count, oldest


async def _counts(connection: asyncpg.Connection, position: int) -> dict[str, int]:
    return {TYPE_NAMES[row["type"]]: row["count"] for row in await connection.fetch(_COUNTS, position)}


async def _sample(connection: asyncpg.Connection, position: int) -> list[tuple[int, int]]:
    positions = random.sample(range(1, position + 1), min(SAMPLE, position))
    return [(row["res"], row["version"]) for row in await connection.fetch(_COMMITS, positions)]


async def _open_bodies(
    there: Settings, restored: asyncpg.Connection, sample: list[tuple[int, int]], result: Result
) -> dict[tuple[int, int], bytes | None]:
    opened = await _bodies(there, restored, sample, Path(there.root_key))
    result.bodies = sum(body is not None for body in opened.values())
    result.bodies_differ = sum(body == UNREADABLE for body in opened.values())
    return opened


async def _bodies(
    settings: Settings, connection: asyncpg.Connection, sample: list[tuple[int, int]], root: Path
) -> dict[tuple[int, int], bytes | None]:
    """Returns the digest of each body as it reads; None for one that is not there any more. Raises Unavailable."""
    keys = await open_key_ring(connection, root_key(root, may_make=False), cipher(settings))
    reader = Reader(keys, IdPermutation(keys.index_key))
    found: dict[tuple[int, int], bytes | None] = {}
    for res, version in sample:
        try:
            stored = await reader.version(connection, res, version)
            found[res, version] = sm3(_text(stored)) if stored else None
        except PlatformError:
            found[res, version] = UNREADABLE
    return found


def _text(stored: Any) -> bytes:
    return canonical(stored.resource) if not stored.deleted else b""


def _say(result: Result) -> None:
    parameters: dict[str, str | int] = {
        "backup": result.backup, "recovered": clock.instant(result.recovered) if result.recovered else "-",
        "rto": f"{result.rto:.1f}", "versions": result.versions, "bodies": result.bodies, "rows": result.trail_rows,
        "position": result.position, "key": result.root_key,
    }  # fmt: skip
    announce(speak("cli.drill-restored", **parameters))
    if result.compared:
        announce(speak("cli.drill-rpo", rpo=f"{result.rpo:.1f}", lost=result.lost or 0, rows=result.lost_rows or 0))
    else:
        announce(speak("cli.drill-not-compared"), style="yellow")
    for type_ in result.differ:
        announce(speak("cli.drill-differs", type=type_), style="red")
    if result.bodies_differ:
        announce(speak("cli.drill-bodies-differ", count=result.bodies_differ), style="red")
    if result.faults:
        announce(speak("cli.drill-trail-broken", count=result.faults), style="red")
    text = speak("cli.drill-passed" if result.passed else "cli.drill-failed")
    announce(text, style="bold green" if result.passed else "bold red")
