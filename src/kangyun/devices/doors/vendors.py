"""Vendors whose clouds push to us, and mappings of the site: files in the data folder, read when a process starts.

    vendors/<name>.toml     title, institution, format, signed (see `signatures`)
    mappings/<name>.toml    a mapping (`formats.mapped`), known as `mapped/<name>`

A vendor's file holds a key: the folder is its owner's alone, like the rest of the data folder.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kangyun.base.errors import Invalid, NotFound
from kangyun.devices import formats
from kangyun.devices.doors.signatures import Signing

VENDORS, MAPPINGS = "vendors", "mappings"
SHORTEST_KEY = 16
_NAME = re.compile(r"[a-z0-9][a-z0-9\-]{0,62}")


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
        return Vendors({path.stem: _vendor(path) for path in _files(data / VENDORS)})

    def get(self, name: str) -> Vendor:
        """Returns a vendor. Raises NotFound."""
        if name not in self.known:
            raise NotFound
        return self.known[name]


def load_mappings(data: Path) -> None:
    """Makes the site's mappings formats of this process: listener, intake and web alike. Raises Invalid."""
    for path in _files(data / MAPPINGS):
        try:
            formats.add_mapping(path.stem, path.read_text("utf-8"))
        except (Invalid, UnicodeDecodeError) as error:
            at = error.at if isinstance(error, Invalid) else "utf-8"
            raise Invalid("devices.doors.file", name=path.name, at=f"{path.name}: {at}") from None


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    for path in found:
        if not _NAME.fullmatch(path.stem):
            raise Invalid("devices.doors.file", name=path.name, at=path.name)
    return found


def _vendor(path: Path) -> Vendor:
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Vendor)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        place = str(error) if isinstance(error, msgspec.ValidationError) else "TOML"
        raise Invalid("devices.doors.file", name=path.name, at=f"{path.name}: {place}") from None
    mapping = formats.mapping(found.format.removeprefix(formats.MAPPED))
    short = len(found.signed.key) < SHORTEST_KEY or (found.signed.former_key and len(found.signed.former_key) < 16)
    place = "format" if mapping is None or mapping.push is None else "signed.key" if short else ""
    if place or "{body}" not in found.signed.text:
        raise Invalid("devices.doors.file", name=path.name, at=f"{path.name}: {place or 'signed.text'}")
    return msgspec.structs.replace(found, name=path.stem)
