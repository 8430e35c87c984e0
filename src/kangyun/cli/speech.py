"""What the command line says: Chinese, or English where the user's language is not Chinese or `KANGYUN_LANG=en`."""

import os
from contextlib import suppress

from rich.console import Console

from kangyun.base.texts import Language, say

console = Console(highlight=False)


def language() -> Language:
    """Returns the language of the terminal: KANGYUN_LANG, else Chinese."""
    return "en" if os.environ.get("KANGYUN_LANG", "zh").lower().startswith("en") else "zh"


def speak(text: str, **parameters: str | int) -> str:
    """Returns a text in the terminal's language."""
    return say(text, language(), parameters)


def announce(text: str, style: str | None = None) -> None:
    """Prints a line. A terminal that was closed is no reason to fail: whoever stops the parts must go on."""
    with suppress(OSError, SystemExit):  # rich turns a broken pipe into SystemExit.
        console.print(text, style=style, markup=False, soft_wrap=True)


def complain(text: str) -> None:
    """Prints a line to standard error."""
    with suppress(OSError, SystemExit):
        Console(stderr=True, highlight=False).print(text, style="red", markup=False, soft_wrap=True)
