"""What a question about who is who asks, in words. Pure: codes in, words out; no value of anybody is quoted.

The codes are those of `identity.registration` (what contradicts itself or another), of the rules that forbid a link, of
the doubts of `identity.rules`, and the kinds of questions (docs/identity.md has the tables).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kangyun.base.texts import Language, say
from kangyun.identity.registration.issues import QUESTIONS

OWN = frozenset({
    "contradicted", "two-residents", "alike", "overwritten", "not-mine", "feed-link", "feed-merge", "feed-part",
    "batch-links", "batch-parts", "numbers-differ", "twins", "parted-by-person", "same-number",
    "other-birth", "of-the-dead", "namesake",
    "half-name", "half-birth", "sibling", "without-name", "chained",
})  # fmt: skip
"""Kinds, rules and doubts that are said here; what contradicts is said by `identity.registration`."""

WITHOUT_NUMBER = frozenset({"newborn-under-mother", "number-of-another", "other-name", "other-person"})
"""What contradicts also where no number is shared: then the words of `identity.registration` say too much."""


def whys(kind: str, evidence: Any, language: Language) -> list[str]:
    """Returns why it is asked, the kind first. evidence: as it was sealed with the question, None where nothing was."""
    said = evidence if isinstance(evidence, Mapping) else {}
    inner = said.get("evidence")
    doubt = inner.get("doubt", "") if isinstance(inner, Mapping) else ""
    because = said.get("because", ())
    codes = [kind, *(because if isinstance(because, Sequence) and not isinstance(because, str) else ()), doubt]
    return words(codes, language, one_number=not kind.startswith("feed-"))


def words(codes: Iterable[object], language: Language, *, one_number: bool = False) -> list[str]:
    """Returns what codes say, each once; one that is unknown says nothing. one_number: both sides bear the same."""
    return [word for code in dict.fromkeys(codes) if (word := _word(str(code), language, one_number))]


def _word(code: str, language: Language, one_number: bool) -> str:
    if code in OWN:
        return say(f"identity.why-{code}", language)
    if code in WITHOUT_NUMBER and not one_number:
        return say(f"identity.against-{code}", language)
    return say(f"identity.registration.{code}", language) if code in QUESTIONS else ""
