"""What the cells of hospitals' tables say: rules, each a pure function of texts; words are `exchange.conventions`.

A rule gives a value, nothing where the cell says nothing, or raises `Unfit` with a text that says what was wanted.
"""

from kangyun.exchange.tables.values.cells import Unfit

__all__ = ["Unfit"]
