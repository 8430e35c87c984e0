"""The batch held against the links that stand: what they disagree about becomes a report, and a steward's question.

No link is changed here. What persons decided binds the batch as it binds the index. The report and the questions name
registrations and residents by their ids, and say levels and bits, never what a registration says.
"""

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import asyncpg
import pyarrow.parquet as pq

from kangyun.database.pool import Pool
from kangyun.identity.batch.exporting import AT_ONCE, PATIENT, RESIDENT, Row, Writer
from kangyun.identity.batch.linking import Linked, link, model_by
from kangyun.identity.batch.pairs import Tell, untold
from kangyun.identity.batch.residents import By, Decided
from kangyun.identity.index import ResidentIndex
from kangyun.identity.registration.fields import Fields
from kangyun.identity.standing import BY_PERSON, SQL

Kind = Literal["batch-parts", "batch-links"]
"""`batch-parts`: the batch would not have it with this resident. `batch-links`: it would, and the index has not."""
FILE, PRIVATE = "registrations.parquet", "batch-"
"""What registrations say in clear, of mode 0600, and how its folder's name begins, of mode 0700."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A registration and a resident about whom batch and index disagree. evidence: levels and bits as online."""

    kind: Kind
    patient: int
    resident: int
    bits: float
    evidence: object


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit found. agreeing: residents whom batch and index have alike. asked: new questions."""

    registrations: int
    residents: int
    by_batch: int
    agreeing: int
    blocked: int
    scored: int
    left_out: int
    asked: int
    differences: tuple[Difference, ...]


async def audit(
    pool: Pool, index: ResidentIndex, folder: Path, *, demo: bool, ask: bool = True, cores: int = 2, tell: Tell = untold
) -> Audited:
    """Links everything anew and compares. folder: where nobody else reads; what is written there is removed again, and
    what a run before has left. The caller sees to it that one runs at a time.

    demo: fictitious numbers count. ask: opens questions of stewards, too. Raises OSError where there is no room.
    """
    # A process that was killed could not remove its own.
    for left in folder.glob(f"{PRIVATE}*"):
        shutil.rmtree(left)
    with TemporaryDirectory(prefix=PRIVATE, dir=folder) as private:
        file = Path(private) / FILE
        file.touch(0o600)
        tell("exporting")
        async with pool.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            by = By(await index.among(connection), demo)
            places = await _export(connection, index, by, file)
            decided = await _decided(connection, places)
        linked = await asyncio.to_thread(link, file, by, decided, cores=cores, tell=tell)
        table = pq.read_table(file, columns=[PATIENT, RESIDENT])
    tell("holding")
    patients, residents = table[PATIENT].to_pylist(), table[RESIDENT].to_pylist()
    told = _disagreements(patients, residents, linked.home.tolist())
    found, asked = list[Difference](), 0
    async with pool.connection() as connection:
        for start in range(0, len(told), _TOLD_AT_ONCE):
            several = await _explained(connection, index, by, told[start : start + _TOLD_AT_ONCE])
            found += several
            if ask:
                asked += await _ask(connection, index, several)
    return _counted(residents, linked, asked, found)


def _counted(residents: Sequence[int], linked: Linked, asked: int, found: Sequence[Difference]) -> Audited:
    home, pairs = linked.home.tolist(), linked.found
    ours, theirs = _members(residents), _members(home)
    agreeing = set(map(tuple, ours.values())) & set(map(tuple, theirs.values()))
    return Audited(
        len(home), len(ours), len(theirs), len(agreeing), pairs.blocked, pairs.scored, pairs.left_out, asked,
        tuple(found),
    )  # fmt: skip


async def _export(connection: asyncpg.Connection, index: ResidentIndex, by: By, file: Path) -> dict[int, int]:
    """Writes what all registrations say. Returns the place of each."""
    places: dict[int, int] = {}
    with Writer(file, model_by(by)) as writer:
        cursor = await connection.cursor(_REGISTRATIONS)
        while rows := await cursor.fetch(AT_ONCE):
            said = [(row, index.opened(row) or {}) for row in rows]
            writer.add([Row(row["patient"], fields, tuple(row["keys"]), row["resident"]) for row, fields in said])
            places.update((row["patient"], len(places)) for row in rows)
    return places


async def _decided(connection: asyncpg.Connection, places: Mapping[int, int]) -> Decided:
    """Returns what persons said of registrations, by their places."""
    apart = await connection.fetch("SELECT patient, other FROM not_same WHERE unsaid IS NULL")
    together = await connection.fetch(_BY_PERSON, sorted(BY_PERSON))
    return Decided(_pairs(together, places), _pairs(apart, places))


def _pairs(rows: Sequence[asyncpg.Record], places: Mapping[int, int]) -> frozenset[tuple[int, int]]:
    there = [(places[a], places[b]) for a, b in rows if a in places and b in places]
    return frozenset((min(pair), max(pair)) for pair in there)


def _members(of: Sequence[int]) -> dict[int, list[int]]:
    members: dict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(of):
        members[one].append(place)
    return members


def _disagreements(
    patients: Sequence[int], residents: Sequence[int], home: Sequence[int]
) -> list[tuple[Kind, int, int]]:
    """Returns kind, registration and resident of each, in the order of registrations.

    Of a resident's registrations most stay together, by the batch; the others are each a question. Of residents who are
    one by the batch, each but the largest is one.
    """
    found: list[tuple[Kind, int, int]] = []
    for resident, members in _members(residents).items():
        parts = sorted(_members([home[one] for one in members]).values(), key=lambda part: (-len(part), part))
        found += [("batch-parts", patients[members[one]], resident) for part in parts[1:] for one in part]
    for members in _members(home).values():
        several = sorted(_members([residents[one] for one in members]).items(), key=lambda it: (-len(it[1]), it[0]))
        found += [("batch-links", patients[members[own[0]]], several[0][0]) for _, own in several[1:]]
    return sorted(found, key=lambda one: (one[1], one[0], one[2]))


async def _explained(
    connection: asyncpg.Connection, index: ResidentIndex, by: By, told: Sequence[tuple[Kind, int, int]]
) -> list[Difference]:
    """Returns disagreements with their evidence: the registration held against the resident's others."""
    whose = await connection.fetch(SQL["residents_of"], [patient for _, patient, _ in told])
    concerned = {resident for _, _, resident in told} | {row["resident"] for row in whose}
    near = await index.residents(connection, concerned)
    said: dict[int, Fields | None] = {}
    for one in near.values():
        said.update(one.registrations)
    rules, found = by.rules(), []
    for kind, patient, resident in told:
        own, there = said.get(patient), near[resident].registrations if resident in near else {}
        others = [fields for other, fields in there.items() if fields is not None and other != patient]
        if own is not None and others:
            held = rules.prepare(own, among=by.among, historic=True).held(resident, others)
            found.append(Difference(kind, patient, resident, held.verdict.bits, held.evidence()))
    return found


