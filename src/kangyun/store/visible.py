"""The gate's place in every statement: which rows of `resource` this request may know of.

Every SQL fragment that names `resource` takes its condition from `visible`, from the first statement on; a test holds
it. A `Sight` is what a decision comes to, in numbers; who makes it, from role, purpose and scopes, is `access.policy`.
What is written about residents (consent, relations) stands in two tables that the condition asks itself, so that a word
withdrawn counts in the next statement: `disclosure` opens a registration to a party, `denial` closes it.

A row is seen by one of five ways, each with the labels that it leaves closed: all of it (`all`), what one's institution
wrote (`own`), what is about oneself (`selves`), what was disclosed to one (`granted`), and registers and terminology,
which are about nobody (`open`). Denials bind all, own and granted, unless the policy or the disclosure says otherwise.
What is about several residents at once (`SEVERAL`) is seen by its own institution, and where denials do not bind.
A Subscription is its writer's alone (`keeper`). A row without labels was not looked at by the rules yet and is closed.
While rows are labelled by changed rules, a row has what it was labelled before and what the rules say of its tokens
(`labels_by_rule`).
"""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from kangyun.base.lazy import lazy
from kangyun.store import rows
from kangyun.store.labelling import SEVERAL
from kangyun.store.types import TYPE_NUMBERS

_PLACE = re.compile(r"\{(visible|denied|versions):(\w+)(?:,(\w+))?\}")
_VALUE = re.compile(r"\{sight\.(\w+)\}")
_SELVES = "{sight.selves}"
_TYPES = {
    "types": "int2[]", "open_types": "int2[]", "open_closed": "int8", "institution": "int4", "all_closed": "int8",
    "own_closed": "int8", "selves": "int8[]", "selves_closed": "int8", "parties": "int8[]", "granted_closed": "int8",
    "purpose": "int8", "within": "int8[]",
}  # fmt: skip
KEPT = TYPE_NUMBERS["Subscription"]
WRITER = 0
"""Among whom a denial leaves out: whoever is of the institution that wrote the row, whichever that is. No hash is 0."""
Token = int
Alternative = tuple[tuple[Token, ...], ...]
"""Of each group of tokens a row must have one."""


@dataclass(frozen=True)
class Sight:
    """What one request may see.

    everything:  no condition at all, for who runs the installation and for the platform itself.
    types:       numbers of the types that are seen; None for all.
    open_types:  whose resources about nobody are seen. institution: whose rows are own.
    all_closed, own_closed, granted_closed: labels that the way leaves closed; None: the way is not there.
    free:        denials do not bind the way `all`.
    selves:      `res` of Patients; their resident's other registrations count as well. selves_closed: as above.
    alone:       these count, and the other registrations do not: more was not proven.
    parties:     hashes of what a disclosure or a denial may call the actor; purpose: a bit.
    within:      `res` of the Patients that an application was launched for; None: it was not.
    narrowed:    of some types (numbers) only rows that fit one of the alternatives.
    by_rule:     while rows are labelled anew, what the rules say of each type, the first is of number 1.
    kept:        the type whose resources only their writer sees; 0 where the rows are known to be of others.
    """

    everything: bool = False
    types: tuple[int, ...] | None = ()
    open_types: tuple[int, ...] = ()
    open_closed: int = 0
    institution: int = 0
    all_closed: int | None = None
    free: bool = False
    own_closed: int | None = None
    selves: tuple[int, ...] = ()
    selves_closed: int = 0
    alone: bool = False
    parties: tuple[int, ...] = ()
    granted_closed: int | None = None
    purpose: int = 0
    within: tuple[int, ...] | None = None
    narrowed: tuple[tuple[int, tuple[Alternative, ...]], ...] = ()
    by_rule: tuple[int, ...] | None = None
    kept: int = KEPT

    @property
    def only_selves(self) -> bool:
        """Whether nothing about others is seen."""
        ways = (self.all_closed, self.own_closed, self.granted_closed)
        return not self.everything and all(closed is None for closed in ways)

    @property
    def asks_tokens(self) -> bool:
        """Whether its condition reads a row's tokens."""
        return bool(self.narrowed) or self.by_rule is not None

    @lazy
    def row(self) -> bytes:
        """The columns of `sight_row`, packed."""
        return rows.sight_row(
            *(self.types, self.open_types, self.open_closed, self.institution, self.all_closed, self.free),
            *(self.own_closed, self.selves, self.selves_closed, self.parties, self.granted_closed, self.purpose),
        )

    @lazy
    def shape(self) -> "_Shape":
        """Which parts its condition has."""
        return _shape(self)


EVERYTHING = Sight(everything=True)


def visible(alias: str, sight: Sight = EVERYTHING) -> str:
    """Returns the condition on the alias of a `resource` table, its values as places that `seen` fills."""
    return _condition(sight.shape).replace("{a}", alias) if not sight.everything else "TRUE"


