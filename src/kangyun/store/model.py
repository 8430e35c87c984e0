"""The words of the store: who writes, what is written, what is read."""

from dataclasses import dataclass, field
from datetime import datetime

from kangyun.base.lazy import lazy
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import decode
from kangyun.store.body import wire

TYPE_NUMBERS: dict[str, int] = {name: number for number, name in enumerate(sorted(definitions().resource_types), 1)}
"""R4's types by name; a number is for ever. Types of later editions are numbered after these."""
TYPE_NAMES = {number: name for name, number in TYPE_NUMBERS.items()}

CREATED, UPDATED, DELETED = b"c", b"u", b"d"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who asks, why, and what of it is kept for ever. No field holds a patient's data.

    institution: number of the institution, from the credential.
    historic:    facts that have happened, not orders made now: guards let them in.
    depth:       0 for a client; n for a reaction to a commit of depth n - 1.
    shape:       the request without any value.
    """

    actor: str
    purpose: str
    institution: int
    action: str
    shape: str
    source: str = ""
    request: str = ""
    historic: bool = False
    depth: int = 0
    origin: str | None = None

    def outcome(self, made: bytes) -> int:
        """HTTP status for the audit row: by what was made, where that is all that was asked for; 200 for many."""
        return _OUTCOMES.get((self.action, made), 200)


_OUTCOMES = {("create", CREATED): 201, ("update", CREATED): 201, ("delete", DELETED): 204}


@dataclass(frozen=True)
class Stored:
    """One version of a resource, as it was read. `json` is what goes to a client; of a deletion it is only the head."""

    res: int
    type: str
    id: str
    version: int
    instant: datetime
    action: bytes
    rest: bytes = field(repr=False)

    @property
    def deleted(self) -> bool:
        return self.action == DELETED

    @lazy
    def json(self) -> bytes:
        return wire(self.type, self.id, self.version, self.instant, self.rest)

    @lazy
    def resource(self) -> Resource:
        return decode(self.json)
