"""Rules that are data: a file that comes with a package, and the region's own in its place.

`<data folder>/policy/NAME` wins over the package's `data/NAME` as a whole: two files that are each half in force would
be read by nobody. What a file may hold is the reader's business.
"""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from kangyun.base.errors import Invalid

FOLDER = "policy"


def rules_of(package: str, name: str, data: Path) -> dict[str, Any]:
    """Returns the rules of a file. `data`: the data folder. Raises Invalid, naming the file, for what is no TOML."""
    own = data / FOLDER / name
    try:
        if own.is_file():
            return tomllib.loads(own.read_text("utf-8"))
        return tomllib.loads(files(package).joinpath("data", name).read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        raise Invalid("access.wrong-rules", file=str(own)) from None
