"""Deliveries kept: under dense numbers, sealed by the institution's key, and known again by their digest. ADR 31, 32.

What is in them is read here only so far as to say whether it is a delivery at all.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import asyncpg
import msgspec

from kangyun.access.kept import Kept
from kangyun.base.errors import Forbidden, Invalid
from kangyun.base.texts import Language, say
from kangyun.database.pool import Pool
from kangyun.exchange.feeds.register import SQL, Register, Source
from kangyun.exchange.feeds.states import TEXTS
from kangyun.exchange.protocol import Answered, Answers, Delivery, FeedState, File, Refused, Rows, read_delivery

Verdict: TypeAlias = Literal["kept", "kept before", "out of step", "not open"]
OPEN = ("testing", "trial", "live")
HIGHEST = (1 << 31) - 1
MOST_ANSWERS = 100
MOST_REFUSED = 20_000
"""Refusals of one answer that has several deliveries; those of a delivery stay together: its other rows are stored."""
Audit: TypeAlias = Callable[[asyncpg.Connection, Verdict], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Keeps what is delivered, and says what became of it. One for a process."""

    pool: Pool
    register: Register
    kept: Kept

    async def keep(
        self, name: str, number: int, body: bytes, institution: int, audit: Audit
    ) -> tuple[Verdict, FeedState]:
        """Keeps a delivery: in the database when this returns. Raises NotFound, and Invalid for what is no delivery.

        body: unpacked. institution: the number of whose feed it is. audit: leaves the row of the request, as part of
        the transaction.
        """
        if not 0 < number < HIGHEST:
            raise Invalid(f"{TEXTS}wrong-number")
        try:
            source, digest, packed = await asyncio.to_thread(_looked_at, body)
        except ValueError as error:
            raise Invalid(f"{TEXTS}not-a-delivery", at=str(error), member=str(error)) from None
        key, sealed = await self.kept.seal(institution, packed, place_of(name, number))
        async with self.pool.connection() as connection, connection.transaction():
            now = await self.register.within(connection, name, lock=True)
            verdict = await self._judged(connection, now, number, digest)
            if verdict == "kept":
                trial = now.state == "testing"
                about = (now.id, number, digest, source, trial, len(body), key, sealed)
                await connection.execute(SQL["keep"], *about)
            await audit(connection, verdict)
            told = now.told if verdict != "kept" else msgspec.structs.replace(now.told, next=number + 1)
        return verdict, told

    @staticmethod
    async def _judged(connection: asyncpg.Connection, now: Source, number: int, digest: bytes) -> Verdict:
        if number < now.next:
            before = await connection.fetchval(SQL["standing"], now.id, number)
            return "kept before" if before == digest else "out of step"
        if now.state not in OPEN:
            return "not open"
        return "kept" if number == now.next else "out of step"

    async def answers(self, feed: Source, after: int) -> Answers:
        """Returns what became of the deliveries behind a number."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(SQL["answered"], feed.id, after, MOST_ANSWERS + 1, MOST_REFUSED)
            shown = [row for row in rows[:MOST_ANSWERS] if row["fits"]] or rows[:1]
            refused = await connection.fetch(SQL["refusals"], feed.id, [row["number"] for row in shown])
        told: dict[int, list[Refused]] = {}
        for row in refused:
            told.setdefault(row["delivery"], []).append(_refused(row))
        answers = [_answered(row, told.get(row["number"], [])) for row in shown]
        return Answers(answers, len(rows) > len(shown))


def _looked_at(body: bytes) -> tuple[str, bytes, bytes]:
    """Returns what a delivery calls its source, its digest, and it packed. Raises ValueError for what is none."""
    delivery = read_delivery(body)
    if isinstance(delivery, Rows) and delivery.emptied:
        raise ValueError("emptied")
    return source_of(delivery), hashlib.sha256(body).digest(), gzip.compress(body, 1, mtime=0)


def pack_kept(delivery: Delivery) -> bytes:
    """Returns a delivery as it is kept before it is sealed."""
    return gzip.compress(msgspec.json.encode(delivery), 1, mtime=0)


def place_of(name: str, number: int) -> str:
    """Returns where a sealed delivery belongs."""
    return f"feed/{name}/{number}"


def source_of(delivery: Delivery) -> str:
    """Returns what the sender calls the place that rows come from."""
    return delivery.table if isinstance(delivery, Rows) else delivery.name


def check_client(feed: Source, client: str, institution: str) -> None:
    """Raises Forbidden for an application that may not deliver for a feed."""
    if not client or feed.client != client or feed.institution != institution:
        raise Forbidden(f"{TEXTS}not-yours")


def said(text: str, parameters: str, language: Language = "zh") -> str:
    """Returns a refusal in words; in Chinese those that its sender reads. parameters: JSON."""
    return say(text, language, msgspec.json.decode(parameters))


def code_of(text: str) -> str:
    """Returns the short name of a rule, for 错误代码."""
    return text.rpartition(".")[2]


def _refused(row: asyncpg.Record) -> Refused:
    words = said(row["text"], row["parameters"])
    return Refused(code_of(row["text"]), words, row["row"], row["part"], row["shown"], row["whole"])


def _answered(row: asyncpg.Record, refused: list[Refused]) -> Answered:
    if row["reason"]:
        words = said(row["reason"], row["parameters"])
        refused = [Refused(code_of(row["reason"]), words), *refused]
    figures = (row["rows"], row["stored"], row["unchanged"], row["aside"])
    return Answered(row["number"], row["fate"], *figures, refused)


__all__ = ["Deliveries", "Delivery", "File", "Rows", "Verdict", "check_client", "code_of", "place_of", "said"]
