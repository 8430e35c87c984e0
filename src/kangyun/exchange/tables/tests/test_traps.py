"""The collected traps read as expected, with the shipped mappings where their columns suffice."""

import io
import json
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.tables.mapping import Feed, convert, parse, shipped_for
from kangyun.exchange.tables.reading import read
from kangyun.exchange.tables.recognition import recognise
from kangyun.fhir.validation import validator

TRAPS = Path(__file__).parents[6] / "shared/data/cn/traps"

pytestmark = pytest.mark.skipif(not TRAPS.exists(), reason="needs ../shared/data/cn/traps")

HUB = "shanghai-hub-2026"
PATIENT = {"resourceType": "Patient"}
ORIGINAL = "urn:kangyun:extension:original-code"
OWN = """
name = "own"
title = "自写"
edition = "2026-11-23"
tables = []
key = [{key}]
{more}
[[resources]]
type = "{type}"
kind = "own"
[resources.body]
{body}
"""


def expected(file: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TRAPS / "expected.json").read_text("utf-8"))["files"][file]
    return found


def converted(file: str, table: str = "", dialect: str = HUB, own: str = "", **feed: Any) -> list[Entry | Refusal]:
    read_ = read(io.BytesIO((TRAPS / file).read_bytes()), file)
    mapping = parse(own) if own else shipped_for(table or recognise(read_.header, file)[0].table)
    assert mapping is not None
    return list(convert(read_, mapping, Feed("h1", "Organization/h1", "DEMO", dialect, **feed)))


def entries(found: Iterable[Entry | Refusal], type_: str = "") -> list[Entry]:
    return [one for one in found if isinstance(one, Entry) and type_ in ("", one.resource["resourceType"])]


def told(found: Iterable[Entry | Refusal], *, whole: bool) -> list[tuple[int | None, str | None, str]]:
    refusals = [one for one in found if isinstance(one, Refusal) and one.whole is whole]
    return [(one.place.row, one.place.part, one.text.rpartition(".")[2]) for one in refusals]


def own(key: str, type_: str, body: str, more: str = "") -> str:
    return OWN.format(key=key, type=type_, body=body, more=more)


def person(entry: Entry) -> dict[str, Any]:
    patient = entry.resource
    numbers = {one["system"]: one["value"] for one in patient["identifier"]}
    codes = {one["url"]: one["valueCoding"]["code"] for one in patient.get("extension", ())}
    return {
        "card": numbers["urn:kangyun:identifier:visit-card:DEMO"],
        "name": patient["name"][0]["text"],
        "sex": patient.get("gender"),
        "birth_date": patient.get("birthDate"),
        "id_number": numbers.get("urn:oid:2.16.156.10011.1.3"),
        "mobile": next((one["value"] for one in patient.get("telecom", ())), None),
        "address": next((one["text"] for one in patient.get("address", ())), None),
        "ethnic": codes.get("urn:kangyun:extension:ethnic-group"),
    }


@pytest.mark.parametrize("file", ["01_gbk_no_bom.csv", "02_utf8_bom.csv", "07_full_width.csv", "08_fillers.csv"])
def test_patients_read_as_expected(file: str) -> None:
    wanted = expected(file)["rows"]
    found = [person(entry) for entry in entries(converted(file))]
    assert [{name: one[name] for name in row} for one, row in zip(found, wanted, strict=True)] == wanted


@pytest.mark.parametrize(
    ("file", "encoding"),
    [("01_gbk_no_bom.csv", "gb18030"), ("02_utf8_bom.csv", "utf-8-sig"), ("15_n041.dbf", "gb18030")],
)
def test_encodings_are_as_expected(file: str, encoding: str) -> None:
    assert read(io.BytesIO((TRAPS / file).read_bytes()), file).encoding == encoding == expected(file)["encoding"]


