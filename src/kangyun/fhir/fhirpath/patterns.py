"""Regular expressions that cannot run away: what could take exponential time is refused before it runs.

Python's own engine backtracks. Before a pattern is used, the tree that this engine reads it into is turned into the
automaton of its characters (after Glushkov) and looked at: where one loop can read one text in two ways, or may go
round without reading, time may grow exponentially and the pattern is refused, and so it is where many alternatives that
share a text follow each other; where loops that follow each other can share a text, time grows with a power of the
text's length, and texts too long for that power are refused. References back and look-around are not supported.

Source: Weideman et al., Analyzing matching time behavior of backtracking regular expression matchers by using
ambiguity of NFA, CIAA 2016 (the criteria, here simplified to the safe side).
"""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from importlib import import_module
from itertools import product
from math import log2
from typing import Any, NamedTuple

from kangyun.base.errors import Invalid, TooCostly, TooLong

MAX_PATTERN = 2000
MAX_POSITIONS = 300
MAX_CHOICES = 14
"""How many times in a row, outside of loops, a text may leave two ways open: each doubles the time."""

MAX_STEPS = 100_000_000
"""Of (length of the text) to the power of the pattern's degree: about a second at worst."""

_MAX_PAIRS = 200_000

# The tree is private to Python, but it is what will really run: a parser of our own might read a pattern otherwise.
_sre: Any = import_module("re._parser")

Ranges = tuple[tuple[int, int], ...]
"""A set of characters: ranges of code points, sorted."""

_LAST = 0x10FFFF
_EVERYTHING: Ranges = ((0, _LAST),)


def _complement(ranges: Iterable[tuple[int, int]]) -> Ranges:
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            gaps.append((start, low - 1))
        start = max(start, high + 1)
    return (*gaps, (start, _LAST)) if start <= _LAST else tuple(gaps)


_SPACE: Ranges = (
    (9, 13), (28, 32), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
    (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
)  # fmt: skip
_NOT_SPACE = _complement(_SPACE)
# Beyond ASCII what is no space may be a digit or a letter, or neither: it is taken for both, to the safe side.
_BEYOND: Ranges = tuple((max(low, 128), high) for low, high in _NOT_SPACE if high >= 128)
_CATEGORIES: dict[str, Ranges] = {
    "CATEGORY_SPACE": _SPACE,
    "CATEGORY_NOT_SPACE": _NOT_SPACE,
    "CATEGORY_DIGIT": ((48, 57), *_BEYOND),
    "CATEGORY_NOT_DIGIT": ((0, 47), (58, _LAST)),
    "CATEGORY_WORD": ((48, 57), (65, 90), (95, 95), (97, 122), *_BEYOND),
    "CATEGORY_NOT_WORD": ((0, 47), (58, 64), (91, 94), (96, 96), (123, _LAST)),
}
_EXACT = ("CATEGORY_SPACE", "CATEGORY_NOT_SPACE")
_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z_])")
_REFERENCE = re.compile(r"\$(?:(\d{1,2})|\{(\w+)\})|\\(.)", re.DOTALL)


class Pattern(NamedTuple):
    """A pattern that was found safe.

    degree:     the power of the text's length that bounds its time.
    from_start: the pattern starts with `.*`, so that a match can be looked for at the start of a text only.
    """

    regex: re.Pattern[str]
    degree: int
    from_start: bool

    def _check(self, text: str) -> None:
        if len(text) ** self.degree > MAX_STEPS:
            raise TooCostly("fhir.fhirpath.pattern-text", limit=int(MAX_STEPS ** (1 / self.degree)))

    def found_in(self, text: str) -> bool:
        """True where any part of the text matches. Raises TooCostly for a text too long for the pattern."""
        self._check(text)
        return (self.regex.match if self.from_start else self.regex.search)(text) is not None

    def is_all_of(self, text: str) -> bool:
        """True where the whole text matches. Raises TooCostly for a text too long for the pattern."""
        self._check(text)
        return self.regex.fullmatch(text) is not None

    def replaced_in(self, text: str, substitution: str, limit: int) -> str:
        """Returns the text with each match replaced; `$1` and `${name}` in the substitution stand for groups.

        Raises TooLong for a result of more than `limit` characters, Invalid for a group that does not exist.
        """
        self._check(text)
        parts: list[str] = []
        at = length = 0
        for found in self.regex.finditer(text):
            parts += (text[at : found.start()], _expanded(found, substitution))
            at = found.end()
            length += len(parts[-1])
            if length > limit:
                raise TooLong("fhir.fhirpath.text-length", limit=limit)
        return "".join((*parts, text[at:]))


def _expanded(found: re.Match[str], substitution: str) -> str:
    def group(reference: re.Match[str]) -> str:
        number, name, escaped = reference.groups()
        return escaped if escaped else found[int(number) if number else name] or ""

    try:
        return _REFERENCE.sub(group, substitution)
    except IndexError:
        raise Invalid("fhir.fhirpath.pattern-group") from None


