"""Bytes in, a `Message` and what was refused of it out: one module for each format, found by the format's name.

    message, refusals = read("plain", payload, Context(received=…))

Pure, and no payload raises: what cannot be read is a `Refusal` with its place and without its value. A message of
which a part was refused holds the rest.
"""

from collections.abc import Callable
from typing import Final

from kangyun.devices.formats import plain
from kangyun.devices.formats.taking import Context
from kangyun.devices.model import Message, Refusal

__all__ = ["Context", "Reader", "add_reader", "names", "read"]

Reader = Callable[[bytes, Context], tuple[Message, tuple[Refusal, ...]]]

_readers: Final[dict[str, Reader]] = {"plain": plain.read}


def read(format_: str, payload: bytes, context: Context) -> tuple[Message, tuple[Refusal, ...]]:
    """Returns what a payload says and what of it was refused: all of it where no format has this name."""
    reader = _readers.get(format_)
    if reader is None:
        return Message(), (Refusal("devices.formats.unknown-format", "$"),)
    return reader(payload, context)


def names() -> list[str]:
    """Returns the formats that can be read here."""
    return sorted(_readers)


def add_reader(name: str, reader: Reader) -> None:
    """Makes a format known by its name: a mapping file of the site."""
    _readers[name] = reader
