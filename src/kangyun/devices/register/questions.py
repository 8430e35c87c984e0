"""这次是谁量的？ A reading of nobody certain, asked of those who may know, and moved to whom it was. It pages nobody.

The samples of such a reading stand in series without a holder until somebody answers. One question for each press of a
button, whatever it measured.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import asyncpg
import msgspec

from kangyun.base.errors import Conflict, Invalid, NotFound
from kangyun.devices.register.changes import tell
from kangyun.devices.register.wearers import Use, is_shared

Reason = Literal["no-key", "unknown-key", "does-not-fit"]
KEPT = timedelta(days=90)
"""A question that nobody answered for so long is asked no more. Our choice."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST = 200  # that are listed at once


class Mover(Protocol):
    """What moves a device's samples to another person's series, within a transaction: `devices.series`."""

    async def move(
        self, connection: asyncpg.Connection, device: int, holders: tuple[int | None, int | None], since: int,
        until: int,
    ) -> int:  # fmt: skip
        """Moves those of [since, until), in microseconds. holders: from, to; None is nobody. Returns how many."""


class Asked(msgspec.Struct, frozen=True):
    """A reading to be asked about. at: of the reading. supposed: whose it would have been, where it does not fit."""

    device: int
    at: datetime
    key: str
    reason: Reason
    metrics: tuple[int, ...] = ()
    supposed: int | None = None


class Question(msgspec.Struct, frozen=True):
    """A question as it stands. holder: who it was said to be."""

    id: int
    device: int
    at: datetime
    key: str
    reason: str
    supposed: int | None
    metrics: tuple[int, ...]
    answered: datetime | None
    holder: int | None


def reason_of(uses: Sequence[Use], key: str, at: int) -> Reason | None:
    """Returns why a reading of nobody is asked about. None: nobody has the device then, so nobody is asked."""
    if not any(use.since <= at < use.until for use in uses):
        return None
    return "unknown-key" if key or not is_shared(uses, at) else "no-key"


async def ask(connection: asyncpg.Connection, asked: Sequence[Asked]) -> int:
    """Asks about readings, within the transaction that stores them; returns how many questions are new.

    What is asked again (a replay, another metric of the same press) stays one question.
    """
    if not asked:
        return 0
    grouped: dict[tuple[int, datetime, str], Asked] = {}
    for one in asked:
        place = one.device, one.at, one.key
        before = grouped.get(place)
        metrics = tuple(sorted({*one.metrics, *(before.metrics if before else ())}))
        grouped[place] = msgspec.structs.replace(before or one, metrics=metrics)
    ordered = sorted(grouped.values(), key=lambda one: (one.device, one.at, one.key))
    rows = await connection.fetch(
        _ASK, [one.device for one in ordered], [one.at for one in ordered], [one.key for one in ordered],
        [one.reason for one in ordered], [one.supposed for one in ordered],
        [",".join(map(str, one.metrics)) for one in ordered],
    )  # fmt: skip
    fresh = [row["device"] for row in rows if row["new"]]
    if fresh:
        await tell(connection, fresh)
    return len(fresh)


async def open_for(connection: asyncpg.Connection, holders: Sequence[int]) -> list[Question]:
    """Returns the open questions about devices that these used at that instant, the newest first."""
    return [_read(row) for row in await connection.fetch(_OPEN, list(holders), KEPT, MOST)]


async def one(connection: asyncpg.Connection, question: int, *, lock: bool = False) -> Question:
    """Returns a question. Raises NotFound."""
    row = await connection.fetchrow(f"{_ONE} FOR UPDATE" if lock else _ONE, question)
    if row is None:
        raise NotFound("devices.register.no-such-question")
    return _read(row)


async def answer(
    connection: asyncpg.Connection, question: int, holder: int | None, users: Sequence[int], by: str, mover: Mover
) -> Question:
    """Says whose a reading was: one of those who used the device then, or (None) somebody else. His it is from now on.

    Raises Invalid for one who did not use it, Conflict where it is answered.
    """
    found = await one(connection, question, lock=True)
    if found.answered is not None:
        raise Conflict("devices.register.answered")
    if holder is not None:
        if holder not in users:
            raise Invalid("devices.register.not-a-user", at="who")
        at = microseconds(found.at)
        await mover.move(connection, found.device, (None, holder), at, at + 1)
    await connection.execute(_ANSWER, question, holder, by)
    await tell(connection, [found.device])
    return await one(connection, question)


def microseconds(instant: datetime) -> int:
    """Returns an instant as readings have it."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _read(row: asyncpg.Record) -> Question:
    return Question(
        row["id"], row["device"], row["at"], row["key"], row["reason"], row["supposed"], tuple(row["metrics"]),
        row["answered"], row["holder"],
    )  # fmt: skip


_COLUMNS = "q.id, q.device, q.at, q.key, q.reason, q.supposed, q.metrics, q.answered, q.holder"
_ASK = """
INSERT INTO device_question AS q (device, at, key, reason, supposed, metrics)
SELECT device, at, key, reason, supposed, string_to_array(metrics, ',')::int2[]
FROM unnest($1::int8[], $2::timestamptz[], $3::text[], $4::text[], $5::int8[], $6::text[])
    AS u(device, at, key, reason, supposed, metrics)
ON CONFLICT (device, at, key) DO UPDATE SET metrics = (
    SELECT array_agg(DISTINCT metric ORDER BY metric) FROM unnest(q.metrics || excluded.metrics) AS m(metric)
) WHERE q.answered IS NULL AND NOT q.metrics @> excluded.metrics
RETURNING q.device, q.xmax = 0 AS new
"""
_OPEN = f"""
SELECT {_COLUMNS} FROM device_question AS q
WHERE q.answered IS NULL AND q.asked > clock_timestamp() - $2::interval AND EXISTS (
    SELECT FROM device_user AS u WHERE u.device = q.device AND u.holder = ANY ($1::int8[])
    AND u.since <= q.at AND (u.until IS NULL OR u.until > q.at)
) ORDER BY q.at DESC, q.id DESC LIMIT $3
"""
_ONE = f"SELECT {_COLUMNS} FROM device_question AS q WHERE q.id = $1"
_ANSWER = """
UPDATE device_question SET answered = clock_timestamp(), holder = $2, answered_by = $3 WHERE id = $1
"""