def test_numbers_that_excel_broke_are_refused() -> None:
    found, wanted = converted("03_excel_scientific_id.csv"), expected("03_excel_scientific_id.csv")
    assert [row for row, _, _ in told(found, whole=True)] == [row["line"] for row in wanted["reject_rows"]]
    assert {part for _, part, _ in told(found, whole=True)} == {"ZJHM"}
    assert [entry.origin.row for entry in entries(found)] == wanted["accept_rows"]


def test_lost_zeros_come_back_and_telephones_are_told() -> None:
    wanted = expected("04_lost_leading_zeros.csv")
    body = (
        'identifier = [{ system = "urn:x:own", value = "@YYKSDM value" }]\nname = "@YYKSMC"\n'
        'type = [{ coding = [{ code = "@KSXZ value" }] }]\nalias = ["@SJKE value"]\n'
        'telecom = [{ system = "phone", value = "@LXDH phone" }]'
    )
    found = converted(
        "04_lost_leading_zeros.csv", own=own('"YYKSDM"', "Organization", body), widths=wanted["fixed_width"]
    )
    read_ = [
        (one["identifier"][0]["value"], one["type"][0]["coding"][0]["code"], one.get("alias", [""])[0])
        for one in (entry.resource for entry in entries(found))
    ]
    assert read_ == [(row["YYKSDM"], row["KSXZ"], row["SJKE"]) for row in wanted["rows"]]
    assert told(found, whole=False) == [(row, "LXDH", "phone-wrong") for row in range(2, 8)]


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        (
            "05_excel_serial_dates.csv",
            {"visit": "JZLSH", "birth_date": "CSRQ", "admitted": "RYSJ", "discharged": "CYSJ"},
        ),
        ("06_short_dates.csv", {"visit": "JZLSH", "visit_date": "JZKSRQ", "birth_date": "CSRQ"}),
    ],
)
def test_dates_read_as_expected(file: str, columns: dict[str, str]) -> None:
    rules = {name: "value" if name == "visit" else "moment" for name in columns}
    must = {"visit_date": "!"}
    body = "\n".join(f'{name} = "@{must.get(name, "")}{column} {rules[name]}"' for name, column in columns.items())
    found, wanted = converted(file, own=own('"JZLSH"', "Basic", body)), expected(file)
    assert [{name: one.resource[name] for name in columns} for one in entries(found)] == wanted["rows"]
    refused = [(row["line"], row["field"], "date-wrong") for row in wanted.get("reject_rows", [])]
    assert told(found, whole=True) == refused


def test_sentinels_have_not_happened() -> None:
    body = (
        'status = "@CYSJ if-happened discharged in-hospital"\nvisit = "@JZLSH value"\n'
        'discharged = "@CYSJ moment"\ndeath = "@SWSJ moment"\nbirth_date = "@CSRQ day"'
    )
    found = converted("09_sentinel_1900.csv", own=own('"JZLSH"', "Basic", body))
    wanted = expected("09_sentinel_1900.csv")["rows"]
    read_ = [{name: one.resource.get(name) for name in wanted[0]} for one in entries(found)]
    assert read_ == [row | {"status": row["status"].replace(" ", "-")} for row in wanted]
    assert not told(found, whole=True)


def test_refunds_are_below_zero() -> None:
    body = (
        'visit = "@JZLSH value"\nitem = "@SFMXID value"\n'
        'sum = "@!MXXMJE+STFBZ signed 2"\ncount = "@MXXMSL+STFBZ signed 2"'
    )
    found = entries(converted("10_refunds_positive.csv", own=own('"SFMXID", "STFBZ"', "Basic", body)))
    sums: dict[str, Decimal] = defaultdict(Decimal)
    counts: dict[str, Decimal] = defaultdict(Decimal)
    for entry in found:
        sums[entry.resource["visit"]] += entry.resource["sum"]
        counts[entry.resource["item"]] += entry.resource["count"]
    wanted = expected("10_refunds_positive.csv")
    assert (sums, counts) == (wanted["total_by_visit"], wanted["net_items"])
    assert len({entry.id for entry in found}) == 8


FEES = ("YLJGDM", "SFMXID", "KH", "KLX", "MXXMMC", "MXXMSL", "MXXMJE", "XGBZ")


