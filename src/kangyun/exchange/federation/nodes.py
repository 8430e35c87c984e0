"""The register of nodes, what each was told, and the key by which this one proves itself.

A node below is an application of the register besides (`access.applications`): its key, its limits, its review and its
suspension are those of any backend service. A node above is an address that an administrator has given.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import asyncpg
import msgspec
from joserfc.jwk import ECKey

from kangyun.access.applications.register import LOOPBACK
from kangyun.access.erasing import register as register_eraser
from kangyun.access.gate import Gate
from kangyun.access.identities.vault import Vault
from kangyun.access.outbound import Guard
from kangyun.base.errors import Conflict, Invalid, NotFound
from kangyun.database.pool import Pool
from kangyun.database.vitals import Vitals

CURVE, ALGORITHM = "P-384", "ES384"
SCOPES = ("system/Patient.cruds", "system/DocumentReference.cruds", "system/Basic.cruds")
"""What a node below may do here: write what it tells, and compare."""
_NAME = re.compile(r"[a-z][a-z0-9\-]{1,33}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Node:
    """A node, as the register has it. waiting: registrations that are to be told; refused: that it did not take."""

    name: str
    place: str
    kind: str
    base: str
    own: str
    paused: bool
    mark: int
    batch: int
    epoch: int
    walked: int
    walk_done: datetime | None
    compare: bool
    failures: int
    fault: str
    told: datetime | None
    heard: datetime | None
    is_due: bool
    is_heard: bool
    known: int = 0
    waiting: int = 0
    refused: int = 0

    @property
    def institution(self) -> str:
        """Whose own is what it tells, and as whom it asks."""
        return f"Organization/{self.name}"

    @property
    def reader(self) -> str:
        """The name under which it is kept how far of the change feed it was told."""
        return f"node/{self.name}"


def check_name(name: str) -> None:
    """Raises Invalid for what cannot be a node's name: 3 to 35 small letters, digits and hyphens."""
    if not _NAME.fullmatch(name):
        raise Invalid("exchange.federation.name", at="name")


def check_base(base: str) -> str:
    """Returns a FHIR base as it is kept. Raises Invalid for one that is not encrypted and not of this machine."""
    parts = Guard(frozenset(), "").check(base)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise Invalid("exchange.federation.not-encrypted", at="url")
    return base.rstrip("/")


def guard_of(base: str) -> Guard:
    """Returns the guard that lets calls out to one node: an administrator has named its address."""
    return Guard(frozenset({urlsplit(base).netloc.lower()}), "kangyun node")


@dataclass(frozen=True, slots=True)
class Nodes:
    """Reads and changes the register. One for a process."""

    pool: Pool
    vault: Vault

    async def add(
        self, name: str, place: str, by: str, *, base: str = "", own: str = "", kind: str = "kangyun"
    ) -> None:
        """Adds a node. Raises Invalid, Conflict where it is there, or another one is above already."""
        check_name(name)
        if place == "parent":
            check_name(own)
            base = check_base(base)
        async with self.pool.connection() as connection:
            try:
                await connection.execute(_ADD, name, place, kind, base, own, by)
            except asyncpg.UniqueViolationError as error:
                text = "another-above" if error.constraint_name == "node_above" else "there-already"
                raise Conflict(f"exchange.federation.{text}", name=name) from None

    async def placed(self, place: str | None = None) -> list[Node]:
        """Returns the nodes."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_SOME, place)
        return [Node(**dict(row)) for row in rows]

    async def counted(self) -> list[Node]:
        """Returns the nodes, with how many registrations each was told of: it counts them."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_COUNTED)
        return [Node(**dict(row)) for row in rows]

    async def above(self) -> Node | None:
        """Returns the node above that is one of ours: there is one at most."""
        return next((node for node in await self.placed("parent") if node.kind == "kangyun"), None)

    async def get(self, connection: asyncpg.Connection, name: str) -> Node:
        """Returns a node. Raises NotFound."""
        row = await connection.fetchrow(_ONE, name)
        if row is None:
            raise NotFound("exchange.federation.none", name=name)
        return Node(**dict(row))

    async def pause(self, name: str, *, paused: bool) -> None:
        """Lets nothing more go to and fro, or lets it again, at once, what was refused as well. Raises NotFound."""
        await self._set(_PAUSE, name, paused)
        if not paused:
            async with self.pool.connection() as connection:
                await connection.execute("UPDATE node_told SET refused = NULL WHERE node = $1", name)

    async def compare(self, name: str) -> None:
        """Has what a node above has held against what it was told. Raises NotFound."""
        await self._set(_COMPARE, name)

    async def _set(self, sql: str, name: str, *values: object) -> None:
        async with self.pool.connection() as connection:
            if not await connection.fetchval(sql, name, *values):
                raise NotFound("exchange.federation.none", name=name)

    async def key(self) -> tuple[str, ECKey]:
        """Returns the id of this node's key and the key, made where there is none."""
        async with self.pool.connection() as connection, connection.transaction():
            row = await connection.fetchrow("SELECT kid, sealed FROM node_key")
            if row is None:
                key = ECKey.generate_key(CURVE, private=True)
                kid = key.thumbprint()
                sealed = self.vault.seal(msgspec.json.encode(key.as_dict(private=True)), f"node-key/{kid}")
                await connection.execute(
                    "INSERT INTO node_key (kid, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING", kid, sealed
                )
                row = await connection.fetchrow("SELECT kid, sealed FROM node_key")
            opened = msgspec.json.decode(self.vault.open(row["sealed"], f"node-key/{row['kid']}"))
        return row["kid"], ECKey.import_key(opened)

    async def public_of(self, name: str) -> str:
        """Returns the keys by which a node below proves itself, as a JWKS; empty where it has none here."""
        async with self.pool.connection() as connection:
            return str(await connection.fetchval("SELECT jwks FROM application WHERE client = $1", name) or "")

    async def public(self) -> bytes:
        """Returns the public half of this node's key, as a JWKS."""
        kid, key = await self.key()
        own = {**key.as_dict(private=False), "kid": kid, "alg": ALGORITHM, "use": "sig"}
        return msgspec.json.format(msgspec.json.encode({"keys": [own]}))


