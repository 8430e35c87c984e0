"""What institutions send, broken in every way: refused with a reason that names the place, and the feed goes on.

Messages, tables and workbooks that were right are cut, mixed, put into another character set or order; lines never end,
segments are too large, workbooks unpack to too much. `scripts/fuzz_formats.py` looks for more where atheris is there.
"""

import asyncio
import io
import json
import zipfile
from collections.abc import Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from kangyun.base.clock import now
from kangyun.base.texts import say
from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.feeds.returning import Returned
from kangyun.exchange.hl7v2 import batches
from kangyun.exchange.hl7v2.acknowledging import acknowledged, judged
from kangyun.exchange.hl7v2.framing import END, Framer, framed
from kangyun.exchange.hl7v2.listening import Bounds, Listener
from kangyun.exchange.hl7v2.mapping import Feed, mapped
from kangyun.exchange.hl7v2.splitting import Unreadable, split
from kangyun.exchange.tables.mapping import Feed as TableFeed
from kangyun.exchange.tables.mapping import convert, shipped_for
from kangyun.exchange.tables.reading import Row, read
from kangyun.exchange.tables.recognition import recognise
from kangyun.fhir.validation import validator

EXAMPLES = Path(__file__).parents[2] / "src/kangyun/exchange/hl7v2/tests/examples"
MESSAGES = [file.read_bytes().replace(b"\n", b"\r") for file in sorted(EXAMPLES.glob("*.hl7"))]
FEED = Feed("h1", "Organization/h1")
TABLE_FEED = TableFeed("h1", "Organization/h1", "h1", "shanghai-hub-2026")
PATIENTS = (
    "YLJGYQDM,KH,KLX,ZJHM,ZJLX,XB,XM,HYZK,CSRQ,MZ,GJ,SJHM,JZDZ,XGBZ\r\n"
    "D1,K1,9,990000195003121011,01,1,测试甲,20,19500312,01,CHN,19900000001,测试路1号,1\r\n"
    "D1,K2,9,990000195003121011,01,1,测试乙,20,19500312,01,CHN,19900000002,测试路2号,1\r\n"
)
FRONT_PAGE = (
    "USERNAME,ZYCS,BAH,XM,XB,CSRQ,SFZH,RYSJ,RYSJS,CYSJ,CYSJS,JBDM,ZYZD,RYBQ,LYFS,ZFY\r\n"
    "测试医院,1,B1,测试甲,1,19500312,990000195003121011,20251201,9,20251205,15,I10.x05,高血压病3级,1,1,3200.50\r\n"
)
SETTLEMENT = json.dumps(
    {
        "infno": "4101",
        "input": {
            "setlinfo": {"setl_id": "S1", "mdtrt_id": "M1", "medcasno": "B1", "setl_end_date": "20260105"},
            "diseinfo": [{"diag_code": "I10", "diag_name": "高血压"}],
        },
    },
    ensure_ascii=False,
)


def workbook() -> bytes:
    book, sink = Workbook(), io.BytesIO()
    for line in PATIENTS.split("\r\n")[:3]:
        book.active.append(line.split(","))
    book.save(sink)
    return sink.getvalue()


FILES = [
    PATIENTS.encode("gb18030"),
    PATIENTS.encode("utf-8-sig"),
    FRONT_PAGE.encode("gb18030"),
    SETTLEMENT.encode(),
    workbook(),
]
Change = Callable[[bytes], bytes]


def cut(at: int) -> Change:
    return lambda raw: raw[: at % (len(raw) + 1)]


def put(at: int, noise: bytes) -> Change:
    return lambda raw: raw[: at % (len(raw) + 1)] + noise + raw[at % (len(raw) + 1) :]


def taken_out(at: int, size: int) -> Change:
    return lambda raw: raw[: at % (len(raw) + 1)] + raw[at % (len(raw) + 1) + size :]


