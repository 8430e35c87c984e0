"""The database of an installation: schema, key, feed, long transactions, vacuum. It looks, and changes nothing."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import asyncpg

from kangyun.access.alerts.vitals import alert_vitals
from kangyun.access.trail.vitals import trail_vitals
from kangyun.base.crypto.opening import cipher_of
from kangyun.base.errors import PlatformError
from kangyun.base.settings import Settings
from kangyun.catalog import catalog
from kangyun.cli.doctor import background, feeds, intake, series
from kangyun.cli.doctor.findings import Finding, good, note, unknown, wrong
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.migrations import migrations_of
from kangyun.database.replication import follows_another, is_following, replication_vitals
from kangyun.database.vitals import vitals
from kangyun.exchange.federation.nodes import node_vitals
from kangyun.store.keys import KeyRing, open_key_ring
from kangyun.store.root import root_of
from kangyun.store.vitals import feed_vitals, is_sequenced

LEAST_VERSION = 150000
LONGEST_SKEW = 2.0  # seconds
LONGEST_LAG = 10.0  # seconds
LONGEST_UNWATCHED = 60.0  # seconds
LONGEST_SILENCE = 600.0  # seconds that a node above may not be reached
LONGEST_TRANSACTION = 300.0  # seconds
MOST_PENDING = 4000  # pages of 8 KB
OLDEST_ID = 500_000_000  # transaction ids; the server stops writes at two thousand million
DEAD_SHARE, MANY_DEAD = 0.3, 100_000

_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"
_NEWEST = "SELECT extract(epoch FROM max(instant) - clock_timestamp())::float8 FROM commit"
_VACUUM = """
SELECT (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS oldest,
    (SELECT count(*) FROM pg_stat_user_tables WHERE n_dead_tup > $1 AND n_dead_tup > $2 * n_live_tup) AS bloated
"""
_HOLDERS = """
SELECT (SELECT count(*) FROM pg_prepared_xacts) AS prepared,
    (SELECT count(*) FROM pg_replication_slots WHERE NOT active) AS slots
"""
_DURABLE = """
SELECT current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off'
    AND current_setting('full_page_writes') = 'on'
"""


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Gives the findings."""
    try:
        url = settings.database or EmbeddedServer(settings.data).url
        began = time.time()
        connection = await asyncpg.connect(url, timeout=10, command_timeout=30)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, PlatformError) as error:
        reason = type(error).__name__
        yield wrong("database-unreachable", reason=reason) if settings.database else unknown("database-not-asked")
        return
    try:
        version = int(await connection.fetchval("SELECT current_setting('server_version_num')"))
        shown = await connection.fetchval("SELECT current_setting('server_version')")
        yield good("database", version=shown) if version >= LEAST_VERSION else wrong("database-old", version=shown)
        skew = await connection.fetchval(_CLOCK) - time.time()
        patience = LONGEST_SKEW + time.time() - began
        yield note("clock-apart", seconds=round(skew)) if abs(skew) > patience else good("clock-together")
        applied = await _schema(connection)
        yield applied
        if applied.state != "wrong":
            async for finding in _contents(connection, settings):
                yield finding
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        yield wrong("database-broke-off", reason=type(error).__name__)
    finally:
        connection.terminate()


def _nodes(figures: Mapping[str, float]) -> Iterator[Finding]:
    silent, refused = round(figures["kangyun_node_silent_seconds"]), int(figures["kangyun_node_refused"])
    yield note("node-silent", seconds=silent) if silent > LONGEST_SILENCE else good("node-told")
    yield note("node-refused", count=refused) if refused else good("node-takes")
    unheard = int(figures["kangyun_node_below_unheard"])
    yield note("node-unheard", count=unheard) if unheard else good("node-heard")


async def _schema(connection: asyncpg.Connection) -> Finding:
    if await connection.fetchval("SELECT to_regclass('migration') IS NULL"):
        return wrong("schema-missing")
    wanted = {(one.package, one.name, one.phase) for package in catalog().schemas for one in migrations_of(package)}
    done = {tuple(row) for row in await connection.fetch("SELECT package, name, phase FROM migration")}
    if any(phase == "pre" for _, _, phase in wanted - done):
        return wrong("schema-old", count=len(wanted - done))
    if wanted - done:
        return note("schema-unfinished", count=len(wanted - done))
    # What is run again whenever it changes leaves a row for each of its forms.
    newer = sorted(name for _, name, _ in done - wanted if not name.startswith("functions-"))
    return wrong("schema-new", name=newer[-1]) if newer else good("schema", count=len(wanted))


