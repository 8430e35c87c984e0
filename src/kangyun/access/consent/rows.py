"""What residents have said, as rows: written with the Consent, and spread over linked registrations.

The store calls `follow` between a commit's rows and its end; the patients' locks are held then. What a Consent comes to
stands in the ledger outside the database before it is committed: a restore brings back no word that was withdrawn.
An institution takes residents' words for its own registrations only, and its permissions open nothing sensitive.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from kangyun.access.consent.compiling import WRITERS, Box, Word, actors, compile_consent
from kangyun.access.consent.meaning import meant
from kangyun.access.erasing import register as register_eraser
from kangyun.access.identities.model import OF_RESIDENTS
from kangyun.access.labels import Labels
from kangyun.access.ledger import Entry, Kind, Ledger
from kangyun.access.policy import Policy
from kangyun.access.policy.sights import ANYBODY, party
from kangyun.base.errors import Forbidden, RuleBroken
from kangyun.fhir import Resource
from kangyun.store.batch import Change
from kangyun.store.interactions import Operation
from kangyun.store.model import Envelope
from kangyun.store.references import local_target
from kangyun.store.store import Store
from kangyun.store.visible import WRITER as MARK
from kangyun.store.visible import visible

TYPE = "Consent"
GROUND = "consent"
KIND: Kind = "withdrawal"
ALL = -1  # labels


@dataclass(frozen=True, slots=True)
class ConsentRows:
    """Follows Consents that are written. One for a process."""

    store: Store
    labels: Labels
    policy: Policy
    ledger: Ledger

    def wants(self, operation: Operation) -> bool:
        """Whether it writes a Consent."""
        return operation.type == TYPE

    async def follow(self, connection: asyncpg.Connection, changes: Sequence[Change], envelope: Envelope) -> None:
        """Puts what these Consents say in place of what they said."""
        for change in changes:
            if change.type == TYPE:
                await self._follow(connection, change, envelope)

    async def _follow(self, connection: asyncpg.Connection, change: Change, envelope: Envelope) -> None:
        source = f"{TYPE}/{change.id}"
        patient = _patient(change)
        if envelope.client and change.before is not None:
            said_before = await connection.fetchval(_SAID_IN_PERSON, change.before.patient, change.res)
            if said_before:
                raise Forbidden("access.in-person", at=TYPE)
        own = patient in envelope.sight.selves
        if own and envelope.sight.alone and await connection.fetchval(_BEYOND, patient, list(envelope.sight.selves)):
            raise Forbidden("access.residents.prove-the-rest")  # It would bind for registrations that may be another's.
        # What an application writes for him it may write, and is not his word: he has not said it himself.
        said = own and not envelope.client
        word = Word() if change.resource is None else await self._word(connection, change.resource, own=said)
        rules = Rules()
        if patient is not None:
            home = own or envelope.writes_all or await connection.fetchval(_HOME, patient) == envelope.institution
            if not home:
                raise Forbidden("access.not-your-registration", at=f"{TYPE}.patient")
            if any(map(_is_of_himself, word.denials)):
                raise RuleBroken("access.consent-guardian", at=f"{TYPE}.provision.actor")
            rules.denials = [self._denial(patient, box, source) for box in word.denials]
            # Nobody opens to others what he does not see himself: a guardian what his proxy leaves out.
            shown = ~envelope.sight.selves_closed if own else ALL
            for box in word.disclosures:
                rows = self._disclosures(patient, replace(box, labels=box.labels & shown), source)
                rules.disclosures += rows
                rules.covers += [box.covers & shown] * len(rows)
        elif word.denials or word.disclosures:
            # Taken, it would bind nobody, and whoever wrote it would believe that it does.
            raise RuleBroken("access.whose-consent", at=f"{TYPE}.patient")
        if rules.denials or rules.disclosures or await connection.fetchval(_SAYS_SOMETHING, source):
            await asyncio.to_thread(self.ledger.append, KIND, source, msgspec.to_builtins(rules))
            await put(connection, source, rules)

    async def _word(self, connection: asyncpg.Connection, consent: Resource, *, own: bool) -> Word:
        named = await meant(connection, self.store.reader, actors(consent.get("provision", {})))
        return compile_consent(consent, self.labels, self.policy, self.store.zone, named, own=own)

    def _denial(self, patient: int, box: Box, source: str) -> tuple[Any, ...]:
        parties = [ANYBODY] if box.parties is None else sorted(box.parties)
        whom = (
            [party(self.store.keys.hasher, name) for name in parties],
            [MARK if name == WRITERS else party(self.store.keys.hasher, name) for name in sorted(box.besides)],
        )
        return patient, box.purposes, box.labels, box.low, box.high, *whom, source

    def _disclosures(self, patient: int, box: Box, source: str) -> list[tuple[Any, ...]]:
        names = [ANYBODY] if box.parties is None else sorted(box.parties)
        # Who is named has the resident's own word that he may look; a role or everybody needs a reason besides.
        return [
            (
                patient,
                party(self.store.keys.hasher, name),
                box.purposes,
                box.labels,
                box.low,
                box.high,
                "/" in name,
                GROUND,
                source,
            )
            for name in names
        ]


class Rules(msgspec.Struct):
    """What one Consent comes to: rows of `denial` and `disclosure`, as their statements take them.

    covers: of each disclosure, the labels of the rows that it is a reason to see; entries of older ledgers have none.
    """

    denials: list[tuple[int, int, int, datetime, datetime, list[int], list[int], str]] = []
    disclosures: list[tuple[int, int, int, int, datetime, datetime, bool, str, str]] = []
    covers: list[int] = []


async def put(connection: asyncpg.Connection, source: str, rules: Rules) -> None:
    """Puts rows in place of those that a Consent came to before."""
    affected = set(await connection.fetchval(_FORGET, source))
    if rules.denials:
        await connection.executemany(_DENIAL, rules.denials)
    if rules.disclosures:
        covers = rules.covers or [ALL] * len(rules.disclosures)
        rows = [(*row, covered) for row, covered in zip(rules.disclosures, covers, strict=True)]
        await connection.executemany(_DISCLOSURE, rows)
    affected |= {row[0] for row in (*rules.denials, *rules.disclosures)}
    await connection.execute("SELECT spread_rules($1)", sorted(affected))


async def replay(connection: asyncpg.Connection, entry: Entry) -> bool:
    """Carries out an entry of the ledger again: what was said last holds, whatever the restored Consent says."""
    async with connection.transaction():
        await put(connection, entry.subject, msgspec.convert(entry.detail, Rules))
    return True


async def forget_patients(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Removes what was said about residents who are erased."""
    for statement in _FORGET_PATIENTS:
        await connection.execute(statement, list(patients))


