"""`/health/live`, `/health/ready` and `/metrics`: for the load balancer and the watch, without any patient.

Live says that the process answers. Ready says that it can serve, and names each part: without database, schema, root
key or room on the disk it cannot (503); without the background work it can, and says so, because taking the web away
would not bring the work back. Both are for everybody; the figures are for the watch, which has a token of its own, and
for administrators.
"""

import asyncio
import hmac
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.base.errors import PlatformError
from kangyun.catalog import catalog
from kangyun.database.vitals import Vitals
from kangyun.devices.alarms.vitals import alarm_vitals
from kangyun.devices.series.vitals import series_vitals
from kangyun.exchange.federation.nodes import node_vitals
from kangyun.exchange.feeds.vitals import intake_vitals
from kangyun.web.metrics import CONTENT_TYPE, Metrics
from kangyun.web.outcome import RETRY_AFTER

WITHIN = 2.0  # seconds that the database may take to answer
NOTHING_WELL = {"database": False, "schema": False, "root_key": False, "work": False, "disk": False}
NEEDED = ("database", "schema", "root_key", "disk")


async def live(request: Request) -> Response:
    """Answers that this process works."""
    return PlainTextResponse("ok")


async def ready(platform: Platform | None) -> Response:
    """Answers which parts are well; `platform` is None as long as the process could not open it."""
    parts = dict(NOTHING_WELL) if platform is None else await parts_of(platform)
    well = all(parts[name] for name in NEEDED)
    headers = {"cache-control": "no-store"} | ({} if well else {"retry-after": str(RETRY_AFTER)})
    return JSONResponse({"ready": well, **parts}, 200 if well else 503, headers)


async def parts_of(platform: Platform) -> dict[str, bool]:
    """Returns which parts are well; those that could not be asked are not."""
    settings = platform.settings
    key = Path(settings.root_key) if settings.root_key else settings.data / "root.key"
    parts = NOTHING_WELL | {"root_key": key.is_file(), "disk": platform.disk.has_room}
    try:
        async with asyncio.timeout(WITHIN):
            return parts | await platform.condition(catalog().schemas)
    except (PlatformError, TimeoutError):
        return parts


async def vitals_of(platform: Platform) -> Vitals:
    """Returns the figures of the database. Raises Unavailable and TimeoutError where it cannot be asked."""
    async with asyncio.timeout(WITHIN):
        told = [*await platform.vitals()]
        async with platform.pool.connection() as connection:
            told += [*await node_vitals(connection), *await intake_vitals(connection)]
            told += await series_vitals(connection, clock.now(), platform.gate.store.zone)
            told += await alarm_vitals(connection)
    return told


def is_watch(request: Request, token: str) -> bool:
    """Whether a request shows the watch's own token; without one that is set, none does."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode())


async def figures(metrics: Metrics, platform: Platform | None) -> Response:
    """Answers the figures of all processes of this host, and those of the database where it can be asked."""
    more: list[tuple[str, str, float]] = []
    if platform is not None:
        more.append(("kangyun_disk_free_bytes", "Free on the disk of the data folder.", platform.disk.free))
        try:
            more += await vitals_of(platform)
        except (PlatformError, TimeoutError):
            more.append(("kangyun_database_up", "Whether the database answers.", 0))
        else:
            more.append(("kangyun_database_up", "Whether the database answers.", 1))
    return Response(metrics.text(more), media_type=CONTENT_TYPE)
