"""What is wrong with a registration, as a steward is asked about it. Pure: a code and a place, never a value."""

from typing import NamedTuple

from kangyun.base.texts import Language, say

QUESTIONS = frozenset(
    {
        "number-of-mother", "number-birth", "several-numbers", "name-is-number", "number-is-name", "number-of-another",
        "number-of-the-dead", "newborn-under-mother", "other-name", "other-person", "death-before-birth",
    }
)  # fmt: skip
"""Codes that a steward is asked about; the others are told to who registered."""


class Issue(NamedTuple):
    """One finding. `at` is a FHIRPath into the Patient."""

    code: str
    at: str

    @property
    def is_question(self) -> bool:
        """Whether a steward decides, rather than who registered corrects."""
        return self.code in QUESTIONS

    def text(self, language: Language = "zh") -> str:
        """Returns the finding in words."""
        return say(f"identity.registration.{self.code}", language)
