"""What a restore means to the record: an older state of the database is taken for the present one, and says so.

Whoever read the feed, the trail or an id may know what the database does not know any more. So the feed begins a new
epoch, numbers of resources and rows go on behind all that were ever given, the trail gets a row that names the cut, and
the outside file of roots a line; before the gate opens, what was erased, withdrawn and revoked since is so again
(`access.ledger`). A database that is older than what its outside files know, and that nobody has accepted, is not
opened.

Source: facts/store.md 5.4; docs/adr/0021-a-restore-says-so.md.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from kangyun.access.trail import rows
from kangyun.access.trail.chain import BEFORE_ALL
from kangyun.access.trail.roots import FILE, Roots
from kangyun.access.trail.sealing import seal_once
from kangyun.base import clock
from kangyun.base.crypto import Signer
from kangyun.base.errors import Unavailable
from kangyun.database.backups.medium import Reached
from kangyun.database.unfinished import refuse_unfinished
from kangyun.store.moved import settle
from kangyun.store.segments import SEGMENT_NUMBERS

# So much further each sequence goes on than anybody is known to have seen it: what was lost may have been more.
LEAPS = {"res_number": SEGMENT_NUMBERS, "commit_id": 4 * SEGMENT_NUMBERS, "audit_id": 4 * SEGMENT_NUMBERS,
         "data_key_id": 1_000_000}  # fmt: skip
_SEQUENCES = " UNION ALL ".join(f"SELECT '{name}' AS name, last_value AS last FROM {name}" for name in LEAPS)
_REACHED = """
SELECT s.epoch, s.position, coalesce((SELECT max(number) FROM audit_seal), 0) AS seal FROM sequencer AS s
"""
_DIGEST = "SELECT digest FROM audit_seal WHERE number = $1"
_LEAP = "SELECT setval($1::text::regclass, $2)"
_EPOCH = "UPDATE sequencer SET epoch = greatest(epoch, $1) + 1 RETURNING epoch, position"
_BEGUN = "INSERT INTO feed_epoch (id, reason, audit) VALUES ($1, $2, $3)"
_ROW = """
INSERT INTO audit (instant, institution, outcome, action, actor, purpose, shape, source, request, patients)
VALUES (clock_timestamp(), 0, 200, $1, $2, 'SYSADMIN', $3, 'terminal', $4, '{}') RETURNING id
"""
_CUT = """
SELECT a.shape FROM feed_epoch AS e JOIN audit AS a ON a.id = e.audit WHERE e.id = $1 AND a.action = $2
"""
_SIGN_OUT = (
    "UPDATE session SET ended = clock_timestamp() WHERE ended IS NULL",
    "UPDATE oidc_grant SET revoked = clock_timestamp() WHERE revoked IS NULL",
    # What was handed out to be used once may have been used since.
    "UPDATE oidc_launch SET used = clock_timestamp() WHERE used IS NULL",
    "UPDATE look_ticket SET used = clock_timestamp() WHERE used IS NULL",
    "UPDATE one_time_code SET used = clock_timestamp() WHERE used IS NULL",
    # Two persons have said it once: whether it was used, refused or is over since, nobody knows here.
    "UPDATE approval SET ends = clock_timestamp() WHERE state IN ('open', 'confirmed') AND ends > clock_timestamp()",
    "DELETE FROM look_session",
    "DELETE FROM factor_challenge",
    "DELETE FROM factor_permit",
)
_CUTS = "SELECT id FROM feed_epoch WHERE audit IS NOT NULL ORDER BY id"
ACTION, ACTOR = "restore", "Device/administrator"


@dataclass(frozen=True, slots=True)
class Cut:
    """What was accepted. seal: the last one of the trail that was restored. epoch, position: where the feed goes on."""

    epoch: int
    position: int
    seal: int


async def reached(connection: asyncpg.Connection) -> Reached:
    """Returns how far the record has come."""
    row = await connection.fetchrow(_REACHED)
    numbers = {one["name"]: one["last"] for one in await connection.fetch(_SEQUENCES)}
    return Reached(row["epoch"], row["position"], row["seal"], numbers)


async def accept(
    connection: asyncpg.Connection,
    data: Path,
    *,
    how: str,
    request: str,
    known: Reached,
    replay: Callable[[asyncpg.Connection], Awaitable[object]],
    signer: Signer | None = None,
) -> Cut:
    """Takes the database as it is for the present one. Nobody else may be connected.

    how: in a few words, for the trail: from which copy, up to which instant. known: what is known from elsewhere of how
    far the record had come. replay: does again what was erased, withdrawn and revoked. signer: of the outside line.
    Whoever was signed in then has to sign in again; tickets, codes, permits to enrol and approvals are given anew.
    """
    await settle(connection)
    kept = Roots(data / FILE, signer)
    roots, _ = kept.read()
    told = max((root.seal for root in roots), default=0)
    async with connection.transaction():
        await connection.execute("LOCK TABLE sequencer")
        await _leap(connection, known)
        last = await rows.last_seal(connection)
        seal, digest = (last.number, last.digest) if last else (0, BEFORE_ALL)
        since = await connection.fetchval("SELECT epoch FROM sequencer")
        epoch, position = await connection.fetchrow(_EPOCH, max(known.epoch, *(root.cut for root in roots), 0))
        shape = (
            f"restore {how} since={since} seal={seal} told={max(told, known.seal)} epoch={epoch} position={position}"
        )
        row = await connection.fetchval(_ROW, ACTION, ACTOR, shape, request)
        await connection.execute(_BEGUN, epoch, f"restored: {how}", row)
    await replay(connection)
    for statement in _SIGN_OUT:
        await connection.execute(statement)
    made, more = await seal_once(connection, last)
    while more:
        made, more = await seal_once(connection, made[-1])
    # Last of all: until it stands there, nobody opens the database.
    kept.add(clock.now(), seal, digest, epoch, since)
    return Cut(epoch, position, seal)


async def refuse_older(connection: asyncpg.Connection, data: Path) -> None:
    """Raises Unavailable where the database is older than what its outside files know of it, or is another one."""
    refuse_unfinished(data)
    try:
        last = Roots(data / FILE).last()
    except OSError:
        raise Unavailable("access.recovery-no-roots", file=str(data / FILE)) from None
    if last is None or last.seal == 0:
        return
    digest = await connection.fetchval(_DIGEST, last.seal)
    if digest is None:
        raise Unavailable("access.recovery-older", instant=clock.instant(last.instant))
    if digest != last.digest:
        raise Unavailable("access.recovery-other", file=str(data / FILE))


async def explained(connection: asyncpg.Connection, epoch: int) -> str | None:
    """Returns what the trail says of a restore, by the epoch that began with it; None where it says nothing."""
    shape: str | None = await connection.fetchval(_CUT, epoch, ACTION)
    return shape


async def cuts(connection: asyncpg.Connection) -> list[int]:
    """Returns the epochs that began with a restore, as the database says."""
    return [row["id"] for row in await connection.fetch(_CUTS)]


async def _leap(connection: asyncpg.Connection, known: Reached) -> None:
    for row in await connection.fetch(_SEQUENCES):
        number = max(row["last"], known.numbers.get(row["name"], 0)) + LEAPS[row["name"]]
        await connection.execute(_LEAP, row["name"], number)
        if row["name"] == "res_number":
            await connection.execute("SELECT make_segment(n) FROM generate_series(0, $1::int8) AS n",
                                     number // SEGMENT_NUMBERS + 1)  # fmt: skip
        elif row["name"] != "data_key_id":
            first = number // (4 * SEGMENT_NUMBERS)
            await connection.execute("SELECT make_log_segment($1), make_log_segment($1 + 1)", first)
