"""Messages that were refused, kept aside for repair: sealed by the institution's key, listed, shown, tried again.

Their sender has been told why, and mostly sends them again put right: what is stored under the same number then settles
them. What he cannot send again (his interface engine dropped it) is tried again here, as it came or put right, when the
mapping was mended. Nothing is kept of what was refused for lack of room or database: that comes again unchanged.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from kangyun.access.kept import Kept
from kangyun.access.record import Record
from kangyun.base.errors import NotFound
from kangyun.database.pool import Pool
from kangyun.database.statements import statements
from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.hl7v2.acknowledging import Answer
from kangyun.exchange.hl7v2.listening import Received

SQL = statements("exchange.feeds")
MOST_WAITING = 10_000
"""Messages of one institution that wait; of more something is wrong with its interface, and the first say what."""
MOST_LISTED = 1000
_MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is kept aside. times: how often the same came. size: its bytes."""

    id: int
    institution: str
    sender: str
    control: str
    received: datetime
    times: int
    size: int
    state: str
    reasons: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Aside:
    """What of one installation is kept aside."""

    pool: Pool
    kept: Kept

    async def keep(self, record: Record, institution: str, refused: Sequence[tuple[Received, Answer]]) -> None:
        """Keeps messages with why. record: of the institution. Raises Unavailable."""
        for one, answer in refused:
            digest = digest_of(one.raw)
            key, content = await self.kept.seal(record.institution, one.raw, place_of(institution, digest))
            reasons = json.dumps([asdict(reason) for reason in answer.refusals[:_MOST_REASONS]], ensure_ascii=False)
            about = (institution, one.sender, one.control_id, digest, reasons, len(one.raw), key, content, MOST_WAITING)
            async with self.pool.connection() as connection:
                await connection.execute(SQL["keep_aside"], *about)

    async def list(self, institution: str | None = None, *, settled: bool = False) -> list[Waiting]:
        """Returns what is kept aside, the oldest first. settled: what was settled, too."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["aside"], institution, settled, None, MOST_LISTED)
        return [_waiting(row) for row in rows]

    async def one(self, number: int) -> Waiting:
        """Returns one. Raises NotFound."""
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(SQL["aside"], None, True, number, 1)
        if row is None:
            raise NotFound("exchange.feeds.aside-none", number=number)
        return _waiting(row)

    async def content(self, record: Record, number: int) -> bytes:
        """Returns what came, and leaves an audit row. Raises NotFound where it is not kept any more."""
        async with self.pool.connection() as connection, connection.transaction():
            row = await connection.fetchrow(SQL["aside_content"], number)
            if row is None or row["content"] is None:
                raise NotFound("exchange.feeds.aside-none", number=number)
            place = place_of(row["institution"], bytes(row["digest"]))
            content = await self.kept.open(connection, row["key"], row["content"], place)
            await record.leave_row_within(connection, "feed-aside", 200)
        return content

    async def settle(self, number: int, state: str) -> None:
        """Notes what became of one: taken, or dropped."""
        async with self.pool.connection() as connection:
            await connection.execute(SQL["settle_aside"], number, state)


def digest_of(raw: bytes) -> bytes:
    """Returns by what a message is known again."""
    return hashlib.blake2b(raw, digest_size=16).digest()


def place_of(institution: str, digest: bytes) -> str:
    """Returns where the sealed content of a message belongs."""
    return f"aside/{institution}/{digest.hex()}"


def _waiting(row: Mapping[str, Any]) -> Waiting:
    reasons = tuple(_refusal(one) for one in json.loads(row["reasons"]))
    columns = ("id", "institution", "sender", "control", "received", "times", "size", "state")
    return Waiting(**{name: row[name] for name in columns}, reasons=reasons)


def _refusal(said: dict[str, Any]) -> Refusal:
    return Refusal(**said | {"place": Place(**said["place"])})
