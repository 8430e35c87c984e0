"""A code system as an index: a concept by its code, what lies above and below it, and what is said of it.

Nesting, `parent` and `child` properties make one hierarchy, which may give a concept several parents; every one of
them counts as "is a", whatever CodeSystem.hierarchyMeaning says, for this is what searches `:below` a code expect.

Source: https://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kangyun.fhir.terminology.model import CodeSystem, Concept, Designation

_NONE: tuple[str, ...] = ()
_PARENT_PROPERTIES = frozenset({"parent", "subsumedBy"})
_NOT_SELECTABLE = frozenset({"notSelectable", "abstract"})


class System:
    """A code system with its supplements."""

    def __init__(self, definition: CodeSystem, supplements: Iterable[CodeSystem] = ()) -> None:
        self.url = definition.url
        self.version = definition.version
        self.name = definition.title or definition.name or definition.url
        self.language = definition.language
        self.is_complete = definition.content == "complete"
        """Whether a code that is not here does not exist."""
        self.concepts: dict[str, Concept] = {}
        """By code, in the order of the resource, a concept before those below it."""
        self._parents: dict[str, list[str]] = {}
        self._children: dict[str, list[str]] = {}
        self._add(definition.concept, None)
        self._link_by_properties()
        self._extra = _supplemented(supplements)
        self._folded = None if definition.case_sensitive else {code.casefold(): code for code in self.concepts}

    def _add(self, concepts: tuple[Concept, ...], parent: str | None) -> None:
        for concept in concepts:
            self.concepts.setdefault(concept.code, concept)
            if parent is not None:
                self._link(parent, concept.code)
            if concept.concept:
                self._add(concept.concept, concept.code)

    def _link(self, parent: str, child: str) -> None:
        parents = self._parents.setdefault(child, [])
        if parent not in parents:
            parents.append(parent)
            self._children.setdefault(parent, []).append(child)

    def _link_by_properties(self) -> None:
        for code, concept in self.concepts.items():
            for item in concept.property:
                other = item.get("valueCode")
                if isinstance(other, str) and other in self.concepts:
                    if item.get("code") == "child":
                        self._link(code, other)
                    elif item.get("code") in _PARENT_PROPERTIES:
                        self._link(other, code)

    def get(self, code: str) -> Concept | None:
        """Returns a concept, None for a code that is not here."""
        concept = self.concepts.get(code)
        if concept is None and self._folded is not None:
            return self.concepts.get(self._folded.get(code.casefold(), ""))
        return concept

    def parents(self, code: str) -> Iterable[str]:
        """Returns the codes one step above."""
        return self._parents.get(code, _NONE)

    def children(self, code: str) -> Iterable[str]:
        """Returns the codes one step below."""
        return self._children.get(code, _NONE)

    def ancestors(self, code: str) -> set[str]:
        """Returns all codes above, the code itself left out."""
        return _reach(self._parents, code)

    def descendants(self, code: str) -> set[str]:
        """Returns all codes below, the code itself left out."""
        return _reach(self._children, code)

    def designations(self, concept: Concept) -> Iterator[Designation]:
        """Yields the other wordings of a concept, those of supplements included."""
        yield from concept.designation
        extra = self._extra.get(concept.code)
        if extra is not None:
            yield from extra.designation

    def properties(self, concept: Concept) -> Iterator[tuple[str, str, Any]]:
        """Yields code, JSON name of the value and value of each property, those of supplements included."""
        extra = self._extra.get(concept.code)
        for item in concept.property if extra is None else (*concept.property, *extra.property):
            code = item.get("code")
            if isinstance(code, str):
                for name, value in item.items():
                    if name.startswith("value"):
                        yield code, name, value

    def is_abstract(self, concept: Concept) -> bool:
        """Whether the concept only groups others and is not meant to be recorded."""
        return any(code in _NOT_SELECTABLE and value is True for code, _, value in self.properties(concept))

    def is_inactive(self, concept: Concept) -> bool:
        """Whether the concept is no longer in use; a deprecated one still is."""
        return any(
            (code == "inactive" and value is True) or (code == "status" and value in ("retired", "inactive"))
            for code, _, value in self.properties(concept)
        )


def _supplemented(supplements: Iterable[CodeSystem]) -> Mapping[str, Concept]:
    extra: dict[str, Concept] = {}
    todo = [concept for supplement in supplements for concept in supplement.concept]
    while todo:
        concept = todo.pop()
        todo.extend(concept.concept)
        before = extra.get(concept.code)
        if before is not None:
            concept = Concept(
                concept.code,
                designation=before.designation + concept.designation,
                property=before.property + concept.property,
            )
        extra[concept.code] = concept
    return extra


def _reach(steps: Mapping[str, list[str]], code: str) -> set[str]:
    found: set[str] = set()
    todo = list(steps.get(code, ()))
    while todo:
        other = todo.pop()
        if other not in found:
            found.add(other)
            todo.extend(steps.get(other, ()))
    found.discard(code)
    return found
