"""Answers about codes: is this code valid, what does it mean, which codes are there, which is above which.

Functions over a `Terminology`; `operations` says the same in FHIR's Parameters.

Source: https://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kangyun.base.errors import Invalid, Issue, NotFound, TooCostly
from kangyun.fhir.terminology.contents import Content, Member
from kangyun.fhir.terminology.forms import FORMS, Form
from kangyun.fhir.terminology.library import Terminology
from kangyun.fhir.terminology.model import Concept, Designation
from kangyun.fhir.terminology.systems import System

MAX_PAGE = 10_000
"""Codes that one expansion gives at most."""

MAX_WORDS = 20

Outcome = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a code is valid. `issue` says why not, or what to know nevertheless; `display` is a right one."""

    result: bool
    issue: Issue | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A code as somebody states it. `abstract` is False where a concept that only groups others is not wanted."""

    code: str
    system: str | None = None
    version: str | None = None
    display: str | None = None
    abstract: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A concept and where it stands; `concept` is None in a system without a list, which is `form` then."""

    code: str
    home: System | None
    concept: Concept | None
    form: Form | None

    @property
    def name(self) -> str:
        return self.home.name if self.home is not None else self.form.name if self.form is not None else ""

    def display(self, language: str | None = None) -> str:
        """Returns its display in a language where there is one, else the preferred one, else the code."""
        if self.home is None or self.concept is None:
            return self.code
        return wording(self.concept, self.home, language) or self.code


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of an expansion is asked for. `words` must all occur in a code or its wordings; counts are codes."""

    words: str = ""
    offset: int = 0
    count: int | None = None
    active_only: bool = False
    selectable_only: bool = False
    without_systems: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an expansion, and how many codes the whole of it has."""

    total: int
    offset: int
    members: tuple[Member, ...]


def lookup(terminology: Terminology, system: str, code: str, version: str | None = None) -> Found:
    """Finds a code in its system. Raises NotFound for a system or a code that is not here."""
    home = terminology.system(system, version)
    if home is None:
        form = FORMS.get(system)
        if form is None:
            raise NotFound("fhir.terminology.system-not-here", system=system[:200])
        if not form.fits(code):
            raise NotFound("fhir.terminology.code-not-here", system=system)
        return Found(code, None, None, form)
    concept = home.get(code)
    if concept is None:
        raise NotFound("fhir.terminology.code-not-here", system=system[:200])
    return Found(concept.code, home, concept, None)


def subsumes(terminology: Terminology, system: str, one: str, other: str, version: str | None = None) -> Outcome:
    """Says how two codes of a system stand to each other. Raises NotFound for what is not here."""
    first, second = (lookup(terminology, system, code, version) for code in (one, other))
    if first.code == second.code:
        return "equivalent"
    if first.home is None:
        return "not-subsumed"
    if first.code in first.home.ancestors(second.code):
        return "subsumes"
    return "subsumed-by" if second.code in first.home.ancestors(first.code) else "not-subsumed"


def validate_code(
    terminology: Terminology, claim: Claim, value_set: Content | None = None, language: str | None = None
) -> Verdict:
    """Says whether a code is valid, in a value set if one is given, in its system if not."""
    system = None if claim.system is None else terminology.name_of(claim.system)
    if value_set is not None:
        if system is None:
            systems = [url for url in value_set.systems if value_set.has(url, claim.code)]
            if len(systems) != 1:
                return refusal("ambiguous" if systems else "not-in-value-set", url=value_set.url or "")
            system = systems[0]
        inside = value_set.has(system, claim.code)
        if inside is None:
            return refusal("cannot-tell", url=(value_set.missing or system)[:200])
        if not inside:
            return refusal("not-in-value-set", url=value_set.url or "")
    elif system is None:
        return refusal("system-needed")
    return _validate_in_system(terminology, claim, system, value_set, language)


