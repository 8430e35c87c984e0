"""Tables written out of the record: the mappings that read them, read backwards. Pure.

Resources become the columns that a mapping takes them from. What is constant in a template tells which resource, and
which of a list, it is of; what it takes from columns is written into them. The same resources give the same bytes. It
writes what the record says, and judges nothing: what was never said stays empty, and what has no place is told.
"""

from kangyun.exchange.tables.writing.files import content
from kangyun.exchange.tables.writing.front import Written, as_csv, front_page
from kangyun.exchange.tables.writing.rows import HOUSE, Left, Rows, Writer, targets, unfilled

__all__ = [
    "HOUSE", "Left", "Rows", "Writer", "Written", "as_csv", "content", "front_page", "targets", "unfilled",
]  # fmt: skip
