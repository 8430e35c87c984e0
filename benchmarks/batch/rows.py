"""The registrations that both link: of a synthetic city, with the truth as the resident. Made once and kept."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from kangyun.identity import rules
from kangyun.identity.batch.exporting import Row, hashed, write
from kangyun.identity.batch.linking import model_by
from kangyun.identity.batch.residents import By
from kangyun.identity.registration.keys import keys
from kangyun.simulate import City, error_model

UNTIL = date(2026, 11, 1)
EACH = 4
KEPT = Path("results/batch")


def by(rows: int) -> By:
    """Returns by what so many registrations are judged."""
    return By(rows, True)


def registrations(rows: int, seed: int) -> Iterator[Row]:
    """Gives registrations; their resident is the true one."""
    for place, (patient, true) in enumerate(
        City(seed, rows // EACH, UNTIL).registrations(error_model("judging"), EACH)
    ):
        fields, _ = rules.fields_of(patient, UNTIL, demo=True)
        yield Row(place, fields, tuple(map(hashed, keys(fields))), int(true.resident[1:]))


def made(rows: int, seed: int, folder: Path = KEPT) -> Path:
    """Returns the file of registrations by the rules of today, made where it is not there."""
    model = model_by(by(rows))
    file = folder / f"rows-{rows}-{seed}-{rules.EDITION}-{model.weights.version[:8]}.parquet"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write(registrations(rows, seed), model, beside := file.with_suffix(".part"))
        beside.rename(file)
    return file
