"""What is wrong with a registration, as a steward is asked about it. Pure: a code and a place, never a value."""

from typing import NamedTuple

from kangyun.base.texts import Language, say

QUESTIONS = frozenset(
    {
        "number-of-mother", "number-birth", "several-numbers", "name-is-number", "number-is-name", "number-of-another",
        "number-of-namesake", "number-of-relative", "number-of-the-dead", "number-of-twin", "number-of-unidentified",
        "newborn-under-mother", "other-name", "other-person", "birth-impossible", "birth-in-future",
        "birth-too-early", "death-before-birth", "number-demo", "private-character",
    }
)  # fmt: skip
"""Codes that a steward is asked about; of the others nobody is told."""


class Issue(NamedTuple):
    """One finding. `at` is a FHIRPath into the Patient."""

    code: str
    at: str

    @property
    def is_question(self) -> bool:
        """Whether a steward is asked."""
        return self.code in QUESTIONS

    def text(self, language: Language = "zh") -> str:
        """Returns the finding in words."""
        return say(f"identity.registration.{self.code}", language)
