"""The benchmark of batches, on a small city: both link it, and ours agrees better with the truth."""

import pytest

pytest.importorskip("splink", reason="needs the extra `batch`")

from benchmarks.batch.__main__ import ALONE, OURS, judged, run
from benchmarks.batch.rows import made

ROWS = 2_000


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The rows of a small city."""
    return made(ROWS, 2, tmp_path_factory.mktemp("rows"))


@pytest.mark.filterwarnings("ignore")  # Splink's, of what few rows cannot teach it.
def test_ours_agrees_with_the_truth_as_splink_alone_does_not(file):
    ours, alone = run(OURS, file, ROWS), run(ALONE, file, ROWS)
    assert ours["precision"] > 0.998
    assert ours["recall"] > 0.95
    assert ours["precision"] >= alone["precision"]
    assert ours["seconds"] > 0
    assert ours["blocked"] > ours["scored"]


def test_judgement_counts_pairs():
    assert judged([0, 0, 1, 1], [7, 7, 7, 8]) == {"precision": 0.5, "recall": 0.33333}