@lru_cache(maxsize=1024)
def read(pattern: str) -> Pattern:
    """Returns a pattern ready for use. Raises Invalid for one that is malformed, unsupported or not safe."""
    if len(pattern) > MAX_PATTERN:
        raise Invalid("fhir.fhirpath.pattern-length", limit=MAX_PATTERN)
    text = _NAMED_GROUP.sub("(?P<", pattern)
    try:
        # In FHIR a text is one line: `.` includes line ends.
        regex = re.compile(text, re.DOTALL)
        automaton = _Automaton(_sre.parse(text, re.DOTALL), re.RegexFlag(regex.flags))
    except (re.error, OverflowError, RecursionError, ValueError):
        raise Invalid("fhir.fhirpath.pattern-syntax") from None
    return Pattern(regex, automaton.degree(), automaton.from_start)


def _overlap(one: Ranges, other: Ranges) -> bool:
    return any(low <= last and first <= high for low, high in one for first, last in other)


class _Part(NamedTuple):
    """What the automaton knows of a part of the pattern: may it be empty, and which positions come first and last."""

    empty: bool
    first: frozenset[int]
    last: frozenset[int]


_NO_PART = _Part(True, frozenset(), frozenset())


class _Automaton:
    """The positions of a pattern's characters, and for each the positions that may follow it."""

    def __init__(self, tree: Any, flags: re.RegexFlag) -> None:
        self.characters: list[Ranges] = []
        self.follow: list[set[int]] = []
        self.twice: set[tuple[int, int]] = set()
        # Doublings of the ways to read nothing, as in `(a?)?`.
        self.empty_choices = 0.0
        self.ignore_case = bool(flags & re.IGNORECASE) or any(_adds_ignore_case(node) for node in _walk(tree))
        first = str(tree[0]) if len(tree) else ""
        self.from_start = first == "(MAX_REPEAT, (0, MAXREPEAT, [(ANY, None)]))"
        starts = first.startswith("(AT, AT_BEGINNING") and not flags & re.MULTILINE
        self.anchored = self.from_start or starts
        self.start = self._sequence(tree).first

    def _position(self, characters: Ranges) -> _Part:
        if len(self.characters) >= MAX_POSITIONS:
            raise Invalid("fhir.fhirpath.pattern-unsafe")
        number = len(self.characters)
        self.characters.append(_EVERYTHING if self.ignore_case else characters)
        self.follow.append(set())
        return _Part(False, frozenset((number,)), frozenset((number,)))

    def _connect(self, before: frozenset[int], after: frozenset[int]) -> None:
        for one in before:
            for other in after:
                if other in self.follow[one]:
                    # Two ways from here to there: harmless, unless it is in a loop.
                    self.twice.add((one, other))
                self.follow[one].add(other)

    def _sequence(self, nodes: Iterable[Any]) -> _Part:
        whole = _NO_PART
        for node in nodes:
            part = self._node(str(node[0]), node[1])
            self._connect(whole.last, part.first)
            whole = _Part(
                whole.empty and part.empty,
                whole.first | part.first if whole.empty else whole.first,
                whole.last | part.last if part.empty else part.last,
            )
        return whole

    def _node(self, name: str, value: Any) -> _Part:
        match name:
            case "LITERAL":
                return self._position(((value, value),))
            case "NOT_LITERAL":
                return self._position(_complement(((value, value),)))
            case "ANY":
                return self._position(_EVERYTHING)
            case "IN":
                return self._position(_set(value))
            case "AT":
                return _NO_PART
            case "SUBPATTERN":
                return self._sequence(value[3])
            case "ATOMIC_GROUP":
                return self._sequence(value)
            case "BRANCH":
                parts = [self._sequence(branch) for branch in value[1]]
                self.empty_choices += log2(max(1, sum(part.empty for part in parts)))
                return _Part(
                    any(part.empty for part in parts),
                    frozenset().union(*(part.first for part in parts)),
                    frozenset().union(*(part.last for part in parts)),
                )
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, repeated = value
                choices = self.empty_choices
                part = self._sequence(repeated)
                if most != 1 and (part.empty or self.empty_choices > choices):
                    raise Invalid("fhir.fhirpath.pattern-unsafe")
                self.empty_choices += part.empty and least == 0
                if most != 1:
                    # A bounded number of rounds is taken for an unbounded one, to the safe side.
                    self._connect(part.last, part.first)
                return _Part(part.empty or least == 0, part.first, part.last)
            case _:
                raise Invalid("fhir.fhirpath.pattern-unsupported")

    def degree(self) -> int:
        """Returns the power that bounds the time of a search. Raises Invalid where no power does."""
        components = _components(range(len(self.follow)), self.follow.__getitem__)
        loops = [component for component in components if self._is_loop(component)]
        if any(map(self._is_ambiguous, loops)) or self._choices(components, loops) + self.empty_choices > MAX_CHOICES:
            raise Invalid("fhir.fhirpath.pattern-unsafe")
        return max(1, self._longest_chain(loops) + (0 if self.anchored else 1))

    def _is_loop(self, component: frozenset[int]) -> bool:
        return len(component) > 1 or any(position in self.follow[position] for position in component)

    def _is_ambiguous(self, loop: frozenset[int]) -> bool:
        """True where two different ways through the loop read one text and meet again."""
        if any(one in loop and other in loop for one, other in self.twice):
            return True
        edges = 0

        def pairs_after(pair: tuple[int, int]) -> Iterator[tuple[int, int]]:
            nonlocal edges
            for one, other in product(self.follow[pair[0]] & loop, self.follow[pair[1]] & loop):
                edges += 1
                if edges > _MAX_PAIRS:
                    raise Invalid("fhir.fhirpath.pattern-unsafe")
                if one == other or _overlap(self.characters[one], self.characters[other]):
                    yield one, other

        starts = [(position, position) for position in loop]
        return any(
            any(one == other for one, other in component) and any(one != other for one, other in component)
            for component in _components(starts, pairs_after)
        )

    def _choices(self, components: list[frozenset[int]], loops: list[frozenset[int]]) -> float:
        """The most doublings of the ways to read a text, on any way through the pattern, that no loop accounts for."""
        in_loops = frozenset().union(*loops)
        most: dict[int, float] = {}
        # Components come out with the later ones first, so what follows a position is known before it.
        for component in components:
            after = {other for position in component for other in self.follow[position]} - component
            own = 0.0 if component <= in_loops else log2(self._ways(self.follow[next(iter(component))]))
            ahead = own + max((most[other] for other in after), default=0.0)
            most.update(dict.fromkeys(component, ahead))
        return log2(self._ways(self.start)) + max((most[position] for position in self.start), default=0.0)

    def _ways(self, positions: Collection[int]) -> int:
        """How many of the positions, at most, one character may lead to."""
        if len(positions) > 64:
            return len(positions)
        characters = [self.characters[position] for position in positions]
        return max((sum(_overlap(one, other) for other in characters) for one in characters), default=1)

    def _longest_chain(self, loops: list[frozenset[int]]) -> int:
        """The most loops that can lie one after the other over one stretch of text."""
        longest: dict[int, int] = {}
        # Here, too, the later ones come first.
        for index, loop in enumerate(loops):
            after = [longest[other] for other in range(index) if self._share_text(loop, loops[other])]
            longest[index] = 1 + max(after, default=0)
        return max(longest.values(), default=0)

    def _share_text(self, loop: frozenset[int], other: frozenset[int]) -> bool:
        """True where the way from one loop to another may be read by both of them."""
        here = tuple(each for position in loop for each in self.characters[position])
        there = tuple(each for position in other for each in self.characters[position])
        pending, seen = list(loop), set(loop)
        while pending:
            for after in self.follow[pending.pop()] - seen:
                if _overlap(self.characters[after], here) and _overlap(self.characters[after], there):
                    if after in other:
                        return True
                    seen.add(after)
                    pending.append(after)
        return False


