"""The words of a package in one language."""

from dataclasses import dataclass

from kangyun.base.texts import Language, say


@dataclass(frozen=True, slots=True)
class Words:
    """Says texts of this package."""

    language: Language

    def __call__(self, text: str, **parameters: str | int) -> str:
        """Returns a text by its key."""
        return say(f"exchange.joining.{text}", self.language, parameters)
