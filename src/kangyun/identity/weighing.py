"""What the index asks of the rules by which registrations are read and compared: `rules` has those that are shipped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kangyun.fhir import Resource
from kangyun.identity.deciding import Verdict
from kangyun.identity.registration.fields import Fields


@dataclass(frozen=True, slots=True)
class Reading:
    """One registration as it is compared.

    keys:   texts that another registration of the same person is likely to have, too.
    issues: codes of what cannot be right in the registration itself.
    """

    fields: Fields
    keys: tuple[str, ...]
    issues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """A registration held against a resident. evidence: made only for what is decided, or asked."""

    verdict: Verdict
    evidence: Callable[[], object]


class Prepared(Protocol):
    """A registration, ready to be held against residents, given as their numbers and what their registrations say."""

    def held(self, resident: int, registrations: Sequence[Fields]) -> Held: ...


class Rules(Protocol):
    """Reads and weighs. One for a process.

    edition: of the reading; rows of another are read again. model: version of the weights, for the ledger.
    margin:  bits by which the likeliest resident leads the next.
    """

    @property
    def edition(self) -> int: ...
    @property
    def model(self) -> str: ...
    @property
    def margin(self) -> float: ...
    def read(self, patient: Resource) -> Reading: ...
    def again(self, fields: Fields) -> Reading:
        """Returns what was read of a registration before, without what cannot be right in it."""

    def prepare(self, fields: Fields, *, among: int, historic: bool = False) -> Prepared:
        """among: how many registrations there are, roughly. historic: it was made some day that nobody knows."""
