"""One-time codes: drawn, sent, and good once, for a few minutes and a few tries.

Of a code only a keyed digest is kept. A try is counted in the statement that compares it, so that of many at once no
more than are allowed are looked at, and one alone succeeds. How many codes a telephone gets, and an address asks for,
is counted in the table itself, for all processes alike.
"""

import logging
import secrets
from collections.abc import Mapping
from typing import Any

import asyncpg
import msgspec

from kangyun.access.addresses import Addresses
from kangyun.access.keyed import Digester
from kangyun.access.messages.senders import Channel, Sender
from kangyun.base.crypto import Sealer
from kangyun.base.errors import Invalid, NotSupported, SignInNeeded, Throttled, Unavailable
from kangyun.database.pool import Pool

logger = logging.getLogger(__name__)

KEPT = 2 * 24 * 3600  # seconds
MOST_DIGITS = 12


class WrongCode(SignInNeeded):
    """The code is wrong, was used, or is over: which of them is not said."""

    default_text = "access.messages.wrong-code"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `data/messages.toml` has them."""

    digits: int
    minutes: float
    tries: int
    pause: float
    an_hour: int
    a_day: int
    source_minutes: float
    source_most: int


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message: what the operator calls it, its variables, and what it says."""

    id: str
    variables: tuple[str, ...]
    zh: str


class Codes:
    """Draws, sends and checks codes. One for a process."""

    def __init__(
        self, pool: Pool, digester: Digester, sealer: Sealer, sender: Sender, rules: Mapping[str, Any],
        addresses: Addresses,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._digester = digester
        self._sealer = sealer
        self._sender = sender
        self._addresses = addresses
        try:
            self.limits = msgspec.convert(rules["codes"], Limits)
            self._templates = msgspec.convert(rules["template"], dict[str, Template])
        except (msgspec.ValidationError, KeyError):
            raise Invalid("access.wrong-rules", file="messages.toml") from None

    async def send(
        self, template: str, purpose: str, phone: str, channel: Channel, source: str, good_for: Mapping[str, Any],
        institution: str = "", said: Mapping[str, str] | None = None, *, leaves: bool = True,
    ) -> str:  # fmt: skip
        """Sends a code to a telephone and returns the name by which it is asked for.

        purpose: it is good for this only. good_for: what `check` returns. source: the address that asked.
        institution: the name of who asks for it, where the template says that; said: what else it says. leaves: False
        for whom nothing is sent to and nobody is to know of that: it is counted, and refused, as any other.
        Raises Throttled where there were too many, Unavailable where it could not be sent, NotSupported where the
        region has no such template.
        """
        message = self._templates.get(template)
        if message is None:
            raise NotSupported("access.messages.no-template", template=template)
        code = self._drawn(self.limits.digits)
        target = self._digester.of("phone", phone)
        id_ = await self._kept(purpose, target, source, code, self.limits.minutes, good_for, limited=True)
        if not leaves:
            return id_
        told = {**(said or {}), "code": code, "minutes": f"{self.limits.minutes:g}", "institution": institution}
        await self._sender.send(channel, phone, message.id, {name: told[name] for name in message.variables})
        return id_

    async def tell(self, template: str, phone: str) -> None:
        """Tells a telephone that something happened. One that cannot be reached stops nothing: the log says so.

        Raises NotSupported where the region has no such template.
        """
        message = self._templates.get(template)
        if message is None:
            raise NotSupported("access.messages.no-template", template=template)
        try:
            await self._sender.send("sms", phone, message.id, {})
        except Unavailable:
            logger.warning("a message by the template %s did not leave", template)

    async def hand_over(
        self, purpose: str, whom: str, minutes: float, good_for: Mapping[str, Any], digits: int = 8
    ) -> tuple[str, str]:
        """Draws a code that a person hands over, and returns its name and the code."""
        code = self._drawn(digits)
        target = self._digester.of("handed-over", whom)
        return await self._kept(purpose, target, "", code, minutes, good_for, limited=False), code

    async def check(self, id_: object, purpose: str, code: object) -> dict[str, Any]:
        """Uses a code up and returns what it is good for. Raises WrongCode."""
        if not (isinstance(id_, str) and isinstance(code, str) and len(id_) < 64) or "\0" in id_:
            raise WrongCode
        plain = "".join(code.split())
        digest = self._digester.of("code", id_, plain[:MOST_DIGITS])
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_TRY, id_, purpose, digest, self.limits.tries)
        if row is None or not row["right"]:
            raise WrongCode
        found: dict[str, Any] = msgspec.json.decode(self._sealer.open(row["sealed"], id_.encode()))
        return found

    async def newest(self, phone: str, purpose: str) -> str | None:
        """Returns the name of the code that a telephone was sent last and that is still good."""
        return await self._newest(self._digester.of("phone", phone), purpose)

    async def newest_of(self, whom: str, purpose: str) -> str | None:
        """Returns the name of the code that was handed over for somebody last and that is still good."""
        return await self._newest(self._digester.of("handed-over", whom), purpose)

    async def _newest(self, target: bytes, purpose: str) -> str | None:
        async with self._pool.connection() as connection:
            name: str | None = await connection.fetchval(_NEWEST, target, purpose)
        return name

    @staticmethod
    def _drawn(digits: int) -> str:
        return f"{secrets.randbelow(10**digits):0{digits}}"

    async def _kept(
        self, purpose: str, target: bytes, source: str, code: str, minutes: float, good_for: Mapping[str, Any],
        *, limited: bool,
    ) -> str:  # fmt: skip
        id_ = secrets.token_urlsafe(18)
        asked_by = self._digester.of("source", source)
        sealed = self._sealer.seal(msgspec.json.encode(good_for), id_.encode())
        async with self._pool.connection() as connection, connection.transaction():
            if limited:
                most = self.limits.source_most * self._addresses.times(source)
                await self._count(connection, target, asked_by, most)
            # The former code to the same telephone for the same purpose is over: two that hold are guessed at twice.
            await connection.execute(_END_FORMER, target, purpose)
            digest = self._digester.of("code", id_, code)
            await connection.execute(_KEEP, id_, purpose, target, asked_by, digest, sealed, minutes * 60)
            await connection.execute(_FORGET, KEPT)
        return id_

    async def _count(self, connection: asyncpg.Connection, target: bytes, source: bytes, most: int) -> None:
        limits = self.limits
        for one in sorted((target, source)):  # In one order, so that two never wait for each other.
            await connection.execute("SELECT pg_advisory_xact_lock($1)", int.from_bytes(one[:8], "big", signed=True))
        row = await connection.fetchrow(_COUNT, target, source, limits.pause, limits.source_minutes * 60)
        if row["pause"] or row["hour"] >= limits.an_hour or row["day"] >= limits.a_day:
            raise Throttled("access.messages.too-many")
        if row["source"] >= most:
            raise Throttled("access.messages.too-many-here")


