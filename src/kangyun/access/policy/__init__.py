"""The policy: what each role may do, and by which ways it sees. Data that a region edits; pure.

It makes no decision by itself: `sights` turns an actor and the policy into what the store asks in every statement.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import msgspec

from kangyun.access.labels import Labels
from kangyun.access.rulebook import parsed
from kangyun.base.errors import Invalid
from kangyun.fhir.definitions import definitions

FILE = "policy.toml"
PURPOSES = (
    "TREAT", "ETREAT", "HPAYMT", "PUBHLTH", "HRESCH", "SYSADMIN", "PATRQT", "FAMRQT", "HOPERAT", "CAREMGT", "COVERAGE",
    "BTG", "CLINTRCH", "HQUALIMP", "HLEGAL", "PATADMIN", "RECORDMGT",
)  # fmt: skip
"""Codes of v3-PurposeOfUse; the place of each is its bit."""
ANY_PURPOSE = (1 << 62) - 1
GROUNDS = frozenset(
    ("encounter", "stay", "card", "word", "contract", "duty", "referral", "alarm", "consent", "emergency")
)  # fmt: skip
"""Those that the platform finds out or is told; a ground of any other name would open nothing, unnoticed."""
MOST_HOURS = 100 * 366 * 24.0  # a human life: a time that is longer is mistyped


class _Way(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    closed: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


class _Role(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str
    purposes: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    own: _Way | None = None
    granted: _Way | None = None
    all: _Way | None = None
    selves: _Way | None = None
    free: bool = False
    others: bool = False
    strangers: bool = False
    masked: bool = True


class _Ground(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str
    hours: float
    roles: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    over: bool = False
    told: bool = False
    reviewed: bool = False
    readers: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()


class _Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    default: str


class _Open(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    types: tuple[str, ...]
    closed: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    edition: str
    sets: dict[str, tuple[str, ...]]
    consent: _Consent
    open: _Open
    groups: dict[str, tuple[str, ...]]
    roles: dict[str, _Role]
    grounds: dict[str, _Ground]


@dataclass(frozen=True, slots=True)
class Role:
    """A role: types by name, ways as the labels that they leave closed (None: not there), purposes as codes.

    masked: persons are shown masked until they are opened with a reason; what is private of staff is for every role.
    """

    name: str
    zh: str
    en: str
    purposes: tuple[str, ...]
    reads: frozenset[str]
    writes: frozenset[str]
    own: int | None
    granted: int | None
    all: int | None
    selves: int | None
    free: bool
    others: bool
    masked: bool = True
    strangers: bool = True


@dataclass(frozen=True, slots=True)
class Ground:
    """A reason to see a resident's record. opens: labels.

    readers: institutions whose card readers are believed. tickets: applications whose word on an encounter is.
    """

    name: str
    zh: str
    en: str
    hours: float
    roles: frozenset[str]
    opens: int
    over: bool
    told: bool
    reviewed: bool
    readers: frozenset[str] = frozenset()
    tickets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of an installation. permits: what holds where a resident has said nothing."""

    edition: str
    permits: bool
    open_types: frozenset[str]
    open_closed: int
    roles: Mapping[str, Role]
    grounds: Mapping[str, Ground]
    sensitive: int


