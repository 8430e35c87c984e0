"""MLLP: frames come out the same however the stream was cut, and what is no frame is told once."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.exchange.hl7v2.framing import Fault, Frame, Framer, framed


def read(stream: bytes, cuts: Sequence[int] = (), largest: int = 100) -> list[Frame | Fault]:
    framer, found, before = Framer(largest), [], 0
    for cut in [*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]:
        found += framer.feed(stream[before:cut])
        before = cut
    return found + framer.end()


ONE, TWO = Frame(b"MSH|1\rPID|1\r"), Frame(b"MSH|2\r")
F1, F2 = framed(ONE.message), framed(TWO.message)


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (F1 + F2, [ONE, TWO]),
        (F1[:-1] + F2[:-1], [ONE, TWO]),
        (b"\r\n" + F1 + b"\r\n" + F2, [ONE, TWO]),
        (F1 + b"GET / HTTP/1.1" + F2, [ONE, Fault("exchange.hl7v2.between-frames", 15, b"GET / HTTP/1.1"), TWO]),
        (F1[:-2] + F2, [Fault("exchange.hl7v2.frame-cut", 0, ONE.message), TWO]),
        (b"\x0b" + b"x" * 5000 + b"\x1c\r" + F2, [Fault("exchange.hl7v2.frame-too-large", 0, b"x" * 101), TWO]),
        (b"\x0b" + b"x" * 5000 + F2, [Fault("exchange.hl7v2.frame-too-large", 0, b"x" * 101), TWO]),
        (b"\x0bMSH|3", [Fault("exchange.hl7v2.frame-cut", 0, b"MSH|3")]),
        (b"MSH|3\r", [Fault("exchange.hl7v2.between-frames", 0, b"MSH|3\r")]),
        (b"\x0b\x1c\r" + F2, [Frame(b""), TWO]),
        (b"", []),
    ],
)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=6))
def test_frames_and_faults(stream: bytes, found: list[Frame | Fault], cuts: list[int]) -> None:
    assert read(stream, cuts) == found


@given(st.lists(st.binary(max_size=60).map(lambda one: one.replace(b"\x0b", b"").replace(b"\x1c", b"")), max_size=5))
def test_what_was_framed_comes_out(messages: list[bytes]) -> None:
    assert read(b"".join(map(framed, messages))) == [Frame(one) for one in messages]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_any_stream_is_read_and_the_next_message_is_found(stream: bytes, cuts: list[int]) -> None:
    assert read(stream, cuts) == read(stream)
    assert read(stream + F2, cuts)[-1] == TWO


def test_a_frame_without_end_takes_no_memory() -> None:
    framer = Framer(1000)
    found = framer.feed(b"\x0bMSH|")
    for _ in range(5000):
        found += framer.feed(b"x" * 10_000)
        assert framer.kept <= 4096
    assert [one.text for one in found if isinstance(one, Fault)] == ["exchange.hl7v2.frame-too-large"]
    assert framer.feed(b"\x1c\r" + F2) == [TWO]