_COUNT = """
SELECT count(*) FILTER (WHERE made > clock_timestamp() - make_interval(secs => $3::float8)) AS pause,
    count(*) FILTER (WHERE made > clock_timestamp() - make_interval(secs => 3600)) AS hour,
    count(*) AS day,
    (SELECT count(*) FROM one_time_code
     WHERE source = $2 AND made > clock_timestamp() - make_interval(secs => $4::float8)) AS source
FROM one_time_code WHERE target = $1 AND made > clock_timestamp() - make_interval(secs => 86400)
"""
_END_FORMER = """
UPDATE one_time_code SET used = clock_timestamp() WHERE target = $1 AND purpose = $2 AND used IS NULL
"""
_NEWEST = """
SELECT id FROM one_time_code WHERE target = $1 AND purpose = $2 AND used IS NULL AND expires > clock_timestamp()
ORDER BY made DESC LIMIT 1
"""
_KEEP = """
INSERT INTO one_time_code (id, purpose, target, source, digest, sealed, expires)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7::float8))
"""
_FORGET = "DELETE FROM one_time_code WHERE made < clock_timestamp() - make_interval(secs => $1::float8)"
_TRY = """
UPDATE one_time_code SET tries = tries + 1, used = CASE WHEN digest = $3 THEN clock_timestamp() END
WHERE id = $1 AND purpose = $2 AND used IS NULL AND expires > clock_timestamp() AND tries < $4::int4
RETURNING digest = $3 AS right, sealed
"""
