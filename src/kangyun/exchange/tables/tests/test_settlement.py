"""Settlement lists of insurance, 4101 and 4101A: JSON, and tables of their sections. They are read, never sent."""

import copy
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import Row, read
from kangyun.exchange.tables.recognition import recognise
from kangyun.fhir import Resource
from kangyun.fhir.validation import validator

LIST: dict[str, Any] = {
    "infno": "4101", "msgid": "H99010200001202601051200000001", "fixmedins_code": "H99010200001",
    "input": {
        "setlinfo": {
            "mdtrt_id": "M1", "setl_id": "S1", "fixmedins_code": "H99010200001", "hi_no": "YB1", "medcasno": "B1",
            "dcla_time": "2026-01-10 08:00:00", "psn_name": "测试甲", "gend": "1", "brdy": "1950-03-12",
            "ntly": "CHN", "naty": "01", "patn_cert_type": "01", "certno": "990000195003121011", "prfs": "80",
            "coner_name": "测试乙", "patn_rlts": "10", "coner_tel": "19900000001", "hi_type": "310",
            "adm_time": "2026-01-01 09:00:00", "dscg_time": "2026-01-05 15:00:00", "dscg_caty": "A03",
            "wm_dise_code": "I10.x00x002", "otp_wm_dise": "高血压", "chfpdr_code": "D990102000001",
            "setl_begn_date": "2026-01-01", "setl_end_date": "2026-01-05", "psn_selfpay": 100.5, "psn_ownpay": 0,
        },
        "payinfo": [{"fund_pay_type": "310100", "fund_payamt": 3000.25}],
        "diseinfo": [
            {"diag_type": "1", "diag_code": "I10.x00x002", "diag_name": "高血压", "adm_cond_type": "1",
             "maindiag_flag": "1"},
            {"diag_type": "1", "diag_code": "E11.900", "diag_name": "2型糖尿病", "adm_cond_type": "1",
             "maindiag_flag": "0"},
        ],
        "iteminfo": [
            {"med_chrgitm": "01", "amt": "200.00", "claa_sumfee": "200.00", "clab_amt": "0",
             "fulamt_ownpay_amt": "0", "oth_amt": "0"},
            {"med_chrgitm": "09", "amt": 2900.75, "claa_sumfee": 2000, "clab_amt": 900.75, "fulamt_ownpay_amt": 0},
        ],
        "oprninfo": [
            {"oprn_oprt_type": "1", "oprn_oprt_code": "47.0100", "oprn_oprt_name": "腹腔镜下阑尾切除术",
             "oprn_oprt_date": "2026-01-02", "anst_way": "1", "oper_dr_name": "演示医生", "oper_dr_code": "D1"},
        ],
        "icuinfo": [{"scs_cutd_ward_type": "9", "scs_cutd_inpool_time": "2026-01-02 10:00:00",
                     "scs_cutd_exit_time": "2026-01-03 10:00:00", "scs_cutd_sum_dura": "1/0/0"}],
    },
}  # fmt: skip
FEED = Feed("h1", "Organization/h1", "h1")


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    """Returns the list with one value changed; None takes it out."""
    whole = copy.deepcopy(LIST)
    part: Any = whole
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = to
    return whole


def converted(content: Any, name: str = "qd.json", codec: str = "utf-8") -> list[Entry | Refusal]:
    raw = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode(codec)
    table = read(io.BytesIO(raw), name)
    matches = recognise(table.header, name)
    mapping = shipped_for(matches[0].table if matches else "4101.setlinfo")
    assert mapping is not None
    return list(convert(table, mapping, FEED))


def resources(found: list[Entry | Refusal]) -> dict[str, list[Resource]]:
    by_type: dict[str, list[Resource]] = {}
    for one in found:
        if isinstance(one, Entry):
            by_type.setdefault(one.resource["resourceType"], []).append(dict(one.resource))
    return by_type


def refusals(found: list[Entry | Refusal]) -> list[tuple[int | None, str | None, str, bool]]:
    return [
        (one.place.row, one.place.part, one.text.rpartition(".")[2], one.whole)
        for one in found
        if isinstance(one, Refusal)
    ]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_list_becomes_stay_diagnoses_operations_and_claim(codec: str) -> None:
    found = converted(LIST, codec=codec)
    assert refusals(found) == []
    made = resources(found)
    assert {type_: len(all_) for type_, all_ in made.items()} == {
        "Patient": 1, "Encounter": 1, "Condition": 3, "Procedure": 1, "Claim": 1,
    }  # fmt: skip
    assert [validator().validate(one) for all_ in made.values() for one in all_] == [[]] * 7
    (claim,) = made["Claim"]
    assert [one["net"]["value"] for one in claim["item"]] == [Decimal("200.00"), Decimal("2900.75")]
    assert [one["sequence"] for one in claim["item"]] == [1, 2]
    (visit,) = made["Encounter"]
    assert visit["period"] == {"start": "2026-01-01T09:00:00+08:00", "end": "2026-01-05T15:00:00+08:00"}


