"""Rows of the TB_ family written out of the record: what they say, and what of it has no place."""

import io
from datetime import date
from decimal import Decimal

import pytest

from kangyun.base.numbers import resident_id
from kangyun.exchange.entries import Entry
from kangyun.exchange.tables.mapping import Feed, convert, load
from kangyun.exchange.tables.reading import read
from kangyun.exchange.tables.writing import Left, Writer, content, targets, unfilled

FEED = Feed("h1", "Organization/h1", "DEMO", "chengdu-2011")
NUMBER = resident_id.made("990102", date(1980, 1, 1), 1)


def cells(text):
    """Returns a row of `column=cell;…`."""
    return dict(part.split("=", 1) for part in text.split(";"))


PATIENT = cells(f"YLJGDM=DEMO;KH=K1;KLX=0;XM=测试甲;XB=1;CSRQ=19800101;ZJHM={NUMBER};ZJLX=1;HYZK=2;XGBZ=1")
WHOSE = cells("YLJGDM=DEMO;KH=K1;KLX=0;JZLSH=V1;XGBZ=1")
VISIT = WHOSE | cells("JZLX=100;JZKSBM=03;JZKSMC=内科;JZKSRQ=2026-01-05 08:05:00;JZZDBM=I10;JZZDMC=高血压")
STAY = WHOSE | cells("JZLX=400;RYSJ=2026-01-05 08:05:00;CYSJ=1900-01-01")
ORDER = WHOSE | cells("CYH=P1;CFMXH=P1-1;KFRQ=20260105;XMMC=演示药;SYPC=每日1次;YYTS=7")


