"""What an examination finds: one sentence, how bad it is, and what to do."""

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "note", "wrong", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `text` is a text id of `kangyun.cli.doctor`; what is not good has a second one, `<text>-do`."""

    state: State
    text: str
    parameters: dict[str, str | int]


def good(text: str, **parameters: str | int) -> Finding:
    """Returns that something is as it should be."""
    return Finding("good", text, parameters)


def note(text: str, **parameters: str | int) -> Finding:
    """Returns that something will need care."""
    return Finding("note", text, parameters)


def wrong(text: str, **parameters: str | int) -> Finding:
    """Returns that something keeps the installation from working, or puts what it holds at risk."""
    return Finding("wrong", text, parameters)


def unknown(text: str, **parameters: str | int) -> Finding:
    """Returns that something could not be looked at."""
    return Finding("unknown", text, parameters)
