"""A tree of tests compiled to conditions.

Async, because chains take the keys of what they lead to first, and names are looked up. Knows the index, not the plans.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import asyncpg

from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.terms import Interval
from kangyun.fhir.search.tree import All, Chain, Column, Either, Has, Node, Not, Test
from kangyun.fhir.search.words import words
from kangyun.store.reader import Name
from kangyun.store.search.conditions import (
    Arguments,
    Condition,
    any_of,
    contains_test,
    date_test,
    link_condition,
    numbered_condition,
    salt_place,
    token_condition,
)
from kangyun.store.search.lists import listed
from kangyun.store.search.values import Values, decides_patient
from kangyun.store.tokens import Bound
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import Sight, visible

# A chain takes so many targets by their keys; beyond that, and where most of a type are targets, it is joined row by
# row.
MOST_TARGETS = 10_000
MOST_REFERRING = 10_000


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


@dataclass(slots=True)
class Compiler:
    """Compiles the tests of one search on one type."""

    values: Values
    keys: Keys
    joins: int = 0

    @property
    def sight(self) -> Sight:
        """What the search may see."""
        return self.values.sight

    @property
    def arguments(self) -> Arguments:
        """What the statement is given; its placeholders are numbered in this order."""
        return self.values.arguments

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
        owners = await self.values.registrations(await self.values.targets([owner]))
        if type_ == owner[0]:
            return numbered_condition(self.arguments, owners)
        bound = self.values.indexer.bound(type_)
        codes = [code for code in definitions().compartments[owner[0]].get(type_, ()) if code in bound]
        salts = {real.salt for code in codes for real in self.values.real(type_, bound[code].parameter)}
        tokens = [target ^ salt for target in owners for salt in sorted(salts)]
        return token_condition(self.arguments, tokens, links=True)

    async def _condition(self, type_: str, node: Node) -> Condition:
        match node:
            case Test():
                return await self.values.test(type_, node)
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

    # --- chains

    async def _chain(self, type_: str, chain: Chain) -> Condition:
        found: list[Condition] = []
        for bound in self.values.real(type_, chain.parameter):
            for target_type, inner in chain.inner:
                targets = await self.keys.keys(self.values.connection, target_type, inner, MOST_TARGETS, self.sight)
                if targets is not None:
                    found.append(link_condition(self.arguments, targets, bound.salt))
                else:
                    found.append(await self._joined_chain(bound, target_type, inner))
        return any_of(found)

    def _alias(self) -> str:
        """Returns a name for rows that are joined: no other of the statement has it, and some stand within others."""
        self.joins += 1
        return f"t{self.joins}"

    async def _joined_chain(self, bound: Bound, target_type: str, inner: Node) -> Condition:
        alias = self._alias()
        test = (await self._joined(target_type, inner)).replace("{r}", alias).replace("{n}", "")
        salt = salt_place(self.arguments, bound)
        return Condition(
            # Each target is looked up by its number: left to choose, the server has fetched all that pass the test, and
            # compared each row with each of them.
            f"EXISTS (SELECT FROM unnest({{r}}.tok[1:{{r}}.links]) AS l(tok) "
            f"CROSS JOIN LATERAL (SELECT * FROM resource AS x WHERE x.res = (l.tok # {salt}) OFFSET 0) AS {alias} "
            f"WHERE {alias}.type = {TYPE_NUMBERS[target_type]} AND NOT {alias}.deleted "
            f"AND {visible(alias, self.sight)} AND {test})"
        )

    async def _has(self, has: Has) -> Condition:
        found = []
        for bound in self.values.real(has.type, has.parameter):
            targets = await self.keys.referred(
                self.values.connection, has.type, has.inner, bound.salt, MOST_REFERRING, self.sight
            )
            if targets is not None:
                found.append(numbered_condition(self.arguments, targets))
            else:
                found.append(await self._joined_has(bound, has))
        return any_of(found)

    async def _joined_has(self, bound: Bound, has: Has) -> Condition:
        alias = self._alias()
        test = (await self._joined(has.type, has.inner)).replace("{r}", alias).replace("{n}", "")
        link = f"tok @> ARRAY[{{r}}.res # {salt_place(self.arguments, bound)}]"
        own = f"{alias}.type = {TYPE_NUMBERS[has.type]}"
        near = f"x.{link}"
        if decides_patient(has.type, bound.code):
            near, own = f"x.patient = {{r}}.res AND {own.replace(alias, 'x')}", f"{alias}.{link}"
        # OFFSET 0: the link's index gives the few rows of one target. The test is a frequent one, else `referred` would
        # have answered; an index of its own, or that of the type, would be read from end to end for each target.
        return Condition(
            f"EXISTS (SELECT FROM (SELECT * FROM resource AS x WHERE {near} OFFSET 0) AS {alias} "
            f"WHERE {own} AND NOT {alias}.deleted AND {visible(alias, self.sight)} AND {test})"
        )

    # --- what is no index value

    async def _column(self, type_: str, column: Column) -> Condition:
        match column.name:
            case "_id":
                names = [(type_, str(value)) for value in column.values]
                targets = await self.values.targets(names)
                # Whoever is referred to by the id of a resident is each of his registrations, as in a reference.
                meant = await self.values.registrations(targets) if column.chained else targets
                return numbered_condition(self.arguments, meant)
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
                return numbered_condition(self.arguments, await listed(self.values, map(str, column.values)))
            case "_text":
                return self._all_words(type_, [str(value) for value in column.values], self._narrative_word)
            case "_content":
                return self._all_words(type_, [str(value) for value in column.values], self._content_word)

    def _all_words(self, type_: str, texts: Sequence[str], one: Callable[[str, str], str]) -> Condition:
        options = [" AND ".join(one(type_, word) for word in words(text)) or "FALSE" for text in texts]
        return Condition("(" + " OR ".join(f"({option})" for option in options) + ")")

    def _narrative_word(self, type_: str, word: str) -> str:
        token = self.values.indexer.hasher.number(f"{type_}._text\0w{word}".encode())
        return f"{{r}}.tok @> {self.arguments.add([token], 'int8[]')}"

    def _content_word(self, type_: str, word: str) -> str:
        salts = self.arguments.add([bound.salt for bound in self.values.indexer.bound(type_).values()], "int8[]")
        hashed = self.arguments.add([self.values.indexer.hasher.number(word.encode())], "int8[]")
        return (
            f"({self._narrative_word(type_, word)} OR {{r}}.tok && (SELECT coalesce(array_agg(t.token), '{{}}') "
            f"FROM term AS t WHERE t.words @> {hashed} AND t.parameter = ANY ({salts})) "
            f"OR EXISTS (SELECT FROM string_value{{n}} AS q WHERE q.res = {{r}}.res "
            f"AND {contains_test(self.arguments, word, 'q.value')}))"
        )
