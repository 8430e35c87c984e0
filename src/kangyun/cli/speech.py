"""What the command line says: Chinese, or English where the user's language is not Chinese or `KANGYUN_LANG=en`."""

import os
import sys
from typing import TextIO

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
    _print(console, sys.stdout, text, style)


def complain(text: str) -> None:
    """Prints a line to standard error."""
    _print(Console(stderr=True, highlight=False), sys.stderr, text, "red")


def _print(there: Console, stream: TextIO, text: str, style: str | None) -> None:
    try:
        there.print(text, style=style, markup=False, soft_wrap=True)
        stream.flush()
    except (OSError, SystemExit):  # rich turns a broken pipe into SystemExit.
        # What the stream still holds goes nowhere: as Python ends it would try once more, and fail with status 120.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
