"""Concept maps: what a code of one system is in another, forwards and backwards.

Source: https://hl7.org/fhir/R4/conceptmap.html
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from kangyun.fhir.terminology.model import ConceptMap, Dependency, Group, Target

# What a mapping says when it is read from its target to its source.
_REVERSED = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}
_NO_MATCH = frozenset({"unmatched", "disjoint"})
MAX_HOPS = 5


@dataclass(frozen=True, slots=True)
class Match:
    """A translation: the equivalence, the code found, and the map that says so."""

    equivalence: str
    system: str | None
    code: str | None
    display: str | None
    product: tuple[Dependency, ...]
    source: str | None

    @property
    def counts(self) -> bool:
        """Whether this is a translation, and not the statement that there is none."""
        return self.equivalence not in _NO_MATCH and self.code is not None


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be translated, and how far the answer may range.

    `source` and `target` are the value sets of the map, `target_system` its target system; None is any. `given` are
    the values of other elements that a mapping may depend on: (element, system or None, code).
    """

    system: str | None
    code: str
    source: str | None = None
    target: str | None = None
    target_system: str | None = None
    given: frozenset[tuple[str, str | None, str]] = frozenset()


class Maps:
    """Concept maps with an index from each code to what is said of it."""

    def __init__(self, maps: Iterable[ConceptMap]) -> None:
        self._maps = tuple(maps)
        self._by_url = {each.url: each for each in self._maps if each.url}

    def get(self, url: str, version: str | None = None) -> ConceptMap | None:
        """Returns a concept map by url, and version if one is asked for; None where it is not here."""
        found = self._by_url.get(url)
        return found if found is None or version is None or found.version == version else None

    def translate(self, question: Question, *, only: ConceptMap | None = None, reverse: bool = False) -> list[Match]:
        """Returns what all maps, or one only, say of a code."""
        index = _Index((only,)) if only is not None else self._index
        if reverse:
            return list(_backwards(question, index))
        matches = list(_forwards(question, index))
        if not any(match.counts for match in matches):
            matches += self._unmapped(question, (only,) if only is not None else self._maps, 0)
        return matches

    @cached_property
    def _index(self) -> "_Index":
        return _Index(self._maps)

    def _unmapped(self, question: Question, maps: Iterable[ConceptMap], hops: int) -> Iterator[Match]:
        for each in maps:
            for group in each.group:
                unmapped = group.unmapped
                if unmapped is None or question.system != group.source or not _applies(each, group, question):
                    continue
                if any(element.code == question.code for element in group.element):
                    continue  # that there is no match is what this map says
                if unmapped.mode == "provided":
                    yield Match("equal", group.target, question.code, None, (), each.url)
                elif unmapped.mode == "fixed":
                    yield Match("inexact", group.target, unmapped.code, unmapped.display, (), each.url)
                elif unmapped.mode == "other-map" and unmapped.url in self._by_url and hops < MAX_HOPS:
                    other = self._by_url[unmapped.url]
                    yield from _forwards(question, _Index((other,)))
                    yield from self._unmapped(question, (other,), hops + 1)


_Entry = tuple[ConceptMap, Group, str | None, str | None, Target]
"""Map, group, source code, its display, target."""


class _Index:
    """Mappings by source code and by target code."""

    def __init__(self, maps: Iterable[ConceptMap]) -> None:
        self.by_source: dict[str, list[_Entry]] = {}
        self.by_target: dict[str, list[_Entry]] = {}
        for each in maps:
            for group in each.group:
                for element in group.element:
                    for target in element.target:
                        entry = (each, group, element.code, element.display, target)
                        if element.code is not None:
                            self.by_source.setdefault(element.code, []).append(entry)
                        if target.code is not None:
                            self.by_target.setdefault(target.code, []).append(entry)


def _forwards(question: Question, index: _Index) -> Iterator[Match]:
    for each, group, _, _, target in index.by_source.get(question.code, ()):
        if (
            question.system == group.source
            and _applies(each, group, question)
            and all(_is_given(dependency, question) for dependency in target.depends_on)
        ):
            yield Match(target.equivalence, group.target, target.code, target.display, target.product, each.url)


def _backwards(question: Question, index: _Index) -> Iterator[Match]:
    for each, group, code, display, target in index.by_target.get(question.code, ()):
        # Source and target of the question are already those of the answer, so they meet the map crosswise.
        if (
            question.system == group.target
            and (question.target_system is None or question.target_system == group.source)
            and (question.source is None or question.source == each.target)
            and (question.target is None or question.target == each.source)
        ):
            equivalence = _REVERSED.get(target.equivalence, target.equivalence)
            yield Match(equivalence, group.source, code, display, (), each.url)


def _applies(each: ConceptMap, group: Group, question: Question) -> bool:
    return (
        (question.target_system is None or question.target_system == group.target)
        and (question.source is None or question.source == each.source)
        and (question.target is None or question.target == each.target)
    )


def _is_given(dependency: Dependency, question: Question) -> bool:
    return any(
        (element, code) == (dependency.property, dependency.value) and dependency.system in (None, system)
        for element, system, code in question.given
    )
