"""Regular expressions over codes in time linear to the code, whatever the pattern.

A value set may come from anybody, and a backtracking engine can be kept busy for hours by twenty characters. Here a
pattern becomes a finite automaton whose states are made as they are met. The language is the part that codes need:
literals, ".", classes, \\d \\w \\s and their opposites, groups, "|", "*", "+", "?" and "{m,n}". What only makes sense
with backtracking (back references, look-around) is refused, as is a pattern over its limits.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from kangyun.base.errors import Invalid

MAX_LENGTH = 500
MAX_STATES = 500
MAX_NESTING = 20
MAX_REMEMBERED = 50_000
"""States that the sets kept for later may hold in all: some megabytes."""

Test = Callable[[str], bool]
Build = Callable[["_Automaton", int, int], None]
"""Adds states and edges that lead from one state to another by what a part of a pattern matches."""

_SHORTHANDS: dict[str, Test] = {
    "d": str.isdecimal,
    "w": lambda character: character.isalnum() or character == "_",
    "s": str.isspace,
    "D": lambda character: not character.isdecimal(),
    "W": lambda character: not (character.isalnum() or character == "_"),
    "S": lambda character: not character.isspace(),
}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_counted = re.compile(r"\{(\d{1,3})(,(\d{1,3})?)?\}")


@lru_cache(maxsize=32)
def full_match(pattern: str) -> Test:
    """Returns a test whether a whole text matches. Raises Invalid for a pattern outside the language or its limits."""
    if len(pattern) > MAX_LENGTH:
        raise Invalid("fhir.terminology.pattern")
    return _Automaton(_Reader(pattern).read()).matches


class _Automaton:
    """A nondeterministic automaton, run as the deterministic one of the sets of its states, made when first met."""

    def __init__(self, build: Build) -> None:
        self._steps: list[list[tuple[Test, int]]] = []
        self._jumps: list[list[int]] = []
        start, self._end = self.state(), self.state()
        build(self, start, self._end)
        self._start = self._closure({start})
        self._remembered: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._weight = 0

    def state(self) -> int:
        if len(self._steps) >= MAX_STATES:
            raise Invalid("fhir.terminology.pattern")
        self._steps.append([])
        self._jumps.append([])
        return len(self._steps) - 1

    def step(self, start: int, test: Test, end: int) -> None:
        self._steps[start].append((test, end))

    def jump(self, start: int, end: int) -> None:
        self._jumps[start].append(end)

    def matches(self, text: str) -> bool:
        states = self._start
        for character in text:
            after = self._remembered.get((states, character))
            if after is None:
                after = self._after(states, character)
            if not after:
                return False
            states = after
        return self._end in states

    def _after(self, states: frozenset[int], character: str) -> frozenset[int]:
        reached = self._closure({end for state in states for test, end in self._steps[state] if test(character)})
        self._weight += len(reached) + 1
        if self._weight > MAX_REMEMBERED:
            self._remembered.clear()
            self._weight = 0
        self._remembered[states, character] = reached
        return reached

    def _closure(self, states: set[int]) -> frozenset[int]:
        todo = list(states)
        while todo:
            for state in self._jumps[todo.pop()]:
                if state not in states:
                    states.add(state)
                    todo.append(state)
        return frozenset(states)


class _Reader:
    """Reads a pattern into the function that builds its automaton."""

    def __init__(self, pattern: str) -> None:
        # The whole text has to match: anchors at the two ends say nothing more.
        pattern = pattern.removeprefix("^")
        self._pattern = pattern[:-1] if pattern.endswith("$") and not pattern.endswith("\\$") else pattern
        self._at = 0
        self._nesting = 0

    def read(self) -> Build:
        build = self._alternatives()
        if self._at < len(self._pattern):
            raise _refused()
        return build

    def _alternatives(self) -> Build:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise _refused()
        choices = [self._sequence()]
        while self._take("|"):
            choices.append(self._sequence())
        self._nesting -= 1
        return choices[0] if len(choices) == 1 else _any_of(choices)

    def _sequence(self) -> Build:
        parts: list[Build] = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            parts.append(self._quantified())
        return _one_after_the_other(parts)

    def _quantified(self) -> Build:
        build = self._atom()
        counted = _counted.match(self._pattern, self._at)
        if counted:
            self._at = counted.end()
            least = int(counted[1])
            most = least if counted[2] is None else int(counted[3]) if counted[3] else None
            if most is not None and most < least:
                raise _refused()
            build = _repeated(build, least, most)
        elif self._take("*"):
            build = _repeated(build, 0, None)
        elif self._take("+"):
            build = _repeated(build, 1, None)
        elif self._take("?"):
            return _repeated(build, 0, 1)
        else:
            return build
        self._take("?")  # a lazy quantifier matches the same whole texts
        return build

    def _atom(self) -> Build:
        if self._take("("):
            if self._take("?") and not self._take(":"):
                raise _refused()
            build = self._alternatives()
            if not self._take(")"):
                raise _refused()
            return build
        if self._take("["):
            return _one(self._class())
        character = self._next()
        if character == ".":
            return _one(lambda found: found != "\n")
        if character in "*+?{}[]^$":
            raise _refused()
        return _one(self._escape() if character == "\\" else character.__eq__)

    def _class(self) -> Test:
        negated = self._take("^")
        tests: list[Test] = []
        first = True
        while first or not self._take("]"):
            first = False
            tests.append(self._class_item())
        return lambda found: any(test(found) for test in tests) != negated

    def _class_item(self) -> Test:
        low = self._next()
        if low == "[" or (low == "&" and self._take("&")):
            raise _refused()  # nested classes and intersections mean different things in different languages
        if low == "\\":
            if self._pattern[self._at : self._at + 1] in _SHORTHANDS:
                return self._escape()
            low = self._escaped()
        if self._pattern[self._at : self._at + 1] != "-" or self._pattern[self._at + 1 : self._at + 2] in ("]", ""):
            return low.__eq__
        self._at += 1
        high = self._next()
        if high == "\\":
            high = self._escaped()
        if high < low:
            raise _refused()
        return lambda found: low <= found <= high

    def _escape(self) -> Test:
        letter = self._pattern[self._at : self._at + 1]
        if letter in _SHORTHANDS:
            self._at += 1
            return _SHORTHANDS[letter]
        return self._escaped().__eq__

    def _escaped(self) -> str:
        character = self._next()
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character.isalnum():
            raise _refused()  # a back reference, or a class that codes have no use for
        return character

    def _next(self) -> str:
        if self._at >= len(self._pattern):
            raise _refused()
        self._at += 1
        return self._pattern[self._at - 1]

    def _take(self, text: str) -> bool:
        found = self._pattern.startswith(text, self._at)
        self._at += len(text) * found
        return found


def _one(test: Test) -> Build:
    def build(automaton: _Automaton, start: int, end: int) -> None:
        automaton.step(start, test, end)

    return build


def _one_after_the_other(parts: list[Build]) -> Build:
    def build(automaton: _Automaton, start: int, end: int) -> None:
        for part in parts:
            middle = automaton.state()
            part(automaton, start, middle)
            start = middle
        automaton.jump(start, end)

    return build


def _any_of(choices: list[Build]) -> Build:
    def build(automaton: _Automaton, start: int, end: int) -> None:
        for choice in choices:
            choice(automaton, start, end)

    return build


def _repeated(part: Build, least: int, most: int | None) -> Build:
    def build(automaton: _Automaton, start: int, end: int) -> None:
        start = _fresh(automaton, start)
        for _ in range(least):
            middle = automaton.state()
            part(automaton, start, middle)
            start = middle
        if most is None:
            loop = _fresh(automaton, start)
            part(automaton, loop, loop)
            automaton.jump(loop, end)
            return
        for _ in range(most - least):
            automaton.jump(start, end)
            middle = automaton.state()
            part(automaton, start, middle)
            start = middle
        automaton.jump(start, end)

    return build


def _fresh(automaton: _Automaton, start: int) -> int:
    """Returns a new state reached from `start`, so that no edge of what follows returns to it."""
    state = automaton.state()
    automaton.jump(start, state)
    return state


def _refused() -> Invalid:
    return Invalid("fhir.terminology.pattern")
