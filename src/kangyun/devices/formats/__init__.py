"""Bytes in, a `Message` and what was refused of it out: one module for each format, found by the format's name.

    message, refusals = read("plain", payload, Context(received=…))

Pure, and no payload raises: what cannot be read is a `Refusal` with its place and without its value. A message of
which a part was refused holds the rest. A vendor's own JSON is `mapped/<name>`, by a mapping file.
"""

from collections.abc import Callable
from importlib.resources import files
from typing import Final

from kangyun.devices.formats import gatt, openmhealth, phd, plain
from kangyun.devices.formats.mapped import MappedReader, Mapping, Push, mapping_of
from kangyun.devices.formats.taking import Context
from kangyun.devices.model import Message, Refusal

__all__ = [
    "MAPPED",
    "TYPED",
    "Context",
    "Mapping",
    "Message",
    "Push",
    "Reader",
    "add_mapping",
    "mapping",
    "names",
    "read",
]

Reader = Callable[[bytes, Context], tuple[Message, tuple[Refusal, ...]]]

MAPPED: Final = "mapped/"
"""Before the name of a mapping, in the name of its format."""

TYPED: Final = "typed"
"""What people type, through the operation only."""

_readers: Final[dict[str, Reader]] = {
    "plain": plain.read,
    TYPED: plain.read_typed,
    "phd": phd.read,
    "gatt": gatt.read,
    "openmhealth": openmhealth.read,
}
_mappings: Final[dict[str, Mapping]] = {}


def read(format_: str, payload: bytes, context: Context) -> tuple[Message, tuple[Refusal, ...]]:
    """Returns what a payload says and what of it was refused: all of it where no format has this name."""
    reader = _readers.get(format_)
    if reader is None:
        return Message(), (Refusal("devices.formats.unknown-format", "$"),)
    return reader(payload, context)


def names() -> list[str]:
    """Returns the formats that can be read here."""
    return sorted(_readers)


def mapping(name: str) -> Mapping | None:
    """Returns a mapping by its name, None where there is none."""
    return _mappings.get(name)


def add_mapping(name: str, text: str) -> None:
    """Makes `mapped/<name>` a format of this process. Raises Invalid, naming the place."""
    _mappings[name] = mapping_of(text)
    _readers[MAPPED + name] = MappedReader(_mappings[name])


for _file in files(__package__).joinpath("data", "mappings").iterdir():
    if _file.name.endswith(".toml"):
        add_mapping(_file.name.removesuffix(".toml"), _file.read_text("utf-8"))