def read_policy(text: str, labels: Labels) -> Policy:
    """Reads a policy. Raises Invalid, naming the place, for one that cannot be."""
    try:
        read = msgspec.convert(parsed(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid("access.policy.file", reason=str(error)[:200]) from None
    if read.consent.default not in ("permit", "deny"):
        raise Invalid("access.policy.file", reason="consent.default")
    groups = {name: frozenset(types) for name, types in read.groups.items()} | {"open": frozenset(read.open.types)}
    for place, types in groups.items():
        _check_types(place, types)
    permits = read.consent.default == "permit"
    roles = {name: _role(name, role, read.sets, groups, labels, permits) for name, role in read.roles.items()}
    grounds = {}
    for name, ground in read.grounds.items():
        if name not in GROUNDS:
            raise Invalid("access.policy.name", place="grounds", name=name)
        if unknown := set(ground.roles) - roles.keys():
            raise Invalid("access.policy.name", place=f"grounds.{name}.roles", name=min(unknown))
        if not 0 < ground.hours <= MOST_HOURS:  # Nor is what is no number (nan) within.
            raise Invalid("access.policy.name", place=f"grounds.{name}", name="hours")
        for reader in ground.readers:
            if not reader.startswith("Organization/"):
                raise Invalid("access.policy.name", place=f"grounds.{name}.readers", name=reader)
        opens = _labels(ground.opens, read.sets, labels)
        grounds[name] = Ground(
            name, ground.zh, ground.en, ground.hours, frozenset(ground.roles), opens, ground.over, ground.told,
            ground.reviewed, frozenset(ground.readers), frozenset(ground.tickets),
        )  # fmt: skip
    return Policy(
        edition=read.edition,
        permits=permits,
        open_types=frozenset(read.open.types),
        open_closed=_labels(read.open.closed, read.sets, labels),
        roles=roles,
        grounds=grounds,
        sensitive=_labels(("@sensitive",), read.sets, labels),
    )


def policy_of(folder: Path, labels: Labels) -> Policy:
    """Returns the policy of an installation: its own file, else the shipped one. Raises Invalid."""
    own = folder / FILE
    text = own.read_text("utf-8") if own.exists() else shipped_text()
    return read_policy(text, labels)


def shipped_text() -> str:
    """Returns the policy that comes with the platform, as text to be edited."""
    return files("kangyun.access.policy").joinpath("data", FILE).read_text("utf-8")


def purpose_bit(code: str) -> int:
    """Returns the bit of a purpose; 0 for one that is not known."""
    return 1 << PURPOSES.index(code) if code in PURPOSES else 0


def _role(
    name: str, role: _Role, sets: Mapping[str, Sequence[str]], groups: Mapping[str, frozenset[str]], labels: Labels,
    permits: bool,
) -> Role:  # fmt: skip
    for code in role.purposes:
        if code not in PURPOSES:
            raise Invalid("access.policy.name", place=f"roles.{name}.purposes", name=code)
    # Without the resident's word nothing that others wrote is open: a consent then opens what it names.
    silent = 0 if permits else labels.all
    granted, everybody = _closed(role.granted, sets, labels), _closed(role.all, sets, labels)
    return Role(
        name=name,
        zh=role.zh,
        en=role.en,
        purposes=role.purposes,
        reads=_types(f"roles.{name}.reads", role.reads, groups),
        writes=_types(f"roles.{name}.writes", role.writes, groups),
        own=_closed(role.own, sets, labels),
        granted=None if granted is None else granted | silent,
        all=everybody if everybody is None or role.free else everybody | silent,
        selves=_closed(role.selves, sets, labels),
        free=role.free,
        others=role.others,
        masked=role.masked,
        strangers=role.others or role.strangers,
    )


def _closed(way: _Way | None, sets: Mapping[str, Sequence[str]], labels: Labels) -> int | None:
    if way is None:
        return None
    closed = _labels(way.closed, sets, labels)
    if way.only:
        others = labels.mask(*labels.categories, *labels.sensitivities)
        closed |= others & ~_labels(way.only, sets, labels)
    return closed


def _labels(names: Iterable[str], sets: Mapping[str, Sequence[str]], labels: Labels) -> int:
    found = 0
    for name in names:
        if name.startswith("@"):
            if name[1:] not in sets:
                raise Invalid("access.policy.name", place="sets", name=name)
            found |= labels.mask(*sets[name[1:]])
        else:
            found |= labels.mask(name)
    return found


def _types(place: str, names: Iterable[str], groups: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found: set[str] = set()
    without: set[str] = set()
    for name in names:
        plain = name.removeprefix("-")
        ours = found if plain == name else without
        if plain == "*":
            ours |= definitions().resource_types
        elif plain.startswith("@"):
            if plain[1:] not in groups:
                raise Invalid("access.policy.name", place=place, name=name)
            ours |= groups[plain[1:]]
        else:
            ours.add(plain)
    _check_types(place, found | without)
    return frozenset(found - without)


def _check_types(place: str, types: Iterable[str]) -> None:
    for name in types:
        if name not in definitions().resource_types:
            raise Invalid("access.policy.name", place=place, name=name)