def charged(table: str, dialect: str, flag: str, when: str, *rows: tuple[str, str]) -> list[Entry | Refusal]:
    """Returns what becomes of rows of one charge that differ in their flags: of refunds, and XGBZ."""
    header = ",".join((*FEES, when, *((flag,) if flag else ())))
    lines = [f"H,F1,1,1,药,1,10.00,{xgbz},2026-01-05 08:00:00" + (f",{code}" if flag else "") for code, xgbz in rows]
    read_ = read(io.BytesIO("\n".join((header, *lines)).encode()), f"{table}.csv")
    mapping = shipped_for(table)
    assert mapping is not None
    return list(convert(read_, mapping, Feed("h", "Organization/h", "H", dialect)))


@pytest.mark.parametrize("code", ["2.0", "02", "退费", "3", "-1"])
def test_what_may_be_a_refund_or_not_is_kept_aside(code: str) -> None:
    found = charged("TB_HIS_ZY_FEE_DETAIL_FS", "shanghai-hub-2026", "STFBZ", "FYFSSJ", (code, "1"))
    assert told(found, whole=True) == [(2, "STFBZ", "refund-unknown")]
    assert not entries(found)


@pytest.mark.parametrize(
    ("dialect", "flag", "rows", "acts"),
    [
        (
            "shanghai-2024", "TFBZ", [("1", "1"), ("2", "1"), ("1", "2"), ("1", "3")],
            ["10.00", "-10.00", "10.00", "revoke"],
        ),
        ("chengdu-2011", "", [("", "1"), ("", "2")], ["10.00", "-10.00"]),
    ],
)  # fmt: skip
def test_a_refund_is_told_by_the_flag_that_the_table_has(
    dialect: str, flag: str, rows: list[tuple[str, str]], acts: list[str]
) -> None:
    found = entries(charged("TB_HIS_MZ_FEE_DETAIL", dialect, flag, "STFSJ", *rows))
    assert [one.acts if one.acts == "revoke" else str(one.resource["priceOverride"]["value"]) for one in found] == acts
    assert len({one.id for one in found}) == 2


def loaded(found: Iterable[Entry]) -> dict[str, Entry]:
    """What is there after entries came in their order: an older version never replaces a newer one."""
    there: dict[str, Entry] = {}
    for entry in found:
        before = there.get(entry.id)
        there[entry.id] = entry if before is None or (before.generated or "") <= (entry.generated or "") else before
    return there


def test_flags_of_modification_mean_what_the_dialect_says() -> None:
    file = "11_xgbz_modify_revoke.csv"
    there = loaded(entries(converted(file, "TB_LIS_REPORT", "chengdu-2011"))).values()
    shown = {
        one.resource["identifier"][0]["value"]: one.resource["specimen"][0]["display"]
        for one in there if one.acts == "store"
    }  # fmt: skip
    assert shown == {key: row["specimen"] for key, row in expected(file)["visible_after_load"].items()}
    hidden = {one.resource["identifier"][0]["value"]: one.resource["status"] for one in there if one.acts == "revoke"}
    assert hidden == {"R002": "entered-in-error", "R003": "entered-in-error"}


def test_the_same_flags_in_another_dialect() -> None:
    found = converted("11_xgbz_modify_revoke.csv", "TB_LIS_REPORT")
    revoked = {one.resource["identifier"][0]["value"] for one in entries(found) if one.acts == "revoke"}
    assert revoked == {"R001", "R004"}
    assert told(found, whole=True) == [(row, "XGBZ", "flag-unknown") for row in (5, 6)]
    other = converted("11_xgbz_modify_revoke.csv", "TB_LIS_REPORT", "hospital-view-2025")
    assert [row for row, _, _ in told(other, whole=True)] == [4, 5, 6, 7]