def vault_of(gate: Gate) -> Vault:
    """Returns what seals for a process."""
    return Vault(gate.store.keys.index_key, gate.store.keys.cipher)


def nodes_of(gate: Gate) -> Nodes:
    """Returns the register of a process."""
    return Nodes(gate.store.pool, vault_of(gate))


@dataclass(frozen=True, slots=True)
class Row:
    """What a node was told of a registration. digest: None where it is to be told."""

    patient: int
    name: bytes
    digest: bytes | None
    erased: bool
    refused: int | None


async def rows_of(connection: asyncpg.Connection, node: str, patients: Collection[int]) -> dict[int, Row]:
    """Returns what a node was told of registrations, by number."""
    return {row["patient"]: Row(**dict(row)) for row in await connection.fetch(_ROWS, node, list(patients))}


async def named(connection: asyncpg.Connection, node: str, names: Sequence[bytes]) -> dict[bytes, int]:
    """Returns the registrations that a node above knows by names."""
    rows = await connection.fetch(
        "SELECT name, patient FROM node_told WHERE node = $1 AND name = ANY ($2)", node, names
    )
    return {row["name"]: row["patient"] for row in rows}


async def due(connection: asyncpg.Connection, node: str, most: int) -> list[int]:
    """Returns registrations that a node is to be told of (again)."""
    return [row["patient"] for row in await connection.fetch(_DUE, node, most)]


async def told_between(connection: asyncpg.Connection, node: str, after: int, until: int) -> list[int]:
    """Returns the registrations that a node was told of, by number: above one, up to another."""
    return [row["patient"] for row in await connection.fetch(_BETWEEN, node, after, until)]


async def note(
    connection: asyncpg.Connection, node: str, batch: int, told: Mapping[int, tuple[bytes, bytes | None, int | None]]
) -> None:
    """Notes what a node was told by a batch: by registration its name, the digest, and by which status it was
    refused."""
    names, digests, refused = zip(*told.values(), strict=True) if told else ((), (), ())
    await connection.execute(_NOTE, node, list(told), names, digests, refused, batch)


async def moved(connection: asyncpg.Connection, node: str, mark: int, epoch: int, batch: int) -> None:
    """Notes that a call went well, and where the mark is now."""
    await connection.execute(_MOVED, node, mark, epoch, batch)


async def failed(connection: asyncpg.Connection, node: str, fault: str, seconds: float) -> None:
    """Notes that a call did not go well, and after how many seconds the next one is made."""
    await connection.execute(_FAILED, node, fault, seconds)


async def forget_after(connection: asyncpg.Connection, node: str, batch: int) -> int:
    """Has told again what was told after a batch, and returns how many registrations that are."""
    rows = await connection.fetch(
        "UPDATE node_told SET digest = NULL, refused = NULL WHERE node = $1 AND batch > $2 RETURNING patient",
        node,
        batch,
    )
    return len(rows)


async def walked(connection: asyncpg.Connection, node: str, place: int, *, done: bool) -> None:
    """Notes how far the walk over all registrations has come."""
    await connection.execute(_WALKED, node, place, done)


