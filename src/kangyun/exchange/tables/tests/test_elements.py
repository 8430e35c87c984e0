"""Tables whose columns are named by data elements: WS for a code, CT for its name."""

import io

import pytest

from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.tables.elements import elements, renamed
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import read
from kangyun.exchange.tables.recognition import recognise
from kangyun.fhir.validation import validator

VISIT = {
    "WS01_00_010_01": "M1", "WS02_01_030_01": "990000195003121011", "WS02_01_031_01": "01",
    "CT02_01_031_01": "居民身份证", "WS02_01_039_01": "测试甲", "WS02_01_040_01": "1", "CT02_01_040_01": "男性",
    "WS02_01_005_01": "19500312",
    "WS06_00_062_01": "20260105080500", "WS08_10_025_01": "03", "WS08_10_026_01": "内科",
    "WS05_01_024_01": "I10.x00", "WS05_01_025_01": "高血压病", "WS04_10_174_01": "150", "WS04_10_176_01": "95",
    "WS04_10_186_01": "36.5",
}  # fmt: skip
RESULT = {
    "WS01_00_010_01": "M1", "WS02_01_030_01": "990000195003121011", "WS06_00_062_01": "20260105080500",
    "WS04_30_019_01": "GLU", "WS04_30_020_01": "葡萄糖", "WS04_30_015_01": "5.6", "WS04_30_016_01": "mmol/L",
    "WS04_50_133_01": "20260105",
}  # fmt: skip


def converted(row: dict[str, str], *others: dict[str, str]) -> list[Entry | Refusal]:
    lines = [",".join(row), *(",".join(one.values()) for one in (row, *others))]
    table = read(io.BytesIO("\n".join(lines).encode("gb18030")), "de.csv")
    match = recognise(table.header, "de.csv")[0]
    mapping = shipped_for(match.table)
    assert mapping is not None
    return list(convert(table, mapping, Feed("h1", "Organization/h1", "h1", match.dialect)))


def entries(found: list[Entry | Refusal]) -> dict[str, dict]:
    return {
        f"{one.resource['resourceType']} {nth}": one.resource for nth, one in enumerate(found) if isinstance(one, Entry)
    }


def told(found: list[Entry | Refusal]) -> list[tuple[int | None, str | None, str, bool]]:
    return [
        (one.place.row, one.place.part, one.text.rpartition(".")[2], one.whole)
        for one in found
        if isinstance(one, Refusal)
    ]


@pytest.mark.parametrize(
    ("column", "element"),
    [
        ("WS02_01_040_01", "DE02.01.040.00"), ("CT02_01_040_01", "DE02.01.040.00.NAME"),
        ("WS02_01_005_01", "DE02.01.005.01"), ("WS02_01_009_03", "DE02.01.009.03"),
        ("WS02_01_030_01_01", "DE02.01.030.00"),
    ],
)  # fmt: skip
def test_a_column_is_of_the_element_that_it_names(column: str, element: str) -> None:
    assert renamed([column]) == ((element,), ())
    assert element.removesuffix(".NAME") in elements()


@pytest.mark.parametrize("column", ["WS02_01_030_02", "WS99_99_999_01", "CT02_01_040_02", "WS02_01_040_01_02"])
def test_a_column_that_may_be_two_elements_or_none_is_not_guessed(column: str) -> None:
    assert renamed([column]) == ((column,), (column,))


def test_a_row_becomes_all_that_its_elements_say() -> None:
    found = converted(VISIT)
    assert told(found) == []
    types = [one.resource["resourceType"] for one in found if isinstance(one, Entry)]
    assert types == ["Patient", "Encounter", "Condition", "Observation", "Observation"]
    for one in found:
        assert isinstance(one, Entry)
        assert not [issue for issue in validator().validate(dict(one.resource)) if issue.severity == "error"]
    patient, visit, condition, pressure, _ = (one.resource for one in found if isinstance(one, Entry))
    assert (patient["gender"], patient["birthDate"]) == ("male", "1950-03-12")
    assert visit["period"] == {"start": "2026-01-05T08:05:00+08:00"}
    assert (visit["class"]["code"], visit["status"]) == ("AMB", "finished")
    assert condition["encounter"]["reference"] == f"Encounter/{visit['id']}" == pressure["encounter"]["reference"]
    assert [part["valueQuantity"]["value"] for part in pressure["component"]] == [150, 95]


def test_tables_of_one_person_s_visit_meet_by_their_elements() -> None:
    visit = entries(converted(VISIT))
    found = [one for one in converted(RESULT) if isinstance(one, Entry)]
    assert all(one.partial for one in found)
    result = found[-1].resource
    assert result["subject"]["reference"] == f"Patient/{visit['Patient 0']['id']}"
    assert result["encounter"]["reference"] == f"Encounter/{visit['Encounter 1']['id']}"
    assert result["valueQuantity"]["code"] == "mmol/L"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"CT02_01_040_01": "女性"}, (2, "WS02_01_040_01", "code-contradicts-name", False)),
        ({"WS02_01_040_01": "7", "CT02_01_040_01": ""}, (2, "WS02_01_040_01", "code-unknown", False)),
        ({"WS02_01_030_01": "990000195003121012"}, (2, "WS02_01_030_01", "id-number-wrong", True)),
        ({"WS06_00_062_01": "昨天"}, (2, "WS06_00_062_01", "date-wrong", True)),
    ],
)
def test_what_is_not_of_its_domain_or_contradicts_its_name_is_told(
    change: dict[str, str], wanted: tuple[int, str, str, bool]
) -> None:
    assert wanted in told(converted(VISIT | change))


def test_an_admission_that_has_not_ended_is_a_stay_in_progress() -> None:
    row = {
        "WS01_00_014_01": "Z1",
        "WS02_01_039_01": "测试甲",
        "WS06_00_092_01": "20260105080500",
        "WS06_00_017_01": "-",
    }
    visit = entries(converted(row))["Encounter 1"]
    assert (visit["class"]["code"], visit["status"]) == ("IMP", "in-progress")


def test_numbers_of_different_kinds_are_different_registrations() -> None:
    one = entries(converted({"WS01_00_014_01": "12345", "WS02_01_039_01": "测试甲", "WS02_01_040_01": "1"}))
    other = entries(converted({"WS01_00_010_01": "12345", "WS02_01_039_01": "测试乙", "WS02_01_040_01": "1"}))
    assert one["Patient 0"]["id"] != other["Patient 0"]["id"]


def test_columns_that_are_not_taken_are_told_by_name() -> None:
    found = converted(VISIT | {"WS02_01_030_02": "x", "WS05_10_062_01": "无"})
    assert told(found) == [
        (1, "WS02_01_030_02", "element-unknown", False), (1, "WS05_10_062_01", "element-not-taken", False),
    ]  # fmt: skip


def test_a_table_without_a_number_of_a_person_is_refused() -> None:
    found = converted({"WS02_01_039_01": "测试甲", "WS02_01_040_01": "1", "WS02_01_005_01": "19500312"})
    assert [one[2:] for one in told(found)] == [("column-missing", True)]
