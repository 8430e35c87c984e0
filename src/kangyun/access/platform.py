"""One process's way to the record: pool, store, gate and sign-in, opened from the settings and closed together."""

import asyncio
from dataclasses import dataclass, replace

from kangyun.access import linked_again
from kangyun.access.alerts.vitals import alert_vitals
from kangyun.access.approvals.requests import rules_here
from kangyun.access.audit import Auditor
from kangyun.access.codes.codings import Codings
from kangyun.access.consent.rows import ConsentRows
from kangyun.access.disk import Disk
from kangyun.access.door import Door
from kangyun.access.erasing import register as register_eraser
from kangyun.access.events.people import called
from kangyun.access.factors import AtSignIn
from kangyun.access.gate import Gate
from kangyun.access.identities.model import PLATFORM
from kangyun.access.identities.officers import DEMO_SIGN_INS, admit_demo
from kangyun.access.identities.register import Identities
from kangyun.access.intake import check
from kangyun.access.labels import labels_of
from kangyun.access.labels.following import Following
from kangyun.access.ledger import Ledger
from kangyun.access.messages.outbox import outbox_of
from kangyun.access.messages.outbox.keeping import forget as forget_told
from kangyun.access.messages.outbox.keeping import outbox_vitals
from kangyun.access.people import People, open_codes, open_people
from kangyun.access.policy import policy_of
from kangyun.access.policy.sights import Sights
from kangyun.access.recovery import refuse_older
from kangyun.access.residents.entry import ResidentEntry
from kangyun.access.signin import SignIn
from kangyun.access.signing.server import with_servers
from kangyun.access.subscriptions.table import Owners, delivery_vitals
from kangyun.access.trail.vitals import trail_vitals
from kangyun.base import clock
from kangyun.base.settings import Settings
from kangyun.database.pool import Pool
from kangyun.database.replication import replication_vitals
from kangyun.database.vitals import Vitals, is_current, vitals
from kangyun.identity.index import ResidentIndex, forget
from kangyun.identity.rules import resident_rules
from kangyun.identity.stewarding import Steward
from kangyun.store.growth import Day, growth
from kangyun.store.rows import register
from kangyun.store.store import Store
from kangyun.store.vitals import feed_vitals, is_sequenced
from kangyun.store.watch import KeyWatch

register_eraser("identity", forget)
register_eraser("outbox", forget_told)
PACKAGES = ("database", "store", "identity", "access")
"""Whose schema is needed, besides that of apps: from the lowest layer to the highest."""


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
    watch: KeyWatch
    labelled: Following
    people: People

    @property
    def identities(self) -> Identities:
        """The register of identities."""
        return self.sign_in.identities

    async def name_of(self, reference: str) -> str:
        """Returns the name of an institution or of staff by the record, the reference where it has none."""
        async with self.pool.connection() as connection:
            return (await called(connection, self.gate.store, [reference])).name(reference)

    async def condition(self, schemas: tuple[str, ...] = PACKAGES) -> dict[str, bool]:
        """Returns which parts are well: database, schema, and the background work. Raises Unavailable."""
        async with self.pool.connection() as connection:
            return {
                "database": bool(await connection.fetchval("SELECT NOT pg_is_in_recovery()")),
                "schema": await is_current(connection, schemas),
                "work": await is_sequenced(connection),
            }

    async def vitals(self) -> Vitals:
        """Returns the figures of database, feed and subscriptions. Raises Unavailable."""
        async with self.pool.connection() as connection:
            return [
                *(*await vitals(connection), *await feed_vitals(connection)),
                *(*await delivery_vitals(connection), *await trail_vitals(connection), *await alert_vitals(connection)),
                *(*await replication_vitals(connection), *await outbox_vitals(connection)),
            ]

    async def growth(self, days: int, seconds: float) -> list[Day] | None:
        """Returns what came into the record in the last days; None where counting takes longer than `seconds`."""
        async with self.pool.connection() as connection:
            return await growth(connection, self.gate.store.zone, days, seconds)

    async def close(self) -> None:
        """Closes the database connections."""
        await self.watch.close()
        await self.labelled.close()
        self.sign_in.close()
        await self.gate.store.numbers.close()
        self.gate.store.provider.close()
        await self.pool.close()


def base_url(settings: Settings) -> str:
    """Returns the FHIR base URL, without a slash at its end."""
    return (settings.public_url or f"http://{settings.host}:{settings.port}/fhir").rstrip("/")


async def open_platform(settings: Settings, database: str) -> Platform:
    """Opens everything on a migrated database. Raises Unavailable when it cannot."""
    labels = labels_of(settings.data)
    policy = policy_of(settings.data, labels)
    pool = Pool(database, size=settings.connections, prepare=register)
    base = base_url(settings)
    former = [url.strip().rstrip("/") for url in settings.former_urls.split(",") if url.strip()]
    try:
        async with pool.connection() as connection:
            await refuse_older(connection, settings.data)
        bases = tuple(f"{url}/" for url in [base, *former])
        store = await Store.open(pool, settings, check=check, bases=bases, labelling=labels)
        store = replace(store, provider=await asyncio.to_thread(with_servers, store.provider, settings))
        watch = KeyWatch(pool, store.keys)
        await watch.start()
        # The database's own disk, where it is ours to watch.
        disk = Disk(settings.data, settings.disk_reserve)
        ledger = Ledger.of(settings)
        consents = ConsentRows(store, labels, policy, ledger)
        codes = open_codes(settings, pool, store.keys)
        sights = Sights(policy, store.indexer)
        owners = Owners(sights.party)
        rules = resident_rules(lambda: clock.now().astimezone(store.zone).date(), demo=settings.demo)
        residents = ResidentIndex(pool, store.keys, rules)
        # The index first: what residents said is spread over registrations as they are linked by then.
        store.transactor.locks.append(residents.locks)
        store.transactor.followers += [residents, consents, owners]
        async with pool.connection() as connection:
            await owners.complete(connection)
        store.transactor.completing.append(Codings())
        store.terminology.share(lambda: sights.anybody, PLATFORM)
        store.profiles.share(lambda: sights.anybody)
        gate = Gate(
            store, Auditor(pool), disk, ledger, sights, labels, codes, outbox_of(settings, store.keys),
            rules_here(settings.data), settings, residents, Steward(residents, linked_again.witness(ledger)),
        )  # fmt: skip
        labelled = Following(pool, store.indexer, labels, sights.by_rule)
        await labelled.start()
        people = open_people(settings, gate, base)
    except BaseException:
        await pool.close()  # Whoever tries again each second would else leave a connection behind each time.
        raise
    try:
        factors = AtSignIn(people.factors, demonstration=settings.demo)
        sign_in = SignIn.of(pool, store.keys, settings, base, factors, ledger)
        if settings.demo:
            await admit_demo(sign_in.identities, settings.data / DEMO_SIGN_INS)
    except BaseException:
        await watch.close()
        await labelled.close()
        await pool.close()
        raise
    people = people.known(sign_in.identities, ResidentEntry(sign_in))
    return Platform(settings, base, pool, gate, sign_in, Door(gate.auditor), disk, watch, labelled, people)
