"""`Gate`: what all records of a process share, and where one is opened: for an actor, a purpose and a request.

It says whose own is what an actor writes, and finds what his role and his scopes come to. What is seen is `Record`'s.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.approvals.rules import Rule
from kangyun.access.audit import Auditor
from kangyun.access.disk import Disk
from kangyun.access.houses import above
from kangyun.access.identities.model import OF_RESIDENTS, RESIDENTS
from kangyun.access.labels import Labels
from kangyun.access.ledger import Ledger
from kangyun.access.messages import Codes
from kangyun.access.messages.outbox import Outbox
from kangyun.access.policy.sights import Decision, Sights
from kangyun.access.record import MOST_PATIENTS, Record
from kangyun.base.settings import Settings
from kangyun.identity.index import ResidentIndex
from kangyun.identity.stewarding import Steward
from kangyun.store.store import Store

NAMES_EVERY = 60.0  # seconds that no institution comes to be named alike


@dataclass(frozen=True, slots=True)
class Gate:
    """What all records of a process share."""

    store: Store
    auditor: Auditor
    disk: Disk
    ledger: Ledger
    sights: Sights
    labels: Labels
    codes: Codes
    outbox: Outbox
    rules: Mapping[str, Rule]  # of what takes two persons, by kind
    settings: Settings
    residents: ResidentIndex
    steward: Steward
    institutions: dict[str, int] = field(default_factory=dict)
    patients: dict[str, int] = field(default_factory=dict)
    named_alike: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    above: dict[str, tuple[str, ...]] = field(default_factory=dict)

    async def open(self, actor: Actor, circumstances: Circumstances) -> Record:
        """Opens the record for one request."""
        home = await self._home(actor)
        return Record(self, actor, circumstances, home, await self._decision(actor, home))

    async def decide(self, actor: Actor) -> Decision:
        """Decides what an actor may do, for what is done in its name later."""
        return await self._decision(actor, await self._home(actor))

    async def _home(self, actor: Actor) -> int:
        """Returns the number of the institution whose own is what the actor writes."""
        # What the platform itself has written (a notice, a measurement) is not the residents' to change.
        home = RESIDENTS if actor.role in OF_RESIDENTS else actor.institution
        number = self.institutions.get(home)
        if number is None:
            async with self.store.pool.connection() as connection:
                await connection.execute(_NEW_INSTITUTION, home)
                number = await connection.fetchval(_INSTITUTION, home)
            self.institutions[home] = number
        if self.named_alike.get(actor.institution, (0.0, ()))[0] < time.monotonic():
            await self._look_around(actor.institution)
        return number

    async def _look_around(self, institution: str) -> None:
        """Notes which institutions have ids that continue an institution's: ids that begin with these are theirs; and
        which stand above it."""
        async with self.store.pool.connection() as connection:
            rows = await connection.fetch(_NAMED_ALIKE, institution)
            self.above[institution] = await above(connection, self.store.reader, institution)
        names = tuple(row["reference"].rpartition("/")[2] for row in rows)
        self.named_alike[institution] = time.monotonic() + NAMES_EVERY, names

    async def _decision(self, actor: Actor, institution: int) -> Decision:
        selves = await self.numbers(actor.patients) if actor.patients else ()
        within = await self.numbers((actor.patient,)) if actor.patient else ()
        return self.sights.decide(
            actor, institution, selves, within[0] if within else None, self.above[actor.institution]
        )

    async def numbers(self, ids: Sequence[str]) -> tuple[int, ...]:
        """Returns the `res` of Patients; ids that nothing was ever written under are left out."""
        unknown = [id_ for id_ in ids if id_ not in self.patients]
        if unknown:
            found = {id_: self.store.ids.res_of(id_) for id_ in unknown}
            chosen = [("Patient", id_) for id_, res in found.items() if res is None]
            async with self.store.pool.connection() as connection:
                found |= {id_: res for (_, id_), res in (await self.store.reader.names(connection, chosen)).items()}
            if len(self.patients) > MOST_PATIENTS:
                self.patients.clear()
            self.patients.update({id_: res for id_, res in found.items() if res is not None})
        return tuple(self.patients[id_] for id_ in ids if id_ in self.patients)


# Two statements: what another process makes in the same moment is not seen by the one that met it.
_NEW_INSTITUTION = "INSERT INTO institution (reference) VALUES ($1) ON CONFLICT DO NOTHING"
_NAMED_ALIKE = "SELECT reference FROM institution WHERE reference LIKE $1 || '-%' OR reference LIKE $1 || '.%'"
_INSTITUTION = "SELECT id FROM institution WHERE reference = $1"
