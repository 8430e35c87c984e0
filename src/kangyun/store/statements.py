"""The named statements of the store."""

from kangyun.database.statements import statements


def statement(name: str) -> str:
    """Returns a statement as it is written, its places unfilled. Raises KeyError for an unknown name."""
    return statements("store")[name]
