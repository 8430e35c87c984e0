"""What is in a value set: the definition made ready to answer "is this code in it?" and "which codes are?".

The two questions differ: whether a unit belongs to all UCUM units can be said, and no list of them be given. An
answer may also be unknown, None here, where a code system or another value set that the definition names is not at
hand; unknown is never taken for no.

Source: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import msgspec

from kangyun.base.errors import TooCostly
from kangyun.fhir.terminology import filters
from kangyun.fhir.terminology.forms import FORMS, Form
from kangyun.fhir.terminology.model import (
    Compose,
    Concept,
    ConceptReference,
    Contained,
    Designation,
    Include,
    ValueSet,
)
from kangyun.fhir.terminology.systems import System

MAX_MEMBERS = 500_000
MAX_FILTERS = 200
MAX_NESTING = 20
_MAX_REMEMBERED = 10_000


class Member(msgspec.Struct, frozen=True, gc=False):
    """A code in a value set. `display` and `designation` are the value set's own; the rest is in its home system."""

    system: str
    code: str
    display: str | None = None
    designation: tuple[Designation, ...] = ()
    concept: Concept | None = None
    home: System | None = None


class Library(Protocol):
    """Where a value set finds what it refers to."""

    def name_of(self, system: str) -> str: ...

    def system(self, url: str, version: str | None = None) -> System | None: ...

    def content(self, canonical: str, within: tuple[str, ...] = ()) -> "Content | None": ...


@dataclass(frozen=True, slots=True)
class Part:
    """An include or an exclude.

    url:     its system; None where it only joins other value sets.
    codes:   the codes that it names or filters; None for all of the system.
    own:     what it says itself of codes that it names.
    fits:    for a system without a list, whether a code belongs.
    sets:    value sets that all must have the code too.
    missing: the url of what is not at hand and would be needed for an answer.
    """

    url: str | None
    home: System | None
    codes: frozenset[str] | None
    own: dict[str, ConceptReference]
    fits: Callable[[str], bool] | None
    sets: tuple["Content", ...]
    missing: str | None

    def has(self, system: str, code: str) -> bool | None:
        """Whether a code is in; None where that cannot be told."""
        if self.url is not None and self.url != system:
            return False
        if self.missing is not None:
            return None
        inside = self._in_system(code)
        for content in self.sets:
            if not inside:
                return inside
            inside = content.has(system, code)
        return inside

    def _in_system(self, code: str) -> bool | None:
        if self.url is None:
            return True
        if self.fits is not None:
            return self.fits(code)
        concept = None if self.home is None else self.home.get(code)
        if concept is not None:
            return self.codes is None or concept.code in self.codes
        if self.codes is not None and code in self.codes:
            return True  # named by a value set, though the system here does not have it
        if self.own or self.home is None or self.home.is_complete:
            return False
        return None

    def systems(self) -> frozenset[str]:
        """Returns the urls of the systems from which its codes may come."""
        if self.url is not None:
            return frozenset({self.url})
        return frozenset().union(*(content.systems for content in self.sets))

    def lacks(self) -> str | None:
        """Returns the url of something that an answer would need and that is not here, None where nothing is."""
        return next(
            (url for url in (self.missing, *(content.missing for content in self.sets)) if url is not None), None
        )

    def members(self) -> Iterator[Member]:
        """Yields its codes in the order of definition. Raises TooCostly where they cannot be listed."""
        if self.missing is not None or (self.url is not None and self.codes is None and self._has_no_list()):
            raise _not_listed(self.missing or self.url)
        for member in self.sets[0].members if self.url is None else self._own_members():
            inside = [content.has(member.system, member.code) for content in self.sets]
            if None in inside:
                raise _not_listed(self.lacks())
            if all(inside):
                yield member

    def _has_no_list(self) -> bool:
        return self.fits is not None or self.home is None or not self.home.concepts

    def _own_members(self) -> Iterator[Member]:
        url, home = str(self.url), self.home
        if self.own:
            for code, named in self.own.items():
                concept = None if home is None else home.get(code)
                yield Member(url, code, named.display, named.designation, concept, home)
        elif home is not None:
            for code, concept in home.concepts.items():
                if self.codes is None or code in self.codes:
                    yield Member(url, code, None, (), concept, home)


