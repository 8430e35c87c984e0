"""The `_filter` expression: and, or, not, parentheses, chained paths.

Answers the operators that have an equal among parameters: eq ne co sw gt lt ge le sa eb ap pr ss sb in re. What it
does not answer (po, ew, and a filter in brackets on a repeated element) is refused, never left out.

Source: https://hl7.org/fhir/R4/search_filter.html
"""

import re
from collections.abc import Callable
from typing import NoReturn

from kangyun.base.errors import Invalid, NotSupported
from kangyun.fhir.search.tree import All, Chain, Column, Either, Node, Not, Test

# (parameter with its modifier, value) -> test
Leaf = Callable[[str, str], Node]
DEEPEST = 32
_TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<sign>[()])|(?P<word>[^\s()"]+))')
_ORDERED = {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}
# Operators that are a modifier of the parameter.
_MODIFIERS = {"co": "contains", "ss": "below", "sb": "above", "in": "in"}


def read_filter(text: str, leaf: Leaf) -> Node:
    """Reads a filter. Raises Invalid, naming the character, for what is no filter."""
    reader = _Reader(text, leaf)
    node = reader.either(0)
    reader.end()
    return node


class _Reader:
    def __init__(self, text: str, leaf: Leaf) -> None:
        self._text = text
        self._leaf = leaf
        self._place = 0

    def either(self, depth: int) -> Node:
        nodes = [self._both(depth)]
        while self._take_word("or"):
            nodes.append(self._both(depth))
        return nodes[0] if len(nodes) == 1 else Either(tuple(nodes))

    def end(self) -> None:
        if self._text[self._place :].strip():
            self._wrong()

    def _both(self, depth: int) -> Node:
        nodes = [self._one(depth)]
        while self._take_word("and"):
            nodes.append(self._one(depth))
        return nodes[0] if len(nodes) == 1 else All(tuple(nodes))

    def _one(self, depth: int) -> Node:
        if depth > DEEPEST:
            self._wrong()
        if self._take_word("not"):
            return Not(self._one(depth + 1))
        kind, word = self._next()
        if kind == "sign" and word == "(":
            node = self.either(depth + 1)
            if self._next() != ("sign", ")"):
                self._wrong()
            return node
        if kind != "word" or "[" in word:
            self._wrong()
        return self._comparison(word)

    def _comparison(self, path: str) -> Node:
        kind, operator = self._next()
        value_kind, value = self._next()
        if kind != "word" or value_kind == "sign":
            self._wrong()
        if value_kind == "string":
            value = re.sub(r"\\(.)", r"\1", value[1:-1]).replace(",", "\\,").replace("$", "\\$")
        else:
            value = value.replace(",", "\\,")
        if operator == "pr":
            return self._leaf(f"{path}:missing", "false" if value == "true" else "true")
        if operator == "sw":
            return self._leaf(path, value)
        if operator in _MODIFIERS:
            return self._leaf(f"{path}:{_MODIFIERS[operator]}", value)
        if operator == "re":
            return self._leaf(path, value)
        if operator in _ORDERED:
            return self._ordered(path, operator, value)
        raise NotSupported("fhir.search.filter", place=self._place)

    def _ordered(self, path: str, operator: str, value: str) -> Node:
        """A comparison: prefixes belong to what is ordered, to all else equality or its opposite."""
        if re.match(r"[-+]?\d", value):
            try:
                node = self._leaf(path, operator + value)
            except Invalid:
                node = None  # a token or string whose code begins with a digit
            if node is not None and _is_ordered(node):
                return node
        if operator == "eq":
            return self._leaf(path, value)
        if operator == "ne":
            return Not(self._leaf(path, value))
        raise NotSupported("fhir.search.filter", place=self._place)

    def _take_word(self, wanted: str) -> bool:
        match = _TOKEN.match(self._text, self._place)
        if match is None or match["word"] != wanted:
            return False
        self._place = match.end()
        return True

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._place)
        if match is None or match.lastgroup is None:
            self._wrong()
        self._place = match.end()
        return match.lastgroup, match[match.lastgroup]

    def _wrong(self) -> NoReturn:
        raise Invalid("fhir.search.filter", place=self._place)


def _is_ordered(node: Node) -> bool:
    match node:
        case Test(parameter=parameter):
            return parameter.type in ("date", "number", "quantity")
        case Chain(inner=inner):
            return all(_is_ordered(one) for _, one in inner)
        case Column(name=name):
            return name == "_lastUpdated"
    return False
