"""A site's own mapping files: `mappings/<name>.toml` in the data folder become the formats `mapped/<name>`.

Listener, intake and web each read them when they start, as each reads messages.
"""

import re
from pathlib import Path

from kangyun.base.errors import Invalid
from kangyun.devices import formats

FOLDER = "mappings"
_NAME = re.compile(r"[a-z0-9][a-z0-9\-]{0,62}")


def load_mappings(data: Path) -> None:
    """Makes a site's mappings formats of this process. Raises Invalid, naming the file and the place."""
    for path in named_files(data / FOLDER):
        try:
            formats.add_mapping(path.stem, path.read_text("utf-8"))
        except (Invalid, UnicodeDecodeError) as error:
            at = error.at if isinstance(error, Invalid) else "utf-8"
            raise Invalid("devices.formats.file", name=path.name, at=f"{path.name}: {at}") from None


def named_files(folder: Path) -> list[Path]:
    """Returns the TOML files of a folder. Raises Invalid for a name that no address could have."""
    found = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    for path in found:
        if not _NAME.fullmatch(path.stem):
            raise Invalid("devices.formats.file", name=path.name, at=path.name)
    return found
