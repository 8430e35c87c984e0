"""The tests of one parameter compiled to conditions, by the parameter's type.

Async, because value sets are expanded and names are looked up. Knows the index, not the tree.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache

import asyncpg

from kangyun.base import units
from kangyun.base.errors import Invalid, NotSupported
from kangyun.fhir.china import canonical
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.parameters import HIERARCHIES, Parameter, implied_systems, is_canonical, parameters
from kangyun.fhir.search.paths import Path
from kangyun.fhir.search.query import targets_of
from kangyun.fhir.search.terms import Amount, Interval, Missing, Target, Token, Value
from kangyun.fhir.search.tree import Test
from kangyun.fhir.search.words import folded, query_grams, words
from kangyun.store.ids import is_resident
from kangyun.store.index import ABOUT, MOST_SAID, UCUM, Indexer
from kangyun.store.reader import Name, Reader
from kangyun.store.references import local_target, relative
from kangyun.store.search import hierarchy
from kangyun.store.search.conditions import (
    Arguments,
    Condition,
    Seed,
    amount_ranges,
    amount_test,
    any_of,
    computed_tokens,
    contains_test,
    date_test,
    dated_condition,
    index_bounds,
    link_condition,
    missing_condition,
    narrow_condition,
    salt_place,
    string_test,
    token_condition,
)
from kangyun.store.tokens import Bound, uri_ancestors
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING, Sight

MOST_EXPANDED = 200
REGISTRATIONS = "SELECT l.patient FROM resident_link AS l WHERE l.resident = ANY ($1::int8[]) ORDER BY l.patient"
SEEN = "SELECT token FROM term WHERE parameter = $1 AND token = ANY ($2::int8[])"
# A day's worth of an ordered value is few rows, a decade's is not.
SHARP_DAYS = 3
SHARP_LETTERS = 3

# (system, code) pairs of a value set, or of what is above or below a code in one of some systems.
Expand = Callable[[asyncpg.Connection, str, Token | str, frozenset[str]], Awaitable[Sequence[tuple[str, str]]]]


@dataclass(slots=True)
class Values:
    """Compiles the tests of single parameters."""

    connection: asyncpg.Connection
    indexer: Indexer
    reader: Reader
    bases: tuple[str, ...]
    expand: Expand
    arguments: Arguments
    sight: Sight = EVERYTHING

    def real(self, type_: str, parameter: Parameter) -> list[Bound]:
        """The indexed parameters that a parameter stands for."""
        bound = self.indexer.bound(type_)
        codes = parameter.alias_of or (parameter.code,)
        if not all(code in bound for code in codes):
            # The region has taken it back since the search was read.
            raise NotSupported("fhir.search.not-answerable", parameter=parameter.name)
        return [bound[code] for code in codes]

    async def test(self, type_: str, test: Test) -> Condition:
        parameter = test.parameter
        if isinstance(test.values[0], Missing):
            own = self.indexer.bound(type_)[parameter.code]
            bits = own.bit if parameter.only else sum(real.bit for real in self.real(type_, parameter))
            return missing_condition(self.arguments, bits, test.values[0].missing)
        real = self.real(type_, parameter)
        if real[0].parameter.type in ("number", "quantity"):
            keys = [bound.salt for bound in real]
            parts = [self._amount(keys, value) for value in test.values if isinstance(value, Amount)]
        elif real[0].parameter.type == "composite":
            parts = [self._composite(real, value) for value in test.values if isinstance(value, tuple)]
        else:
            parts = [
                condition
                for bound in real
                for condition in await self._bound_test(type_, bound, parameter, test.modifier, test.values)
            ]
        joined = any_of(parts)
        if test.modifier in ("not", "not-in"):
            return Condition(f"NOT ({joined.sql})")
        return joined

    async def _bound_test(
        self, type_: str, bound: Bound, parameter: Parameter, modifier: str | None, values: Sequence[Value]
    ) -> list[Condition]:
        match bound.parameter.type:
            case "token":
                return await self._token(type_, bound, modifier, values)
            case "string":
                return [self._string(bound, modifier, str(value)) for value in values]
            case "uri":
                return [token_condition(self.arguments, _uri_tokens(bound, modifier, [str(value) for value in values]))]
            case "reference":
                return [await self._reference(type_, bound, parameter, modifier, values)]
            case _:
                return [self._date(type_, bound, value) for value in values if isinstance(value, Interval)]

    async def _token(self, type_: str, bound: Bound, modifier: str | None, values: Sequence[Value]) -> list[Condition]:
        plain: list[int] = []
        conditions = []
        for value in values:
            if modifier == "text":
                conditions.append(self._term_text(bound, str(value)))
            elif modifier in ("in", "not-in", "above", "below"):
                plain += await self._expanded(bound, modifier, value)  # type: ignore[arg-type]
            elif isinstance(value, Token) and modifier == "of-type":
                plain.append(bound.hash(b"o", canonical(value.system or ""), value.code or "", value.value or ""))
            elif isinstance(value, Token) and value.code is None:
                conditions.append(self._whole_system(bound, canonical(value.system or "")))
            elif isinstance(value, Token):
                plain += _code_tokens(bound, value)
        if plain or not conditions:
            conditions.append(token_condition(self.arguments, plain))
        return conditions

    async def _expanded(self, bound: Bound, modifier: str, value: Token | str) -> list[int]:
        """The tokens of a value set, or of what is above or below a code."""
        systems = implied_systems(bound.parameter)
        pairs = await self.expand(self.connection, modifier, value, systems)
        tokens = [bound.codes(system, code)[0] for system, code in pairs]
        if len(tokens) > MOST_EXPANDED:
            # Of so many codes, those that were ever seen are few.
            rows = await self.connection.fetch(SEEN, bound.salt, tokens)
            tokens = [row["token"] for row in rows]
        return tokens + [bound.codes(None, code)[0] for system, code in pairs if system in systems]

    def _term_text(self, bound: Bound, text: str) -> Condition:
        wanted = self.arguments.add([bound.hasher.number(word.encode()) for word in words(text)], "int8[]")
        return computed_tokens(
            f"SELECT coalesce(array_agg(t.token), '{{}}') FROM term AS t "
            f"WHERE t.parameter = {salt_place(self.arguments, bound)} AND t.words @> {wanted}"
        )

    def _whole_system(self, bound: Bound, system: str) -> Condition:
        own = self.arguments.add([bound.hash(b"s", system)], "int8[]")
        return computed_tokens(
            f"SELECT {own} || coalesce(array_agg(t.token), '{{}}') FROM term AS t "
            f"WHERE t.parameter = {salt_place(self.arguments, bound)} "
            f"AND t.system = {self.arguments.add(system[:MOST_SAID], 'text')}"
        )

    def _string(self, bound: Bound, modifier: str | None, text: str) -> Condition:
        if modifier == "exact":
            return token_condition(self.arguments, [bound.hash(b"e", text)])
        plain = folded(text)
        if modifier == "contains":
            test = contains_test(self.arguments, plain, "q.value")
            rows = narrow_condition(self.arguments, "string_value", [bound.salt], test, sharp=None)
            grams = query_grams(plain)
            if not grams:
                return rows
            place = self.arguments.add([bound.hash(b"g", gram) for gram in grams], "int8[]")
            seed = Seed(
                f"SELECT * FROM resource{{n}} WHERE tok @> {place} OFFSET 0",
                None,
                tokens=tuple(self.arguments.values[-1]),
                exact=False,
            )
            return Condition(f"({{r}}.tok @> {place} AND {rows.sql})", seed)
        sharp = len(plain) >= SHARP_LETTERS or not plain.isascii()
        test = string_test(self.arguments, plain, "q.value")
        return narrow_condition(self.arguments, "string_value", [bound.salt], test, sharp=sharp or None)

    async def _reference(
        self, type_: str, bound: Bound, parameter: Parameter, modifier: str | None, values: Sequence[Value]
    ) -> Condition:
        if modifier == "identifier":
            return token_condition(
                self.arguments, [_identifier(bound, one) for one in values if isinstance(one, Token)]
            )
        names, urls = self._referred(parameter, [one for one in values if isinstance(one, Target)])
        if modifier == "below" and is_canonical(parameter):
            return token_condition(self.arguments, [bound.hash(b"b" if "|" in url else b"u", url) for url in urls])
        targets = await self.registrations(await self.targets(names))
        if modifier in ("above", "below"):
            targets = await self._family(parameter, modifier, targets, names, urls)
        elif len(values) == 1 and targets and names[0][0] == "Patient" and decides_patient(type_, bound.code):
            return self._about(type_, bound, targets)
        if len(targets) > 1 and not urls:
            return link_condition(self.arguments, targets, bound.salt)
        tokens = [bound.hash(b"u", url) for url in urls] + [target ^ bound.salt for target in targets]
        return token_condition(self.arguments, tokens, links=True)

    def _referred(self, parameter: Parameter, values: Sequence[Target]) -> tuple[list[Name], list[str]]:
        """Returns what the values name of the record, and the urls of what is elsewhere."""
        names: list[Name] = []
        urls: list[str] = []
        for value in values:
            local = local_target(relative(value.url or "", self.bases))
            if local and not is_canonical(parameter):
                names.append(local)
            elif value.url is not None:
                urls.append(value.url)
            else:
                types = [value.type] if value.type else targets_of(parameter)
                names += [(one, value.id or "") for one in types]
        return [name for name in names if parameter.only in (None, name[0])], urls

    async def _family(
        self, parameter: Parameter, modifier: str, targets: list[int], names: list[Name], urls: list[str]
    ) -> list[int]:
        """Returns the targets and all above or below them. Raises TooCostly where those are too many."""
        found = list(targets)
        for type_ in HIERARCHIES.keys() & targets_of(parameter):
            bound = self.indexer.bound(type_)[HIERARCHIES[type_]]
            roots = await self.targets([name for name in names if name[0] == type_])
            if not roots and not urls:
                continue
            if modifier == "below":
                found += await hierarchy.below(self.connection, bound, roots, urls, self.sight)
            else:
                found += await hierarchy.above(self.connection, bound, roots, self.sight)
        return list(dict.fromkeys(found))

    def _about(self, type_: str, bound: Bound, patients: Sequence[int]) -> Condition:
        """Rows about a patient, or about one resident's: the column gives them. The token decides, as for all
        references."""
        about, holds = ("= ANY", "&&") if len(patients) > 1 else ("=", "@>")
        whom = self.arguments.add(patients, "int8[]") if len(patients) > 1 else self.arguments.add(patients[0], "int8")
        own = f"type = {TYPE_NUMBERS[type_]} AND patient {about} ({whom})"
        seed = Seed(f"SELECT * FROM resource{{n}} WHERE {own} OFFSET 0", True, exact=False)
        tokens = self.arguments.add([patient ^ bound.salt for patient in patients], "int8[]")
        return Condition(f"{{r}}.tok {holds} {tokens}", seed)

    async def registrations(self, targets: Sequence[int]) -> list[int]:
        """Returns resources by their numbers, in the place of each resident all registrations that are his."""
        residents = [res for res in targets if is_resident(res)]
        if not residents:
            return list(targets)
        rows = await self.connection.fetch(REGISTRATIONS, residents)
        return list(
            dict.fromkeys([*(res for res in targets if not is_resident(res)), *(row["patient"] for row in rows)])
        )

    async def targets(self, names: Sequence[Name]) -> list[int]:
        """Returns the numbers of what is named, as far as ids say it or were given to something."""
        found: list[int] = []
        chosen = []
        for name in dict.fromkeys(names):
            res = self.reader.ids.res_of(name[1])
            if res is not None:
                found.append(res)
            elif name[0] in TYPE_NUMBERS and name[1]:
                chosen.append(name)
        if chosen:
            found += (await self.reader.names(self.connection, chosen)).values()
        return list(dict.fromkeys(found))

    def _date(self, type_: str, bound: Bound, interval: Interval) -> Condition:
        sharp = interval.prefix in ("eq", "ap") and (interval.high - interval.low).days <= SHARP_DAYS
        if not bound.clinical:
            return dated_condition(self.arguments, [bound.salt], interval, sharp=sharp or None)
        test = date_test(self.arguments, interval, "{r}.at", "{r}.until")
        seed = self._dated_rows(TYPE_NUMBERS[type_], interval, sharp or None)
        return Condition(f"({test} AND {{r}}.until > '-infinity')", seed)

    def _dated_rows(self, number: int, interval: Interval, sharp: bool | None) -> Seed | None:
        """Selects rows by the index of (type, at): all that can pass, and few that cannot.

        The keys come first, in the order of the index: of whole rows the server would think that other indexes give
        them as well.
        """
        bounds = index_bounds(self.arguments, interval, "at", "until")
        if bounds is None:
            return None
        begun, ended = bounds
        keys = [f"SELECT res FROM resource{{n}} WHERE type = {number} AND {begun} ORDER BY at DESC"]
        if ended:
            keys.append(
                f"SELECT res FROM resource{{n}} WHERE type = {number} AND lasting AND {ended} ORDER BY until DESC"
            )
        rows = " UNION ALL ".join(
            f"SELECT s.* FROM ({one}) AS k "
            f"CROSS JOIN LATERAL (SELECT * FROM resource{{n}} AS x WHERE x.res = k.res AND {own} OFFSET 0) AS s"
            for one, own in zip(keys, ("NOT x.lasting" if ended else "TRUE", "TRUE"), strict=False)
        )
        probe = " UNION ALL ".join(f"SELECT 1 FROM ({one}) AS k" for one in keys)
        return Seed(f"SELECT * FROM ({rows}) AS d OFFSET 0", sharp, exact=False, probe=probe)

    def _amount(self, keys: Sequence[int], amount: Amount, owner: str = "TRUE") -> Condition:
        sharp = amount.prefix == "eq" or None
        if amount.code is None:
            test = f"{owner} AND {amount_test(self.arguments, amount, 'q.low', 'q.high')}"
            ranges = amount_ranges(self.arguments, amount, owner)
            return narrow_condition(self.arguments, "quantity_value", keys, test, sharp=sharp, ranges=ranges)
        low, high = "(q.low * u.factor + u.shift)", "(q.high * u.factor + u.shift)"
        if amount.system in (None, UCUM):
            try:
                unit = units.parse(amount.code)
            except Invalid:
                unit = None
            if unit is not None:
                factor, shift = float(unit.factor), float(unit.offset)
                bottom, value, top = (float(x) * factor + shift for x in (amount.low, amount.value, amount.high))
                base = _Canonical(amount.prefix, value, min(bottom, top), max(bottom, top))
                test = amount_test(self.arguments, base, low, high)  # type: ignore[arg-type]
                fits = f"u.dimension = {self.arguments.add(unit.canonical, 'text')} AND {test}"
                if amount.system is None:
                    # The same letters in another system, or in none, are a unit of their own.
                    test = amount_test(self.arguments, amount, "q.low", "q.high")
                    code = self.arguments.add(amount.code[:MOST_SAID], "text")
                    fits = f"(({fits}) OR (u.dimension IS NULL AND u.code = {code} AND {test}))"
                return self._with_unit(keys, f"{owner} AND {fits}", sharp)
        same = f"u.code = {self.arguments.add(amount.code[:MOST_SAID], 'text')}"
        if amount.system is not None:
            same += f" AND u.system = {self.arguments.add(amount.system[:MOST_SAID], 'text')}"
        test = amount_test(self.arguments, amount, "q.low", "q.high")
        return self._with_unit(keys, f"{owner} AND {same} AND {test}", sharp)

    def _with_unit(self, keys: Sequence[int], test: str, sharp: bool | None) -> Condition:
        join = " JOIN unit AS u ON u.hash = q.unit"
        return narrow_condition(self.arguments, "quantity_value", keys, test, sharp=sharp, join=join)

    def _composite(self, real: Sequence[Bound], values: tuple[Value, ...]) -> Condition:
        bound = real[0]
        first, kind = values[0], bound.parts[1].parameter.type
        if not isinstance(first, Token) or first.code is None:
            raise Invalid("fhir.search.value", parameter=bound.parameter.name)
        if kind == "token":
            second = values[1]
            if not isinstance(second, Token) or second.code is None:
                raise Invalid("fhir.search.value", parameter=bound.parameter.name)
            return token_condition(self.arguments, [one.hash(b"k", _form(first), _form(second)) for one in real])
        if kind == "reference":
            raise NotSupported("fhir.search.not-answerable", parameter=bound.parameter.name)
        keys = [one.salt ^ one.hash(b"k", first.code) for one in real]
        owner = "TRUE"
        if first.system:
            owner = f"q.system = {self.arguments.add(bound.hasher.small(canonical(first.system)), 'int4')}"
        if kind == "quantity":
            assert isinstance(values[1], Amount)
            return self._amount(keys, values[1], owner)
        if kind == "number":
            tests = [
                amount_test(self.arguments, value, column, column)
                for value, column in zip(values[1:], ("q.low", "q.high"), strict=False)
                if isinstance(value, Amount)
            ]
            test = f"{owner} AND {' AND '.join(tests)}"
            return narrow_condition(self.arguments, "quantity_value", keys, test, sharp=True)
        if kind == "date":
            assert isinstance(values[1], Interval)
            return dated_condition(self.arguments, keys, values[1], sharp=None)
        test = string_test(self.arguments, folded(str(values[1])), "q.value")
        return narrow_condition(self.arguments, "string_value", keys, test, sharp=True)


@dataclass(frozen=True, slots=True)
class _Canonical:
    """An amount in base units."""

    prefix: str
    value: float
    low: float
    high: float


def _code_tokens(bound: Bound, value: Token) -> list[int]:
    assert value.code is not None
    if value.system is None:
        return [bound.codes(None, value.code)[0]]
    if value.system == "":
        return [bound.codes(None, value.code)[1]]
    tokens = [bound.codes(value.system, value.code)[0]]
    if value.system in implied_systems(bound.parameter):
        tokens.append(bound.codes(None, value.code)[0])
    return tokens


def _identifier(bound: Bound, pair: Token) -> int:
    known = (pair.code or "",) if pair.system is None else (canonical(pair.system), pair.code or "")
    return bound.hash(b"i", *known)


def _form(token: Token) -> str:
    return f"{canonical(token.system)}|{token.code}" if token.system else str(token.code)


def _uri_tokens(bound: Bound, modifier: str | None, values: Sequence[str]) -> list[int]:
    if modifier == "below":
        return [bound.hash(b"b", value.rstrip("/")) for value in values]
    if modifier == "above":
        return [bound.hash(b"u", part) for value in values for part in uri_ancestors(value)]
    return [bound.hash(b"u", value) for value in values]


@cache
def decides_patient(type_: str, code: str) -> bool:
    """Whether the column `patient` is just what this parameter says: single-valued, and none ranks before it."""
    types = definitions().types
    about = definitions().compartments["Patient"].get(type_, ())
    first = next((name for name in ABOUT if name in about), None)
    paths = _paths(type_, code)
    if first is None or not paths or paths != _paths(type_, first):
        return False
    for path in paths:
        type_name = type_
        for step in path:
            element = types[type_name].elements.get(step.name) if step.kind == "member" else None
            if element is None or element.is_array:
                return False
            type_name = element.type
    return True


def _paths(type_: str, code: str) -> set[Path]:
    parameter = parameters(type_).get(code)
    if parameter is None:
        return set()
    return {path for name in parameter.alias_of or (code,) for path in parameters(type_)[name].paths}
