"""What the city's institutions send, and what is to become of it: the truth that reconciliation is held against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from random import Random

import msgspec

from kangyun.simulate.city import City
from kangyun.simulate.registrations import ErrorModel
from kangyun.simulate.sending.faults import Fared, Fault, Way, fared, habits
from kangyun.simulate.sending.messages import message_pieces, rendered
from kangyun.simulate.sending.piece import Cells, Piece
from kangyun.simulate.sending.seen import House, Seen, seen
from kangyun.simulate.sending.tables import front_pages, table_pieces

_PIECES: dict[Way, Callable[[Seen], Iterator[Piece]]] = {
    "tables": table_pieces, "front-pages": front_pages, "messages": message_pieces,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One row or message as it goes out. message: of a message its bytes, of a row none."""

    institution: str
    way: Way
    day: date
    table: str
    cells: Cells
    message: bytes = b""


class Outcome(msgspec.Struct, frozen=True):
    """What is to become of a row or message in the end.

    fate: stored, revoked, or aside (kept for repair). on: the day that it is counted by; sent: the days on which it
    goes out. fault: what went wrong on the way; column: what a refusal has to name, of a
    row that is broken or was mistyped.
    """

    institution: str
    table: str
    key: tuple[str, ...]
    on: date
    fate: str
    fault: Fault
    sent: list[date]
    column: str = ""


def sending(city: City, model: ErrorModel, first: int = 0) -> Iterator[tuple[list[Dispatch], Outcome]]:
    """Gives what each institution of the city that sends anything sends of each resident's life, and the truth.

    first: the number of the first resident of whom anything is sent, counted from 0.
    """
    ways = habits().ways
    houses = {
        key: (House(key, row.name, city.institutions.code(row)), ways[row.kind])
        for key, row in city.institutions.by_key.items()
        if row.kind in ways
    }
    for lived in islice(city.lives(model), first, None):
        for house, way in houses.values():
            known: dict[tuple[str, tuple[str, ...]], Cells] = {}
            for visit in seen(lived.bundle, house):
                for piece in _PIECES[way](visit):
                    # A person is told of at the first visit only: a table has a row for each.
                    if known.setdefault((piece.table, piece.key), piece.cells) is piece.cells:
                        yield _dispatched(city.seed, house, way, piece)


def _dispatched(seed: int, house: House, way: Way, piece: Piece) -> tuple[list[Dispatch], Outcome]:
    fate = fared(piece, Random(f"{seed}:sending:{house.key}:{piece.table}:{'|'.join(piece.key)}"))
    sent = [
        Dispatch(house.key, way, going.day, piece.table, going.cells, _message(way, piece, going.cells, going.nth))
        for going in fate.goings
    ]
    days = [going.day for going in fate.goings]
    column = fate.what.column if fate.what else piece.wrong
    told = Outcome(house.key, piece.table, piece.key, piece.at.date(), _fate(piece, fate), fate.fault, days, column)
    return sent, told


def _fate(piece: Piece, fate: Fared) -> str:
    if piece.wrong or (fate.what is not None and fate.what.whole):
        return "aside"
    return "revoked" if fate.fault == "revoked" else "stored"


def _message(way: Way, piece: Piece, cells: Cells, nth: int) -> bytes:
    return rendered(cells, f"{'-'.join(piece.key)}-{nth}") if way == "messages" else b""
