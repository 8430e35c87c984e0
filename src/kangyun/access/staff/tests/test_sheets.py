"""What people send: workbooks and CSV of all kinds, and files that are none."""

import io
import zipfile
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from kangyun.access.staff import read_sheet, report, template
from kangyun.access.staff import sheets as module
from kangyun.access.staff.rules import read_people, the_list
from kangyun.base.errors import Invalid, PlatformError, TooLong

NEEDED = the_list().needed
ROW = ("007", "李四", "H1", "内科", "医生、家庭医生", "330100001", "")


def cells(sheet):
    return [dict(row.cells) for row in sheet.rows]


def test_a_workbook_is_read_as_text(workbook):
    rows = [ROW, ("008", "王五", "H1", None, "护士", 330100002, date(2026, 11, 30)), (9.0, "赵六", "H1")]
    rows += [(None,) * 7, ("010", "=1+1", "H1", "", "护士", "", datetime(2026, 1, 2, 3, 4))]  # noqa: DTZ001 - as workbooks have them
    sheet = read_sheet(workbook(rows, above=[("县医院人员名单",), ()]), NEEDED)
    assert [row.number for row in sheet.rows] == [4, 5, 6, 8]
    assert sheet.rows[0].cells["工号"] == "007"
    assert sheet.rows[1].cells["离职日期"] == "2026-11-30"
    assert sheet.rows[1].cells["执业证书编码"] == "330100002"
    assert sheet.rows[2].cells["工号"] == "9"
    assert sheet.rows[3].cells["姓名"] == "=1+1"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_csv_in_the_encodings_of_excel(encoding):
    text = '工号,姓名,机构,角色\r\n007,李四,H1,医生\r\n,,,\r\n008,"王,五",H1,护士\r\n'
    sheet = read_sheet(text.encode(encoding), NEEDED)
    assert [row.cells["姓名"] for row in sheet.rows] == ["李四", "王,五"]
    assert [row.number for row in sheet.rows] == [2, 4]


def test_numbers_that_excel_has_rounded_are_refused(workbook):
    row = ("007", "李四", "H1", "", "医生", 110105194912310020, "")
    sheet = read_sheet(workbook([row]), NEEDED)
    _, faults = read_people(sheet.rows)
    assert [issue.text for _, issue in faults] == ["access.staff.as-number"]


@pytest.mark.parametrize("cut", ["1.10105E+17", "1.10105194912310E17", "1E+17"])
def test_what_excel_shows_of_a_long_number_is_told_as_such(workbook, csv_of, cut):
    row = ("007", "李四", "H1", "", "医生", cut, "")
    for file in (workbook([row]), csv_of([row])):
        _, faults = read_people(read_sheet(file, NEEDED).rows)
        assert [issue.text for _, issue in faults] == ["access.staff.as-number"]


def test_eighteen_digits_that_end_in_zeros_are_cut_in_a_csv_and_typed_in_a_cell_of_text(workbook, csv_of):
    rows = [("007", "李四", "H1", "", "医生", "110105194912310000", ""), ("2E11", "王五", "H1", "", "医生", "1230", "")]
    people, faults = read_people(read_sheet(csv_of(rows), NEEDED).rows)
    assert [(row.number, issue.text) for row, issue in faults] == [
        (2, "access.staff.as-number"), (3, "access.staff.licence"),
    ]  # fmt: skip
    people, faults = read_people(read_sheet(workbook(rows[:1]), NEEDED).rows)
    assert [person.licence for person in people] == ["110105194912310000"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"工号": ""}, "missing"), ({"姓名": ""}, "missing"), ({"机构": ""}, "missing"), ({"角色": ""}, "missing"),
        ({"工号": "00 7"}, "number"), ({"工号": "7|8"}, "number"), ({"角色": "院长"}, "role"),
        ({"角色": "医生、系统管理员"}, "role"), ({"执业证书编码": "x"}, "licence"), ({"离职日期": "明天"}, "date"),
        ({"离职日期": "2026-02-30"}, "date"), ({"姓名": "长" * 201}, "too-long"),
    ],
)  # fmt: skip
def test_faults_name_row_and_column_and_not_the_cell(workbook, change, fault):
    row = dict(zip(("工号", "姓名", "机构", "科室", "角色", "执业证书编码", "离职日期"), ROW, strict=True)) | change
    sheet = read_sheet(workbook([ROW, tuple(row.values())]), NEEDED)
    people, faults = read_people(sheet.rows)
    texts = [issue.text for _, issue in faults]
    assert f"access.staff.{fault}" in texts
    assert {issue.parameters["row"] for _, issue in faults} == {3}
    assert {issue.parameters["column"] for _, issue in faults} <= set(row)
    assert len(people) == 1


