"""Files as rows: what every way of writing a table comes to, and that nothing is lost in silence."""

import io
import struct
import zipfile
from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from kangyun.base.texts import say
from kangyun.exchange.entries import Refusal
from kangyun.exchange.tables.reading import Row, read

HEADER = "KH,XM,MEMO\n"


def rows_of(content: bytes, **how: str) -> list[Row | Refusal]:
    return list(read(io.BytesIO(content), "sent.csv", **how).rows)  # type: ignore[arg-type]


def taken(content: bytes, **how: str) -> list[tuple[int, list[str]]]:
    return [(row.number, list(row.cells)) for row in rows_of(content, **how) if isinstance(row, Row)]


def refused(content: bytes, **how: str) -> list[tuple[int | None, str | None, str]]:
    found = [row for row in rows_of(content, **how) if isinstance(row, Refusal)]
    assert all(say(row.text, "zh", row.parameters) for row in found)
    return [(refusal.place.row, refusal.place.part, refusal.text.rpartition(".")[2]) for refusal in found]


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("gb18030", "gb18030"), ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16")],
)
def test_encodings_are_detected(encoding: str, told: str) -> None:
    content = "﻿KH,XM\n1,测试㐀𠮷\n".lstrip("﻿").encode(encoding)
    table = read(io.BytesIO(content), "sent.csv")
    assert (table.encoding, table.header) == (told, ("KH", "XM"))
    assert [list(row.cells) for row in table.rows if isinstance(row, Row)] == [["1", "测试㐀𠮷"]]


def test_letters_that_are_bytes_of_gbk_are_read_so() -> None:
    seven_bits = "测试甲".encode("gb18030").decode("latin-1")
    assert taken(f"KH,XM\n1,{seven_bits}\n".encode()) == [(2, ["1", "测试甲"])]
    assert taken("KH,XM\n1,测试甲\n".encode("gb18030"), encoding="us7ascii") == [(2, ["1", "测试甲"])]
    assert taken("KH,XM\n1,Müller\n".encode()) == [(2, ["1", "Müller"])]


def test_a_broken_byte_makes_no_other_encoding() -> None:
    content = "KH,XM\n1,测试甲\n2,测试乙\n".encode() + b"3,\xe6\xb5\n4,x\n"
    assert [cells[1] for _, cells in taken(content)] == ["测试甲", "测试乙", "x"]
    assert refused(content) == [(4, "XM", "wrong-bytes")]


@pytest.mark.parametrize(
    ("name", "refusal"), [("测试", (4, None, "mixed-encodings")), ("测试丙", (4, "XM", "wrong-bytes"))]
)
def test_rows_of_another_encoding_are_refused(name: str, refusal: tuple[int, str | None, str]) -> None:
    content = "KH,XM\n1,测试甲\n2,测试乙\n".encode("gb18030") + f"3,{name}\n".encode() + "4,测试丁\n".encode("gb18030")
    assert refused(content) == [refusal]
    assert [cells[1] for _, cells in taken(content)] == ["测试甲", "测试乙", "测试丁"]


def test_a_file_that_begins_with_letters_only_is_detected_where_others_come() -> None:
    plain = "".join(f"{n},A\n" for n in range(100_000))
    assert taken(f"KH,XM\n{plain}1,测试\n".encode("gb18030"))[-1] == (100_002, ["1", "测试"])


@pytest.mark.parametrize("mark", [",", "\t", "|", ";"])
def test_delimiters_are_detected(mark: str) -> None:
    assert taken(f"KH{mark}XM\r\n1{mark}a\r\n\r\n2{mark}\r\n".encode()) == [(2, ["1", "a"]), (4, ["2", ""])]


def test_quotes_hold_delimiters_line_ends_and_quotes() -> None:
    content = HEADER + '1,"a,b\nc","5"" 管"\n2,5" 管,x\n'
    assert taken(content.encode()) == [(2, ["1", "a,b\nc", '5" 管']), (3, ["2", '5" 管', "x"])]


def test_a_quote_that_never_closes_refuses_its_row_and_no_other() -> None:
    content = HEADER + '1,"open,x\n' + "2,b,c\n" * 2
    assert refused(content.encode()) == [(2, None, "quote-open")]
    assert taken(content.encode()) == [(3, ["2", "b", "c"]), (4, ["2", "b", "c"])]


def test_rows_of_another_width_are_refused_but_for_empty_ends() -> None:
    content = HEADER + "1,a,b,,\n2,a\n3,a,b,c\n"
    assert taken(content.encode()) == [(2, ["1", "a", "b"])]
    assert refused(content.encode()) == [(3, None, "too-few-cells"), (4, None, "too-many-cells")]


def test_the_sign_by_which_dos_ends_a_file_is_no_row() -> None:
    assert list(read(io.BytesIO("KH,XM\r\n1,甲\r\n\x1a".encode("gbk")), "a.csv").rows) == [Row(2, ["1", "甲"])]