class Content:
    """A value set that has been made ready."""

    def __init__(self, value_set: ValueSet, includes: list[Part], excludes: list[Part], uses: frozenset[str]) -> None:
        self.url = value_set.url
        self.version = value_set.version
        self.uses = uses
        """The urls of all systems and value sets that it refers to, at any distance."""
        self._includes = includes
        self._excludes = excludes
        self._with_inactive = value_set.compose is None or value_set.compose.inactive
        self.systems = frozenset().union(*(part.systems() for part in includes))
        """The urls of the systems from which its codes may come."""
        self.missing = next((url for part in (*includes, *excludes) if (url := part.lacks()) is not None), None)
        """The url of something that answers need and that is not here, None where nothing is."""
        self._is_nested = any(part.sets for part in (*includes, *excludes))
        self._remembered: dict[tuple[str, str], bool | None] = {}

    def has(self, system: str, code: str) -> bool | None:
        """Whether a code is in; None where that cannot be told."""
        if not self._is_nested:
            return self._has(system, code)
        # Value sets that include one another many times over would otherwise be asked again and again.
        key = (system, code)
        if key not in self._remembered:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = self._has(system, code)
        return self._remembered[key]

    def _has(self, system: str, code: str) -> bool | None:
        found = _any(self._includes, system, code)
        if not found:
            return found
        if self._excludes:
            excluded = _any(self._excludes, system, code)
            if excluded is not False:
                return None if excluded is None else False
        return True if self._with_inactive else not self._is_inactive(system, code)

    def _is_inactive(self, system: str, code: str) -> bool:
        for part in self._includes:
            if part.home is not None and part.home.url == system:
                concept = part.home.get(code)
                return concept is not None and part.home.is_inactive(concept)
        return False

    @cached_property
    def _named(self) -> dict[tuple[str, str], ConceptReference]:
        named: dict[tuple[str, str], ConceptReference] = {}
        for part in self._includes:
            for code, reference in part.own.items():
                named.setdefault((str(part.url), code), reference)
            for content in part.sets:
                named = {**content._named, **named}
        return named

    def named(self, system: str, code: str) -> ConceptReference | None:
        """Returns what the definition itself, or a value set that it includes, says of a code."""
        return self._named.get((system, code))

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """All its codes, each once. Raises TooCostly where they cannot be listed or are too many."""
        found: dict[tuple[str, str], Member] = {}
        plain = not self._excludes and self._with_inactive
        candidates = (member for part in self._includes for member in part.members())
        for number, member in enumerate(candidates):
            if number >= MAX_MEMBERS:
                raise TooCostly("fhir.terminology.too-many", limit=MAX_MEMBERS)
            key = (member.system, member.code)
            if key in found:
                continue
            inside = plain or self.has(*key)
            if inside is None:
                raise _not_listed(self.missing)
            if inside:
                found[key] = member
        return tuple(found.values())

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """System and code of all members. Raises TooCostly as `members`."""
        return frozenset((member.system, member.code) for member in self.members)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """For each member its code and wordings, folded, to find words in."""
        return tuple(_text(member) for member in self.members)


def prepare(value_set: ValueSet, library: Library, within: tuple[str, ...] = ()) -> Content:
    """Makes a value set ready; `within` are the urls of the value sets that are being made ready around it.

    Raises Invalid for a value set that includes itself or a filter that cannot be understood, TooCostly for one of too
    many parts.
    """
    if value_set.url is not None:
        within = (*within, value_set.url)
    uses: set[str] = set()
    compose = value_set.compose or _composed(value_set)
    filters_in_all = sum(len(include.filter) for include in (*compose.include, *compose.exclude))
    if filters_in_all > MAX_FILTERS or len(within) > MAX_NESTING:
        raise TooCostly("fhir.terminology.too-many-parts", filters=MAX_FILTERS, nesting=MAX_NESTING)
    includes = [_part(include, library, within, uses) for include in compose.include]
    excludes = [_part(include, library, within, uses) for include in compose.exclude]
    return Content(value_set, includes, excludes, frozenset(uses))


def _part(include: Include, library: Library, within: tuple[str, ...], uses: set[str]) -> Part:
    missing: str | None = None
    sets: list[Content] = []
    for canonical in include.value_set:
        content = library.content(canonical, within)
        uses.add(canonical.partition("|")[0])
        if content is None:
            missing = canonical
        else:
            uses |= content.uses
            sets.append(content)
    url = include.system
    if url is None:
        return Part(None, None, None, {}, None, tuple(sets), missing or (None if sets else "?"))
    uses.add(url)
    url = library.name_of(url)
    uses.add(url)
    home = library.system(url, include.version)
    form = FORMS.get(url) if home is None else None
    own = {named.code: named for named in include.concept}
    codes: frozenset[str] | None = frozenset(own) if own else None
    fits: Callable[[str], bool] | None = None
    if not own:
        if home is not None and include.filter and home.concepts:
            codes = frozenset.intersection(*(filters.select(home, condition) for condition in include.filter))
        elif form is not None:
            fits = _fitting(form, include)
        elif home is None or not home.concepts:
            missing = missing or url
    return Part(url, home, codes, own, fits, tuple(sets), missing)


def _fitting(form: Form, include: Include) -> Callable[[str], bool]:
    tests = [form.fits, *(filters.test(form, condition) for condition in include.filter)]
    return lambda code: all(test(code) for test in tests)


def _composed(value_set: ValueSet) -> Compose:
    """Returns a definition with the codes of an expansion, for a value set that came with nothing else."""
    named: dict[str, list[ConceptReference]] = {}
    todo: list[Contained] = list(reversed(value_set.expansion.contains)) if value_set.expansion else []
    while todo:
        entry = todo.pop()
        todo.extend(reversed(entry.contains))
        if entry.system is not None and entry.code is not None:
            named.setdefault(entry.system, []).append(ConceptReference(entry.code, entry.display, entry.designation))
    return Compose(tuple(Include(system, concept=tuple(concepts)) for system, concepts in named.items()))


def _not_listed(url: str | None) -> TooCostly:
    return TooCostly("fhir.terminology.cannot-list", url=(url or "")[:200])


def _any(parts: list[Part], system: str, code: str) -> bool | None:
    unknown = False
    for part in parts:
        found = part.has(system, code)
        if found:
            return True
        if found is None:
            unknown = True
    return None if unknown else False


def _text(member: Member) -> str:
    words = [member.code, member.display or "", *(other.value for other in member.designation)]
    if member.concept is not None and member.home is not None:
        words += [member.concept.display or "", *(other.value for other in member.home.designations(member.concept))]
    return "\n".join(words).casefold()
