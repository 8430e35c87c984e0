"""One process's way to the record: pool, store, gate and sign-in, opened from the settings and closed together."""

from dataclasses import dataclass

from kangyun.access.audit import Auditor
from kangyun.access.disk import Disk
from kangyun.access.door import Door
from kangyun.access.intake import check
from kangyun.access.record import Gate
from kangyun.access.signin import SignIn, demo_accounts
from kangyun.access.subscriptions.table import delivery_vitals
from kangyun.access.trail.vitals import trail_vitals
from kangyun.base.settings import Settings
from kangyun.database.pool import Pool
from kangyun.database.vitals import Vitals, is_current, vitals
from kangyun.store.rows import register
from kangyun.store.store import Store
from kangyun.store.vitals import feed_vitals, is_sequenced

PACKAGES = ("database", "store", "access")
"""Whose schema is needed."""
DEMO_ACCOUNTS = "demo-sign-ins.json"


@dataclass(frozen=True, slots=True)
class Platform:
    """What a process serves with."""

    settings: Settings
    base: str
    pool: Pool
    gate: Gate
    sign_in: SignIn
    door: Door
    disk: Disk

    async def condition(self) -> dict[str, bool]:
        """Returns which parts are well: database, schema, and the background work. Raises Unavailable."""
        async with self.pool.connection() as connection:
            return {
                "database": bool(await connection.fetchval("SELECT NOT pg_is_in_recovery()")),
                "schema": await is_current(connection, PACKAGES),
                "work": await is_sequenced(connection),
            }

    async def vitals(self) -> Vitals:
        """Returns the figures of database, feed and subscriptions. Raises Unavailable."""
        async with self.pool.connection() as connection:
            return [
                *(*await vitals(connection), *await feed_vitals(connection)),
                *(*await delivery_vitals(connection), *await trail_vitals(connection)),
            ]

    async def close(self) -> None:
        """Closes the database connections."""
        await self.gate.store.numbers.close()
        await self.pool.close()


def base_url(settings: Settings) -> str:
    """Returns the FHIR base URL, without a slash at its end."""
    return (settings.public_url or f"http://{settings.host}:{settings.port}/fhir").rstrip("/")


async def open_platform(settings: Settings, database: str) -> Platform:
    """Opens everything on a migrated database. Raises Unavailable when it cannot."""
    pool = Pool(database, size=settings.connections, prepare=register)
    base = base_url(settings)
    former = [url.strip().rstrip("/") for url in settings.former_urls.split(",") if url.strip()]
    try:
        store = await Store.open(pool, settings, check=check, bases=tuple(f"{url}/" for url in [base, *former]))
    except BaseException:
        await pool.close()  # Whoever tries again each second would else leave a connection behind each time.
        raise
    accounts = demo_accounts(settings.data / DEMO_ACCOUNTS) if settings.demo else []
    sign_in = SignIn(store.keys.index_key, settings.admin_token, accounts)
    # The database's own disk, where it is ours to watch.
    disk = Disk(settings.data, settings.disk_reserve)
    auditor = Auditor(pool)
    return Platform(settings, base, pool, Gate(store, auditor, disk), sign_in, Door(auditor), disk)
