"""Made-up exports of hospitals, each with one trap, read row by row as Patients."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from kangyun.identity.registration.naming import EXACT, chinese_name
from kangyun.identity.registration.reading import read

TRAPS = Path(__file__).parents[6] / "shared/data/cn/traps"
TODAY = date(2026, 11, 22)

pytestmark = pytest.mark.skipif(not TRAPS.is_dir(), reason="the collection of traps is not beside this repository")


def registrations(name: str, encoding: str = "utf-8-sig") -> list[dict[str, tuple[str, ...]]]:
    """Returns the fields of each row of a file."""
    rows = csv.DictReader(io.StringIO((TRAPS / name).read_bytes().decode(encoding)))
    return [read(as_patient(row), TODAY, demo=True).fields for row in rows]


def as_patient(row: dict[str, str]) -> dict[str, object]:
    day = "".join(row["CSRQ"].translate(str.maketrans("０１２３４５６７８９", "0123456789")).split())
    return {
        "name": [{"text": row.get("XM") or row.get("HZXM")}],
        "gender": {"1": "male", "１": "male"}.get(row.get("XB", ""), "female"),
        "birthDate": f"{day[:4]}-{day[4:6]}-{day[6:8]}",
        "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": row.get("ZJHM", "")}],
        "telecom": [{"system": "phone", "value": row.get("SJHM", "")}],
        "address": [{"text": row.get("JZDZ", "")}],
    }


FIRST = ["990000195003121011", "990000196211051040", "990000197806201057", "990000198507141087", "99000020010228109X"]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("01_gbk_no_bom.csv", "gb18030"), ("02_utf8_bom.csv", "utf-8-sig"), ("07_full_width.csv", "utf-8")],
)
def test_numbers_and_names(name, encoding):
    found = registrations(name, encoding)[:5]
    assert [fields["id_number"] for fields in found] == [(number,) for number in FIRST]
    assert [fields["name"] for fields in found] == [(f"测试{sign}",) for sign in "甲乙丙丁戊"]
    assert all(fields["phone"][0].startswith("1990000000") for fields in found)


def test_fillers_are_absent():
    found = registrations("08_fillers.csv")
    assert len(found) == 6
    assert not any(fields.keys() & {"phone", "address", "town"} for fields in found)
    assert [fields["id_number"] for fields in found][:5] == [(number,) for number in FIRST]


def test_numbers_that_a_spreadsheet_spoilt():
    found = registrations("03_excel_scientific_id.csv")
    assert ["id_number" in fields for fields in found] == [False] * 5 + [True]


def test_no_birth_on_a_day_that_means_none():
    births = [fields.get("birth_date") for fields in registrations("09_sentinel_1900.csv")]
    assert births == [("19500312",), ("19621105",), None, ("19850714",), ("20010228",)]


def test_numbers_of_fifteen_digits():
    found = [fields.get("id_number") for fields in registrations("19_id_15_digits.csv")]
    assert found == [*((number,) for number in FIRST[:3]), None, (FIRST[4],), ("990000201509011125",)]


def test_rare_and_minority_names():
    found = [fields["name"][0] for fields in registrations("21_rare_and_minority_names.csv", "gb18030")]
    assert found[0] == "测试\ue0a1"
    assert found[1:3] == ["测试𠮷", "测试㐀"]
    assert found[3:7] == ["阿测试·买测试提"] * 4
    assert found[7:] == ["测试", "测试甲"]
    assert chinese_name("阿测试买测试提", found[3]) == EXACT
