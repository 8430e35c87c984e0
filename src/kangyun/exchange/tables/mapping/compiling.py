"""Templates made functions of a row's cells, once for a header: what no column says is not there.

An object or a list of constants alone stays. One in which something is taken from the row is there only where that
says something; what of it is constant comes with it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kangyun.exchange.tables.mapping.model import Leaf, alternatives, read_leaf
from kangyun.exchange.tables.mapping.rules import ALWAYS, OPEN, RULES, Rule, Scope, Told, first_said
from kangyun.exchange.tables.values import Unfit

SPREAD = "*"
"""Name of an element whose value's elements are put beside it."""
GROUP = "#"
"""Name of the first and last number that `{n}` stands for in an object of a list; it is no element."""
ONLY_IF = "?"
"""Name of what must say something for its object to be there; it is no element."""


class Note(NamedTuple):
    """What is wrong in a cell. at: place in the header. whole, taken: see `Refusal`."""

    text: str
    at: int
    parameters: Mapping[str, str | int]
    whole: bool
    personal: bool
    taken: bool = False


Notes = list[Note]
Cells = Sequence[str]
Make = Callable[[Cells, Notes], Any]


class Missing(Exception):
    """A column without which no row can be taken is not in the header. columns: as the mapping names it."""

    def __init__(self, columns: str) -> None:
        super().__init__(columns)
        self.columns = columns


class Compiler:
    """Makes functions for one header. number: of a repeated group, put for `{n}`."""

    def __init__(self, header: Sequence[str], scope: Scope, number: int = 0) -> None:
        self._header = header
        self._places = {name: place for place, name in enumerate(header) if name}
        self._scope = scope
        self._fills = {"n": str(number), "N": str(number), "code": scope.feed.code}

    def object(self, body: Mapping[str, Any]) -> Make:
        """Returns the function that makes an object of a row, None of one that says nothing."""
        return self._object([(name, self._part(value)) for name, value in body.items()])

    def _object(self, parts: Sequence[tuple[str, Any]]) -> Make:
        # What is put beside the others comes last, so that it meets their extensions.
        ordered = sorted(parts, key=lambda part: (part[0] != ONLY_IF, part[0] == SPREAD))
        if any(name == ONLY_IF and part is None for name, part in parts):
            return lambda cells, notes: None
        steps = [(name, part if callable(part) else None, part) for name, part in ordered if part is not None]

        def make_object(cells: Cells, notes: Notes) -> dict[str, Any] | None:
            found: dict[str, Any] = {}
            something = False
            for name, make, value in steps:
                if make is not None:
                    value = make(cells, notes)
                    if value is None or value == "":
                        if name == ONLY_IF:
                            return None
                        continue
                    if name == ONLY_IF:
                        continue
                    something = True
                    if name == SPREAD:
                        _spread(value, found)
                        continue
                found[name] = value
            return found if something else None

        return make_object

    def place(self, columns: Sequence[str]) -> int:
        """Returns where the first of some names stands in the header, -1 where none does."""
        return next((self._places[name] for name in map(self._filled, columns) if name in self._places), -1)

    def key(self, columns: Sequence[str], make: Rule) -> Callable[[Cells, Notes], tuple[str, ...] | None]:
        """Returns the function that makes a business key. A column that ends in `?` may say nothing.

        `A/B/C` is the first of them that says something, with which one it is. Raises Missing.
        """
        parts = []
        for written in columns:
            if "/" in written:
                places = [self.place([name]) for name in written.removesuffix("?").split("/")]
                if max(places) < 0 and not written.endswith("?"):
                    raise Missing(written)
                parts.append((places, written.endswith("?")))
                continue
            place = self.place(alternatives(written.removesuffix("?")))
            if place < 0 and not written.endswith("?"):
                raise Missing(self._filled(written))
            parts.append(([place], written.endswith("?")))

        def make_key(cells: Cells, notes: Notes) -> tuple[str, ...] | None:
            found = []
            for places, optional in parts:
                place = places[0]
                try:
                    if len(places) > 1:
                        value = first_said([cells[place] if place >= 0 else "" for place in places])
                        place = max(places)
                    else:
                        value = make(cells[place]) if place >= 0 else ""
                except Unfit as unfit:
                    notes.append(Note(unfit.text, place, unfit.parameters, True, True))
                    return None
                if not value and not optional:
                    notes.append(Note("key-missing", place, {}, True, True))
                    return None
                found.append(value)
            return tuple(found)

        return make_key

    def _part(self, value: Any) -> Any:
        """Returns a constant, or the function that makes it of a row; None for what no column of the header says."""
        if isinstance(value, str):
            return self._leaf(read_leaf(value)) if value.startswith("@") else self._filled(value)
        if isinstance(value, dict):
            parts = [self._part(part) for part in value.values()]
            if any(map(callable, parts)):
                return self._object([*zip(value, parts, strict=True)])
            taken = any(map(_takes, value.values()))
            return None if taken else dict(zip(value, parts, strict=True))
        if isinstance(value, list):
            return self._list(value)
        return value

    def _list(self, values: Sequence[Any]) -> Any:
        parts = [part for value in values for part in self._group(value) if part is not None]
        if not any(map(callable, parts)):
            return parts or None

        steps = [(part if callable(part) else None, part) for part in parts]

        def make_list(cells: Cells, notes: Notes) -> list[Any] | None:
            found = []
            something = False
            for make, value in steps:
                if make is not None:
                    value = make(cells, notes)
                    if value is None or value == "":
                        continue
                    something = True
                found.append(value)
            return found if something else None

        return make_list

    def _group(self, value: Any) -> Iterator[Any]:
        """Yields what a value of a list is, or one for each number of a group whose column the header has."""
        if not (isinstance(value, dict) and GROUP in value):
            yield self._part(value)
            return
        body = {name: part for name, part in value.items() if name != GROUP}
        first, last = value[GROUP]
        for number in range(first, last + 1):
            compiler = Compiler(self._header, self._scope, number)
            if any(compiler.place(names) >= 0 for names in read_leaf(body[ONLY_IF]).columns):
                yield compiler.object(body)

    def _filled(self, text: str) -> str:
        return text.format_map(self._fills) if "{" in text else text

    def _leaf(self, leaf: Leaf) -> Make | None:
        places = [self.place([name.removesuffix("?") for name in names]) for names in leaf.columns]
        decides = places[-1:] if leaf.rule == "reference" else places
        missing = all(place < 0 for place in decides)
        if missing and leaf.rule not in ALWAYS:
            if leaf.must == "!":
                raise Missing(self._filled("+".join("|".join(names) for names in leaf.columns)))
            return None
        rule = RULES[leaf.rule](tuple(map(self._filled, leaf.args)), self._scope)
        at = next((place for place in decides if place >= 0), -1)
        return _reading(_calling(rule, places), [place if place >= 0 else at for place in places] or [at], at, leaf)


