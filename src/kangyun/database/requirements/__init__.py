"""What Kangyun asks of a database server: one list, and a way to try it on a live server.

The list is `features.toml`. Each item is tried by what it does, not by what the server calls itself, because regions
buy servers that say "PostgreSQL" and differ. Nothing is left behind: every item works in a schema of its own, which is
dropped again, and touches no other.
"""

import asyncio
import contextlib
import tomllib
from collections.abc import AsyncIterator
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import asyncpg
import msgspec

from kangyun.base.errors import Unavailable

Outcome = Literal["supported", "degraded", "unsupported"]
STEP_WITHIN = 15.0  # seconds
# A statement that should wait for a lock and has not returned by then does wait.
WAITS = 0.3  # seconds
# What a server says by an error, and what it cannot say because the connection is gone.
_REFUSED = (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, OSError, ValueError, NotImplementedError)


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One statement. `waits`: it must not return at once. `error`: the SQLSTATE that it must fail with."""

    sql: str
    on: Literal["a", "b"] = "a"
    waits: bool = False
    error: str | None = None


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is asked. `uses`: the functions, types and clauses of our SQL that it stands for."""

    id: str
    zh: str
    en: str
    for_zh: str
    for_en: str
    without: Literal["degraded", "unsupported"]
    uses: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    probe: Literal["driver"] | None = None


class Verdict(NamedTuple):
    """What a server made of a feature. `reason`: SQLSTATE or kind of error, empty where there is none."""

    feature: Feature
    outcome: Outcome
    reason: str


class _Differs(Exception):
    """The server answered, and not as it should."""


@cache
def features() -> tuple[Feature, ...]:
    """Returns the list."""
    text = files(__name__).joinpath("features.toml").read_text("utf-8")
    return tuple(msgspec.convert(tomllib.loads(text)["feature"], list[Feature]))


async def try_server(url: str) -> AsyncIterator[Verdict]:
    """Tries each feature on the server at `url`. Raises Unavailable when nothing can be tried at all."""
    for feature in features():
        schema = f"kangyun_doctor_{uuid4().hex[:12]}"
        async with contextlib.AsyncExitStack() as stack:
            pair = {name: await stack.enter_async_context(_connected(url, schema)) for name in ("a", "b")}
            stack.push_async_callback(_drop, url, schema)
            try:
                await _make(pair["a"], schema)
                await (_try_driver(pair["a"]) if feature.probe else _try_steps(feature, pair))
                yield Verdict(feature, "supported", "")
            except _REFUSED as error:
                yield Verdict(feature, feature.without, getattr(error, "sqlstate", None) or type(error).__name__)
            except _Differs:
                yield Verdict(feature, feature.without, "")


@contextlib.asynccontextmanager
async def _connected(url: str, schema: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(url, timeout=STEP_WITHIN, command_timeout=STEP_WITHIN)
    except (*_REFUSED, asyncpg.InvalidCatalogNameError) as error:
        raise Unavailable("database.unreachable", reason=type(error).__name__) from error
    try:
        await connection.execute(f"SET search_path TO {schema}, pg_catalog")
        yield connection
    finally:
        connection.terminate()


async def _make(connection: asyncpg.Connection, schema: str) -> None:
    try:
        await connection.execute(f"CREATE SCHEMA {schema}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise Unavailable("database.no-scratch") from error


async def _drop(url: str, schema: str) -> None:
    # Over a connection of its own: those of the trial may stand in a failed transaction, or be gone.
    async with _connected(url, schema) as connection:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


async def _try_steps(feature: Feature, pair: dict[str, asyncpg.Connection]) -> None:
    """Runs the steps. Raises _Differs when one does not do as it should, and what the driver raises."""
    waiting: dict[str, asyncio.Task[Any]] = {}
    answer: Any = None
    try:
        for step in feature.steps:
            if step.on in waiting:
                await waiting.pop(step.on)
            running = asyncio.ensure_future(_asked(pair[step.on], step.sql))
            if step.waits:
                if (await asyncio.wait([running], timeout=WAITS))[0]:
                    raise _Differs
                waiting[step.on] = running
            else:
                answer = await (_failed(running, step.error) if step.error else running)
    finally:
        for left in waiting.values():
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
    if answer is not True:
        raise _Differs


async def _asked(connection: asyncpg.Connection, sql: str) -> Any:
    # All rows are fetched: a statement that takes locks row by row takes them all.
    rows = await connection.fetch(sql)
    return rows[0][0] if rows else None


async def _failed(running: asyncio.Future[Any], expected: str) -> bool:
    try:
        await running
    except asyncpg.PostgresError as error:
        if error.sqlstate == expected:
            return True
        raise
    raise _Differs


async def _try_driver(connection: asyncpg.Connection) -> None:
    """Sends arrays of composites as parameters, as the store does."""
    await connection.execute("CREATE TYPE pair AS (a int8, b bytea)")
    await connection.execute("CREATE TABLE t (a int8, b bytea)")
    schema = await connection.fetchval("SELECT current_schema()")
    await connection.execute(
        f"INSERT INTO t SELECT p.* FROM unnest($1::{schema}.pair[]) AS p", [(1, b"\0x"), (2, b"y")]
    )
    if [tuple(row) for row in await connection.fetch("SELECT a, b FROM t ORDER BY a")] != [(1, b"\0x"), (2, b"y")]:
        raise _Differs