def turned(end: bytes) -> Change:
    return lambda raw: end.join(reversed(raw.split(end)))


def other(old: bytes, new: bytes) -> Change:
    return lambda raw: raw.replace(old, new)


def recoded(raw: bytes) -> bytes:
    return raw.decode("utf-8", "replace").encode("gb18030", "replace")


NOISE = st.binary(max_size=12) | st.sampled_from(
    [b"|", b"^", b"~", b"\\", b"&", b"\r", b"\n", b'"', b",", b"\x00", b"\x0b", b"\x1c", b"\xff\xfe", b"=1+1", b"MSH|",
     b"{", b"]", "测".encode(), "测".encode("gb18030")[:1], b"|" * 300, b"1e999", b"-", b"\\X41\\", b"\\.br\\"]
)  # fmt: skip
PLACES = st.integers(0, 10**6)
TURNED = [
    turned(b"\r"), turned(b"\n"), recoded, other(b"|", b"#"), other(b"^~\\&", b"^^^^"), other(b",", b";"),
    other(b"\r", b"\r\n"), other(b"2026", b"20269"), other(b"1", b""),
]  # fmt: skip
CHANGES = st.one_of(
    PLACES.map(cut),
    st.builds(put, PLACES, NOISE),
    st.builds(taken_out, PLACES, st.integers(1, 60)),
    st.sampled_from(TURNED),
)


def changed(raws: list[bytes]) -> st.SearchStrategy[bytes]:
    """Yields what was right, changed in one to four ways."""
    return st.builds(
        lambda raw, changes: reduce(lambda so_far, change: change(so_far), changes, raw),
        st.sampled_from(raws),
        st.lists(CHANGES, min_size=1, max_size=4),
    )


def check_refusal(refusal: Refusal) -> None:
    """It says what, in words, and where as far as there is a where."""
    for language in ("zh", "en"):
        assert say(refusal.text, language, refusal.parameters)
    assert refusal.place.source is not None


def check_message(raw: bytes) -> None:
    try:
        message = split(raw)
    except Unreadable as refused:
        check_refusal(refused.refusal)
        assert acknowledged(refused.header, judged([refused.refusal]), now(), "1") is not None
        return
    found = mapped(message, FEED)
    assert found.entries or found.refusals or found.told
    for refusal in found.refusals:
        check_refusal(refusal)
        assert refusal.place.part
    for entry in found.entries:
        assert [one for one in validator().validate(dict(entry.resource)) if one.severity == "error"] == []
    acknowledged(message.header, judged(found.refusals), now(), "1")


def check_file(raw: bytes) -> None:
    table = read(io.BytesIO(raw), "file")
    matches = recognise(table.header, "file")
    mapping = shipped_for(matches[0].table) if matches else None
    for one in table.rows if mapping is None else convert(table, mapping, TABLE_FEED):
        assert isinstance(one, Row | Entry | Refusal)
        if isinstance(one, Refusal):
            check_refusal(one)
        elif isinstance(one, Entry):
            assert [fault for fault in validator().validate(dict(one.resource)) if fault.severity == "error"] == []


@given(changed(MESSAGES))
def test_a_message_is_taken_or_refused_with_its_place(raw):
    check_message(raw)


@given(changed(FILES))
def test_a_file_is_rows_or_refused_with_its_place(raw):
    check_file(raw)


@pytest.mark.soak
@settings(max_examples=20_000, derandomize=False)
@given(changed(MESSAGES))
def test_many_messages(raw):
    check_message(raw)


@pytest.mark.soak
@settings(max_examples=10_000, derandomize=False)
@given(changed(FILES))
def test_many_files(raw):
    check_file(raw)


@given(st.lists(changed(MESSAGES), max_size=3))
def test_a_batch_is_messages_or_refused(raws):
    raw = b"BHS|^~\\&\r" + b"\r".join(raws) + b"\rBTS|\r"
    try:
        found = batches.messages(raw)
    except Unreadable as refused:
        check_refusal(refused.refusal)
        return
    for one in found:
        check_message(one)


