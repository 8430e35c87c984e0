"""The named statements of `sql/statements.sql`."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def _all() -> dict[str, str]:
    text = files("kangyun.store").joinpath("sql", "statements.sql").read_text("utf-8")
    parts = _NAME.split(text)[1:]
    return {name: sql.strip().rstrip(";") for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def statement(name: str) -> str:
    """Returns a statement as it is written, its places unfilled. Raises KeyError for an unknown name."""
    return _all()[name]
