"""`kangyun restore`: an installation from its backup, up to any instant; `--accept`: the database that is there."""

import asyncio
import os
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec

from kangyun.access import linked_again, replaying
from kangyun.access.consent import rows as consents
from kangyun.access.identities import register as identities
from kangyun.access.identities import revoked_again
from kangyun.access.ledger import Ledger
from kangyun.access.recovery import Cut, accept
from kangyun.base.clock import instant
from kangyun.base.crypto import Provider
from kangyun.base.crypto.opening import cipher_of, open_software
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.catalog import catalog as catalog  # All that erases persons: what was erased is erased again, everywhere.
from kangyun.cli.backup import KEY_TABLES, cipher, medium_folder, open_medium, root_file, shown
from kangyun.cli.folder import claimed, holder
from kangyun.cli.recovering import Wish, recovered
from kangyun.cli.serve import prepare_database
from kangyun.cli.speech import announce, speak
from kangyun.database.backups.medium import Medium, Reached, write_whole
from kangyun.database.backups.unpacking import chosen, refuse_what_the_log_has_not
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.unfinished import UNFINISHED, refuse_unfinished
from kangyun.devices.register import again as devices_again
from kangyun.store import keycopy
from kangyun.store.keys import open_key_ring
from kangyun.store.root import DeviceRoot, root_key, root_of

LOOKS = 15
_NEWEST = "SELECT max(instant) FROM commit"
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for. root: a root key that was kept apart. base: the id of a copy."""

    data: Path | None
    from_: Path | None
    at: datetime | None = None
    root: Path | None = None
    base: str | None = None
    timeline: int | None = None


def restore(order: Order) -> None:
    """Restores into a data folder without a database. Raises Unavailable; then `up` refuses the folder."""
    settings = read_settings(data=order.data)
    began = time.monotonic()
    if settings.database:
        raise Unavailable("cli.restore-own-database")
    with claimed(settings.data, f"process {os.getpid()}"):
        _refuse_living(settings.data)
        medium = open_medium(settings, medium_folder(settings, order.from_), root=order.root)
        base = chosen(medium, order.at, order.base)
        refuse_what_the_log_has_not(medium, base, order.at)
        announce(speak("cli.restore-from", **shown(base)))
        tell_ledger(Ledger.of(settings))
        write_whole(settings.data / UNFINISHED, msgspec.json.encode({"backup": base.id}))
        if order.root is not None and not root_file(settings).exists():
            _keep_root_key(order.root, root_file(settings))
        with recovered(settings, medium, Wish(base, order.at, order.timeline)) as server:
            upto = instant(order.at) if order.at else "end"
            cut, newest = asyncio.run(
                accepted(server.url, settings, f"backup={base.id} upto={upto}", medium.known(), medium)
            )
        (settings.data / UNFINISHED).unlink()
    seconds = round(time.monotonic() - began)
    announce(speak("cli.restore-done", newest=newest, epoch=cut.epoch, seconds=seconds), style="bold")
    announce(speak("cli.restore-next", data=str(settings.data)))


def accept_present(data: Path | None) -> None:
    """Takes the database as it is for the present one, after it was restored by other means. Raises Unavailable."""
    settings = read_settings(data=data)
    tell_ledger(Ledger.of(settings))
    if settings.database:
        cut, newest = asyncio.run(accepted(settings.database, settings, "accepted", Reached()))
    else:
        if holder(settings.data) is not None:
            raise Unavailable("cli.restore-running")
        refuse_unfinished(settings.data)
        server = EmbeddedServer(settings.data)
        with claimed(settings.data, f"process {os.getpid()}"):
            server.start()
            try:
                cut, newest = asyncio.run(accepted(server.url, settings, "accepted", Reached()))
            finally:
                server.stop()
    announce(speak("cli.restore-accepted", newest=newest, epoch=cut.epoch), style="bold")


def tell_ledger(ledger: Ledger) -> None:
    """Says how many entries are carried out again. Without any, whoever was erased since the backup is there again."""
    count = ledger.verify()
    if count:
        announce(speak("cli.restore-ledger", file=str(ledger.path), count=count))
    else:
        announce(speak("cli.restore-no-ledger", file=str(ledger.path)), style="bold red")


async def accepted(
    database: str, settings: Settings, how: str, known: Reached, medium: Medium | None = None
) -> tuple[Cut, str]:
    """Takes a database for the present one. Returns where it goes on, and the newest instant in it.

    medium: what it was restored from. Raises Unavailable where somebody else is connected.
    """
    await prepare_database(database)
    connection = await asyncpg.connect(database, timeout=30)
    try:
        for _ in range(LOOKS):
            if not await connection.fetchval(_OTHERS):
                break
            await asyncio.sleep(0.2)  # Somebody may be just leaving.
        else:
            raise Unavailable("cli.restore-running")
        if medium is not None:
            await _bring_keys(connection, settings, medium)
        newest = await connection.fetchval(_NEWEST)
        signer = await _signer(connection, settings)
        replaying.register(consents.KIND, consents.replay)
        replaying.register(identities.KIND, revoked_again.replay)
        replaying.register(linked_again.KIND, linked_again.replay)
        replaying.register(devices_again.KIND, devices_again.replay)
        cut = await accept(
            connection, settings.data, how=how, request=str(uuid4()), known=known, signer=signer,
            replay=lambda there: replaying.replay(there, Ledger.of(settings)),
        )  # fmt: skip
    finally:
        await connection.close()
    return cut, instant(newest) if newest else "-"


async def _signer(connection: asyncpg.Connection, settings: Settings) -> Provider:
    """Returns what signs the platform's own lines."""
    root = root_of(settings, root_file(settings), may_make=False)
    ring = await open_key_ring(connection, root, cipher_of(settings))
    return root.provider if isinstance(root, DeviceRoot) else open_software(settings, ring.platform_key)


async def _bring_keys(connection: asyncpg.Connection, settings: Settings, medium: Medium) -> None:
    """Takes the keys from the medium, where those of the database are from before a renewal: the root key has gone on
    since, and what was erased has none any more."""
    copy = settings.data / KEY_TABLES
    try:
        if not await asyncio.to_thread(medium.kept, KEY_TABLES, copy):
            return
        standing = await connection.fetchval("SELECT coalesce(max(generation), -1) FROM key_epoch")
        if standing < keycopy.verified(copy).generation:
            root = root_key(root_file(settings), may_make=False)
            await keycopy.load(connection, root, cipher(settings), copy)
    finally:
        copy.unlink(missing_ok=True)


def _refuse_living(data: Path) -> None:
    """Raises Unavailable where there is an installation; clears away what a restore that was broken off has left."""
    there = EmbeddedServer(data)
    if not there.data.exists():
        return
    mark = data / UNFINISHED
    if not mark.exists() or "backup" not in msgspec.json.decode(mark.read_bytes()):
        raise Unavailable("cli.restore-living", folder=str(data))
    there.end_orphan()
    shutil.rmtree(there.data)


def _keep_root_key(kept: Path, place: Path) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(kept.read_bytes())
        sink.flush()
        os.fsync(sink.fileno())
