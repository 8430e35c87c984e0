"""Marks of data folders that nobody opens: of a restore that was not finished, a standby, a superseded primary."""

from pathlib import Path

from kangyun.base.errors import Unavailable

UNFINISHED = "restoring.json"
"""Stands in a data folder from the beginning of a restore, or of a promotion, to its end."""
FOLLOWS = "standby.json"
"""Stands in the folder of a standby."""
SUPERSEDED = "superseded.json"
"""Stands in the folder of a primary whose standby was promoted."""


def refuse_unfinished(folder: Path) -> None:
    """Raises Unavailable where the folder's database is not to be opened."""
    for mark, text in (
        (UNFINISHED, "database.unfinished"),
        (FOLLOWS, "database.standby"),
        (SUPERSEDED, "database.superseded"),
    ):
        if (folder / mark).exists():
            raise Unavailable(text, folder=str(folder))