# --- lines


@asynccontextmanager
async def line(bounds):
    """A listener that maps and stores nowhere. Gives its port and what it was given."""
    given_ = []

    async def store(group):
        given_.extend(group)
        return [judged(mapped(one.message, FEED).refusals if one.message else one.refusals) for one in group]

    listener = Listener(store, bounds)
    port = await listener.start("127.0.0.1", 0)
    try:
        yield port, given_
    finally:
        await listener.stop(1)


async def answered(port, raw):
    """Returns what is answered to a message on a line of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(framed(raw))
    answer = await asyncio.wait_for(reader.readuntil(END), 30)
    writer.close()
    return next(part.split(b"|")[1] for part in answer.split(b"\r") if part.startswith(b"MSA"))


GOOD = "MSH|^~\\&|HIS|H|K|R|20260105||ADT^A28|1|P|2.5\rPID|1||P1||测试甲\r".encode()


@pytest.mark.parametrize("largest", [32 * 1024 * 1024, 64 * 1024 * 1024], ids=["frame", "segment"])
async def test_a_segment_of_50_megabytes_is_refused_and_the_line_goes_on(largest):
    huge = GOOD + b"OBX|1|TX|X||" + b"x" * 50_000_000
    async with line(Bounds(largest=largest)) as (port, given_):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(framed(huge) + framed(GOOD))
        first = await asyncio.wait_for(reader.readuntil(END), 60)
        second = await asyncio.wait_for(reader.readuntil(END), 60)
        writer.close()
    assert (b"|AE|" in first, b"|AA|" in second) == (True, True)
    (refusal,) = given_[0].refusals
    assert refusal.text.rpartition(".")[2] in ("frame-too-large", "segment-too-long")
    check_refusal(refusal)


async def test_lines_that_never_end_are_closed_and_hold_nobody_up():
    bounds = Bounds(idle=1.0, frame=1.0)
    async with line(bounds) as (port, _):
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        for nth, (_, writer) in enumerate(slow):
            writer.write(b"\x0bMSH|" if nth % 2 else b"")

        async def drip():
            while True:
                for _, writer in slow[1::2]:
                    writer.write(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await answered(port, GOOD) == b"AA"
        for reader, _ in slow:
            await asyncio.wait_for(reader.read(), 5)
        dripping.cancel()
        assert await answered(port, GOOD) == b"AA"
        for _, writer in slow:
            writer.close()


async def test_one_sender_has_so_many_lines_and_no_more():
    async with line(Bounds(of_sender=3)) as (port, _):
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(6)]
        closed = [await asyncio.wait_for(reader.read(), 5) for reader, _ in lines[3:]]
        assert closed == [b""] * 3
        for _, writer in lines:
            writer.close()


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"\x0b", b"\x1c", b"\r", framed(b"MSH|^~\\&")]), max_size=30))
def test_a_stream_is_held_in_bounds_however_it_is_cut(parts):
    framer = Framer(largest=100)
    for part in parts:
        framer.feed(part)
        assert framer.kept <= 4096 + 100
    framer.end()


# --- workbooks


def packed(**parts: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return sink.getvalue()


def with_part(name: str, content: bytes, kind: str = "") -> bytes:
    """The workbook with one part in place of its own, or one more. kind: what it is declared to be."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as source, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as made:
        for part in source.namelist():
            own = source.read(part)
            if part == "[Content_Types].xml" and kind:
                said = f'<Override PartName="/{name}" ContentType="{MAIN}.{kind}+xml"/></Types>'
                own = own.replace(b"</Types>", said.encode())
            made.writestr(part, content if part == name else own)
        if name not in source.namelist():
            made.writestr(name, content)
    return sink.getvalue()