def test_insurance_codes_stand_in_their_own_systems() -> None:
    made = resources(converted(LIST))
    codings = [
        coding for type_ in ("Condition", "Procedure") for one in made[type_] for coding in one["code"]["coding"]
    ]
    assert {coding["system"] for coding in codings} == {
        "urn:kangyun:code-system:diagnosis-insurance", "urn:kangyun:code-system:operation-insurance",
    }  # fmt: skip


def test_a_list_and_its_exported_sections_are_the_same_resources() -> None:
    ids = {one.id for one in converted(LIST) if isinstance(one, Entry)}
    diagnoses = (
        "SETL_ID,MDTRT_ID,MEDCASNO,DIAG_TYPE,DIAG_CODE,DIAG_NAME,ADM_COND_TYPE,MAINDIAG_FLAG\n"
        "S1,M1,B1,1,E11.900,2型糖尿病,1,0\n"
    )
    operations = (
        "SETL_ID,MDTRT_ID,MEDCASNO,OPRN_OPRT_TYPE,OPRN_OPRT_NAME,OPRN_OPRT_CODE,OPRN_OPRT_DATE,ANST_WAY,OPER_DR_NAME\n"
        "S1,M1,B1,1,腹腔镜下阑尾切除术,47.0100,2026-01-02,1,演示医生\n"
    )
    for text in (diagnoses, operations):
        (entry,) = converted(text.encode(), "x.csv")
        assert isinstance(entry, Entry)
        assert entry.id in ids


def test_a_short_list_changes_nothing_that_it_does_not_say() -> None:
    short = {
        "infno": "4101A",
        "input": {"setlinfo": {"psn_no": "1", "mdtrt_id": "M1", "setl_id": "S1", "medcasno": "B1", "hi_no": "YB1",
                               "adm_time": "2026-01-01", "dscg_time": "2026-01-05", "setl_end_date": "2026-01-05"}},
    }  # fmt: skip
    found = converted(short)
    assert refusals(found) == []
    assert all(one.partial for one in found if isinstance(one, Entry))
    (patient,) = resources(found)["Patient"]
    assert not {"name", "gender", "birthDate"} & patient.keys()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (changed("infno", to="2201"), (1, "infno", "settlement-other", True)),
        (changed("input", "setlinfo", to=None), (1, "setlinfo", "settlement-missing", True)),
        (changed("input", "setlinfo", "medcasno", to=""), (1, "MEDCASNO", "key-missing", True)),
        (changed("input", "setlinfo", "certno", to="990000195003121012"), (1, "CERTNO", "id-number-wrong", True)),
        (changed("input", "setlinfo", "dscg_time", to="昨天"), (1, "DSCG_TIME", "date-wrong", False)),
        (changed("input", "iteminfo", 0, "amt", to="二百"), (1, "ITEMINFO.1.AMT", "number-wrong", False)),
        (
            changed("input", "diseinfo", 1, "diag_code", to="I10.x00x002"),
            (1, "DISEINFO.2.DIAG_CODE", "said-twice", False),
        ),
        (b'{"infno": "4101", "input": {"setlinfo": {', (None, None, "json-broken", True)),
        (b"[" * 100_000, (None, None, "json-broken", True)),
        (b"[]", (None, None, "json-empty", True)),
        (b'[1, "x"]', (2, None, "json-no-message", True)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(
    content: Any, wanted: tuple[int | None, str | None, str, bool]
) -> None:
    assert wanted in refusals(converted(content))


def test_one_broken_list_leaves_the_others() -> None:
    other = changed("input", "setlinfo", "setl_id", to="S2")
    lines = "\n".join(
        [json.dumps(LIST), "{broken", json.dumps(changed("input", "payinfo", to=[[1]])), json.dumps(other)]
    )
    found = converted(lines.encode())
    assert refusals(found) == [(2, None, "json-no-message", True), (3, "payinfo", "settlement-list", True)]
    assert len(resources(found)["Claim"]) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["setlinfo", "input", "diseinfo", "a"]), inner)
    ),
)


@given(JSON | st.lists(JSON, max_size=3))
def test_any_json_is_rows_or_refusals(content: Any) -> None:
    for row in read(io.BytesIO(json.dumps(content).encode()), "x.json").rows:
        assert isinstance(row, Row | Refusal)
