"""A tree of tests compiled to conditions.

Async, because chains take the keys of what they lead to first, and names are looked up. Knows the index, not the plans.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import asyncpg

from kangyun.base import units
from kangyun.base.errors import Invalid, NotSupported
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.parameters import Parameter, parameters
from kangyun.fhir.search.paths import Path
from kangyun.fhir.search.query import targets_of
from kangyun.fhir.search.terms import Amount, Interval, Missing, Target, Token, Value
from kangyun.fhir.search.tree import All, Chain, Column, Either, Has, Node, Not, Test
from kangyun.fhir.search.words import folded, query_grams, words
from kangyun.store.index import ABOUT, UCUM, Indexer
from kangyun.store.model import TYPE_NUMBERS
from kangyun.store.reader import Name, Reader
from kangyun.store.references import local_target, relative
from kangyun.store.search.conditions import (
    Arguments,
    Condition,
    Seed,
    amount_ranges,
    amount_test,
    computed_tokens,
    contains_test,
    date_test,
    dated_condition,
    earlier,
    link_condition,
    missing_condition,
    narrow_condition,
    salt_place,
    string_test,
    token_condition,
)
from kangyun.store.tokens import Bound, uri_ancestors
from kangyun.store.visible import EVERYTHING, Sight, visible

# A chain takes so many targets by their keys; beyond that it is joined row by row.
MOST_TARGETS = 1000
MOST_REFERRING = 10_000
MOST_EXPANDED = 200
SEEN = "SELECT token FROM term WHERE parameter = $1 AND token = ANY ($2::int8[])"
# A day's worth of an ordered value is few rows, a decade's is not.
SHARP_DAYS = 3
SHARP_LETTERS = 3


class Keys(Protocol):
    """Runs an inner search for its keys."""

    async def keys(
        self, connection: asyncpg.Connection, type_: str, node: Node, most: int, sight: Sight
    ) -> list[int] | None:
        """Returns the `res` that match, None when they are more than `most` or cannot be had cheaply."""
        ...

    async def referred(
        self, connection: asyncpg.Connection, type_: str, node: Node, salt: int, most: int, sight: Sight
    ) -> list[int] | None:
        """Returns the `res` that matches refer to by the parameter of `salt`, None as for keys."""
        ...


# (system, code) pairs of a value set, or of what is above or below a code in one of some systems.
Expand = Callable[[asyncpg.Connection, str, Token | str, frozenset[str]], Awaitable[Sequence[tuple[str, str]]]]


@dataclass(slots=True)
class Compiler:
    """Compiles the tests of one search on one type."""

    connection: asyncpg.Connection
    indexer: Indexer
    reader: Reader
    keys: Keys
    bases: tuple[str, ...]
    expand: Expand
    arguments: Arguments
    sight: Sight = EVERYTHING
    joins: int = 0

    async def conditions(self, type_: str, node: Node) -> list[Condition]:
        """Returns the conditions that must all hold."""
        if isinstance(node, All):
            found = []
            for one in node.nodes:
                found += await self.conditions(type_, one)
            return found
        return [await self._condition(type_, node)]

    async def compartment(self, type_: str, owner: Name) -> Condition:
        """Returns the condition that a resource is in the compartment of `owner`."""
        if type_ == owner[0]:
            place = self.arguments.add(await self._targets([owner]), "int8[]")
            own = Seed(f"SELECT * FROM resource{{n}} WHERE res = ANY ({place}) OFFSET 0", True)
            return Condition(f"{{r}}.res = ANY ({place})", own)
        bound = self.indexer.bound(type_)
        codes = [code for code in definitions().compartments[owner[0]].get(type_, ()) if code in bound]
        salts = {real.salt for code in codes for real in self._real(type_, bound[code].parameter)}
        tokens = [target ^ salt for target in await self._targets([owner]) for salt in sorted(salts)]
        return token_condition(self.arguments, tokens, sharp=True)

    async def _condition(self, type_: str, node: Node) -> Condition:
        match node:
            case Test():
                return await self._test(type_, node)
            case Not(node=inner):
                return Condition(f"NOT ({await self._joined(type_, inner)})")
            case Either(nodes=nodes):
                return Condition("(" + " OR ".join([await self._joined(type_, one) for one in nodes]) + ")")
            case All():
                return Condition(await self._joined(type_, node))
            case Chain():
                return await self._chain(type_, node)
            case Has():
                return await self._has(node)
            case Column():
                return await self._column(type_, node)

    async def _joined(self, type_: str, node: Node) -> str:
        parts = [condition.sql for condition in await self.conditions(type_, node)]
        return "(" + " AND ".join(parts) + ")" if parts else "TRUE"

    # --- one parameter

    def _real(self, type_: str, parameter: Parameter) -> list[Bound]:
        """The indexed parameters that a parameter stands for."""
        bound = self.indexer.bound(type_)
        codes = parameter.alias_of or (parameter.code,)
        if not all(code in bound for code in codes):
            # The region has taken it back since the search was read.
            raise NotSupported("fhir.search.not-answerable", parameter=parameter.name)
        return [bound[code] for code in codes]

    async def _test(self, type_: str, test: Test) -> Condition:
        parameter = test.parameter
        if isinstance(test.values[0], Missing):
            own = self.indexer.bound(type_)[parameter.code]
            bits = own.bit if parameter.only else sum(real.bit for real in self._real(type_, parameter))
            return missing_condition(self.arguments, bits, test.values[0].missing)
        real = self._real(type_, parameter)
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
        joined = parts[0] if len(parts) == 1 else _any(parts)
        if test.modifier in ("not", "not-in"):
            return Condition(f"NOT ({joined.sql})")
        return Condition(joined.sql, joined.seed, frozenset({parameter.code}))

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
                plain.append(bound.hash(b"o", value.system or "", value.code or "", value.value or ""))
            elif isinstance(value, Token) and value.code is None:
                conditions.append(self._whole_system(bound, value.system or ""))
            elif isinstance(value, Token):
                plain += _code_tokens(bound, value)
        if plain or not conditions:
            conditions.append(token_condition(self.arguments, plain))
        return conditions

    async def _expanded(self, bound: Bound, modifier: str, value: Token | str) -> list[int]:
        """The tokens of a value set, or of what is above or below a code."""
        systems = implied(bound.parameter)
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
            f"AND t.system = {self.arguments.add(system, 'text')}"
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
            pairs = [value for value in values if isinstance(value, Token)]
            return token_condition(
                self.arguments,
                [
                    bound.hash(b"i", pair.code or "")
                    if pair.system is None
                    else bound.hash(b"i", pair.system, pair.code or "")
                    for pair in pairs
                ],
            )
        names: list[Name] = []
        tokens: list[int] = []
        for value in values:
            assert isinstance(value, Target)
            if value.url is not None:
                local = local_target(relative(value.url, self.bases))
                if local:
                    names.append(local)
                else:
                    tokens.append(bound.hash(b"u", value.url))
            elif value.type:
                names.append((value.type, value.id or ""))
            else:
                names += [(one, value.id or "") for one in targets_of(parameter)]
        if parameter.only:
            names = [name for name in names if name[0] == parameter.only]
        targets = await self._targets(names)
        if targets and not tokens and bound.patient_rank and len(targets) == 1 and names[0][0] == "Patient":
            place = self.arguments.add(targets[0], "int8")
            token = self.arguments.add([targets[0] ^ bound.salt], "int8[]")
            # The patient column narrows, the token decides: the resource may name the patient in another element.
            number = TYPE_NUMBERS[type_]
            if decides_patient(type_, bound.code):
                seed = Seed(
                    f"SELECT * FROM resource{{n}} WHERE patient = {place} AND type = {number} OFFSET 0",
                    True,
                    exact=False,
                )
                return Condition(f"{{r}}.tok @> {token}", seed)
        return token_condition(self.arguments, [*tokens, *(target ^ bound.salt for target in targets)], sharp=True)

    async def _targets(self, names: Sequence[Name]) -> list[int]:
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

        What ends after a moment begins at most LASTING before it, but for what has its own index. The keys come first,
        in the order of the index: of whole rows the server would think that other indexes give them as well.
        """
        low, high = self.arguments.add(interval.low, "timestamptz"), self.arguments.add(interval.high, "timestamptz")
        ended = ""
        match interval.prefix:
            case "eq":
                begun = f"at >= {low} AND at < {high}"
            case "lt" | "eb":
                begun = f"at < {low}"
            case "le":
                begun = f"at < {high}"
            case "sa":
                begun = f"at >= {high}"
            case "gt" | "ge" | "ap":
                begun = f"at >= {self.arguments.add(earlier(interval.low), 'timestamptz')}"
                begun += f" AND at < {high}" if interval.prefix == "ap" else ""
                ended = f"until > {high if interval.prefix == 'gt' else low}"
            case _:
                return None
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
                canonical = _Canonical(amount.prefix, value, min(bottom, top), max(bottom, top))
                test = amount_test(self.arguments, canonical, low, high)  # type: ignore[arg-type]
                fits = f"u.dimension = {self.arguments.add(unit.canonical, 'text')} AND {test}"
                if amount.system is None:
                    # The same letters in another system, or in none, are a unit of their own.
                    test = amount_test(self.arguments, amount, "q.low", "q.high")
                    code = self.arguments.add(amount.code, "text")
                    fits = f"(({fits}) OR (u.dimension IS NULL AND u.code = {code} AND {test}))"
                return self._with_unit(keys, f"{owner} AND {fits}", sharp)
        same = f"u.code = {self.arguments.add(amount.code, 'text')}"
        if amount.system is not None:
            same += f" AND u.system = {self.arguments.add(amount.system, 'text')}"
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
            owner = f"q.system = {self.arguments.add(bound.hasher.small(first.system), 'int4')}"
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

    # --- chains

    async def _chain(self, type_: str, chain: Chain) -> Condition:
        found: list[Condition] = []
        for bound in self._real(type_, chain.parameter):
            for target_type, inner in chain.inner:
                targets = await self.keys.keys(self.connection, target_type, inner, MOST_TARGETS, self.sight)
                if targets is not None:
                    found.append(link_condition(self.arguments, targets, bound.salt))
                else:
                    found.append(await self._joined_chain(bound, target_type, inner))
        joined = found[0] if len(found) == 1 else _any(found)
        return Condition(joined.sql, joined.seed, frozenset({chain.parameter.code}))

    def _alias(self) -> str:
        """Returns a name for rows that are joined: no other of the statement has it, and some stand within others."""
        self.joins += 1
        return f"t{self.joins}"

    async def _joined_chain(self, bound: Bound, target_type: str, inner: Node) -> Condition:
        alias = self._alias()
        test = (await self._joined(target_type, inner)).replace("{r}", alias).replace("{n}", "")
        return Condition(
            f"EXISTS (SELECT FROM unnest({{r}}.tok[1:{{r}}.links]) AS l(tok) "
            f"JOIN resource AS {alias} ON {alias}.res = (l.tok # {salt_place(self.arguments, bound)}) "
            f"WHERE {alias}.type = {TYPE_NUMBERS[target_type]} AND NOT {alias}.deleted "
            f"AND {visible(alias, self.sight)} AND {test})"
        )

    async def _has(self, has: Has) -> Condition:
        found = []
        for bound in self._real(has.type, has.parameter):
            targets = await self.keys.referred(
                self.connection, has.type, has.inner, bound.salt, MOST_REFERRING, self.sight
            )
            if targets is not None:
                place = self.arguments.add(targets, "int8[]")
                seed = Seed(f"SELECT * FROM resource{{n}} WHERE res = ANY ({place}) OFFSET 0", True)
                found.append(Condition(f"{{r}}.res = ANY ({place})", seed))
            else:
                found.append(await self._joined_has(bound, has))
        joined = found[0] if len(found) == 1 else _any(found)
        return Condition(joined.sql, joined.seed, frozenset({"_has"}))

    async def _joined_has(self, bound: Bound, has: Has) -> Condition:
        alias = self._alias()
        test = (await self._joined(has.type, has.inner)).replace("{r}", alias).replace("{n}", "")
        link = f"tok @> ARRAY[{{r}}.res # {salt_place(self.arguments, bound)}]"
        near = f"x.{link}"
        if decides_patient(has.type, bound.code):
            near, test = "x.patient = {r}.res", f"{alias}.{link} AND {test}"
        # OFFSET 0: the link's index gives the few rows of one target. The test is a frequent one, else `referred` would
        # have answered; an index of its own would be read from end to end for each target.
        return Condition(
            f"EXISTS (SELECT FROM (SELECT * FROM resource AS x WHERE x.type = {TYPE_NUMBERS[has.type]} AND {near} "
            f"OFFSET 0) AS {alias} WHERE NOT {alias}.deleted AND {visible(alias, self.sight)} AND {test})"
        )

    # --- what is no index value

    async def _column(self, type_: str, column: Column) -> Condition:
        match column.name:
            case "_id":
                targets = await self._targets([(type_, str(value)) for value in column.values])
                place = self.arguments.add(targets, "int8[]")
                seed = Seed(f"SELECT * FROM resource{{n}} WHERE res = ANY ({place}) OFFSET 0", True)
                return Condition(f"{{r}}.res = ANY ({place})", seed, frozenset({"_id"}))
            case "_lastUpdated":
                tests = [
                    date_test(self.arguments, value, "w.instant", "w.instant + interval '1 millisecond'")
                    for value in column.values
                    if isinstance(value, Interval)
                ]
                return Condition(
                    "EXISTS (SELECT FROM version{n} AS w WHERE w.res = {r}.res AND w.version = {r}.version "
                    f"AND ({' OR '.join(tests)}))"
                )
            case "_list":
                lists = await self._targets([("List", str(value)) for value in column.values])
                salt = salt_place(self.arguments, self.indexer.bound("List")["item"])
                items = (
                    f"SELECT i.tok # {salt} FROM resource AS l CROSS JOIN unnest(l.tok[1:l.links]) AS i(tok) "
                    f"WHERE l.res = ANY ({self.arguments.add(lists, 'int8[]')}) AND {visible('l', self.sight)}"
                )
                seed = Seed(f"SELECT * FROM resource{{n}} WHERE res IN ({items}) OFFSET 0", True)
                return Condition(f"{{r}}.res IN ({items})", seed)
            case "_text":
                return self._all_words(type_, [str(value) for value in column.values], self._narrative_word)
            case "_content":
                return self._all_words(type_, [str(value) for value in column.values], self._content_word)

    def _all_words(self, type_: str, texts: Sequence[str], one: Callable[[str, str], str]) -> Condition:
        options = [" AND ".join(one(type_, word) for word in words(text)) or "FALSE" for text in texts]
        return Condition("(" + " OR ".join(f"({option})" for option in options) + ")")

    def _narrative_word(self, type_: str, word: str) -> str:
        token = self.indexer.hasher.number(f"{type_}._text\0w{word}".encode())
        return f"{{r}}.tok @> {self.arguments.add([token], 'int8[]')}"

    def _content_word(self, type_: str, word: str) -> str:
        salts = self.arguments.add([bound.salt for bound in self.indexer.bound(type_).values()], "int8[]")
        hashed = self.arguments.add([self.indexer.hasher.number(word.encode())], "int8[]")
        return (
            f"({self._narrative_word(type_, word)} OR {{r}}.tok && (SELECT coalesce(array_agg(t.token), '{{}}') "
            f"FROM term AS t WHERE t.words @> {hashed} AND t.parameter = ANY ({salts})) "
            f"OR EXISTS (SELECT FROM string_value{{n}} AS q WHERE q.res = {{r}}.res "
            f"AND {contains_test(self.arguments, word, 'q.value')}))"
        )


