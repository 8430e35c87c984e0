"""Lines that people type, and what is asked back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid
from kangyun.devices.doors.line import Value, table, values_of
from kangyun.devices.doors.plausible import doubts
from kangyun.devices.formats.values import Refused, known


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("152/94 78", [("sys", 152, ""), ("dia", 94, ""), ("hr", 78, "")]),
        ("１５２／９４　７８", [("sys", 152, ""), ("dia", 94, ""), ("hr", 78, "")]),
        ("血压：152/94，脉搏78。", [("sys", 152, ""), ("dia", 94, ""), ("hr", 78, "")]),
        ("BP 152/94/113 mmHg、P78",
         [("sys", 152, "mm[Hg]"), ("dia", 94, "mm[Hg]"), ("map", 113, "mm[Hg]"), ("hr", 78, "")]),
        ("高压152；低压94", [("sys", 152, ""), ("dia", 94, "")]),
        ("20/12.5kPa", [("sys", 20, "kPa"), ("dia", 12.5, "kPa")]),
        ("152-94 78次/分", [("sys", 152, ""), ("dia", 94, ""), ("hr", 78, "/min")]),
        ("血糖 5.6 空腹", [("glucose", 5.6, ""), ("meal-context", 3, "")]),
        ("餐后血糖：9。8mmol/L", [("meal-context", 2, ""), ("glucose", 9.8, "mmol/L")]),
        ("100mg/dL", [("glucose", 100, "mg/dL")]),
        ("体温36。5℃，体重130斤", [("body-temperature", 36.5, "Cel"), ("weight", 130, "500.g")]),
        ("T36.5 P78 R18 BP120/80", [("body-temperature", 36.5, ""), ("hr", 78, ""), ("respiratory-rate", 18, ""),
                                   ("sys", 120, ""), ("dia", 80, "")]),
        ("98%", [("spo2", 98, "%")]),
        ("65kg", [("weight", 65, "kg")]),
    ],
)  # fmt: skip
def test_a_line_is_read(line: str, values: list[tuple[str, float, str]]) -> None:
    assert values_of(line) == [Value(*one) for one in values]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("152", 1),
        ("152/94 78 66", 11),
        ("152/94 血糖", 10),
        ("血压152", 3),
        ("hello", 1),
        ("152/94 78 张三", 11),
        ("152/94kg", 1),
    ],
)
def test_what_is_not_clear_is_refused_with_its_place(line: str, place: int) -> None:
    with pytest.raises(Invalid) as refused:
        values_of(line)
    issue = refused.value.issues[0]
    assert (issue.text, issue.parameters) == ("devices.doors.line", {"place": place})


@pytest.mark.parametrize(
    ("line", "text"),
    [("", "line-empty"), ("，。", "line-empty"), ("血糖5 血糖6", "line-twice"), ("1" * 201, "line-too-long")],
)
def test_a_line_without_one_value_each_is_refused(line: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        values_of(line)
    assert refused.value.issues[0].text == f"devices.doors.{text}"


@given(line=st.text(max_size=40) | st.text(alphabet="0123456789/。. ：血压糖体温重空腹kKgGmM%℃ptrPT", max_size=30))
def test_no_line_raises_anything_else(line: str) -> None:
    try:
        values = values_of(line)
        doubts(values)
    except (Invalid, Refused):
        return
    assert all(one.metric in known() for one in values)


@given(high=st.integers(75, 200), low=st.integers(40, 120), pulse=st.integers(40, 170))
def test_what_is_usual_is_read_back_and_not_asked(high: int, low: int, pulse: int) -> None:
    high = max(high, low + 12)
    values = values_of(f"{high}/{low} {pulse}")
    assert [one.value for one in values] == [high, low, pulse]
    assert (doubts(values) == []) == (high - low <= table().pulse_pressure["most"])


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("1520/94", "您输入的是 1520/94（血压），是不是 152/94？"),
        ("152/940", "是不是 152/94？"), ("94/152", "是不是 152/94？"),
        ("15.2/94", "是不是 152/94？"), ("体温 365", "您输入的是 365（体温），是不是 36.5？"),
        ("血糖 56", "是不是 5.6？"),
        ("250/140", "很少见"), ("血氧 61", "很少见"), ("体重 300", "是不是 30？"),
    ],
)  # fmt: skip
def test_what_is_unusual_is_asked_back(line: str, question: str) -> None:
    (doubt,) = doubts(values_of(line))
    assert question in doubt.say("zh")


@pytest.mark.parametrize("line", ["血糖 5.6kg", "体重 65cm"])
def test_a_unit_of_something_else_is_refused(line: str) -> None:
    with pytest.raises(Refused):
        doubts(values_of(line))


def test_words_and_units_are_of_metrics_that_there_are() -> None:
    names = {*table().usual, *table().words.values(), *(one.of for one in table().units.values())} - {"pressure"}
    assert names - known().keys() == set()
