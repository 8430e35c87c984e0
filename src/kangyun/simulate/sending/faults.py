"""What goes wrong on the way: late, repeated, corrected, revoked and broken, by the rates of `data/sending.toml`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import Literal, TypeAlias

import msgspec

from kangyun.simulate.sending.messages import HEAD, WHAT
from kangyun.simulate.sending.piece import Cells, Piece
from kangyun.simulate.sending.tables import FLAG

Way: TypeAlias = Literal["tables", "front-pages", "messages"]
Fault: TypeAlias = Literal["", "late", "repeated", "corrected", "revoked", "broken"]
CORRECTED = "（更正）"


class Broken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that cannot be taken, and whether the whole row is to be kept aside for it."""

    table: str
    column: str
    value: str
    whole: bool


class Late(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From how many to how many days."""

    days: tuple[int, int]


class Habits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data/sending.toml`. gbk: institutions whose files are in it. corrects: the column whose text is put right.

    headers: of tables that have more columns than are filled.
    """

    gbk: Sequence[str]
    ways: Mapping[str, Way]
    rates: Mapping[str, float]
    late: Late
    corrects: Mapping[str, str]
    headers: Mapping[str, Sequence[str]]
    broken: Sequence[Broken]


@dataclass(frozen=True, slots=True)
class Going:
    """One time that a piece goes out. nth: which version of it, from 1; the same version again is the same bytes."""

    day: date
    cells: Cells
    nth: int


@dataclass(frozen=True, slots=True)
class Fared:
    """What is done with a piece, and what went wrong. what: of a broken one."""

    fault: Fault
    goings: Sequence[Going]
    what: Broken | None = None


@cache
def habits() -> Habits:
    """Returns the habits of the package."""
    return msgspec.toml.decode(files("kangyun.simulate").joinpath("data", "sending.toml").read_bytes(), type=Habits)


def fared(piece: Piece, rng: Random) -> Fared:
    """Draws what becomes of a piece. It goes out on the day after, as the agreements ask for."""
    ours = habits()
    day = piece.at.date() + timedelta(days=1)
    after = day + timedelta(days=rng.randint(*ours.late.days))
    first = Going(day, piece.cells, 1)
    match _drawn(rng, ours.rates):
        case "late":
            return Fared("late", [Going(after, piece.cells, 1)])
        case "repeated":
            return Fared("repeated", [first, Going(after, piece.cells, 1)])
        case "corrected" if (column := ours.corrects.get(piece.table)) and piece.cells.get(column):
            return Fared("corrected", [first, Going(after, _corrected(piece.cells, column), 2)])
        case "revoked" if revoking := _revoking(piece):
            return Fared("revoked", [first, Going(after, revoking, 2)])
        case "broken" if kinds := [one for one in ours.broken if one.table == piece.table]:
            what = rng.choice(kinds)
            return Fared("broken", [Going(day, piece.cells | {what.column: what.value}, 1)], what)
        case _:
            return Fared("", [first])


def _drawn(rng: Random, rates: Mapping[str, float]) -> str:
    rest = rng.random()
    for kind, rate in rates.items():
        if rest < rate:
            return kind
        rest -= rate
    return ""


def _corrected(cells: Cells, column: str) -> Cells:
    flag = {FLAG: "2"} if FLAG in cells else {}
    return cells | {column: cells[column] + CORRECTED} | flag


def _revoking(piece: Piece) -> Cells | None:
    """Returns what takes a piece back; None of what cannot be taken back in its format."""
    if FLAG in piece.cells:
        # Who is registered stays so; visits, reports and results are taken back.
        return piece.cells | {FLAG: "3"} if piece.table != "TB_YL_PATIENT_INFORMATION" else None
    if piece.table == "ADT":
        # Only the last of a visit's: what came after would open it again.
        return piece.cells | {HEAD: "ADT^A11^ADT_A09", WHAT: "A11"} if piece.key[1] in ("A03", "A08") else None
    if piece.table == "ORU":
        return dict(_withdrawn(piece.cells))
    return None


def _withdrawn(cells: Cells) -> Iterator[tuple[str, str]]:
    for name, value in cells.items():
        yield name, "W" if name.startswith("OBX.") and name.endswith("-11") else value
