"""How an installation does: its jobs, the room that it takes, and whether its parts are well."""

import asyncio
import shutil
import tomllib
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from kangyun.access.events.people import called
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Conflict, NotFound, PlatformError
from kangyun.base.texts import say
from kangyun.database.jobs import Jobs, newest
from kangyun.database.sizes import database_size, table_sizes
from kangyun.web.exchange import HttpRequest
from kangyun.web.health import NEEDED, parts_of, vitals_of

MOST_JOBS = 200
DAYS = 30
SECONDS = 3.0  # that the growth may take to be counted
MOST_FILES = 50_000  # of the data folder that are looked at


class _Word(msgspec.Struct, frozen=True):
    zh: str
    en: str


class _Figure(msgspec.Struct, frozen=True):
    part: str
    zh: str
    en: str
    unit: str
    above: float | None = None


class _Figures(msgspec.Struct, frozen=True):
    parts: dict[str, _Word]
    figures: dict[str, _Figure]


@cache
def _figures() -> _Figures:
    text = files(__package__).joinpath("data", "figures.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Figures)


async def jobs(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Returns the jobs that are kept."""
    async with platform.pool.connection() as connection:
        found = await newest(connection, MOST_JOBS)
        names = await called(connection, platform.gate.store, {one.owner for one in found})
    return {
        "jobs": [
            {
                "id": str(one.id), "kind": one.kind, "owner": names.name(one.owner), "state": one.state,
                "stopping": one.stopping, "progress": one.progress, "made": clock.instant(one.made),
                "ended": clock.instant(one.ended) if one.ended else "",
                "why": " ".join(say(issue.text, request.language, issue.parameters) for issue in one.issues),
            }
            for one in found
        ]
    }  # fmt: skip


async def cancel(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Cancels a job. Raises NotFound, and Conflict for one that has ended."""
    try:
        id_ = UUID(request.segments[2])
    except ValueError:
        raise NotFound from None
    table = Jobs(platform.pool)
    if await table.look(id_) is None:
        raise NotFound
    if not await table.cancel(id_):
        raise Conflict("web.job-ended")
    return {"id": str(id_)}


async def storage(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Returns the room that tables and folders take, and how many versions came a day."""
    folder = platform.settings.data
    async with platform.pool.connection() as connection:
        size, tables = await database_size(connection), await table_sizes(connection)
    days = await platform.growth(DAYS, SECONDS)
    disk = await asyncio.to_thread(shutil.disk_usage, folder)
    return {
        "database": size, "disk": {"total": disk.total, "free": disk.free, "reserve": platform.settings.disk_reserve},
        "tables": [asdict(one) for one in tables],
        "folders": await asyncio.to_thread(_folders, folder),
        "days": None if days is None else [
            {"day": one.day.isoformat(), "commits": one.commits, "versions": one.versions} for one in days
        ],
    }  # fmt: skip


def _folders(data: Path) -> list[dict[str, Any]]:
    """Returns the folders of the data folder with their bytes; `whole` false where there was too much to look at."""
    told = []
    for folder in sorted(one for one in data.iterdir() if one.is_dir()):
        bytes_, count = 0, 0
        for file in folder.rglob("*"):
            count += 1
            if count > MOST_FILES:
                break
            bytes_ += _bytes(file)
        told.append(
            {"folder": folder.name, "bytes": bytes_, "files": min(count, MOST_FILES), "whole": count <= MOST_FILES}
        )
    return told


def _bytes(file: Path) -> int:
    try:
        found = file.lstat()
    except OSError:
        return 0  # It has gone meanwhile.
    return 0 if file.is_dir() else found.st_size


async def health(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Returns which parts are well, and the figures of each with what asks for a look."""
    chinese, known = request.language == "zh", _figures()
    parts = await parts_of(platform)
    try:
        vitals = {name.removeprefix("kangyun_"): value for name, _, value in await vitals_of(platform)}
    except (PlatformError, TimeoutError):
        vitals = {}
    figures = [
        {
            "part": one.part, "called": one.zh if chinese else one.en, "value": vitals[name], "unit": one.unit,
            "above": one.above, "well": one.above is None or vitals[name] <= one.above,
        }
        for name, one in known.figures.items() if name in vitals
    ]  # fmt: skip
    return {
        "at": clock.instant(clock.now()),
        "needed": [{"name": name, "well": well, "needed": name in NEEDED} for name, well in parts.items()],
        "parts": {name: one.zh if chinese else one.en for name, one in known.parts.items()},
        "figures": figures,
    }