def _set(items: Any) -> Ranges:
    ranges: list[tuple[int, int]] = []
    negated = False
    for kind, value in items:
        match str(kind):
            case "NEGATE":
                negated = True
            case "LITERAL":
                ranges.append((value, value))
            case "RANGE":
                ranges.append(value)
            case _:
                ranges += _CATEGORIES[str(value)]
    if not negated:
        return tuple(sorted(ranges))
    inexact = any(str(kind) == "CATEGORY" and str(value) not in _EXACT for kind, value in items)
    return (*_complement(ranges), *(_BEYOND if inexact else ()))


def _walk(tree: Any) -> Iterator[Any]:
    for name, value in tree:
        yield name, value
        match str(name):
            case "SUBPATTERN":
                yield from _walk(value[3])
            case "BRANCH":
                for branch in value[1]:
                    yield from _walk(branch)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                yield from _walk(value[2])


def _adds_ignore_case(node: Any) -> bool:
    return str(node[0]) == "SUBPATTERN" and bool(node[1][1] & re.IGNORECASE)


def _components(starts: Iterable[Any], after: Any) -> list[frozenset[Any]]:
    """Returns the strongly connected components that can be reached, later ones first (Tarjan, without recursion)."""
    numbers: dict[Any, int] = {}
    lowest: dict[Any, int] = {}
    open_nodes: list[Any] = []
    closed: set[Any] = set()
    found: list[frozenset[Any]] = []
    for start in starts:
        if start in numbers:
            continue
        numbers[start] = lowest[start] = len(numbers)
        open_nodes.append(start)
        path = [(start, iter(after(start)))]
        while path:
            node, rest = path[-1]
            target = next(rest, None)
            if target is None:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
                if lowest[node] == numbers[node]:
                    cut = open_nodes.index(node)
                    found.append(frozenset(open_nodes[cut:]))
                    closed.update(open_nodes[cut:])
                    del open_nodes[cut:]
            elif target not in numbers:
                numbers[target] = lowest[target] = len(numbers)
                open_nodes.append(target)
                path.append((target, iter(after(target))))
            elif target not in closed:
                lowest[node] = min(lowest[node], numbers[target])
    return found
