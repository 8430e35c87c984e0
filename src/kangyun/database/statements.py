"""The named statements of a package's `sql/statements.sql`: each begins with a line `-- name: …`."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def statements(package: str) -> Mapping[str, str]:
    """Returns a package's statements by name, as they are written, their places unfilled. package: below `kangyun`."""
    text = files("kangyun").joinpath(*package.split("."), "sql", "statements.sql").read_text("utf-8")
    parts = _NAME.split(text)[1:]
    return {name: sql.strip().rstrip(";") for name, sql in zip(parts[::2], parts[1::2], strict=True)}
