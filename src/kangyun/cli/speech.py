"""What the command line says: Chinese, or English where the user's language is not Chinese or `KANGYUN_LANG=en`."""

import os

from rich.console import Console

from kangyun.base.texts import Language, say

console = Console(highlight=False)


def language() -> Language:
    """Returns the language of the terminal: KANGYUN_LANG, else Chinese."""
    return "en" if os.environ.get("KANGYUN_LANG", "zh").lower().startswith("en") else "zh"


def speak(text: str, **parameters: str | int) -> str:
    """Returns a text in the terminal's language."""
    return say(text, language(), parameters)
