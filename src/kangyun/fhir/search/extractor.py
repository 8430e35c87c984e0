"""Search parameters as one generated function a resource type, because every write runs it.

The function walks the resource once, a prefix that several parameters share is walked once for all of them, and hands
what it finds to a `Sink`. It is Python source made from data (definitions and paths), never from what a client sent:
names in it are looked up in the definitions, texts are written by repr.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from typing import Any, Protocol

from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.dates import BEIJING
from kangyun.fhir.search.formulas import formula_reader
from kangyun.fhir.search.parameters import Parameter, Parameters
from kangyun.fhir.search.paths import Path, Step, is_a
from kangyun.fhir.search.values import concept_texts, identifier_texts, identifier_types, readers


class Sink(Protocol):
    """Takes what was found. `bound` is whatever `bind` made of the parameter; values are as in `values.py`."""

    def token(self, bound: Any, values: Iterable[Any]) -> None: ...
    def of_type(self, bound: Any, values: Iterable[Any]) -> None: ...
    def text(self, bound: Any, values: Iterable[str]) -> None: ...
    def string(self, bound: Any, values: Iterable[str]) -> None: ...
    def uri(self, bound: Any, values: Iterable[str]) -> None: ...
    def reference(self, bound: Any, values: Iterable[Any]) -> None: ...
    def date(self, bound: Any, values: Iterable[Any]) -> None: ...
    def number(self, bound: Any, values: Iterable[Any]) -> None: ...
    def quantity(self, bound: Any, values: Iterable[Any]) -> None: ...
    def composite(self, bound: Any, components: Sequence[Sequence[Any]]) -> None: ...


Extractor = Callable[[Resource, Sink], None]


def compile_extractor(
    resource_type: str, chosen: Parameters, bind: Callable[[Parameter], Any], zone: tzinfo = BEIJING
) -> Extractor:
    """Returns the function that reads all `chosen` parameters of a type from a valid resource."""
    writer = _Writer(resource_type, chosen, bind, zone)
    writer.write()
    return writer.compiled()


# A leaf writes the lines that use what stands in a variable, whose FHIR type it is told.
Leaf = Callable[[str, str, int], bool]


class _Writer:
    def __init__(self, resource_type: str, chosen: Parameters, bind: Callable[[Parameter], Any], zone: tzinfo) -> None:
        self._type = resource_type
        self._chosen = chosen
        self._bind = bind
        self._zone = zone
        self._types = definitions().types
        self._readers = readers(zone)
        self._lines = ["def extract(r, s):"]
        self._names: dict[str, Any] = {}
        self._count = 0

    def write(self) -> None:
        self._line(1, "emit_token, emit_string, emit_reference = s.token, s.string, s.reference")
        self._line(1, "emit_uri, emit_date, emit_number = s.uri, s.date, s.number")
        self._line(1, "emit_quantity, emit_composite = s.quantity, s.composite")
        work: list[tuple[Path, Leaf]] = []
        for parameter in self._chosen.values():
            bound = self._name("p", self._bind(parameter)) if parameter.answerable and not parameter.alias_of else ""
            work += [(path, self._plain_leaf(parameter, bound)) for path in parameter.paths]
            work += [(base, self._composite_leaf(parameter, components, bound)) for base, components in parameter.parts]
            if parameter.formula:
                reader = self._name("f", formula_reader(parameter, self._zone))
                self._line(1, f"{reader}(r, s, {bound})")
        self._walk(work, "r", self._type, 1)

    def compiled(self) -> Extractor:
        source = "\n".join(self._lines)
        scope = dict(self._names)
        exec(compile(source, f"<search parameters of {self._type}>", "exec"), scope)
        extract: Extractor = scope["extract"]
        return extract

    # --- leaves

    def _plain_leaf(self, parameter: Parameter, bound: str) -> Leaf:
        def leaf(variable: str, type_name: str, depth: int) -> bool:
            if type_name == "Extension":
                return self._values_of_extension(variable, leaf, depth)
            reader = self._readers.get(parameter.type, {}).get(type_name)
            if reader is None:
                return False
            self._line(depth, f"emit_{parameter.type}({bound}, {self._name(f'read_{type_name}', reader)}({variable}))")
            if parameter.type == "token" and type_name == "Identifier":
                self._line(depth, f"s.of_type({bound}, {self._name('t', identifier_types)}({variable}))")
                self._line(depth, f"s.text({bound}, {self._name('x', identifier_texts)}({variable}))")
            if parameter.type == "token" and type_name == "CodeableConcept":
                self._line(depth, f"if 'text' in {variable}:")
                self._line(depth + 1, f"s.text({bound}, {self._name('c', concept_texts)}({variable}))")
            return True

        return leaf

    def _composite_leaf(
        self, parameter: Parameter, components: tuple[tuple[str, tuple[Path, ...]], ...], bound: str
    ) -> Leaf:
        def leaf(variable: str, type_name: str, depth: int) -> bool:
            lists = []
            # From the last component back: the value is absent more often than the code.
            for code, paths in reversed(components):
                gathered = self._variable("g")
                lists.append(gathered)
                self._line(depth, f"{gathered} = []")
                take = self._gathering_leaf(self._chosen[code].type, gathered)
                self._walk([(path, take) for path in paths], variable, type_name, depth)
                self._line(depth, f"if {gathered}:")
                depth += 1
            self._line(depth, f"emit_composite({bound}, ({', '.join(reversed(lists))},))")
            return True

        return leaf

    def _gathering_leaf(self, parameter_type: str, gathered: str) -> Leaf:
        def leaf(variable: str, type_name: str, depth: int) -> bool:
            if type_name == "Extension":
                return self._values_of_extension(variable, leaf, depth)
            reader = self._readers.get(parameter_type, {}).get(type_name)
            if reader is not None:
                self._line(depth, f"{gathered} += {self._name(f'read_{type_name}', reader)}({variable})")
            return reader is not None

        return leaf

    def _values_of_extension(self, variable: str, leaf: Leaf, depth: int) -> bool:
        wrote = False
        for element in self._types["Extension"].named("value"):
            start = len(self._lines)
            value = self._variable()
            self._line(depth, f"{value} = {variable}.get({element.name!r})")
            self._line(depth, f"if {value} is not None:")
            if leaf(value, element.type, depth + 1):
                wrote = True
            else:
                del self._lines[start:]
        return wrote

    # --- the walk

    def _walk(self, work: list[tuple[Path, Leaf]], variable: str, type_name: str, depth: int) -> bool:
        """Writes what follows from `variable`; says whether any leaf wrote a line."""
        wrote = False
        groups: dict[Step, list[tuple[Path, Leaf]]] = {}
        for path, leaf in work:
            if path:
                groups.setdefault(path[0], []).append((path[1:], leaf))
            else:
                wrote |= leaf(variable, type_name, depth)
        for step, rest in groups.items():
            start = len(self._lines)
            if self._step(step, rest, variable, type_name, depth):
                wrote = True
            else:
                del self._lines[start:]
        return wrote

    def _step(self, step: Step, rest: list[tuple[Path, Leaf]], variable: str, type_name: str, depth: int) -> bool:
        if step.kind == "member":
            return self._into_members(step.name, rest, variable, type_name, depth)
        if step.kind == "as":
            return is_a(type_name, step.name) and self._walk(rest, variable, type_name, depth)
        if step.kind == "root":
            return self._walk(rest, "r", self._type, depth)
        if step.kind == "extension":
            each = self._variable()
            self._line(depth, f"for {each} in {variable}.get('extension', ()):")
            self._line(depth + 1, f"if {each}.get('url') == {step.name!r}:")
            return self._walk(rest, each, "Extension", depth + 2)
        self._line(depth, f"if {self._condition(step, variable)}:")
        return self._walk(rest, variable, type_name, depth + 1)

    def _condition(self, step: Step, variable: str) -> str:
        if step.kind == "where":
            return f"{variable}.get({step.name!r}) == {step.text!r}"
        if step.kind == "target":
            return f"{self._name('points_to', _points_to)}({variable}, {step.name!r})"
        if step.kind == "has-extension":
            return f"any(e.get('url') == {step.name!r} for e in {variable}.get('extension', ()))"
        raise ValueError(step.kind)

    def _into_members(
        self, name: str, rest: list[tuple[Path, Leaf]], variable: str, type_name: str, depth: int
    ) -> bool:
        wrote = False
        for element in self._types[type_name].named(name):
            start = len(self._lines)
            value = self._variable()
            self._line(depth, f"{value} = {variable}.get({element.name!r})")
            index = {path[0].name for path, _ in rest if path and path[0].kind == "index"}
            if index:
                self._line(depth, f"if {value} and len({value}) > {index.copy().pop()}:")
                self._line(depth + 1, f"{value} = {value}[{index.pop()}]")
                wrote |= self._keep(self._walk([(p[1:], f) for p, f in rest], value, element.type, depth + 1), start)
                continue
            self._line(depth, f"if {value} is not None:")
            inner, inside = value, depth + 1
            if element.is_array:
                inner = self._variable()
                self._line(inside, f"for {inner} in {value}:")
                inside += 1
                if self._types[element.type].kind == "primitive-type":
                    self._line(inside, f"if {inner} is None: continue")
            wrote |= self._keep(self._walk(rest, inner, element.type, inside), start)
        return wrote

    def _keep(self, wrote: bool, start: int) -> bool:
        if not wrote:
            del self._lines[start:]
        return wrote

    # --- the text

    def _line(self, depth: int, text: str) -> None:
        self._lines.append("    " * depth + text)

    def _variable(self, letter: str = "v") -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _name(self, stem: str, thing: Any) -> str:
        for name, other in self._names.items():
            if other is thing:
                return name
        name = f"{stem}_{len(self._names)}"
        self._names[name] = thing
        return name


def _points_to(reference: dict[str, Any], resource_type: str) -> bool:
    text = reference.get("reference") or ""
    return (
        text.startswith(f"{resource_type}/") or f"/{resource_type}/" in text or reference.get("type") == resource_type
    )