def test_formulas_are_refused_and_kept_zeros_are_read() -> None:
    content = HEADER + '1,=cmd|calc,x\n2,=1+1,x\n="0012",b,x\n4,-5,+8613900000000\n'
    assert refused(content.encode()) == [(2, "XM", "formula"), (3, "XM", "formula")]
    assert taken(content.encode()) == [(4, ["0012", "b", "x"]), (5, ["4", "-5", "+8613900000000"])]


def test_wrong_bytes_refuse_their_row() -> None:
    content = "KH,XM\n1,测试\n2,".encode("gb18030") + b"\xff\n3,b\n"
    assert refused(content) == [(3, "XM", "wrong-bytes")]
    assert [number for number, _ in taken(content)] == [2, 4]


def test_a_cell_of_fifty_megabytes_is_refused_and_the_next_row_read() -> None:
    content = HEADER.encode() + b"1," + b"x" * 50_000_000 + b",c\n2,b,c\n"
    assert [type(row).__name__ for row in rows_of(content)] == ["Refusal", "Row"]
    assert refused(HEADER.encode() + b"1," + b"x" * 2_000_000 + b",c\n") == [(2, "XM", "cell-too-long")]


def test_a_name_of_a_column_that_stands_twice_is_told() -> None:
    assert refused(b"KH,XM,kh\n1,2,3\n") == [(1, "KH", "column-twice")]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "no-header"),
        (b"\n\n  \n", "no-header"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old-excel"),
        (b"<html><table>", "markup"),
        (b"PK\x03\x04nothing", "workbook-broken"),
        (b"just a line\n", "not-a-table"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0,\0", "not-a-table"),
    ],
)
def test_what_is_no_table_says_why(content: bytes, text: str) -> None:
    assert refused(content) == [(None, None, text)]


def test_an_unknown_declared_encoding_is_told() -> None:
    assert refused(b"KH,XM\n", encoding="martian") == [(None, None, "encoding-unknown")]


def dbf(fields: Sequence[tuple[str, str, int]], records: Sequence[bytes], page: int = 0x4D) -> bytes:
    described = b"".join(struct.pack("<11sc4xBB14x", n.encode(), t.encode(), size, 0) for n, t, size in fields) + b"\r"
    size = 1 + sum(length for _, _, length in fields)
    head = struct.pack("<BBBBIHH16xBBH", 3, 126, 1, 5, len(records), 32 + len(described), size, 0, page, 0)
    return head + described + b"".join(records) + b"\x1a"


def test_a_dbf_is_read_with_its_types() -> None:
    fields = [("XM", "C", 6), ("JE", "N", 8), ("RQ", "D", 8), ("SJ", "T", 8), ("N", "I", 4)]
    julian = struct.pack("<ii", 2_461_046, 30_600_000)
    record = " 测试   3200.5020260105".encode("gb18030") + julian + struct.pack("<i", -7)
    assert taken(dbf(fields, [record])) == [(2, ["测试", "3200.50", "20260105", "2026-01-05 08:30:00", "-7"])]


def test_a_dbf_tells_of_deleted_records_cut_characters_and_a_missing_end() -> None:
    fields = [("XM", "C", 5), ("KH", "C", 1)]
    cut = b" " + "测试甲".encode("gb18030")[:5] + b"1"
    content = dbf(fields, [cut, b"*" + cut[1:], cut])
    assert refused(content) == [
        (2, "XM", "cut-in-character"), (3, None, "record-deleted"), (4, "XM", "cut-in-character"),
    ]  # fmt: skip
    assert taken(content)[0] == (2, ["测试", "1"])
    assert refused(content[:-6])[-1] == (4, None, "truncated")
    assert refused(content[:40]) == [(None, None, "cut-off")]


def workbook(*rows: Sequence[object]) -> bytes:
    book, content = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    book.save(content)
    return content.getvalue()


def test_a_workbook_that_cannot_be_unpacked_says_so() -> None:
    content = bytearray(workbook(("KH", "XM"), ("1", "测试甲")))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        part = packed.getinfo("[Content_Types].xml")
    begin = part.header_offset + 30 + len(part.filename)
    content[begin : begin + 8] = b"\xff" * 8
    assert refused(bytes(content)) == [(None, None, "workbook-broken")]


@pytest.mark.parametrize(("said", "rows"), [(1, 1), (0, 0)])
def test_records_that_a_dbf_does_not_say_are_told(said: int, rows: int) -> None:
    content = bytearray(dbf([("XM", "C", 5)], [b" abcde"] * 3))
    content[4:8] = said.to_bytes(4, "little")
    *found, last = read(io.BytesIO(content), "a.dbf").rows
    assert len(found) == rows
    assert isinstance(last, Refusal)
    assert (last.text, last.parameters) == ("exchange.tables.more-records", {"wanted": said, "found": 3})