@lru_cache(maxsize=4096)
def of_type(sight: Sight, number: int) -> Sight:
    """Returns a sight for rows that are known to be of one type, which it sees: its condition asks less."""
    if sight.everything or (sight.types is not None and number not in sight.types):
        return sight
    open_types = sight.open_types if number in sight.open_types else ()
    return replace(sight, types=None, open_types=open_types, kept=sight.kept if number == sight.kept else 0)


def versions(version: str, alias: str, sight: Sight = EVERYTHING) -> str:
    """Returns the condition that an older version may be seen where its resource may: it was about the same patient.

    What a granular scope asks of a row is known of its newest version only, so that no other is seen by it.
    """
    return "TRUE" if sight.everything else _versions(version, alias, sight.shape)


def labels_by_rule(alias: str, types: str) -> str:
    """Returns an expression for what the rules in force say of a row: by its type, and by `label_token`.

    Of a content, by the tokens of what holds it.
    """
    said = f"(SELECT bit_or(x.labels) FROM label_token AS x WHERE x.token = ANY ({alias}.tok))"
    held = (
        "(SELECT bit_or(x.labels) FROM held_content AS c JOIN resource AS h ON h.res = c.holder "
        f"JOIN label_token AS x ON x.token = ANY (h.tok) WHERE c.content = {alias}.res)"
    )
    of_content = f"CASE WHEN {alias}.type = {TYPE_NUMBERS['Binary']} THEN coalesce({held}, 0) ELSE 0 END"
    return f"({types})[{alias}.type] | coalesce({said}, 0) | {of_content}"


def own_patients(sight: Sight) -> str:
    """Returns an expression for all registrations of whom the actor may act for, linked ones included but `alone`."""
    return _SELVES if sight.alone else _linked(_SELVES)


def seen(sql: str, sight: Sight, *values: Any) -> tuple[Any, ...]:
    """Returns a statement and its values, each `{visible:alias}` and `{versions:version,alias}` filled.

    Also `{denied:alias}`, which is whether a denial closes a row, and each value of the sight, as `{sight.parties}`.
    """
    text, names = _filled(sql, None if sight.everything else sight.shape, len(values))
    return text, *values, *(_value(sight, name) for name in names)