register_eraser("gate", forget_patients)


def _is_of_himself(denial: Box) -> bool:
    """Whether it names who acts in the resident's place: him no denial binds, the place itself is taken from him."""
    roles = {f"role:{role}" for role in OF_RESIDENTS}
    return any(name.partition("#")[0].startswith(_IN_HIS_PLACE) or name in roles for name in denial.parties or ())


def _patient(change: Change) -> int | None:
    """Returns whose Consent it is; None for one that was deleted, or names no Patient of this server."""
    reference = (change.resource or {}).get("patient", {}).get("reference")
    target = change.targets.get(reference) if reference else None
    named = local_target(reference) if reference else None
    return target if isinstance(target, int) and named is not None and named[0] == "Patient" else None


_IN_HIS_PLACE = ("RelatedPerson/", "Patient/")
# Whether there is such a registration elsewhere is not told: the words are the same.
_HOME = f"SELECT r.institution FROM resource AS r WHERE r.res = $1 AND {visible('r')}"
_FORGET_PATIENTS = (
    "DELETE FROM denial WHERE patient = ANY ($1::int8[]) OR about = ANY ($1::int8[])",
    "DELETE FROM disclosure WHERE patient = ANY ($1::int8[]) OR about = ANY ($1::int8[])",
    "DELETE FROM resident_link WHERE patient = ANY ($1::int8[])",
    "DELETE FROM broken_glass WHERE patient = ANY ($1::int8[])",
)
# A version of it was written by the resident or a guardian, on our own pages.
_SAID_IN_PERSON = """
SELECT EXISTS (
    SELECT FROM audit AS a
    WHERE a.patients @> ARRAY[$1::int8] AND a.patients <> '{}' AND coalesce(a.client, '') = ''
    AND a.role = ANY ('{resident,guardian}') AND a.outcome < 400
    AND EXISTS (SELECT FROM commit AS o WHERE o.id = a.commit AND $2::int8 = ANY (o.res))
)
"""
_BEYOND = """
SELECT EXISTS (SELECT FROM resident_link AS k JOIN resident_link AS l ON l.resident = k.resident
    WHERE k.patient = $1 AND l.patient <> ALL ($2::int8[]))
"""
_SAYS_SOMETHING = """
SELECT EXISTS (SELECT FROM denial WHERE source = $1) OR EXISTS (SELECT FROM disclosure WHERE source = $1)
"""
_FORGET = """
WITH denials AS (DELETE FROM denial WHERE source = $1 RETURNING about),
    disclosures AS (DELETE FROM disclosure WHERE source = $1 RETURNING about)
SELECT coalesce(array_agg(DISTINCT about), '{}') FROM (SELECT * FROM denials UNION ALL SELECT * FROM disclosures) AS a
"""
_DENIAL = """
INSERT INTO denial (patient, about, purposes, labels, low, high, parties, besides, source)
VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8)
"""
_DISCLOSURE = """
INSERT INTO disclosure (patient, about, party, purposes, opens, low, high, over, relation, ground, source, covers)
VALUES ($1, $1, $2, $3, $4, $5, $6, false, $7, $8, $9, $10)
"""