@dataclass(frozen=True, slots=True)
class _Canonical:
    """An amount in base units."""

    prefix: str
    value: float
    low: float
    high: float


def _any(parts: Sequence[Condition]) -> Condition:
    """Any of the conditions; their seeds together are a seed when each has one."""
    sql = "(" + " OR ".join(part.sql for part in parts) + ")"
    seeds = [part.seed for part in parts]
    if any(seed is None for seed in seeds):
        return Condition(sql)
    union = " UNION ALL ".join(f"(SELECT * FROM ({seed.sql}) AS a)" for seed in seeds if seed)
    tokens = tuple(token for seed in seeds if seed for token in (*seed.tokens, *seed.any_of))
    sharp = True if all(seed and seed.sharp for seed in seeds) else None
    exact = all(seed and seed.exact for seed in seeds)
    gathered = f"SELECT DISTINCT ON (res) * FROM ({union}) AS u OFFSET 0"
    return Condition(sql, Seed(gathered, sharp, any_of=tokens, exact=exact))


def _code_tokens(bound: Bound, value: Token) -> list[int]:
    assert value.code is not None
    if value.system is None:
        return [bound.codes(None, value.code)[0]]
    if value.system == "":
        return [bound.codes(None, value.code)[1]]
    tokens = [bound.codes(value.system, value.code)[0]]
    if value.system in implied(bound.parameter):
        tokens.append(bound.codes(None, value.code)[0])
    return tokens


def _form(token: Token) -> str:
    return f"{token.system}|{token.code}" if token.system else str(token.code)


def _uri_tokens(bound: Bound, modifier: str | None, values: Sequence[str]) -> list[int]:
    if modifier == "below":
        return [bound.hash(b"b", value.rstrip("/")) for value in values]
    if modifier == "above":
        return [bound.hash(b"u", part) for value in values for part in uri_ancestors(value)]
    return [bound.hash(b"u", value) for value in values]


@cache
def implied(parameter: Parameter) -> frozenset[str]:
    """Returns the code systems of a parameter that reads elements of type `code`: they are not in the data."""
    systems: set[str] = set()
    types = definitions().types
    for path in parameter.paths:
        type_name, binding = parameter.resource_type, None
        for step in path:
            element = types[type_name].elements.get(step.name) if step.kind == "member" else None
            if element is not None:
                type_name, binding = element.type, element.binding
        if type_name == "code" and binding is not None and binding.value_set and binding.strength == "required":
            systems |= set(definitions().codes(binding.value_set) or ())
        if type_name == "boolean":
            systems.add("http://terminology.hl7.org/CodeSystem/special-values")
    return frozenset(systems)


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
