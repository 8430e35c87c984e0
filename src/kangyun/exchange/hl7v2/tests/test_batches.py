"""Batches of messages in one frame."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.exchange.hl7v2.batches import enveloped, is_batch, messages
from kangyun.exchange.hl7v2.splitting import Unreadable, split

ONE = b"MSH|^~\\&|HIS|H|K|R|20261123||ADT^A01|1|P|2.5\rPID|1||P1\r"
TWO = ONE.replace(b"|1|P|", b"|2|P|")


def batch(*parts: bytes, said: bytes = b"", files: bytes = b"1") -> bytes:
    return b"FHS|^~\\&|HIS\rBHS|^~\\&|HIS\r" + b"".join(parts) + b"BTS|" + said + b"\rFTS|" + files + b"\r"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("said", [b"", b"2"])
def test_messages_come_out_of_their_envelopes(end: bytes, said: bytes) -> None:
    raw = batch(ONE, TWO, said=said).replace(b"\r", end)
    assert is_batch(raw)
    assert messages(raw) == [ONE, TWO]


def test_a_batch_without_a_file_and_a_file_of_several_batches_are_read() -> None:
    alone = b"BHS|^~\\&\r" + ONE + b"BTS|1\r"
    assert messages(alone) == [ONE]
    assert messages(b"FHS|^~\\&\r" + alone + alone.replace(ONE, TWO) + b"FTS|2\r") == [ONE, TWO]
    assert messages(b"BHS|^~\\&\rBTS|0\r") == []


@pytest.mark.parametrize(
    ("raw", "text", "row", "part"),
    [
        (batch(ONE, TWO, said=b"3"), "batch-count", 7, "BTS-1"),
        (batch(ONE, said=b"x"), "batch-count", 5, "BTS-1"),
        (batch(ONE, files=b"2"), "batch-count", 6, "FTS-1"),
        (batch(ONE).replace(b"FTS|1\r", b""), "batch-cut", None, "FHS"),
        (b"BHS|^~\\&\r" + ONE, "batch-cut", None, "BHS"),
        (b"BHS|^~\\&\rPID|1\rBTS|0\r", "no-segment", 2, None),
    ],
)  # fmt: skip
def test_a_batch_that_may_have_been_cut_is_refused(raw: bytes, text: str, row: int | None, part: str | None) -> None:
    with pytest.raises(Unreadable) as refused:
        messages(raw)
    found = refused.value.refusal
    assert (found.text.rpartition(".")[2], found.place.row, found.place.part) == (text, row, part)


def test_one_message_is_no_batch() -> None:
    assert not is_batch(ONE)


def test_answers_have_an_envelope_that_counts_them() -> None:
    raw = enveloped([ONE, TWO])
    assert messages(raw) == [ONE, TWO]
    assert re.search(rb"BTS\|2\r$", raw)


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"FHS|", b"BHS|", b"BTS|1", b"FTS|1", ONE, b"\r"])))
def test_anything_is_messages_or_refused(parts: list[bytes]) -> None:
    raw = b"BHS|^~\\&\r" + b"\r".join(parts)
    try:
        found = messages(raw)
    except Unreadable as refused:
        found = []
        assert refused.refusal.text.startswith("exchange.hl7v2.")
    for one in found:
        assert one.startswith(b"MSH")


def test_each_message_is_itself_again() -> None:
    assert [split(one).control_id for one in messages(batch(ONE, TWO))] == ["1", "2"]
