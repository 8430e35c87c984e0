"""Finds the figures, and answers them."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import msgspec

from kangyun.access.figures import size_of, use_of
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Forbidden
from kangyun.devices.alarms.vitals import standing
from kangyun.exchange.feeds.figures import together
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed
from kangyun.web.overview.showing import Drill, Found, meanings, told

NAME = "$overview"
FRESH = 15.0  # seconds that an answer is kept: a wall and a hundred desks ask for the same
DAYS = 14
DRILL = "drill.json"
# Whatever is part of nothing else: campuses and departments are part of an institution.
INSTITUTIONS = [("active", "true"), ("partof:missing", "true"), ("_total", "accurate"), ("_summary", "count")]


class OverviewDesk:
    """Answers `$overview`. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._kept: dict[str | None, tuple[float, Found]] = {}
        self._finding = asyncio.Lock()

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is this one."""
        return request.segments == [NAME]

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers GET. Raises Forbidden for a role that is not let in, Invalid for a wrong table."""
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed(request.method, "GET", "HEAD")
        record.in_person()
        actor, table = record.actor, meanings(self._platform.settings.data)
        own = None
        if not (actor.administrator or actor.role in table.roles.region):
            if actor.role not in table.roles.institution:
                raise Forbidden("web.overview-not-yours")
            own = actor.institution
        found = await self._found(record, own)
        name = (own, await self._platform.name_of(own)) if own else None
        body = msgspec.json.encode(told(found, table, name, request.language))
        return Answer(200, body, {"cache-control": "no-store"}, resource=False, media_type="application/json")

    async def _found(self, record: Record, own: str | None) -> Found:
        async with self._finding:  # Who comes while it is found takes what was found.
            when, found = self._kept.get(own, (0.0, None))
            if found is None or time.monotonic() > when + FRESH:
                found = await self._find(record, own)
                self._kept = {key: one for key, one in self._kept.items() if time.monotonic() < one[0] + FRESH}
                self._kept[own] = (time.monotonic(), found)
            return found

    async def _find(self, record: Record, own: str | None) -> Found:
        now = clock.now()
        today = now.astimezone(self._platform.gate.store.zone).date()
        yesterday = today - timedelta(days=1)
        institutions = 1
        if own is None:
            page = await record.search(await record.read_query("Organization", INSTITUTIONS, strict=True))
            institutions = page.total or 0
        async with self._platform.pool.connection() as connection:
            feeds = await together(connection, own, yesterday, DAYS)
            use = await use_of(connection, today, own)
            size = None if own else await size_of(connection)
            alarms = await standing(connection, own)
        drill = None if own else await asyncio.to_thread(_last_drill, self._platform.settings.data)
        return Found(now, yesterday, institutions, feeds, use, size, alarms, drill)


def _last_drill(data: Path) -> Drill | None:
    """Returns what the last drill found, None where there was none or it cannot be read."""
    try:
        return msgspec.json.decode((data / DRILL).read_bytes(), type=Drill)
    except (OSError, msgspec.DecodeError):
        return None