async def _contents(connection: asyncpg.Connection, settings: Settings) -> AsyncIterator[Finding]:
    keys, finding = await _keys(connection, settings)
    yield finding
    yield good("durable") if await connection.fetchval(_DURABLE) else wrong("not-durable")
    ahead = await connection.fetchval(_NEWEST)
    yield wrong("clock-back", seconds=round(ahead)) if ahead and ahead > LONGEST_SKEW else good("clock-forward")
    if await follows_another(connection):
        # Sequencing, sealing and upkeep are the primary's, and so is what waits for a person.
        yield good("standby-gets") if await is_following(connection) else wrong("standby-gets-not")
        return
    told = [*await vitals(connection), *await feed_vitals(connection), *await trail_vitals(connection)]
    told += await alert_vitals(connection)
    figures = {name: value for name, _, value in told}
    lag, behind = figures["kangyun_feed_lag_seconds"], int(figures["kangyun_feed_behind_commits"])
    if not await is_sequenced(connection):
        yield wrong("feed-stopped", behind=behind)
    elif lag > LONGEST_LAG:
        yield note("feed-late", seconds=round(lag), behind=behind)
    else:
        yield good("feed", behind=behind)
    unsealed = round(figures["kangyun_audit_seal_lag_seconds"])
    yield note("seal-late", seconds=unsealed) if unsealed > LONGEST_LAG else good("seal")
    unwatched, alerts = (round(figures[f"kangyun_audit_alerts_{name}"]) for name in ("lag_seconds", "open"))
    yield note("alerts-late", seconds=unwatched) if unwatched > LONGEST_UNWATCHED else good("alerts-looked-for")
    yield note("alerts-open", count=alerts) if alerts else good("alerts-none")
    for finding in _nodes({name: value for name, _, value in await node_vitals(connection)}):
        yield finding
    pending = int(figures.get("kangyun_gin_pending_pages", 0))
    yield note("pending-many", pages=pending) if pending > MOST_PENDING else good("pending", pages=pending)
    oldest = figures["kangyun_database_oldest_transaction_seconds"]
    if oldest > LONGEST_TRANSACTION:
        yield wrong("transaction-old", seconds=round(oldest))
    else:
        yield good("transactions", seconds=round(oldest))
    yield _standby({name: value for name, _, value in await replication_vitals(connection)})
    async for finding in _upkeep(connection):
        yield finding
    async for finding in background.examine(connection, keys):
        yield finding
    async for finding in feeds.examine(connection):
        yield finding
    async for finding in intake.examine(connection):
        yield finding
    async for finding in series.examine(connection, settings):
        yield finding


async def _keys(connection: asyncpg.Connection, settings: Settings) -> tuple[KeyRing | None, Finding]:
    file = Path(settings.root_key) if settings.root_key else settings.data / "root.key"
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM key_epoch)"):
        return None, note("key-not-used")
    try:
        ring = await open_key_ring(connection, root_of(settings, file, may_make=False), cipher_of(settings))
    except PlatformError:
        return None, wrong("key-other", file=str(file))
    return ring, good("key")


def _standby(figures: dict[str, float]) -> Finding:
    """Says whether a commit waits for a standby: whether losing this server can lose what was acknowledged."""
    synchronous, asynchronous = (int(figures[f"kangyun_standbys_{kind}"]) for kind in ("synchronous", "asynchronous"))
    if synchronous:
        return good("standby-synchronous", count=synchronous)
    if figures["kangyun_standby_wanted"]:
        return wrong("standby-missing")
    if asynchronous:
        return note("standby-asynchronous", count=asynchronous, bytes=int(figures["kangyun_standby_lag_bytes"]))
    return good("standby-none")


async def _upkeep(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    row = await connection.fetchrow(_VACUUM, MANY_DEAD, DEAD_SHARE)
    if row["oldest"] > OLDEST_ID:
        yield wrong("vacuum-late", age=row["oldest"] // 1_000_000)
    elif row["bloated"]:
        yield note("vacuum-behind", tables=row["bloated"])
    else:
        yield good("vacuum", age=row["oldest"] // 1_000_000)
    held = await connection.fetchrow(_HOLDERS)
    if held["prepared"] or held["slots"]:
        yield note("held-back", prepared=held["prepared"], slots=held["slots"])