def _calling(rule: Rule, places: Sequence[int]) -> Callable[[Cells], Any]:
    """Returns the rule as a function of a row's cells."""
    if len(places) == 1 and places[0] >= 0:
        (only,) = places
        return lambda cells: rule(cells[only])
    if len(places) == 2 and min(places) >= 0:
        first, second = places
        return lambda cells: rule(cells[first], cells[second])
    if all(place < 0 for place in places):
        return lambda cells: rule(*("" for _ in places))
    return lambda cells: rule(*[cells[place] if place >= 0 else "" for place in places])


def _reading(call: Callable[[Cells], Any], parts: Sequence[int], at: int, leaf: Leaf) -> Make:
    aside, must, personal = bool(leaf.must), leaf.must == "!", leaf.rule not in OPEN

    def read(cells: Cells, notes: Notes) -> Any:
        try:
            value = call(cells)
        except Unfit as unfit:
            place = parts[unfit.part] if unfit.part else at
            notes.append(Note(unfit.text, place, unfit.parameters, aside, personal))
            return None
        if type(value) is Told:
            notes.append(Note(value.text, at, {}, False, personal, taken=True))
            value = value.value
        if must and (value is None or value == ""):
            notes.append(Note("value-missing", at, {}, True, personal))
        return value

    return read


def _spread(value: Mapping[str, Any], found: dict[str, Any]) -> None:
    """Puts the elements of a value beside those of an object; extensions of both are kept."""
    beside = found.get("extension", ())
    found.update(value)
    if beside:
        found["extension"] = [*value.get("extension", ()), *beside]


def _takes(value: Any) -> bool:
    """Whether something of a template is taken from the row."""
    if isinstance(value, dict):
        return any(map(_takes, value.values()))
    if isinstance(value, list):
        return any(map(_takes, value))
    return isinstance(value, str) and value.startswith("@")
