"""`kangyun feed listen`: what cannot be is told before anything is begun. That it stores is shown in `tests/faults`."""

import pytest

from kangyun.base.errors import Invalid
from kangyun.cli.listen import Line
from kangyun.cli.listen import listen as listen_all

HOUSE = "Organization/house-1"


def listen(line, data):
    listen_all([line], data)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (Line("house-1", "a", "127.0.0.1", 0), r"cli\.feed-institution"),
        (Line(HOUSE, "a", "0.0.0.0", 0), r"cli\.feed-in-clear"),
        (Line(HOUSE, "a", "10.0.0.1", 0), r"cli\.feed-in-clear"),
    ],
)
def test_a_line_that_cannot_be_is_told(line, told):
    with pytest.raises(Invalid, match=told):
        listen(line, None)


def test_half_of_a_certificate_is_none(tmp_path):
    with pytest.raises(Invalid, match=r"cli\.feed-certificate"):
        listen(Line(HOUSE, "a", "0.0.0.0", 0, certificate=tmp_path / "none.pem"), None)
    with pytest.raises(Invalid, match=r"cli\.feed-certificate"):
        listen(Line(HOUSE, "a", "0.0.0.0", 0, tmp_path / "none.pem", tmp_path / "none.key"), None)


def test_a_mapping_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Invalid, match=r"cli\.wrong-file"):
        listen(Line(HOUSE, "a", "127.0.0.1", 0, mapping=tmp_path / "none.toml"), None)
