"""What a row of a register's list must be: without a record."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.registers import departments, institutions, lists, maps
from kangyun.access.registers.lists import KINDS, Reading, masked, the_list
from kangyun.access.registers.planning import Known, Plan, merged
from kangyun.access.staff.sheets import Row
from kangyun.base.texts import say
from kangyun.fhir.china.institution_codes import credit_check
from kangyun.fhir.validation import Validator

CREDIT = "12330183470332560"
CREDIT += credit_check(CREDIT)
LOCAL = "urn:kangyun:identifier:local-institution"
HEALTH = "47033256033018311A2221"
PLANS = {
    "institutions": lambda readings: institutions.plans(readings, Known([])),
    "departments": lambda readings: departments.plans(readings, Known([])),
    "maps": lambda readings: maps.plans(readings, Known([]), []),
}


def reading(kind, number=2, *, demonstration=False, inexact=(), **cells):
    columns = the_list(kind).column
    row = Row(number, {columns[name]: text for name, text in cells.items()}, tuple(columns[name] for name in inexact))
    return Reading(kind, row, "清单", demonstration=demonstration)


def told(found):
    return {(issue.severity, issue.text.rpartition(".")[2]) for issue in found.issues}


def institution(**cells):
    found = reading("institutions", **{"name": "医院", "credit": CREDIT} | cells)
    (plan,) = institutions.plans([found], Known([]))
    return found, plan


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, set()),
        ({"health": HEALTH}, set()),
        ({"health": HEALTH.lower()}, set()),
        ({"health": HEALTH.replace("A222", "2222")}, {("warning", "health-parts")}),
        ({"health": "1" + HEALTH[1:]}, {("warning", "organisations-differ")}),
        ({"division": "330103"}, {("warning", "division-abolished")}),
        ({"division": "330183001"}, {("error", "division")}),
        ({"division": "990101"}, {("error", "demonstration")}),
        ({"credit": "12990101" + CREDIT[8:17] + credit_check("12990101" + CREDIT[8:17])}, {("error", "demonstration")}),
        ({"class": "A100"}, set()),
        ({"class": "中医（综合）医院"}, set()),
        ({"grade": "特等"}, {("error", "code")}),
        ({"name": "医" * 201}, {("error", "too-long")}),
        ({"local": "a,b"}, {("error", "local-code")}),
    ],
)
def test_institutions(cells, expected):
    found, _ = institution(**cells)
    assert told(found) == expected


def test_an_institution_carries_its_codes_by_type_and_is_valid():
    found, plan = institution(
        health=HEALTH, licence="PDY-1", insurance="H33018300001", division="330102001", level="三级"
    )
    assert found.right
    assert [one["type"]["coding"][0]["code"] for one in plan.resource["identifier"]] == [
        "credit", "health", "licence", "insurance",
    ]  # fmt: skip
    assert plan.resource["address"][0]["district"] == "上城区"
    assert [i for i in Validator().validate(plan.resource) if i.severity in ("error", "fatal")] == []
    assert plan.act == "add"


def test_a_demonstration_has_the_fictitious_division():
    found = reading("institutions", demonstration=True, name="演示医院", credit=CREDIT, division="990101")
    institutions.plans([found], Known([]))
    assert told(found) == set()


def test_a_parent_may_stand_below_its_part_in_the_list():
    campus = reading("institutions", 2, name="东院", campus="E", parent=CREDIT)
    whole = reading("institutions", 3, name="医院", credit=CREDIT)
    part, above = institutions.plans([campus, whole], Known([]))
    assert part.resource["partOf"] == {"reference": above.url}
    assert part.resource["identifier"][0]["value"] == f"{CREDIT}/E"
    assert told(campus) == told(whole) == set()


def test_a_campus_stands_once_in_a_list():
    whole = reading("institutions", 2, name="医院", credit=CREDIT)
    parts = [reading("institutions", number, name="东院", campus="E", parent=CREDIT) for number in (3, 4)]
    institutions.plans([whole, *parts], Known([]))
    assert [told(part) for part in parts] == [set(), {("error", "twice")}]


OTHERS = {"local": "W-1"}, {"local": "W-2"}


@pytest.mark.parametrize("parents", [("W-1",), ("W-2", "W-1")], ids=["its own", "one another's"])
def test_nothing_is_part_of_itself(parents):
    rows = [
        reading("institutions", number, name="医院", parent=parent, **code)
        for number, (parent, code) in enumerate(zip(parents, OTHERS, strict=False), 2)
    ]
    PLANS["institutions"](rows)
    assert all(("error", "circle") in told(row) or ("error", "no-institution") in told(row) for row in rows)


def standing(id_, code, **more):
    resource = {"resourceType": "Organization", "id": id_, "identifier": [{"system": LOCAL, "value": code}], **more}
    return SimpleNamespace(id=id_, resource=resource)


def test_nor_by_what_stands():
    known = Known([standing("whole", "W-1"), standing("branch", "W-2", partOf={"reference": "Organization/whole"})])
    for code, parent in (("W-1", "W-2"), ("W-1", "W-1")):
        row = reading("institutions", name="医院", local=code, parent=parent)
        institutions.plans([row], known)
        assert told(row) == {("error", "circle")}
    turned = [reading("institutions", 2, name="医院", local="W-1", parent="W-2"),
              reading("institutions", 3, name="分院", local="W-2", parent="W-3")]  # fmt: skip
    institutions.plans(turned, Known([standing("top", "W-3"), *known.called("W-1"), *known.called("W-2")]))
    assert [told(row) for row in turned] == [set(), set()]


@pytest.mark.parametrize("parents", [{"1": "1"}, {"1": "2", "2": "3", "3": "1"}])
def test_no_department_is_above_itself(parents):
    rows = [
        reading("departments", number, institution="W-1", code=code, name="科", parent=parent)
        for number, (code, parent) in enumerate(parents.items(), 2)
    ]
    departments.plans(rows, Known([standing("whole", "W-1")]))
    assert [told(row) for row in rows] == [{("error", "circle")}] * len(rows)


def test_what_excel_has_cut_is_refused():
    found = reading("institutions", name="医院", health="47033256033018311", inexact=("health",))
    assert ("error", "as-number") in told(found)


def test_a_department_needs_an_institution_that_is_there():
    found = reading("departments", institution=CREDIT, code="1", name="内科")
    assert PLANS["departments"]([found]) == []
    assert told(found) == {("error", "no-institution")}


@pytest.mark.parametrize(
    ("subject", "business", "expected", "remarks"),
    [
        ("心血管内科", "", ["03.04", "AA03"], set()),
        ("03", "外科", ["03", "AA04"], {("warning", "subject-and-business")}),
        ("29.01", "", ["29.01"], {("warning", "code-not-here")}),
        ("其他", "", [], {("error", "code")}),
        ("", "AA07", ["AA07"], set()),
    ],
)
def test_what_a_department_is_in_the_national_lists(subject, business, expected, remarks):
    found = reading("departments", institution="x", code="1", name="科", subject=subject, business=business)
    assert [one["code"] for one in departments.codings(found)] == expected
    assert told(found) == remarks


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, set()),
        ({"national": "2.16.156.10011.2.3.3.4"}, set()),
        ({"target": "3"}, {("error", "code")}),
        ({"target": ""}, set()),
        ({"national": "GB/T 2260", "target": "330103"}, {("warning", "target-abolished")}),
        ({"national": "2.16.156.10011.2.3.3.11", "target": "I10"}, set()),
        ({"national": "2.16.156.10011.1.3"}, {("error", "no-list")}),
        ({"relation": "一样"}, {("error", "one-of")}),
        ({"list": "性别"}, {("error", "list-name")}),
    ],
)
def test_code_maps(cells, expected):
    found = reading("maps", **{"list": "sex", "code": "M", "national": "GB/T 2261.1", "target": "1"} | cells)
    for plan in PLANS["maps"]([found]):
        assert [i for i in Validator().validate(plan.resource) if i.severity in ("error", "fatal")] == []
    assert told(found) == expected


def test_of_a_resource_only_what_the_list_says_is_replaced():
    standing = {"id": "1", "name": "旧", "alias": ["别名"], "identifier": [
        {"system": "a", "value": "1"}, {"system": "b", "value": "2"}]}  # fmt: skip
    after = merged(standing, {"name": "新", "identifier": [{"system": "a", "value": "3"}]})
    assert after == {"id": "1", "name": "新", "alias": ["别名"], "identifier": [
        {"system": "a", "value": "3"}, {"system": "b", "value": "2"}]}  # fmt: skip
    assert Plan(Row(2, {}), {"resourceType": "Organization"}).reference.startswith("urn:uuid:")


@given(st.sampled_from(KINDS), st.data())
def test_any_row_is_read_and_each_fault_can_be_said_in_both_languages(kind, data):
    cells = {name: data.draw(st.text(max_size=25)).strip() for name in the_list(kind).column}
    found = reading(kind, **cells)
    PLANS[kind]([found])
    for issue in found.issues:
        for language in ("zh", "en"):
            assert "行" in say(issue.text, "zh", issue.parameters)
            assert say(issue.text, language, issue.parameters)


def test_every_fault_has_its_words():
    folder = Path(lists.__file__).parent
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    whats = set(re.findall(r"\.(?:wrong|told)\(\s*\"([a-z-]+)\"", source)) | {"no-parent", "no-campus", "several"}
    assert len(whats) > 20
    texts = (folder / "texts" / "zh.toml").read_text("utf-8")
    assert {what for what in whats if f"\n{what} = " not in f"\n{texts}"} == set()


@given(st.text(max_size=30))
def test_a_value_is_not_shown_whole(value):
    assert len(masked(value)) <= 4
    assert value not in masked(value) or len(value) < 3
