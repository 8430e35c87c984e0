"""What is packed comes out again, and what does not fit is refused by name."""

import gzip
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.exchange.protocol import MOST_BYTES, MOST_ROWS, File, Rows, digest_of, pack, read_delivery, unpack

READ = datetime(2026, 11, 23, 8, tzinfo=UTC)
CELLS = st.none() | st.text(st.characters(codec="utf-8"), max_size=20)


def rows(**changed: Any) -> Rows:
    return Rows(**({"table": "TB_X", "columns": ["A", "B"], "rows": [["1", None]], "read": READ} | changed))


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_rows_come_out_as_they_went_in(cells: list[tuple[str | None, str | None]]) -> None:
    sent = rows(rows=[list(row) for row in cells])
    assert read_delivery(unpack(pack(sent)[0])) == sent


@given(st.binary(max_size=100))
def test_a_file_comes_out_as_it_went_in(content: bytes) -> None:
    sent = File("a.dbf", content)
    assert read_delivery(unpack(pack(sent)[0])) == sent


def test_the_same_said_again_is_the_same_bytes_and_digest() -> None:
    packed, digest = pack(rows())
    assert (packed, digest) == pack(rows())
    assert digest == digest_of(unpack(packed))


def test_the_digest_is_as_rfc_9530_writes_it() -> None:
    # The example of its appendix D.
    assert digest_of(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"not gzip", id="no gzip"),
        pytest.param(pack(rows())[0][:-3], id="cut off"),
        pytest.param(pack(rows())[0] + b"more", id="something behind"),
        pytest.param(gzip.compress(bytes(MOST_BYTES + 1)), id="a bomb"),
    ],
)
def test_what_was_not_packed_so_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(sent)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param(b"[]", "not a delivery", id="no object"),
        pytest.param(b'{"type":"rows","table":1}', "table", id="a member of another kind"),
        pytest.param(pack(rows(rows=[["1"]]))[0], "rows: cells", id="a row too short"),
        pytest.param(pack(rows(rows=[["1", "2"]] * (MOST_ROWS + 1)))[0], "rows", id="too many rows"),
    ],
)
def test_what_is_no_delivery_is_refused_by_the_member(body: bytes, named: str) -> None:
    told = unpack(body) if body.startswith(b"\x1f\x8b") else body
    with pytest.raises(ValueError, match=named):
        read_delivery(told)