def _validate_in_system(
    terminology: Terminology, claim: Claim, system: str, value_set: Content | None, language: str | None
) -> Verdict:
    home = terminology.system(system, claim.version)
    concept = None if home is None else home.get(claim.code)
    if home is None or concept is None:
        if value_set is not None:
            named = value_set.named(system, claim.code)
            return _check_display(claim, [named.display] if named and named.display else [])
        if home is None and (form := FORMS.get(system)) is not None:
            return Verdict(True) if form.fits(claim.code) else refusal("code-not-here", system=system)
        return refusal(
            "code-not-here" if home is not None and home.is_complete else "cannot-tell-code", system=system[:200]
        )
    if not claim.abstract and home.is_abstract(concept):
        return refusal("abstract-code")
    preferred = wording(concept, home, language)
    named = None if value_set is None else value_set.named(system, claim.code)
    displays = [preferred, concept.display, *(each.value for each in home.designations(concept))]
    if named is not None:
        displays += [named.display, *(each.value for each in named.designation)]
    verdict = _check_display(claim, [display for display in displays if display])
    if verdict.result and home.is_inactive(concept):
        return Verdict(True, Issue("warning", "business-rule", "fhir.terminology.inactive-code"), verdict.display)
    return verdict


def _check_display(claim: Claim, displays: list[str]) -> Verdict:
    """Accepts a display that is one of those known, letter case and spacing aside, or any where none is known."""
    preferred = displays[0] if displays else None
    if claim.display is None or not displays or _plain(claim.display) in map(_plain, displays):
        return Verdict(True, None, preferred)
    return Verdict(False, Issue("error", "invalid", "fhir.terminology.wrong-display"), preferred)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def refusal(text: str, **parameters: str | int) -> Verdict:
    """Returns the verdict that a code is not valid, with one of this package's texts."""
    return Verdict(False, Issue("error", "code-invalid", f"fhir.terminology.{text}", None, parameters))


def expand(value_set: Content, window: Window) -> Page:
    """Lists codes of a value set.

    Raises TooCostly where they cannot be listed, or are over MAX_PAGE and no count was given, Invalid over MAX_WORDS.
    """
    members: tuple[Member, ...] = value_set.members
    words = window.words.casefold().split()
    if len(words) > MAX_WORDS:
        raise Invalid("fhir.terminology.too-many-words", limit=MAX_WORDS)
    if words:
        texts = value_set.texts
        numbers = [number for number, text in enumerate(texts) if words[0] in text]
        for word in words[1:]:
            numbers = [number for number in numbers if word in texts[number]]
        members = tuple([members[number] for number in numbers])
    if window.active_only or window.selectable_only or window.without_systems:
        members = tuple(member for member in members if _is_wanted(member, window))
    if window.count is None and len(members) > MAX_PAGE:
        raise TooCostly("fhir.terminology.page-needed", total=len(members), limit=MAX_PAGE)
    count = MAX_PAGE if window.count is None else min(window.count, MAX_PAGE)
    return Page(len(members), window.offset, members[window.offset : window.offset + count])


def _is_wanted(member: Member, window: Window) -> bool:
    if member.system in window.without_systems:
        return False
    if member.home is None or member.concept is None:
        return True
    return not (
        (window.active_only and member.home.is_inactive(member.concept))
        or (window.selectable_only and member.home.is_abstract(member.concept))
    )


def designations(member: Member) -> Iterator[Designation]:
    """Yields the other wordings of a code in a value set, the value set's own first."""
    yield from member.designation
    if member.home is not None and member.concept is not None:
        yield from member.home.designations(member.concept)


def shown(member: Member, language: str | None) -> str | None:
    """Returns the display of a code in a value set, in a language where there is one."""
    if language is not None:
        for each in designations(member):
            if _speaks(each.language, language):
                return each.value
    if member.display is not None or member.concept is None:
        return member.display
    return member.concept.display


def wording(concept: Concept, home: System, language: str | None) -> str | None:
    """Returns the display of a concept, in a language where there is one."""
    if language is not None and not _speaks(home.language, language):
        for each in home.designations(concept):
            if _speaks(each.language, language):
                return each.value
    return concept.display


def _speaks(language: str | None, wanted: str) -> bool:
    """Whether text in one language serves who wants another: zh-CN serves zh, and zh serves zh-CN."""
    if language is None:
        return False
    have, want = language.lower(), wanted.lower()
    return have == want or have.startswith(f"{want}-") or want.startswith(f"{have}-")