# --- how a condition is made: by the shape of a sight, so that statements are few and prepared once


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which parts a condition has. each: it is for rows that each have a sight of their own."""

    types: bool = True
    open: bool = True
    all: bool = True
    free: bool = False
    own: bool = True
    selves: bool = True
    alone: bool = False
    granted: bool = True
    within: bool = False
    narrowed: tuple[tuple[int, tuple[int, ...]], ...] = ()
    by_rule: bool = False
    kept: bool = True
    each: bool = False


def _shape(sight: Sight) -> _Shape:
    return _Shape(
        types=sight.types is not None,
        open=bool(sight.open_types),
        all=sight.all_closed is not None,
        free=sight.free,
        own=sight.own_closed is not None,
        selves=bool(sight.selves),
        alone=sight.alone,
        granted=sight.granted_closed is not None,
        within=sight.within is not None,
        narrowed=tuple((number, tuple(map(len, alternatives))) for number, alternatives in sight.narrowed),
        by_rule=sight.by_rule is not None,
        kept=sight.kept != 0 and (sight.types is None or sight.kept in sight.types),
    )


@cache
def _condition(shape: _Shape) -> str:
    bound: list[str] = []
    free: list[str] = []
    if shape.all:
        every = "({a}.labels & {sight.all_closed}) = 0"
        if shape.each:
            free.append(f"({{sight.free}} AND {every})")
        if shape.free:
            free.append(every)
        else:
            bound.append(f"({{a}}.labels & ({{sight.all_closed}} | {SEVERAL})) = 0")
    if shape.own:
        bound.append("({a}.institution = {sight.institution} AND ({a}.labels & {sight.own_closed}) = 0)")
    if shape.granted:
        bound.append(_disclosed(""))
        free.append(_disclosed(" AND d.over"))
    if shape.selves:
        own = _SELVES if shape.alone else _linked(_SELVES, each=shape.each)
        free.append(f"({{a}}.patient = ANY ({own}) AND ({{a}}.labels & {{sight.selves_closed}}) = 0)")
    ways = list(free)
    if bound:
        ways.append(f"(({' OR '.join(bound)}) AND NOT {_DENIED})")
    if shape.within:
        ways = [f"({{a}}.patient = ANY ({_linked('{sight.within}')}) AND ({' OR '.join(ways)}))"] if ways else []
    if shape.open:
        of_nobody = "{a}.patient IS NULL AND {a}.type = ANY ({sight.open_types})"
        ways.append(f"({of_nobody} AND ({{a}}.labels & ({{sight.open_closed}} | {SEVERAL})) = 0)")
    either = f"({' OR '.join(ways)})" if ways else "FALSE"
    parts = ["{a}.labels <> 0", _by_rule(either, shape)]
    if shape.types:
        of_type = "{a}.type = ANY ({sight.types})"
        parts.insert(0, f"({{sight.types}} IS NULL OR {of_type})" if shape.each else of_type)
    if shape.kept:
        parts.append(_KEPT)
    parts += [_narrowing(place, number, sizes) for place, (number, sizes) in enumerate(shape.narrowed)]
    return f"({' AND '.join(parts)})"


def _by_rule(condition: str, shape: _Shape) -> str:
    """What a row is labelled with is, while rows are labelled anew, what the rules say of it as well."""
    if not shape.by_rule:
        return condition
    return condition.replace("{a}.labels", f"({{a}}.labels | {labels_by_rule('{a}', '{sight.by_rule}')})")


def _versions(version: str, alias: str, shape: _Shape) -> str:
    same = f"k.patient IS NOT DISTINCT FROM {alias}.patient"
    asked = [f"EXISTS (SELECT FROM data_key AS k WHERE k.id = {version}.key AND {same})"]
    for number in sorted({number for number, _ in shape.narrowed}):
        asked.append(f"({alias}.type <> {number} OR {version}.version = {alias}.version)")
    return " AND ".join(asked)


# OFFSET 0: looked up for each row. Without it the server may take all of the table in to hash it, or join it.
# A disclosure opens labels; only one that is a relation is a reason to see the resident, by rows of labels it covers.
def _disclosed(over: str) -> str:
    return (
        "({a}.labels & {sight.granted_closed} & ~(SELECT bit_or(d.opens) FROM disclosure AS d "
        "WHERE d.patient = {a}.patient AND d.party = ANY ({sight.parties}) AND (d.purposes & {sight.purpose}) <> 0 "
        f"AND d.low <= now() AND d.high > now(){over} "
        "HAVING bool_or(d.relation AND (d.covers & {a}.labels) <> 0))) = 0"
    )


_DENIED = (
    "({a}.patient IS NOT NULL AND EXISTS (SELECT FROM denial AS n WHERE n.patient = {a}.patient "
    "AND (n.labels & {a}.labels) <> 0 AND n.parties && {sight.parties} AND NOT n.besides && {sight.parties} "
    "AND (n.purposes & {sight.purpose}) <> 0 AND n.low <= now() AND n.high > now() "
    f"AND NOT ({WRITER} = ANY (n.besides) AND {{a}}.institution = {{sight.institution}}) OFFSET 0))"
)


_KEPT = (
    f"({{a}}.type <> {KEPT} OR EXISTS (SELECT FROM keeper AS o "
    "WHERE o.res = {a}.res AND o.party = ANY ({sight.parties}) OFFSET 0))"
)


def _linked(patients: str, *, each: bool = False) -> str:
    """Once a statement, not for each row, but where each row has a sight of its own."""
    array = (
        f"ARRAY(SELECT unnest({patients}) UNION SELECT l.patient FROM resident_link AS k "
        f"JOIN resident_link AS l ON l.resident = k.resident WHERE k.patient = ANY ({patients}))"
    )
    return f"CASE WHEN cardinality({patients}) > 0 THEN {array} END" if each else array


def _narrowing(place: int, number: int, sizes: tuple[int, ...]) -> str:
    alternatives = (
        " AND ".join(f"{{a}}.tok && {{sight.n_{place}_{nth}_{group}}}" for group in range(size)) or "TRUE"
        for nth, size in enumerate(sizes)
    )
    return f"({{a}}.type <> {number} OR {' OR '.join(f'({one})' for one in alternatives)})"


@lru_cache(maxsize=4096)
def _filled(sql: str, shape: _Shape | None, values: int) -> tuple[str, tuple[str, ...]]:
    names: list[str] = []

    def put(match: re.Match[str]) -> str:
        kind, first, second = match.groups()
        if shape is None:
            return "FALSE" if kind == "denied" else "TRUE"
        if kind == "versions":
            return _versions(first, second, shape)
        return (_condition(shape) if kind == "visible" else _by_rule(_DENIED, shape)).replace("{a}", first)

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name not in names:
            names.append(name)
        return f"${values + names.index(name) + 1}::{_TYPES.get(name, 'int8[]')}"

    return _VALUE.sub(number, _PLACE.sub(put, sql)), tuple(names)


def _value(sight: Sight, name: str) -> Any:
    if not name.startswith("n_"):
        return getattr(sight, name)
    place, nth, group = map(int, name[2:].split("_"))
    return sight.narrowed[place][1][nth][group]


# --- many sights in one statement


def visible_each(alias: str, sights: str) -> str:
    """Returns the condition on an alias whose rows have each a sight of its own: the columns of `sights`."""
    text = _condition(_Shape(each=True)).replace("{a}", alias)
    return _VALUE.sub(lambda match: f"{sights}.{match[1]}", text)


def can_be_each(sight: Sight) -> bool:
    """Whether a sight can be one of many in a statement."""
    if sight.everything or sight.narrowed or sight.alone:
        return False
    return sight.within is None and sight.by_rule is None
