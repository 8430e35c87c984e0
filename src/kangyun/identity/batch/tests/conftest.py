"""Registrations of a small city as a batch reads them. Skipped where the extra `batch` is not installed."""

from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("splink", reason="needs the extra `batch`")
pytest.importorskip("pyarrow", reason="needs the extra `batch`")

import pyarrow.parquet as pq

from kangyun.identity import rules
from kangyun.identity.batch.exporting import FIELDS, RESIDENT, Row, hashed, write
from kangyun.identity.batch.linking import link, model_by
from kangyun.identity.batch.residents import By
from kangyun.identity.registration.keys import keys

UNTIL = date(2026, 11, 1)


@pytest.fixture(scope="session")
def people():
    """Fields of registrations, in order, with the true resident of each."""
    # Beside the layers: tests may look down from above.
    from kangyun.simulate import City, error_model

    return [
        (rules.fields_of(patient, UNTIL, demo=True)[0], int(true.resident[1:]))
        for patient, true in City(5, 500, UNTIL).registrations(error_model("judging"), 4)
    ]


@pytest.fixture(scope="session")
def by(people):
    """By what they are judged."""
    return By(len(people), True)


@pytest.fixture(scope="session")
def written():
    """Writes registrations to a file."""

    def write_(several, by: By, file: Path) -> Path:
        rows = (
            Row(place, fields, tuple(map(hashed, keys(fields))), true) for place, (fields, true) in enumerate(several)
        )
        assert write(rows, model_by(by), file) == len(several)
        return file

    return write_


@pytest.fixture(scope="session")
def file(people, by, written, tmp_path_factory):
    """The city's file."""
    return written(people, by, tmp_path_factory.mktemp("batch") / "rows.parquet")


@pytest.fixture(scope="session")
def linked(file, by):
    """What the batch makes of it on DuckDB."""
    return link(file, by)


@pytest.fixture(scope="session")
def table(file):
    """The file as it is read."""
    return pq.read_table(file, columns=[FIELDS, RESIDENT])