async def _ask(connection: asyncpg.Connection, index: ResidentIndex, several: Sequence[Difference]) -> int:
    """Opens questions that nobody has been asked. Returns how many."""
    rows = [
        (one.patient, one.resident, one.kind, one.bits,
         index.sealed(one.patient, {"because": (one.kind,), "evidence": one.evidence}))
        for one in several
    ]  # fmt: skip
    if not rows:
        return 0
    return len(await connection.fetch(_ASK, *map(list, zip(*rows, strict=True))))


_TOLD_AT_ONCE = 500
_REGISTRATIONS = """
SELECT g.patient, g.keys, g.fields, l.resident
FROM registration AS g JOIN resident_link AS l ON l.patient = g.patient ORDER BY g.patient
"""
_BY_PERSON = """
SELECT l.patient, o.patient FROM (
    SELECT DISTINCT ON (d.patient) d.patient, d.kind FROM resident_decision AS d
    WHERE d.patient IN (SELECT p.patient FROM resident_decision AS p WHERE p.kind = ANY ($1::text[]))
    ORDER BY d.patient, d.id DESC
) AS d JOIN resident_link AS l ON l.patient = d.patient JOIN resident_link AS o ON o.resident = l.resident
WHERE d.kind = ANY ($1::text[]) AND o.patient <> l.patient
"""
_ASK = """
INSERT INTO resident_question (patient, resident, kind, bits, evidence)
SELECT a.patient, a.resident, a.kind, a.bits, a.evidence
FROM unnest($1::int8[], $2::int8[], $3::text[], $4::float8[], $5::bytea[]) AS a(patient, resident, kind, bits, evidence)
JOIN resident_link AS l ON l.patient = a.patient
-- Links may have moved since they were read.
WHERE (l.resident = a.resident) = (a.kind = 'batch-parts')
AND NOT EXISTS (
    SELECT FROM resident_question AS q
    WHERE (q.answered IS NULL OR q.answer IN ('same', 'not-same'))
    AND ((q.patient = a.patient AND q.resident = a.resident) OR (a.kind = 'batch-links' AND q.resident = l.resident
        AND q.patient IN (SELECT o.patient FROM resident_link AS o WHERE o.resident = a.resident)))
)
ON CONFLICT (patient, coalesce(resident, 0), kind) WHERE answered IS NULL DO NOTHING RETURNING id
"""
