"""Bytes to messages: delimiters, escapes, character sets, and what is refused. hl7apy is the oracle."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kangyun.base.texts import say
from kangyun.exchange.hl7v2.characters import decoded
from kangyun.exchange.hl7v2.message import Message
from kangyun.exchange.hl7v2.splitting import Limits, Unreadable, split

EXAMPLES = Path(__file__).parent / "examples"
MSH = "MSH|^~\\&|HIS|990102H01|KANGYUN|990102|20261123100000||ADT^A01|C1|P|2.4|||AL|NE|CHN|{}\r"
NAMES = "陈|张^三~罗\\联通"


def message(body: str, codec: str = "utf-8", declared: str = "UNICODE UTF-8") -> Message:
    return split((MSH.format(declared) + body).encode(codec))


def test_parts_are_found_by_their_numbers() -> None:
    read = message('PID|1||M1^^^HIS&1.2.3&ISO^PI~990102197001011234^^^^NI||张^三||""|1\r')
    pid = read.segments[1]
    assert (read.kind, read.control_id, read.version) == (("ADT", "A01"), "C1", "2.4")
    assert [(one.text(), one.text(5)) for one in pid.repetitions(3)] == [("M1", "PI"), ("990102197001011234", "NI")]
    assert (pid.text(3, 4, 2), pid.text(3, 4, 3), pid.text(3, 4, 4), pid.text(99)) == ("1.2.3", "ISO", "", "")
    assert pid.deleted(7) and not pid.deleted(8) and pid.text(7) == ""
    assert (read.header.text(1), read.header.raw(2), read.header.text(3)) == ("|", "^~\\&", "HIS")


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_what_no_text_of_a_resource_may_hold_is_left_out(codec: str) -> None:
    declared = "UNICODE UTF-8" if codec == "utf-8" else "GB 18030-2000"
    read = message("PID|1||M1||张\x01\ufffe^\uffff三||\\X01\\1\r", codec, declared)
    assert (read.segments[1].text(5), read.segments[1].text(5, 2)) == ("张", "三")
    assert read.segments[1].text(7) == "1"


def test_delimiters_are_those_of_the_message() -> None:
    read = split(b"MSH#$!?%#HIS#H###20261123##ADT$A01#C2#P#2.3\rPID###A%B!C$D?S?#x^y|z")
    pid = read.segments[1]
    assert [(one.text(1, 1), one.text(1, 2), one.text(2)) for one in pid.repetitions(3)] == [
        ("A", "B", ""),
        ("C", "", "D$"),
    ]
    assert pid.text(4) == "x^y|z"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"\X41\\X0D0A\B", "A\r\nB"),
        (r"\XE4BDA0\好", "你好"),
        (r"一\.br\二\.sp2\三", "一\n二\n三"),
        (r"\H\重\N\要", "重要"),
        (r"\Zlocal\ and \C2842\ stay", r"\Zlocal\ and \C2842\ stay"),
        ("C:\\temp", "C:\\temp"),
        (r"\X00\\X07\a", "a"),
    ],
)  # fmt: skip
def test_escapes(written: str, meant: str) -> None:
    assert message(f"NTE|1||{written}").segments[1].text(3) == meant


@pytest.mark.parametrize(
    ("codec", "declared"),
    [
        ("utf-8", "UNICODE UTF-8"), ("utf-8", ""), ("utf-8", "GBK"), ("utf-8", "ASCII"), ("utf-8", "8859/1"),
        ("utf-8-sig", ""), ("gb18030", "GB18030"), ("gb18030", "GB 18030-2000"), ("gb18030", ""), ("gbk", "GBK"),
        ("gbk", "UNICODE UTF-8"), ("gb2312", "ASCII"), ("gbk", "8859/1"),
    ],
)  # fmt: skip
def test_a_text_is_read_whatever_was_said_of_it(codec: str, declared: str) -> None:
    # 陳 and 蘭 are GBK only; in some of these characters the second byte is a delimiter.
    name = "张晓兰" if codec == "gb2312" else "陳蘭縷瓅"
    found = message(f"PID|1||M1||{name}", codec, declared).segments[1].text(5)
    assert found == name


def test_bytes_of_characters_are_no_delimiters() -> None:
    for sign in "|^~\\":
        name = next(one for one in map(chr, range(0x4E00, 0x9FA5)) if one.encode("gbk")[1:] == sign.encode())
        read = message(f"PID|1||M1||{name}^{name}|x", "gbk", "GBK").segments[1]
        assert (read.text(5), read.text(5, 2), read.text(6)) == (name, name, "x")


@pytest.mark.parametrize("sign", ["3.5 µmol/L", "±2 °C", "TNF-α"])
def test_signs_of_undeclared_utf8_are_no_chinese(sign: str) -> None:
    assert message(f"NTE|1||{sign}", "utf-8", "").segments[1].text(3) == sign


@given(st.text(min_size=1, max_size=40))
def test_what_is_declared_and_true_is_read(text: str) -> None:
    assert decoded(text.encode("utf-8", "replace"), "UNICODE UTF-8") is not None


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_ends_of_segments(end: str) -> None:
    raw = (MSH.format("").strip() + "\rPID|1||M1\rPV1|1|I\r\r").replace("\r", end).encode()
    assert [one.name for one in split(raw).segments] == ["MSH", "PID", "PV1"]


@pytest.mark.parametrize(
    ("raw", "text", "part", "row"),
    [
        (b"", "no-header", "MSH", None),
        (b"PID|1||M1", "no-header", "MSH", None),
        (b"MSH|^^\\&|A|B|C|D|20261123||ADT^A01|C1|P|2.4", "no-header", "MSH", None),
        (b"MSH|abcd|A", "no-header", "MSH", None),
        (b"MSH|^~\\&|A|B|C|D|20261123||ADT^A01||P|2.4\rPID|1", "no-control-id", "MSH-10", 1),
        (MSH.format("").encode() + b"PID|1||M1\rline of a report\rOBX|1", "no-segment", None, 3),
        (MSH.format("").encode() + b"OBXX|1", "no-segment", None, 2),
        (MSH.format("").encode() + b"PID|1\r" + MSH.format("").encode(), "second-header", "MSH", 3),
        (MSH.format("").encode() + b"PID|\xff\xff\xff", "characters", "MSH-18", None),
        (MSH.format("").encode() + b"OBX|1|" + b"x" * 1000, "segment-too-long", "OBX", 2),
        (MSH.format("").encode() + b"NTE|1|" + b"x" * 800, "segment-too-long", "NTE", 2),
        (MSH.format("").encode() + b"NTE|1\r" * 20, "too-many-segments", None, 11),
    ],
)
def test_what_cannot_be_split_says_where(raw: bytes, text: str, part: str | None, row: int | None) -> None:
    with pytest.raises(Unreadable) as raised:
        split(raw, Limits(segments=10, segment=800, text=900))
    refusal = raised.value.refusal
    assert (refusal.text, refusal.place.part, refusal.place.row) == (f"exchange.hl7v2.{text}", part, row)
    assert "report" not in say(refusal.text, "zh", refusal.parameters)
    assert say(refusal.text, "en", refusal.parameters)


@given(st.binary(max_size=300))
@example(b"MSH|^~\\&")
@example(b"MSH|^~\\&|" + b"\xff" * 9)
def test_nothing_but_a_refusal_comes_of_any_bytes(raw: bytes) -> None:
    for tried in (raw, b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|C1|P|2.4\r" + raw):
        try:
            read = split(tried)
        except Unreadable as unreadable:
            assert say(unreadable.refusal.text, "zh", unreadable.refusal.parameters)
        else:
            for segment in read.segments:
                for field in range(segment.fields + 2):
                    assert all(isinstance(one.text(2, 2) + one.whole(), str) for one in segment.repetitions(field))


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.hl7")))
def test_hl7apy_reads_the_samples_the_same(name: str) -> None:
    parser = pytest.importorskip("hl7apy.parser", reason="hl7apy is not installed")
    text = (EXAMPLES / f"{name}.hl7").read_text("utf-8").replace("\n", "\r")
    theirs = parser.parse_message(text, validation_level=2, find_groups=False).children
    ours = split(text.encode()).segments
    assert [one.name for one in theirs] == [one.name for one in ours]
    for their, our in zip(theirs[1:], ours[1:], strict=True):
        told: dict[int, list[str]] = {}
        for field in their.children:
            # It knows no `.br` and escapes the escape.
            written = field.to_er7().replace("\\E\\.br\\E\\", "\\.br\\")
            told.setdefault(int(field.name.rpartition("_")[2]), []).append(written)
        said = {number: our.raw(number).split("~") for number in range(1, our.fields + 1) if our.raw(number)}
        assert said == told


SIGNS = st.characters(codec="utf-8", exclude_characters="|^~\\&\r\n", exclude_categories=["C", "Z"])
PART = st.text(SIGNS, min_size=1, max_size=8).filter(lambda part: part != '""')
FIELD = st.lists(st.lists(PART, min_size=1, max_size=5), min_size=1, max_size=3)


@given(st.fixed_dictionaries({3: FIELD, 5: FIELD, 11: FIELD}))
def test_hl7apy_reads_the_same(fields: dict[int, list[list[str]]]) -> None:
    parser = pytest.importorskip("hl7apy.parser", reason="hl7apy is not installed")
    written = {number: "~".join(map("^".join, field)) for number, field in fields.items()}
    body = "PID|" + "|".join(written.get(number, "") for number in range(1, 12))
    text = MSH.format("UNICODE UTF-8") + body + "\r"
    theirs = parser.parse_message(text, validation_level=2, find_groups=False).pid
    ours = split(text.encode()).segments[1]
    for number in fields:
        told = [[one.to_er7() for one in each.children] for each in getattr(theirs, f"pid_{number}")]
        assert [[one.text(place + 1) for place in range(one.size)] for one in ours.repetitions(number)] == told
