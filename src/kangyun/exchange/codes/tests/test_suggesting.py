"""Suggestions: what is compared, what goes first, and that nothing breaks them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.codes.table import Listed
from kangyun.exchange.codes import shipped
from kangyun.exchange.codes.normalising import code, normal, unit
from kangyun.exchange.codes.suggesting import Index, Local

INSURANCE = "urn:kangyun:code-system:diagnosis-insurance"
CLINICAL = "urn:kangyun:code-system:diagnosis-clinical"


@pytest.fixture(scope="module")
def diagnoses():
    return Index(shipped.listed(INSURANCE), shipped.national(CLINICAL, INSURANCE))


@pytest.mark.parametrize(
    ("name", "text", "doubted", "side"),
    [
        ("肺炎？", "肺炎", True, ""),
        ("肺炎待查", "肺炎", True, ""),
        ("（右侧）乳房恶性肿瘤", "乳房恶性肿瘤", False, "右侧"),
        ("Ⅱ型糖尿病", "2型糖尿病", False, ""),
        ("II型糖尿病", "2型糖尿病", False, ""),
        ("二型糖尿病", "2型糖尿病", False, ""),
        ("2 型糖尿病", "2型糖尿病", False, ""),
        ("高血压病 3级 ( 极高危 )", "高血压病3级极高危", False, ""),
        ("ＣＴ　平扫", "ct平扫", False, ""),
        ("维生素C缺乏", "维生素c缺乏", False, ""),
        ("左", "左", False, ""),
        ("", "", False, ""),
    ],
)
def test_names_are_made_comparable(name, text, doubted, side):
    assert normal(name) == (text, doubted, side)


@pytest.mark.parametrize(
    ("one", "other"), [("10^9/L", "×10⁹/L"), ("μmol/L", "µmol/l"), ("U/L", "IU/L"), ("mmol / L", "mmol/L")]
)
def test_units_are_made_comparable(one, other):
    assert unit(one) == unit(other)


@pytest.mark.parametrize(("one", "other"), [("I10.X00", "I10.x00"), ("A17.0†", "A17.0"), (" 99.0401 ", "99.0401")])
def test_codes_are_made_comparable(one, other):
    assert code(one) == code(other)


@pytest.mark.parametrize(
    ("local", "reason", "code_"),
    [
        (Local("A00.000x001", "古典生物型霍乱"), "code-and-name", "A00.000x001"),
        (Local("X1", "古典生物型霍乱"), "name", "A00.000x001"),
        (Local("X1", "古典生物型霍乱待查"), "name", "A00.000x001"),
        (Local("X1", "古典生物霍乱"), "similar", "A00.000x001"),
        (Local("A00.000x001", ""), "national-map", "A00.000x001"),
    ],
)
def test_the_best_goes_first(diagnoses, local, reason, code_):
    best = diagnoses.suggest(local)[0]
    assert (best.reason, best.target.code) == (reason, code_)


@pytest.mark.parametrize(
    ("name", "code_"),
    [("2型糖尿病", "E11.900"), ("急性上呼吸道感染", "J06.900"), ("高血压病3级", "I10.x05"), ("冠心病", "I25.103")],
)
def test_what_doctors_write(diagnoses, name, code_):
    assert diagnoses.suggest(Local("", name))[0].target.code == code_


def test_the_opposite_is_not_alike():
    index = Index([Listed("1", "急性下呼吸道感染"), Listed("2", "1型糖尿病")])
    assert all(one.score < 75 for one in index.suggest(Local("", "急性上呼吸道感染")))
    assert all(one.score < 75 for one in index.suggest(Local("", "2型糖尿病")))


def test_a_side_counts_against():
    index = Index([Listed("1", "左侧乳房恶性肿瘤"), Listed("2", "右侧乳房恶性肿瘤")])
    assert [one.target.code for one in index.suggest(Local("x", "右侧乳房恶性肿瘤"))] == ["2", "1"]


def test_a_result_goes_by_unit_and_specimen():
    index = Index([
        Listed("S", "葡萄糖", "mmol/L", "血清"), Listed("U", "葡萄糖", "mmol/L", "尿"),
        Listed("Q", "葡萄糖", "+", "尿"),
    ])  # fmt: skip
    assert index.suggest(Local("GLU", "葡萄糖", "mmol/l", "尿"))[0].target.code == "U"
    assert index.suggest(Local("GLU", "葡萄糖", "mmol/l", "血清"))[0].target.code == "S"


def test_what_is_unlike_is_not_suggested(diagnoses):
    assert diagnoses.suggest(Local("ZZZ", "停车费")) == []


def test_the_national_map_is_whole():
    table = shipped.national(CLINICAL, INSURANCE)
    there = {one.code for one in shipped.listed(INSURANCE)}
    assert len(table) > 35_000
    assert set(table.values()) <= there


SMALL = Index([Listed("1", "2型糖尿病"), Listed("2", "高血压"), Listed("3", "")], {"9": "2", "8": "none"})


@given(st.text(max_size=20), st.text(max_size=40), st.text(max_size=10))
def test_whatever_somebody_writes(code_, name, unit_):
    found = SMALL.suggest(Local(code_, name, unit_))
    assert all(0 <= one.score <= 100 for one in found)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@given(st.text(max_size=40))
def test_what_is_normal_is_not_longer_than_it_was_in_one_width(name):
    once = normal(name).text
    assert "\n" not in once