def test_codes_and_names_in_each_other_s_columns() -> None:
    file = "12_code_and_name_swapped.csv"
    body = (
        'sex = "@XB+XBMC coding sex"\nethnic = "@MZ+MZMC coding ethnic-group"\n'
        'id_type = "@ZJLX+ZJLXMC coding identity-document"\nmarital = "@HYZK+HYZKMC coding marital-status"'
    )
    found = converted(file, own=own('"KH"', "Basic", body))
    wanted = expected(file)["rows"]
    lists = ("sex", "ethnic", "id_type", "marital")
    read_ = [{name: one.resource.get(name, {}).get("code") for name in lists} for one in entries(found)]
    assert read_ == [{name: row[name] for name in lists} for row in wanted]
    repaired = {(row["line"], name.removesuffix("MC")) for row in wanted for name in row.get("repaired", ())}
    questions = {(5, "XB"), (7, "MZ")}
    assert {(row, part) for row, part, _ in told(found, whole=False)} == repaired | questions
    taken = {(one.place.row, one.place.part) for one in found if isinstance(one, Refusal) and one.taken}
    assert taken == repaired


def test_results_of_laboratories() -> None:
    found = converted("13_lab_values.csv", "TB_LIS_INDICATORS")
    for entry, wanted in zip(entries(found), expected("13_lab_values.csv")["rows"], strict=True):
        assert summary(entry.resource) == wanted_summary(wanted)
    assert told(found, whole=False) == [(6, "JYZBJG", "flag-contradicts-range")]


def summary(observation: Any) -> dict[str, Any]:
    quantity, coded = observation.get("valueQuantity", {}), observation.get("valueCodeableConcept")
    ratio = observation.get("valueRatio")
    original = [one for one in observation["extension"] if one["url"] == "urn:kangyun:extension:original-text"]
    return {
        "id": observation["identifier"][0]["value"],
        "original": original[0]["valueString"],
        "comparator": quantity.get("comparator"),
        "value": quantity.get("value"),
        "unit": quantity.get("unit"),
        "ordinal": coded and coded["coding"][0]["code"],
        "titer": ratio and [ratio["numerator"]["value"], ratio["denominator"]["value"]],
        "text": observation.get("valueString"),
        "note": observation.get("note", [{}])[0].get("text"),
    }


def wanted_summary(row: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "original", "comparator", "value", "unit", "ordinal", "titer", "text", "note")
    wanted = {name: row.get(name) for name in names}
    return wanted | {"value": wanted["value"] and Decimal(str(wanted["value"]))}


@pytest.mark.parametrize("file", ["14_n041.csv", "15_n041.dbf"])
def test_front_pages(file: str) -> None:
    found = converted(file)
    by_type: dict[str, list[Any]] = defaultdict(list)
    for entry in entries(found):
        by_type[entry.resource["resourceType"]].append(entry.resource)
    rows = expected("14_n041.csv")["rows"]
    stays = by_type["Encounter"]
    assert [stay["identifier"][0]["value"] for stay in stays] == [row["case"] for row in rows]
    assert [stay["period"]["start"][:13] for stay in stays] == [row["admitted"] for row in rows]
    people = by_type["Patient"]
    assert [one["name"][0]["text"] for one in people] == [row["name"] for row in rows]
    marital = [[coding["code"] for coding in one["maritalStatus"]["coding"][:2]] for one in people]
    assert marital == [[row["marital_front_page"], row["marital_gbt2261_2"]] for row in rows]
    assert [claim["total"]["value"] for claim in by_type["Claim"]] == [row["total"] for row in rows]
    assert len(by_type["Procedure"]) == 1
    assert not told(found, whole=True)


def test_a_stay_read_as_csv_and_as_dbf_is_one() -> None:
    read_ = [{entry.id for entry in entries(converted(file), "Encounter")} for file in ("14_n041.csv", "15_n041.dbf")]
    assert read_[0] == read_[1]
    assert len(read_[0]) == 5


