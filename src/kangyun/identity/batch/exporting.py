"""What registrations say, as one Parquet file that a batch reads: one row each, values of comparisons ready to compare.

The file holds names and numbers in clear: whoever writes it keeps it where nobody else reads, and removes it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from kangyun.identity.batch.model import KEYS, NUMBERS, ROW, Model, column_name
from kangyun.identity.linkage.comparing import compiled
from kangyun.identity.registration.fields import Fields
from kangyun.identity.rules import CERTAIN

AT_ONCE = 50_000
SURE, PLAIN, PATIENT, RESIDENT, FIELDS = "sure", "plain", "patient", "resident", "fields"
"""Columns. SURE: hashes of the identifiers that decide. PLAIN: nothing about the person asks for a closer look."""
UNUSUAL = frozenset({"deceased", "newborn", "multiple_birth", "birth_order"})


@dataclass(frozen=True, slots=True)
class Row:
    """A registration. keys: hashes of what it is looked up by. resident: whose it is, None where that is not known."""

    patient: int
    fields: Fields
    keys: tuple[int, ...]
    resident: int | None = None


def hashed(text: str) -> int:
    """Returns a number for a text: equal texts have the same, and others hardly ever."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True)


class Writer:
    """A file of registrations that is being written. count: how many there are so far."""

    def __init__(self, file: Path, model: Model) -> None:
        self.count = 0
        self._parts, self._moved = compiled(model.schema, model.comparators), model.moved
        hashes, texts = pa.list_(pa.int64()), pa.large_string()
        self._schema = pa.schema([
            (ROW, pa.int64()), (PATIENT, pa.int64()), (RESIDENT, pa.int64()), (KEYS, hashes), (SURE, hashes),
            (NUMBERS, hashes), (PLAIN, pa.bool_()), (FIELDS, texts),
            *((column_name(place), texts) for place in range(len(self._parts))),
            *((one.column, pa.float64()) for one in self._moved),
        ])  # fmt: skip
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add(self, rows: Sequence[Row]) -> None:
        """Writes some registrations; many at once are read quicker."""
        columns = zip(*(self._columns(row, place) for place, row in enumerate(rows, self.count)), strict=True)
        arrays = [pa.array(column, one.type) for column, one in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self.count += len(rows)

    def _columns(self, row: Row, place: int) -> list[object]:
        said = row.fields
        return [
            place, row.patient, row.resident, row.keys,
            [hashed(one) for one in said.get(CERTAIN, ())],
            [hashed(one) for one in said.get("id_number", ())],
            UNUSUAL.isdisjoint(said) and all(len(day) == 8 and day[4:] != "0101" for day in said.get("birth_date", ())),
            msgspec.json.encode(said).decode(),
            *(msgspec.json.encode(part.values(said)).decode() for part in self._parts),
            *(one.of_record(said) for one in self._moved),
        ]  # fmt: skip


def write(rows: Iterable[Row], model: Model, file: Path) -> int:
    """Writes registrations and returns how many there were."""
    waiting = iter(rows)
    with Writer(file, model) as writer:
        while chunk := list(islice(waiting, AT_ONCE)):
            writer.add(chunk)
        return writer.count
