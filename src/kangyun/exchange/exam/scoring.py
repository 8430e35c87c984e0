"""The region's points: a file that the site loads, .csv or .xlsx, with the columns `id` and `points`. None is shipped.

The item-by-item table of the region's edition was not found in public material, so no point is known here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from kangyun.base.errors import Invalid, Issue
from kangyun.exchange.entries import Refusal
from kangyun.exchange.exam.model import Line
from kangyun.exchange.tables.reading import Row, read

IDS, POINTS = ("ID", "编号"), ("POINTS", "分值")
"""Names of the two columns."""
MOST = 10_000  # points of a line


def points_of(file: Path) -> Mapping[str, float]:
    """Returns points by line. Raises Invalid, naming the row, for a file that has not the form."""
    try:
        with file.open("rb") as stream:
            table = read(stream, file.name)
            places = [_place(table.header, names) for names in (IDS, POINTS)]
            if -1 in places:
                raise Invalid("exchange.exam.scores-header", file=file.name)
            found: dict[str, float] = {}
            for row, id_, points in _pairs(table.rows, places, file.name):
                if id_ in found:
                    raise Invalid("exchange.exam.scores-twice", file=file.name, row=row, line=id_[:64])
                found[id_] = points
            return found
    except OSError:
        raise Invalid("cli.wrong-file", file=str(file)) from None


def _place(header: Sequence[str], names: Sequence[str]) -> int:
    return next((header.index(name) for name in names if name in header), -1)


def _pairs(rows: Iterable[Row | Refusal], places: Sequence[int], file: str) -> Iterator[tuple[int, str, float]]:
    for row in rows:
        if isinstance(row, Refusal):
            raise Invalid(issues=(Issue("error", Invalid.code, row.text, None, dict(row.parameters)),))
        id_, points = (row.cells[place].strip() for place in places)
        if not id_ and not points:
            continue
        try:
            value = float(points)
        except ValueError:
            value = -1
        if not (id_ and 0 <= value <= MOST):  # Nor is it NaN.
            raise Invalid("exchange.exam.scores-row", file=file, row=row.number)
        yield row.number, id_, value


def scored(lines: Sequence[Line], points: Mapping[str, float]) -> None:
    """Gives lines their points. Raises Invalid for points of a line that there is not."""
    known = {line.id for line in lines}
    unknown = sorted(points.keys() - known)
    if unknown:
        raise Invalid("exchange.exam.scores-unknown", line=unknown[0][:64], count=len(unknown))
    for line in lines:
        line.points = points.get(line.id)