def taken(mapping, *rows, feed=FEED):
    """Returns what rows come to, by reference."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    table = read(io.BytesIO(content(header, rows)), "t.csv")
    found = [one for one in convert(table, load(mapping), feed) if isinstance(one, Entry)]
    return {f"{one.resource['resourceType']}/{one.id}": dict(one.resource) for one in found}


def written(*some, feed=FEED):
    """Returns the rows of what is known."""
    known = {reference: resource for one in some for reference, resource in one.items()}
    return Writer(feed).rows(known.values(), known)


def said(row):
    return {name: cell for name, cell in row.items() if cell}


@pytest.mark.parametrize(
    ("mapping", "table", "row"),
    [
        ("patient", "TB_YL_PATIENT_INFORMATION", PATIENT | {"SJHM": "19900000000", "MZ": "01", "LXRXM": "测试乙"}),
        ("outpatient-visit", "TB_YL_MZ_MEDICAL_RECORD", VISIT),
        ("prescription", "TB_CIS_PRESCRIPTION_DETAIL", ORDER | {"YPYF": "口服", "JL": "2.50", "DW": "mg"}),
        ("prescription", "TB_CIS_PRESCRIPTION_DETAIL", ORDER | {"CFMXH": "P1-2", "XGBZ": "3"}),
    ],
)
def test_a_row_comes_out_as_it_went_in(mapping, table, row):
    row = {name: cell for name, cell in row.items() if name in targets_of(table) or name in WHOSE}
    rows = written(taken("patient", PATIENT), taken("outpatient-visit", VISIT), taken(mapping, row)).by_table[table]
    expected = {name: cell for name, cell in row.items() if name in targets_of(table)}
    assert {name: said(rows[0]).get(name) for name in expected} == expected


def targets_of(table):
    return next(one.columns for one in targets(FEED.dialect) if one.table == table)


def test_a_sentinel_is_not_written_and_a_stay_goes_on():
    (row,) = written(taken("patient", PATIENT), taken("inpatient-record", STAY)).by_table["TB_YL_ZY_MEDICAL_RECORD"]
    assert (row["RYSJ"], row["CYSJ"], row["KH"]) == ("2026-01-05 08:05:00", "", "K1")


def test_the_flag_of_what_was_taken_back_is_the_dialects():
    revoked = taken("outpatient-visit", VISIT) | taken("patient", PATIENT | {"XGBZ": "3"})
    (patient,) = written(revoked).by_table["TB_YL_PATIENT_INFORMATION"]
    assert patient["XGBZ"] == "3"
    elsewhere = Feed("h1", "Organization/h1", "DEMO", "hospital-view-2025")
    (patient,) = written(revoked, feed=elsewhere).by_table["TB_YL_PATIENT_INFORMATION"]
    assert patient["XGBZ"] == "1"


def test_codes_are_the_receivers():
    known = taken("patient", PATIENT)
    (mine,) = written(known).by_table["TB_YL_PATIENT_INFORMATION"]
    (theirs,) = written(known, feed=Feed("h1", "Organization/h1", "D", "shanghai-hub-2026")).by_table[
        "TB_YL_PATIENT_INFORMATION"
    ]
    assert (mine["ZJLX"], mine["HYZK"], mine["YLJGDM"]) == ("1", "2", "DEMO")
    assert (theirs["ZJLX"], theirs["HYZK"], theirs["YLJGYQDM"]) == ("01", "20", "D")


def test_a_refund_is_positive_and_goes_to_the_table_of_its_visit():
    fee = WHOSE | cells("SFMXID=F1;XGBZ=2;STFSJ=20260105;MXXMMC=演示项目;MXXMSL=1;MXXMJE=50.00")
    charged = taken("fee-2011", fee)
    assert [one["priceOverride"]["value"] for one in charged.values()] == [Decimal("-50.00")]
    patient = taken("patient", PATIENT)
    (row,) = written(patient, taken("outpatient-visit", VISIT), charged).by_table["TB_HIS_MZ_FEE_DETAIL"]
    assert said(row) == fee
    (row,) = written(patient, taken("inpatient-record", STAY), charged).by_table["TB_HIS_ZY_FEE_DETAIL"]
    assert said(row) == fee
    assert written(patient, charged).left == {Left("ChargeItem", "left-no-table"): 1}


@pytest.mark.parametrize(
    ("text", "element", "column"),
    [
        *(("=1+1", "address", "JZDZ"), ("-x", "address", "JZDZ")),
        *(("@SUM(A1)", "name", "XM"), ("+cmd", "name", "XM"), ("-x", "name", "XM")),
    ],
)
def test_no_text_becomes_a_formula_and_it_reads_the_same(text, element, column):
    use = "home" if element == "address" else "official"
    known = {name: one | {element: [{"use": use, "text": text}]} for name, one in taken("patient", PATIENT).items()}
    rows = written(known)
    (row,) = rows.by_table["TB_YL_PATIENT_INFORMATION"]
    assert row[column][0] not in "=+-@"
    assert not rows.left
    again = taken("patient", row)
    assert [written(again).by_table[table] for table in rows.by_table] == [*rows.by_table.values()]


def test_what_has_no_place_is_told_and_nothing_is_made_up():
    patient = taken("patient", PATIENT)
    (reference,) = patient
    stranger = {"resourceType": "Patient", "id": "x", "active": True, "name": [{"text": "无卡"}]}
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": reference}}
    more = {reference: patient[reference] | {"photo": [{"title": "x"}]}}
    found = written(more, {"Patient/x": stranger, "AllergyIntolerance/a": allergy})
    assert [one["KH"] for one in found.by_table["TB_YL_PATIENT_INFORMATION"]] == ["K1"]
    assert found.left == {
        Left("Patient", "left-no-key", "KH"): 1, Left("AllergyIntolerance", "left-no-table"): 1,
        Left("Patient.photo", "left-element"): 1,
    }  # fmt: skip


def test_what_a_table_repeats_of_its_patient_is_his():
    found = written(taken("patient", PATIENT), taken("outpatient-visit", VISIT), taken("prescription", ORDER))
    assert [row["HZXM"] for row in found.by_table["TB_YL_MZ_MEDICAL_RECORD"]] == ["测试甲"]
    assert not found.left


def test_either_code_of_the_institution_is_its_own():
    own = Feed("h1", "Organization/h1", "CODE", "chengdu-2011")
    by_hand = Feed("h1", "Organization/h1", "h1", "chengdu-2011")
    known = taken("patient", PATIENT, feed=by_hand) | taken("outpatient-visit", VISIT, feed=by_hand)
    found = Writer(own, "DEMO").rows(known.values(), known)
    assert not found.left
    assert found.by_table == written(known).by_table


def test_what_is_about_nobody_who_is_there_is_not_written():
    found = written(taken("outpatient-visit", VISIT))
    assert not found.by_table
    assert found.left == {Left("Encounter", "left-nobody"): 1, Left("Condition", "left-nobody"): 1}


def test_a_row_that_would_be_kept_aside_is_not_written():
    visit = {name: one | {"period": {"start": "1800-01-05"}} for name, one in taken("outpatient-visit", VISIT).items()}
    found = written(taken("patient", PATIENT), visit)
    assert not found.by_table.get("TB_YL_MZ_MEDICAL_RECORD")
    assert found.left == {
        Left("Encounter", "left-refused", "JZKSRQ"): 1,
        Left("Condition", "left-no-key", "ZYZDLSH"): 1,
    }


def test_what_differs_in_nothing_but_its_column_is_not_guessed():
    order = WHOSE | cells("SSMXLSH=S1;SSKSSJ=20260105;SSJSSJ=20260105;SSCZBM=47.0901;SSCZMC=阑尾切除术")
    one = taken("operation", order | {"SSHZD": "术后"})
    (row,) = written(taken("patient", PATIENT), one).by_table["TB_OPERATION_DETAIL"]
    assert row["SSQZD"] == row["SSHZD"] == ""
    both = taken("operation", order | {"SSQZD": "术前", "SSHZD": "术后"})
    (row,) = written(taken("patient", PATIENT), both).by_table["TB_OPERATION_DETAIL"]
    assert (row["SSQZD"], row["SSHZD"]) == ("术前", "术后")


@pytest.mark.parametrize(
    ("cell", "unit", "reference", "hint"),
    [
        ("<0.5", "mg/L", "0-10", ""),
        ("阴性", "", "阴性", "1"),
        ("1:80", "", "", ""),
        ("3.5↑", "10^9/L", "1-3", ""),
        ("", "", "", ""),
    ],
)
def test_a_result_is_written_as_it_was(cell, unit, reference, hint):
    result = cells("YLJGDM=DEMO;BGRQ=20260105;BGDH=R1;JYZBLSH=R1-1;JCZBMC=演示") | {
        "JCZBJG": cell, "JLDW": unit, "CKZ": reference, "YCTS": hint,
    }  # fmt: skip
    report = WHOSE | {"BGDH": "R1", "BGRQ": "20260105", "BRXM": "测试甲", "JYRQ": "20260104"}
    known = taken("patient", PATIENT) | taken("laboratory-report", report)
    found = written(known, taken("laboratory-result", result))
    (row,) = found.by_table["TB_LIS_INDICATORS"]
    assert [row[name] for name in ("BGDH", "BGRQ", "JCZBJG", "CKZ")] == ["R1", "20260105", cell, reference]
    assert [one["BGRQ"] for one in found.by_table["TB_LIS_REPORT"]] == ["20260105"]
    assert {one.what for one in found.left} <= {"DiagnosticReport.effectiveDateTime"}


def test_the_same_record_gives_the_same_bytes_in_any_order():
    known = taken("patient", PATIENT) | taken("outpatient-visit", VISIT) | taken("prescription", ORDER)
    there, back = Writer(FEED).rows(known.values(), known), Writer(FEED).rows([*known.values()][::-1], known)
    assert len(there.by_table) == 3
    assert there == back


def test_columns_that_nothing_is_known_for_are_named():
    visits = next(one for one in targets(FEED.dialect) if one.table == "TB_YL_MZ_MEDICAL_RECORD")
    assert {"SSY", "SZY"} <= set(unfilled(visits))
    assert not {"HZXM", "YLJGDM", "KH", "KLX", "JZLSH", "JZKSRQ", "XGBZ"} & set(unfilled(visits))