MAIN = "application/vnd.openxmlformats-officedocument.spreadsheetml"
TEXTS = b"<sst>" + b"<si><t>a</t></si>" * 7_000_000 + b"</sst>"
ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><worksheet>&c;</worksheet>'
)
BOMBS = {
    "texts": lambda: with_part("xl/sharedStrings.xml", TEXTS, "sharedStrings"),
    "texts by another name": lambda: with_part("xl/media/a.png", TEXTS, "sharedStrings"),
    "a sheet that is texts, too": lambda: with_part("xl/worksheets/sheet1.xml", TEXTS, "sharedStrings"),
    "styles": lambda: with_part("xl/styles.xml", b"<styleSheet>" + b" " * 20_000_000 + b"</styleSheet>"),
    "entities out of sight": lambda: with_part("xl/worksheets/sheet1.xml", b"<!--" + b" " * 5000 + b"-->" + ENTITIES),
    "entities": lambda: with_part("xl/worksheets/sheet1.xml", ENTITIES),
    "parts": lambda: packed(**{f"a{n}": b"" for n in range(1_001)}),
    "no workbook": lambda: packed(a=b"x"),
    "cut": lambda: workbook()[:-40],
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_workbook_that_is_a_bomb_is_refused(bomb):
    table = read(io.BytesIO(BOMBS[bomb]()), "bomb.xlsx")
    (refusal,) = table.rows
    assert table.header == ()
    assert (refusal.text, refusal.place.source) == ("exchange.tables.workbook-broken", "bomb.xlsx")


def test_a_workbook_that_says_less_than_it_unpacks_to_is_refused(tmp_path):
    raw = bytearray(with_part("xl/worksheets/sheet1.xml", b"<worksheet><sheetData>" + b" " * 3_000_000))
    real, said = (3_000_022).to_bytes(4, "little"), (1_000).to_bytes(4, "little")
    table = read(io.BytesIO(bytes(raw).replace(real, said)), "bomb.xlsx")
    assert [row.text for row in table.rows if isinstance(row, Refusal)] == ["exchange.tables.workbook-broken"]


LIVE = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", "\t=1+1", "＝1+1"]


@pytest.mark.parametrize("text", LIVE)
def test_what_is_returned_carries_no_formula(text):
    lines = PATIENTS.replace("测试路1号", text).replace("990000195003121011", "990000195003121012")
    table = read(io.BytesIO(lines.encode()), "x.csv")
    returned = Returned(table)
    mapping = shipped_for("TB_YL_PATIENT_INFORMATION")
    for one in convert(returned.table, mapping, TABLE_FEED):
        returned.add(one, text)
    book = load_workbook(io.BytesIO(returned.workbook()))
    kinds = {cell.data_type for row in book.active.iter_rows() for cell in row if cell.value is not None}
    assert kinds == {"s"}


def test_a_formula_in_a_file_is_refused_with_row_and_column():
    for raw in (PATIENTS.replace("测试路1号", "=1+1").encode(), with_formula()):
        found = [one for one in read(io.BytesIO(raw), "x").rows if isinstance(one, Refusal)]
        assert [(one.text, one.place.row, one.place.part) for one in found] == [("exchange.tables.formula", 2, "JZDZ")]


def with_formula() -> bytes:
    book, sink = Workbook(), io.BytesIO()
    for line_ in PATIENTS.replace("测试路1号", "=1+1").split("\r\n")[:3]:
        book.active.append(line_.split(","))
    book.save(sink)
    return sink.getvalue()


def test_a_number_that_nobody_can_mean_is_told():
    lines = FRONT_PAGE.replace("3200.50", "9" * 400)
    mapping = shipped_for("N041")
    found = list(convert(read(io.BytesIO(lines.encode()), "x.csv"), mapping, TABLE_FEED))
    assert [one.place.part for one in found if isinstance(one, Refusal)] == ["ZFY"]
    assert Decimal("Infinity") not in [one.resource for one in found if isinstance(one, Entry)]
