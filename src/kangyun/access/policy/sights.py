"""From who asks to what may be seen: an actor and the policy make a `Sight`, and say which types may be written.

What is written about a resident (relations, consent) is not here: the sight names the actor as a disclosure or a denial
may call it, and the statement asks for both.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from kangyun.access.actor import Actor
from kangyun.access.houses import BELOW
from kangyun.access.oidc.scopes import Scope, data_scopes
from kangyun.access.policy import Policy, Role, purpose_bit
from kangyun.store.index import Indexer
from kangyun.store.tokens import Hasher
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING, Alternative, Sight

ANYBODY = "*"
STAFF = "Practitioner"


@dataclass(frozen=True, slots=True)
class Decision:
    """What an actor may do.

    reads, searches, creates, updates, deletes: types; None for all. writes_all: also what other institutions wrote.
    strangers: also about residents whose registration is not seen.
    only_about: the Patients that may be written about; None: any. writing: what is seen in order to change it.
    masked: persons are, until they are opened. hides_staff: what is private of a Practitioner is masked, too;
    keeps_staff: but not what one's own institution wrote of staff, to be written back.
    """

    sight: Sight
    reads: frozenset[str] | None
    searches: frozenset[str] | None
    creates: frozenset[str] | None
    updates: frozenset[str] | None
    deletes: frozenset[str] | None
    writes_all: bool
    only_about: frozenset[int] | None = None
    writing: Sight = EVERYTHING
    masked: bool = False
    strangers: bool = True
    hides_staff: bool = False
    keeps_staff: bool = False


ALL = Decision(EVERYTHING, None, None, None, None, None, True)


def party(hasher: Hasher, name: str) -> int:
    """Returns what a disclosure or a denial calls somebody: a reference, `role:…`, a reference`#role`, or `*`."""
    return hasher.number(f"party\0{name}".encode())


class Sights:
    """Makes decisions. One for a process; the same actor gets the same one while the policy stands.

    anybody: what everybody who is signed in sees, registers and terminology. What a process answers all from is of it.
    """

    def __init__(self, policy: Policy, indexer: Indexer) -> None:
        self.policy = policy
        self._indexer = indexer
        self.party = partial(party, indexer.hasher)
        self.decide = lru_cache(maxsize=20_000)(self._decide)
        self.by_rule(None)

    def in_role(self, actor: Actor) -> int:
        """Returns what a disclosure calls somebody in the role in which he asks, and in no other of his."""
        return self.party(f"{actor.reference}#{actor.role}")

    def by_rule(self, of_types: tuple[int, ...] | None) -> None:
        """Has rows seen by what the rules say of them as well; None: as they are labelled, which all are."""
        self._by_rule = of_types
        numbers = _numbers(self.policy.open_types)
        self.anybody = Sight(types=numbers, open_types=numbers, open_closed=self.policy.open_closed, by_rule=of_types)
        self.decide.cache_clear()

    def _decide(
        self, actor: Actor, institution: int, selves: tuple[int, ...], within: int | None, above: tuple[str, ...] = ()
    ) -> Decision:
        """Decides for an actor. selves: `res` of its patients; within: of the Patient it was launched for; above: the
        institutions above its own, whose denials bind it."""
        if actor.administrator and actor.scopes is None:
            return ALL
        role = self.policy.roles.get(actor.role)
        if role is None or actor.purpose not in role.purposes:
            role = _NOBODY
        scopes = None if actor.scopes is None else data_scopes(actor.scopes)
        reads, searches = (_allowed(role.reads | self.policy.open_types, scopes, letter) for letter in "rs")
        hasher = self._indexer.hasher
        at = (actor.institution, actor.reference)
        of_role = (f"role:{actor.role}", *(f"{name}#{actor.role}" for name in at)) if actor.role else ()
        names = (ANYBODY, *at, *of_role, *(f"{BELOW}{house}" for house in above))
        bound_to_patient = scopes is not None and any(scope.level == "patient" for scope in scopes)
        sight = Sight(
            types=_numbers(reads | searches),
            open_types=_numbers(self.policy.open_types),
            open_closed=self.policy.open_closed,
            institution=institution,
            all_closed=role.all,
            free=role.free,
            own_closed=role.own,
            selves=selves if role.selves is not None else (),
            selves_closed=(role.selves or 0) | actor.hidden,
            alone=actor.alone,
            parties=tuple(party(hasher, name) for name in names),
            granted_closed=role.granted,
            purpose=purpose_bit(actor.purpose),
            within=((within,) if within is not None else ()) if bound_to_patient else None,
            narrowed=self._narrowed(scopes or (), reads | searches),
            by_rule=self._by_rule,
        )
        creates, updates, deletes = (_allowed(role.writes, scopes, letter) for letter in "cud")
        if not actor.acts:  # A family member who was given to see, and not to act.
            creates = updates = deletes = frozenset()
        about = sight.within if bound_to_patient else selves if role.selves is not None else None
        only_about = None if about is None else frozenset(about)
        writing = replace(sight, types=_numbers(reads | searches | updates | deletes))
        return Decision(
            sight, reads, searches, creates, updates, deletes, role.others, only_about, writing, role.masked,
            role.strangers, hides_staff=True, keeps_staff=not role.masked and STAFF in role.writes,
        )  # fmt: skip

    def _narrowed(
        self, scopes: Iterable[Scope], types: Collection[str]
    ) -> tuple[tuple[int, tuple[Alternative, ...]], ...]:
        """Returns for types that are read by granular scopes only what their rows must have."""
        found = []
        for type_ in sorted(types):
            for letter in "rs":  # A row must fit both: there is one sight for reading and searching.
                mine = [scope for scope in scopes if scope.covers(type_) and letter in scope.permissions]
                if mine and all(scope.pairs for scope in mine):
                    found.append((TYPE_NUMBERS[type_], tuple(self._alternative(type_, scope) for scope in mine)))
        return tuple(dict.fromkeys(found))

    def _alternative(self, type_: str, scope: Scope) -> Alternative:
        """One group of tokens a parameter; one that is not understood lets nothing through."""
        groups = []
        for code, value in scope.pairs:
            bound = self._indexer.bound(type_).get(code)
            tokens: list[int] = []
            for text in value.split(",") if bound is not None and bound.parameter.type == "token" else ():
                system, mark, plain = text.partition("|")
                tokens.append(bound.codes(system, plain)[0] if mark else bound.codes(None, text)[0])  # type: ignore[union-attr]
            groups.append(tuple(tokens))
        return tuple(groups)


_NOBODY = Role("", "", "", (), frozenset(), frozenset(), None, None, None, None, False, False)


def _allowed(types: frozenset[str], scopes: Iterable[Scope] | None, letter: str) -> frozenset[str]:
    """Returns the types that are in scope for a letter. A granular scope is for reading: nothing is written by it."""
    if scopes is None:
        return types
    if letter in "cud":
        scopes = [scope for scope in scopes if not scope.pairs]
    return frozenset(
        type_ for type_ in types if any(letter in scope.permissions and scope.covers(type_) for scope in scopes)
    )


def _numbers(types: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted(TYPE_NUMBERS[type_] for type_ in types))
