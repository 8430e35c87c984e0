"""The mapping language: a TOML file says what the rows of a table become; `docs/tables.md` explains it.

A file names its tables, the columns of the business key, and templates of resources in FHIR's own shape. A text that
begins with `@` is taken from the row: `@XB+XBMC code sex` is a column, one more, a rule and what the rule needs. Where
no column of an object says anything, the object is not there. `@!` says that a row without it is kept aside.
"""

from kangyun.exchange.tables.mapping.converting import convert, named, names_of, renamed
from kangyun.exchange.tables.mapping.feed import Feed
from kangyun.exchange.tables.mapping.model import BadMapping, Mapping, load, parse, shipped, shipped_for

__all__ = [
    "BadMapping",
    "Feed",
    "Mapping",
    "convert",
    "load",
    "named",
    "names_of",
    "parse",
    "renamed",
    "shipped",
    "shipped_for",
]