def test_tables_that_hang_together() -> None:
    there: dict[str, Entry] = {}
    counts = {}
    for file in sorted(TRAPS.joinpath("16_tb_set").iterdir()):
        found = converted(f"16_tb_set/{file.name}")
        assert not told(found, whole=True)
        counts[file.stem] = len(entries(found))
        there |= {f"{one.resource['resourceType']}/{one.id}": one for one in entries(found)}
    wanted = expected("16_tb_set/")
    assert counts == wanted["counts"]
    assert [reference for reference in references(there) if reference not in there] == []
    stays = [one.resource for one in there.values() if one.resource["resourceType"] == "Encounter"]
    inside = [stay["identifier"][0]["value"] for stay in stays if stay["status"] == "in-progress"]
    assert inside == wanted["in_hospital"]
    numbers = {f"Encounter/{stay['id']}": stay["identifier"][0]["value"] for stay in stays}
    fees: dict[str, Decimal] = defaultdict(Decimal)
    for one in there.values():
        if one.resource["resourceType"] == "ChargeItem":
            fees[numbers[one.resource["context"]["reference"]]] += one.resource["priceOverride"]["value"]
    assert fees == wanted["net_fee_by_visit"]


def references(there: dict[str, Entry]) -> list[str]:
    found = []
    for one in there.values():
        resource = one.resource
        named = [resource.get(name, {}).get("reference") for name in ("subject", "encounter", "context")]
        named += [
            part["valueReference"]["reference"] for part in resource.get("extension", ()) if "valueReference" in part
        ]
        found += [reference for reference in named if reference]
    return found


def test_identity_cards_of_15_digits() -> None:
    found, wanted = converted("19_id_15_digits.csv"), expected("19_id_15_digits.csv")["rows"]
    kept = [row["as_written"] for row in wanted if row["matches"]]
    assert [person(entry)["id_number"] for entry in entries(found)] == kept
    assert told(found, whole=True) == [(5, "ZJHM", "id-number-wrong")]


def test_visits_sent_twice_and_under_other_spellings() -> None:
    found = entries(converted("20_duplicate_visits.csv", own=own(
        '"JZLSH"', "Basic", 'visit = "@JZLSH key"\nat = "@JZKSRQ moment"\ndiagnosis = "@JZZDBM value"',
        'generated = "YWSCSJ"',
    )))  # fmt: skip
    visits: dict[str, list[Any]] = defaultdict(list)
    for entry in found:
        visits[entry.resource["visit"]].append((entry.origin.row, entry.resource))
    wanted = expected("20_duplicate_visits.csv")
    assert {key: [row for row, _ in rows] for key, rows in visits.items()} == {
        key: row["rows"] for key, row in wanted["visits"].items()
    }
    versions = {key: len({str(resource) for _, resource in rows}) for key, rows in visits.items()}
    assert versions == {"M0001": 1, "M0002": 2, "M0003": 1}
    assert len(loaded(found)) == wanted["reconciliation"]["stored"]


def test_rare_and_minority_names_stay_as_they_were_written() -> None:
    found = entries(converted("21_rare_and_minority_names.csv"))
    wanted = [row["name"] for row in expected("21_rare_and_minority_names.csv")["rows"]]
    assert [person(entry)["name"] for entry in found] == wanted


FILES = (
    "01_gbk_no_bom.csv", "07_full_width.csv", "08_fillers.csv", "13_lab_values.csv", "14_n041.csv", "15_n041.dbf",
    "21_rare_and_minority_names.csv", "16_tb_set/TB_HIS_ZY_FEE_DETAIL_FS.csv", "16_tb_set/TB_IH_DIAGNOSIS_DETAIL.csv",
    "16_tb_set/TB_LIS_INDICATORS.csv", "16_tb_set/TB_LIS_REPORT.csv", "16_tb_set/TB_YL_PATIENT_INFORMATION.csv",
    "16_tb_set/TB_YL_ZY_MEDICAL_RECORD.csv",
)  # fmt: skip


@pytest.mark.parametrize("file", FILES)
def test_every_resource_is_valid(file: str) -> None:
    found = entries(converted(file))
    assert found
    assert [validator().validate(dict(entry.resource)) for entry in found] == [[]] * len(found)
