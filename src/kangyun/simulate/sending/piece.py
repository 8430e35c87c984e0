"""One row, or one message, before anything goes wrong with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

Cells: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True)
class Piece:
    """A row or a message. wrong: the column for which it is to be kept aside as it is; empty where there is none.

    table: of the row; of a message its kind (ADT, ORU). key: the business key. at: when what it tells of was over.
    cells: by column; of a message by field (`PID-3`, and `OBX.2-5` of the second OBX), segments in their order.
    """

    table: str
    key: tuple[str, ...]
    at: datetime
    cells: Cells
    wrong: str = ""
