"""Vendors whose clouds push to us: `vendors/<name>.toml` in the data folder, read when a process starts.

Each says title, institution, format (a mapping with a push) and how it signs (`signatures`). It holds a key: the folder
is its owner's alone, like the rest of the data folder.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kangyun.base.errors import Invalid, NotFound
from kangyun.devices import formats
from kangyun.devices.doors.signatures import Signing
from kangyun.devices.mappings import load_mappings, named_files

FOLDER = "vendors"
SHORTEST_KEY = 16


class Vendor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vendor. institution: `Organization/…`, whose devices it speaks for. format: `mapped/…`, with a push."""

    title: str
    institution: str
    format: str
    signed: Signing
    name: str = ""


@dataclass(frozen=True, slots=True)
class Vendors:
    """Those of an installation."""

    known: Mapping[str, Vendor]

    @staticmethod
    def read(data: Path) -> "Vendors":
        """Reads them and the site's mappings. Raises Invalid, naming the file."""
        load_mappings(data)
        return Vendors({path.stem: _vendor(path) for path in named_files(data / FOLDER)})

    def get(self, name: str) -> Vendor:
        """Returns a vendor. Raises NotFound."""
        if name not in self.known:
            raise NotFound
        return self.known[name]


def _vendor(path: Path) -> Vendor:
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Vendor)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        place = str(error) if isinstance(error, msgspec.ValidationError) else "TOML"
        raise Invalid("devices.formats.file", name=path.name, at=f"{path.name}: {place}") from None
    mapping = formats.mapping(found.format.removeprefix(formats.MAPPED))
    short = len(found.signed.key) < SHORTEST_KEY or (found.signed.former_key and len(found.signed.former_key) < 16)
    place = "format" if mapping is None or mapping.push is None else "signed.key" if short else ""
    if place or "{body}" not in found.signed.text:
        raise Invalid("devices.formats.file", name=path.name, at=f"{path.name}: {place or 'signed.text'}")
    return msgspec.structs.replace(found, name=path.stem)
