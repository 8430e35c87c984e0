"""The words of the store: who writes, what is written, what is read."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from kangyun.base.lazy import lazy
from kangyun.fhir import Resource
from kangyun.fhir.json import decode
from kangyun.store.body import wire
from kangyun.store.visible import EVERYTHING, Sight

CREATED, UPDATED, DELETED = b"c", b"u", b"d"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_GIVEN = re.compile(r"[0-9a-hjkmnp-tv-z]{13}")
"""The form of ids that the server gives (`ids`)."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who asks, why, and what of it is kept for ever. No field holds a patient's data.

    institution: number of the institution, from the credential.
    historic:    facts that have happened, not orders made now: guards let them in.
    depth:       0 for a client; n for a reaction to a commit of depth n - 1.
    sight:       what the writer sees, conditions included. writes_all: also what another institution wrote.
    strangers:   also about residents whose registration he does not see.
    prefix:      that ids which it chooses begin with; those that begin as `others` are of institutions named alike.
    only_about:  of the Patients that it may write about.
    shape:       the request without any value. credential: the actor, for what is done in its name later.
    role, way:   of the policy; client: the application.
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
    sight: Sight = EVERYTHING
    writes_all: bool = True
    strangers: bool = True
    prefix: str = ""
    others: tuple[str, ...] = ()
    only_about: frozenset[int] | None = None
    credential: bytes = b""
    role: str = ""
    way: str = ""
    client: str = ""

    def may_choose(self, id_: str) -> bool:
        """Whether an id that nobody has yet may be chosen: a UUID, or one that begins as the institution's ids do."""
        ours = bool(self.prefix) and id_.startswith(_beginnings(self.prefix))
        return bool(_UUID.fullmatch(id_)) or (ours and not any(id_.startswith(_beginnings(one)) for one in self.others))

    def may_know_of(self, id_: str) -> bool:
        """Whether it is told that something was erased under an id: not under one that only another may choose."""
        return self.writes_all or self.may_choose(id_) or bool(_GIVEN.fullmatch(id_))

    @property
    def is_migration(self) -> bool:
        """Whether he writes who brings in a whole record, in the order in which it comes."""
        return self.writes_all and self.sight.everything

    def outcome(self, made: bytes) -> int:
        """HTTP status for the audit row: by what was made, where that is all that was asked for; 200 for many."""
        return _OUTCOMES.get((self.action, made), 200)


def _beginnings(institution: str) -> tuple[str, str]:
    return f"{institution}-", f"{institution}."


_OUTCOMES = {("create", CREATED): 201, ("update", CREATED): 201, ("delete", DELETED): 204}


@dataclass(frozen=True)
class Stored:
    """One version of a resource, as it was read. `json` is what goes to a client; of a deletion it is only the head.

    patient: whom it was about, where it was about one.
    """

    res: int
    type: str
    id: str
    version: int
    instant: datetime
    action: bytes
    rest: bytes = field(repr=False)
    patient: int | None = None

    @property
    def deleted(self) -> bool:
        return self.action == DELETED

    @lazy
    def json(self) -> bytes:
        return wire(self.type, self.id, self.version, self.instant, self.rest)

    @lazy
    def resource(self) -> Resource:
        return decode(self.json)
