"""What cells say: a row a rule."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.texts import say
from kangyun.exchange.tables.values import Unfit, cells, coded, figures, laboratory, moments


@pytest.mark.parametrize("cell", ["", "-", "/", "—", "--", "无", "NULL", "null", "　", "\\N", "暂无", "?"])
def test_fillers_say_nothing(cell: str) -> None:
    assert (cells.said(cell), cells.words(cell)) == ("", "")


def test_an_answer_keeps_that_there_is_nothing_and_a_text_its_signs() -> None:
    assert cells.answer("无") == "无"
    assert cells.words(" 双肺纹理增多，\r\n未见实变。\x00") == "双肺纹理增多，\n未见实变。"


@pytest.mark.parametrize(
    ("cell", "personal", "shown"),
    [
        ("990000195003121011", True, "9****************1"),
        ("测试甲", True, "测**"),
        ("测试甲", False, "测**"),
        ("2026/13/1", False, "2026/13/1"),
        ("X9", False, "X9"),
        ("", False, None),
    ],
)
def test_values_are_shown_masked(cell: str, personal: bool, shown: str | None) -> None:
    assert cells.masked(cell, personal=personal) == shown


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("2026/1/5", "2026-01-05"),
        ("2026/01/05 8:05", "2026-01-05T08:05:00+08:00"),
        ("2026-1-5 08:05:00", "2026-01-05T08:05:00+08:00"),
        ("2026年1月5日", "2026-01-05"),
        ("2026年1月5日 8时5分", "2026-01-05T08:05:00+08:00"),
        ("2026.1.5", "2026-01-05"),
        ("20260105080500", "2026-01-05T08:05:00+08:00"),
        ("20260105T0805", "2026-01-05T08:05:00+08:00"),
        ("１９５００３１２", "1950-03-12"),
        ("2026-01-05 08:05:00.000", "2026-01-05T08:05:00+08:00"),
        ("2026-01-05T00:05:00Z", "2026-01-05T00:05:00Z"),
        ("2026-01-05T08:05:00+0800", "2026-01-05T08:05:00+08:00"),
        ("2026/1/5 下午 8:05:00", "2026-01-05T20:05:00+08:00"),
        ("2026/1/5 上午 12:05", "2026-01-05T00:05:00+08:00"),
        ("2026-01-05 24:00:00", "2026-01-06T00:00:00+08:00"),
        ("18334", "1950-03-12"),
        ("45992.354167", "2025-12-01T08:30:00+08:00"),
        ("46000", "2025-12-09"),
        ("1900-01-01", ""),
        ("1900-01-01 00:00:00", ""),
        ("1900/1/1", ""),
        ("19000101", ""),
        ("00000000", ""),
        ("0", ""),
        ("9999-12-31 23:59:59", ""),
        ("1970-01-01 08:00:00", ""),
        ("1970-01-01", "1970-01-01"),
        ("-", ""),
    ],
)
def test_moments_are_read(cell: str, read: str) -> None:
    assert moments.moment(cell) == read


@pytest.mark.parametrize(
    "cell", ["2026/13/1", "5/1/2026", "26-1-5", "2026-02-30", "昨天", "2026-01-05 25:00", "1820-01-01", "950312"]
)
def test_what_is_no_moment_is_refused(cell: str) -> None:
    with pytest.raises(Unfit):
        moments.moment(cell)


def test_a_day_and_an_hour_in_two_columns() -> None:
    assert moments.at_hour("20251201", "9") == "2025-12-01T09:00:00+08:00"
    assert moments.at_hour("20251201", "-") == "2025-12-01"
    assert moments.at_hour("2025-12-01 09:30:00", "9") == "2025-12-01T09:30:00+08:00"
    with pytest.raises(Unfit):
        moments.at_hour("20251201", "24")


@pytest.mark.parametrize(("cell", "read"), [("12.500", "12.500"), ("1,234.5", "1234.5"), ("￥８", "8"), ("-3.", "-3")])
def test_numbers_keep_their_digits(cell: str, read: str) -> None:
    assert str(figures.number(cell)) == str(Decimal(read))


@pytest.mark.parametrize("cell", ["1.2E+05", "12,34", "abc", "1.2.3", "9" * 40])
def test_what_is_no_number_is_refused(cell: str) -> None:
    with pytest.raises(Unfit):
        figures.number(cell)


def test_zeros_come_back_where_the_width_is_declared() -> None:
    read = [figures.padded(cell, 4) for cell in ("12", "101", "0", "", "A1", "00012")]
    assert read == ["0012", "0101", "0000", "", "A1", "00012"]


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("990000195003121011", "990000195003121011"),
        ("９９００００２００１０２２８１０９Ｘ", "99000020010228109X"),
        ("990000 500312 101", "990000500312101"),
        ("-", ""),
    ],
)
def test_identity_cards_are_read(cell: str, read: str) -> None:
    assert figures.document(cell, "identity") == read


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("9.90000E+17", "number-scientific"),
        ("990000200102281000", "number-cut"),
        ("99000085071410", "id-number-wrong"),
        ("990000195003121012", "id-number-wrong"),
    ],
)
def test_broken_identity_cards_are_refused_with_what_broke_them(cell: str, text: str) -> None:
    with pytest.raises(Unfit) as refused:
        figures.document(cell, "identity")
    assert refused.value.text == text


@pytest.mark.parametrize("cell", ["1.2E+17", "1E+17", "1.23e5"])
def test_keys_that_excel_broke_are_refused(cell: str) -> None:
    with pytest.raises(Unfit) as broken:
        figures.key(cell)
    assert broken.value.text == "number-scientific"
    assert figures.key("12e5") == "12E5"


def test_a_telephone_without_the_zero_of_its_area_is_refused() -> None:
    assert figures.phone("0531-88886666") == "053188886666"
    with pytest.raises(Unfit):
        figures.phone("5310000001")


@pytest.mark.parametrize(
    ("list_", "code", "name", "read", "found"),
    [
        ("sex", "男", "1", "1", "code-and-name-swapped"),
        ("sex", "男", "男", "1", "name-for-code"),
        ("sex", "2", "女", "2", ""),
        ("sex", "女", "", "2", "name-for-code"),
        ("identity-document", "01", "01", "01", "code-for-name"),
        ("identity-document", "1", "", "01", "code-mended"),
        ("marital-status", "已婚", "20", "20", "code-and-name-swapped"),
        ("marital-status", "-", "", "", ""),
    ],
)
def test_codes_and_names_are_put_right(list_: str, code: str, name: str, read: str, found: str) -> None:
    assert coded.coded(list_, code, name)[::2] == (read, found)


@pytest.mark.parametrize(
    ("list_", "code", "name", "text"),
    [
        ("sex", "1", "女", "code-contradicts-name"),
        ("ethnic-group", "99", "其他", "code-unknown"),
        ("sex", "7", "", "code-unknown"),
    ],
)  # fmt: skip
def test_codes_that_contradict_or_are_unknown_are_refused(list_: str, code: str, name: str, text: str) -> None:
    with pytest.raises(Unfit) as refused:
        coded.coded(list_, code, name)
    assert refused.value.text == text


def value(cell: str, unit: str = "", reference: str = "", hint: str = "") -> Any:
    elements = laboratory.result(cell, unit, reference, hint).elements
    return next((elements[name] for name in elements if name.startswith("value")), None)


def number(digits: str, comparator: str = "", unit: str = "", code: str = "") -> dict[str, Any]:
    named = {"unit": unit, "system": laboratory.UCUM, "code": code} if unit else {}
    return {"value": Decimal(digits)} | ({"comparator": comparator} if comparator else {}) | named


@pytest.mark.parametrize(
    ("cell", "unit", "read"),
    [
        ("<0.5", "mIU/L", number("0.5", "<", "mIU/L", "m[IU]/L")),
        ("＞２００", "mg/L", number("200", ">", "mg/L", "mg/L")),
        ("≤5", "", number("5", "<=")),
        ("3.5↑", "mmol/L", number("3.5", "", "mmol/L", "mmol/L")),
        ("5.2 mmol/L", "", number("5.2", "", "mmol/L", "mmol/L")),
        ("11.2 H", "10⁹/L", number("11.2", "", "10^9/L", "10*9/L")),
        ("4.1(复查)", "", number("4.1")),
        ("1:80", "", {"numerator": {"value": 1}, "denominator": {"value": 80}}),
        ("3-5", "", {"low": {"value": Decimal(3)}, "high": {"value": Decimal(5)}}),
        ("标本溶血，结果仅供参考", "", "标本溶血，结果仅供参考"),
        ("10⁹", "", "10⁹"),
        ("12:30", "", "12:30"),
        ("-", "", None),
    ],
)
def test_results_are_read(cell: str, unit: str, read: object) -> None:
    assert value(cell, unit) == read


@pytest.mark.parametrize(
    ("cell", "code"),
    [("阴性", "negative"), ("+-", "trace"), ("±", "trace"), ("2+", "2+"), ("＋＋", "2+"), ("阳性(+)", "positive")],
)
def test_ordinals_are_codes_and_keep_what_was_written(cell: str, code: str) -> None:
    assert value(cell)["coding"][0]["code"] == code
    assert laboratory.result(cell).elements["extension"][0]["valueString"] == cell


def test_a_dash_is_negative_only_where_the_range_is_in_words() -> None:
    assert value("-", reference="阴性")["coding"][0]["code"] == "negative"
    assert "dataAbsentReason" in laboratory.result("-", reference="3-5").elements


@pytest.mark.parametrize(
    ("cell", "hint", "flag", "found"),
    [
        ("3.5↑", "3", "H", "flag-contradicts-range"), ("3.5", "4", "L", ""), ("5", "1", "N", ""), ("5.0*", "", "A", ""),
        ("9", "1", "N", "flag-contradicts-range"), ("9 ↑↑", "", "HH", ""),
    ],
)  # fmt: skip
def test_flags_are_the_sender_s_and_contradictions_are_told(cell: str, hint: str, flag: str, found: str) -> None:
    read = laboratory.result(cell, "mmol/L", "3.9-6.1", hint)
    assert (read.elements["interpretation"][0]["coding"][0]["code"], read.found) == (flag, found)


@given(st.text(max_size=30), st.text(max_size=8), st.text(max_size=12), st.text(max_size=2))
def test_no_result_raises(cell: str, unit: str, reference: str, hint: str) -> None:
    read = laboratory.result(cell, unit, reference, hint)
    assert read.elements
    assert not read.found or say(f"exchange.tables.{read.found}")


@given(st.text(max_size=30) | st.from_regex(r"\d{1,14}([-/.: ]\d{1,4}){0,6}", fullmatch=True))
def test_rules_give_a_value_or_say_what_was_wanted(cell: str) -> None:
    for rule in (moments.moment, figures.number, figures.phone, figures.key, lambda text: coded.coded("sex", text)):
        try:
            rule(cell)  # type: ignore[operator]
        except Unfit as unfit:
            assert say(f"exchange.tables.{unfit.text}", "zh", unfit.parameters)
