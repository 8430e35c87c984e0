"""Rules that are data: a file that comes with a package, and the region's own in its place.

`<data folder>/policy/NAME` wins over the package's `data/NAME` as a whole: two files that are each half in force would
be read by nobody. What a file may hold is the reader's business.
"""

import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from kangyun.base.errors import Invalid

FOLDER = "policy"


@lru_cache(maxsize=64)
def parsed(text: str) -> dict[str, Any]:
    """Returns what a TOML file says, which is nobody's to change: whoever asks again is given the same.

    A page of a record asks for rules each time, and they hardly ever change. Raises TOMLDecodeError.
    """
    return tomllib.loads(text)


def rules_of(package: str, name: str, data: Path) -> dict[str, Any]:
    """Returns the rules of a file, of which only the outermost table is the caller's to change.

    `data`: the data folder. Raises Invalid, naming the file, for what is no TOML.
    """
    own = data / FOLDER / name
    file = own if own.is_file() else files(package).joinpath("data", name)
    try:
        return dict(parsed(file.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        raise Invalid("access.wrong-rules", file=str(own)) from None