def test_a_sheet_that_is_not_read_is_told() -> None:
    book = Workbook()
    for title in ("1月", "2月", "说明"):
        sheet = book.create_sheet(title)
        sheet.append(["KH", "XM"][: 1 if title == "说明" else 2])
        sheet.append(["1", "甲"][: 1 if title == "说明" else 2])
    content = io.BytesIO()
    book.save(content)
    content.seek(0)
    first, second = read(content, "a.xlsx").rows
    assert isinstance(first, Refusal)
    assert (first.text, first.parameters, first.whole) == ("exchange.tables.other-sheet", {"sheet": "2月"}, False)
    assert isinstance(second, Row)


def test_a_workbook_is_read_as_it_was_typed() -> None:
    at = datetime.fromisoformat("2026-01-05T08:05")
    content = workbook(["门诊表"], ["KH", "XM", "RQ"], ["0012", 3.0, at], [], ["2", None, 0.5])
    assert taken(content) == [(3, ["0012", "3", "2026-01-05 08:05:00"]), (5, ["2", "", "0.5"])]


def test_a_workbook_refuses_formulas_and_long_numbers() -> None:
    content = workbook(["KH", "XM"], ["1", "=A2"], [990000200102281000, "x"], ["1", "x", "over"])
    assert refused(content) == [
        (2, "XM", "formula"), (3, "KH", "number-too-long"), (4, None, "too-many-cells"),
    ]  # fmt: skip


@given(st.binary(max_size=400))
def test_nothing_raises_whatever_the_bytes(content: bytes) -> None:
    for row in rows_of(content):
        assert isinstance(row, Row) or say(row.text, "zh", row.parameters)


@given(st.binary(max_size=200), st.sampled_from([b"KH,XM\n", "卡号,姓名\n".encode("gb18030"), b"\xef\xbb\xbfKH,XM\n"]))
def test_every_line_is_a_row_a_refusal_or_blank(content: bytes, header: bytes) -> None:
    lines = (header + content.replace(b'"', b"")).split(b"\n")[1:]
    assert len(rows_of(header + content.replace(b'"', b""))) <= len(lines)
    told = [row.number if isinstance(row, Row) else row.place.row for row in rows_of(header + content)]
    assert told == sorted(set(told))  # type: ignore[type-var]


@given(st.binary(max_size=300), st.integers(1, 40))
def test_broken_dbfs_and_workbooks_do_not_raise(noise: bytes, at: int) -> None:
    whole = dbf([("XM", "C", 5), ("JE", "N", 4)], [b" abcde1234"] * 3)
    for content in (whole[:at] + noise, whole[: at + 60], b"PK\x03\x04" + noise):
        rows_of(content)


@given(st.lists(st.lists(st.text("ab,\"\n测 ='", max_size=6), min_size=2, max_size=2), max_size=6))
def test_what_was_written_with_quotes_is_read_back(rows: list[list[str]]) -> None:
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    found = taken(("A,B\n" + "".join(f"{line}\n" for line in lines)).encode("gb18030"))
    wanted = [row for row in rows if not any(cell.startswith("=") for cell in row)]
    assert [cells for _, cells in found if not any(cell.startswith("=") for cell in cells)][: len(wanted)] == wanted


@pytest.mark.parametrize(
    ("lines", "refused", "firsts"),
    [
        (['"1,2,3', "4,5,6", '"7,8,9', "a,b,c"], [2, 4], ["4", "a"]),
        (['"1,2,3', '"4,5,6', "a,b,c"], [2, 3], ["a"]),
        (['1,2,"3', '4,5,"6', "a,b,c"], [2, 3], ["a"]),
        (['1,"2', '2,2",3', "a,b,c"], [], ["1", "a"]),
        (['"1","2', '2","3"', "a,b,c"], [], ["1", "a"]),
        (['1,2,"3', '3"', "a,b,c"], [], ["1", "a"]),
        (['"1', '1",2,3', "a,b,c"], [], ["1\n1", "a"]),
    ],
)
def test_records_that_lack_a_quote_swallow_none_between_them(
    lines: list[str], refused: list[int], firsts: list[str]
) -> None:
    rows = list(read(io.BytesIO("\n".join(["A,B,C", *lines, ""]).encode()), "x.csv").rows)
    assert [row.place.row for row in rows if isinstance(row, Refusal)] == refused
    assert [row.cells[0] for row in rows if isinstance(row, Row)] == firsts


def test_whole_records_within_a_cell_of_a_wide_table_are_records() -> None:
    lines = ["A,B,C,D,E", '1,"2,3,4,5', "a,b,c,d,e", '6,7",8,9,10', ""]
    rows = list(read(io.BytesIO("\n".join(lines).encode()), "x.csv").rows)
    assert [row.place.row for row in rows if isinstance(row, Refusal)] == [2]
    assert [row.cells[0] for row in rows if isinstance(row, Row)] == ["a", "6"]