def test_a_number_stands_once(workbook):
    _, faults = read_people(read_sheet(workbook([ROW, ROW]), NEEDED).rows)
    assert [(issue.text, issue.parameters["first"]) for _, issue in faults] == [("access.staff.twice", 2)]


def test_who_has_left_needs_no_role(workbook):
    rows = [("007", "李四", "H1", "", "", "", "2026年1月2日"), ("008", "王五", "H1", "", "公卫", "", "2026/1/2")]
    people, faults = read_people(read_sheet(workbook(rows), NEEDED).rows)
    assert faults == []
    assert [(one.left, one.roles) for one in people] == [(date(2026, 1, 2), ()), (date(2026, 1, 2), ("public-health",))]


def zipped(**parts):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in parts.items():
            packed.writestr(name, body)
    return sink.getvalue()


BILLION = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    "file",
    [
        b"", b"PK\x03\x04", b"PK\x03\x04" + bytes(100), zipped(a="b"), b"\xd0\xcf\x11\xe0" + bytes(512),
        b"\xff\xfe\x00",
        zipped(**{"[Content_Types].xml": BILLION}), zipped(**{"x.xml": BILLION.encode("utf-16")}), b'a,b\n"c',
        "工号,姓名\n1,李四".encode(), b"\x00\x01\x02",
    ],
)  # fmt: skip
def test_what_is_no_list(file):
    with pytest.raises(Invalid):
        read_sheet(file, NEEDED)


def test_what_is_too_large(workbook, monkeypatch):
    bomb = zipped(**{"xl/workbook.xml": b"\0" * (module.LARGEST_UNPACKED + 1)})
    assert len(bomb) < 1_000_000
    with pytest.raises(Invalid):
        read_sheet(bomb, NEEDED)
    with pytest.raises(TooLong):
        read_sheet(bytes(module.LARGEST + 1), NEEDED)
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    for file in (workbook([ROW] * 3), "工号,姓名,机构\n1,2,3\n1,2,3\n".encode()):
        with pytest.raises(Invalid):
            read_sheet(file, NEEDED)


@given(st.binary(max_size=300))
def test_whatever_comes_nothing_breaks(raw):
    for file in (raw, b"PK\x03\x04" + raw):
        try:
            read_sheet(file, NEEDED)
        except PlatformError:
            continue


def test_what_is_written_can_be_read_again_and_holds_no_formula():
    assert read_sheet(template(the_list().column, the_list().note), NEEDED).rows == ()
    text = "工号,姓名,机构,角色\n1,=cmd|' /C calc'!A0,H1,+1\n"
    sheet = read_sheet(text.encode(), NEEDED)
    file = report(sheet.header, [(sheet.rows[0], "第 2 行\x07")], [("李四", "007@h", "p-w")])
    book = load_workbook(io.BytesIO(file))
    values = [(cell.value, cell.data_type) for row in book["未通过"].iter_rows(min_row=2) for cell in row]
    assert values == [("1", "s"), ("=cmd|' /C calc'!A0", "s"), ("H1", "s"), ("+1", "s"), ("第 2 行", "s")]
    assert book["首次登录"]["B2"].value == "007@h"


def test_a_workbook_that_cannot_be_unpacked_is_refused(workbook):
    content = bytearray(workbook([ROW]))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        part = packed.getinfo("[Content_Types].xml")
    begin = part.header_offset + 30 + len(part.filename)
    content[begin : begin + 8] = b"\xff" * 8
    with pytest.raises(Invalid, match="unreadable"):
        read_sheet(bytes(content), NEEDED)