async def compared(connection: asyncpg.Connection, node: str) -> None:
    """Notes that what a node has was held against what it was told."""
    await connection.execute("UPDATE node SET compare = false WHERE name = $1", node)


async def forget(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Has the nodes above told that registrations were erased. An eraser of `access.erasing`."""
    await connection.execute(_ERASED, list(patients))


async def node_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns how far nodes are behind, in figures that name none of them."""
    row = await connection.fetchrow(_VITALS)
    return [
        ("kangyun_node_waiting", "Registrations that a node above is to be told of again.", row["waiting"]),
        ("kangyun_node_refused", "Registrations that a node above did not take.", row["refused"]),
        ("kangyun_node_silent_seconds", "Since the node above that was not reached longest was told.", row["silent"]),
        ("kangyun_node_below_unheard", "Nodes below that have not asked for long.", row["unheard"]),
    ]


register_eraser("federation", forget)

_COLUMNS = """
n.name, n.place, n.kind, n.base, n.own, n.paused, n.mark, n.batch, n.epoch, n.walked, n.walk_done, n.compare,
n.failures, n.fault, n.told, n.heard, n.next_try <= clock_timestamp() AS is_due,
coalesce(n.heard > clock_timestamp() - interval '15 seconds', false) AS is_heard
"""
_ADD = "INSERT INTO node (name, place, kind, base, own, added_by) VALUES ($1, $2, $3, $4, $5, $6)"
_ONE = f"SELECT {_COLUMNS} FROM node AS n WHERE n.name = $1"
_SOME = f"""
SELECT {_COLUMNS} FROM node AS n WHERE $1::text IS NULL OR n.place = $1 ORDER BY n.place DESC, n.name
"""
_COUNTED = f"""
SELECT {_COLUMNS}, t.known::int, t.waiting::int, t.refused::int FROM node AS n CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE digest <> '\\x00') AS known,
        count(*) FILTER (WHERE digest IS NULL AND refused IS NULL) AS waiting,
        count(*) FILTER (WHERE refused IS NOT NULL) AS refused
    FROM node_told WHERE node = n.name
) AS t ORDER BY n.place DESC, n.name
"""
_PAUSE = """
UPDATE node SET paused = $2, failures = 0, fault = '', next_try = '-infinity' WHERE name = $1 RETURNING true
"""
_COMPARE = "UPDATE node SET compare = true WHERE name = $1 AND place = 'parent' RETURNING true"
_ROWS = "SELECT patient, name, digest, erased, refused FROM node_told WHERE node = $1 AND patient = ANY ($2::int8[])"
_DUE = """
SELECT patient FROM node_told WHERE node = $1 AND digest IS NULL AND refused IS NULL ORDER BY patient LIMIT $2
"""
_BETWEEN = "SELECT patient FROM node_told WHERE node = $1 AND patient > $2 AND patient <= $3 ORDER BY patient"
# What was erased meanwhile is still to be said.
_NOTE = """
INSERT INTO node_told AS t (node, patient, name, digest, refused, batch)
SELECT $1, n.patient, n.name, n.digest, n.refused, $6
FROM unnest($2::int8[], $3::bytea[], $4::bytea[], $5::int4[]) AS n(patient, name, digest, refused)
ON CONFLICT (node, patient) DO UPDATE SET batch = excluded.batch, refused = excluded.refused,
    digest = CASE WHEN t.erased AND excluded.digest <> '\\x00' THEN NULL ELSE excluded.digest END
"""
_MOVED = """
UPDATE node SET mark = $2, epoch = $3, batch = $4, failures = 0, fault = '', next_try = '-infinity',
    told = clock_timestamp() WHERE name = $1
"""
_FAILED = """
UPDATE node SET failures = failures + 1, fault = $2, next_try = clock_timestamp() + make_interval(secs => $3)
WHERE name = $1
"""
_WALKED = """
UPDATE node SET walked = $2, walk_done = CASE WHEN $3 THEN clock_timestamp() ELSE walk_done END WHERE name = $1
"""
_ERASED = """
UPDATE node_told SET erased = true, digest = NULL, refused = NULL WHERE patient = ANY ($1::int8[])
"""
_VITALS = """
SELECT (SELECT count(*) FROM node_told WHERE digest IS NULL AND refused IS NULL)::float8 AS waiting,
    (SELECT count(*) FROM node_told WHERE refused IS NOT NULL)::float8 AS refused,
    (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - coalesce(told, added)))
        FILTER (WHERE failures > 0), 0) FROM node WHERE place = 'parent' AND NOT paused)::float8 AS silent,
    (SELECT count(*) FROM node WHERE place = 'child' AND NOT paused
        AND coalesce(heard, added) < clock_timestamp() - interval '5 minutes')::float8 AS unheard
"""
