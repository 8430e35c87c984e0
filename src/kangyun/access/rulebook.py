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
    if not own.is_file():
        return shipped_rules(package, name)
    try:
        return dict(parsed(own.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        raise Invalid("access.wrong-rules", file=str(own)) from None


def shipped_rules(package: str, name: str) -> dict[str, Any]:
    """Returns the rules that come with a package, as `rules_of` does."""
    return dict(parsed(files(package).joinpath("data", name).read_text("utf-8")))
