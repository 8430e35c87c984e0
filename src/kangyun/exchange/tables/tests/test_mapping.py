"""The mapping language: what a file may say, and that no row is lost."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.texts import say
from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.tables.mapping import BadMapping, Feed, convert, load, parse, shipped
from kangyun.exchange.tables.mapping.rules import RULES
from kangyun.exchange.tables.reading import Row, read
from kangyun.fhir.validation import validator

FEED = Feed("h1", "Organization/h1", "DEMO", "shanghai-hub-2026")
PERSON = """
name = "person"
title = "登记"
edition = "2026-11-23"
tables = []
key = ["YQ|JG?", "KH"]
generated = "SJ"
[flag]
column = "BZ"
[flag.store]
"*" = ["0"]
[flag.revoke]
"*" = ["1"]
[[resources]]
type = "Patient"
kind = "patient"
[resources.body]
active = true
name = [{ use = "official", text = "@!XM name" }]
birthDate = "@CSRQ day"
contact = [{ relationship = [{ text = "家属" }], name = { text = "@LXR name" } }]
managingOrganization = { reference = "@ institution" }
[[resources]]
type = "Observation"
kind = "weight"
each = [1, 3]
when = "TZ{n}"
[resources.body]
status = "final"
code = { text = "体重" }
subject = { reference = "@!YQ|JG+KH reference Patient patient" }
valueQuantity = { value = "@TZ{n} number", unit = "kg" }
"""


def table(*rows: str) -> bytes:
    return "\n".join(rows).encode()


def found_in(content: bytes, mapping: str = PERSON, feed: Feed = FEED) -> list[Entry | Refusal]:
    return list(convert(read(io.BytesIO(content), "sent.csv"), parse(mapping), feed))


def resources(found: list[Entry | Refusal]) -> list[Any]:
    return [one.resource for one in found if isinstance(one, Entry)]


def refusals(found: list[Entry | Refusal]) -> list[tuple[int | None, str | None, str | None, str, bool]]:
    return [
        (one.place.row, one.place.part, one.shown, one.text.rpartition(".")[2], one.whole)
        for one in found if isinstance(one, Refusal)
    ]  # fmt: skip


def test_what_no_column_says_is_not_there() -> None:
    (patient,) = resources(found_in(table("YQ,KH,XM,CSRQ,LXR", "A,1,测试甲,,-")))
    assert patient.pop("id").startswith("h1-")
    assert patient == {
        "resourceType": "Patient",
        "active": True,
        "name": [{"use": "official", "text": "测试甲"}],
        "managingOrganization": {"reference": "Organization/h1"},
    }


def test_a_group_is_made_for_each_number_that_says_something() -> None:
    found = resources(found_in(table("YQ,KH,XM,TZ1,TZ2,TZ3", "A,1,测试甲,60.5,-,62")))
    assert [one["resourceType"] for one in found] == ["Patient", "Observation", "Observation"]
    assert [str(one["valueQuantity"]["value"]) for one in found[1:]] == ["60.5", "62"]
    assert {one["subject"]["reference"] for one in found[1:]} == {f"Patient/{found[0]['id']}"}
    assert len({one["id"] for one in found}) == 3


def test_ids_follow_from_keys_however_they_were_written() -> None:
    rows = ("YQ,KH,XM", "A,k1,测试甲", " a ,Ｋ１,测试甲", "A,k2,测试甲", "-,k1,测试甲")
    ids = [one["id"] for one in resources(found_in(table(*rows)))]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        ("A,-,测试甲,,", (2, "KH", "-", "key-missing", True)),
        ("A,1,-,,", (2, "XM", "-", "value-missing", True)),
        ("A,1,测试甲,2026/13/1,", (2, "CSRQ", "2*******1", "date-wrong", False)),
        ("A,1,测试甲,,9", (2, "BZ", "9", "flag-unknown", True)),
    ],
)
def test_refusals_name_the_place_and_mask_the_value(row: str, refused: tuple[Any, ...]) -> None:
    found = found_in(table("YQ,KH,XM,CSRQ,BZ", row))
    assert refusals(found) == [refused]
    assert len(resources(found)) == (0 if refused[-1] else 1)


def test_a_row_is_taken_as_a_whole_or_not_at_all() -> None:
    mapping = PERSON.replace("@TZ{n} number", "@!TZ{n} number")
    found = found_in(table("YQ,KH,XM,TZ1,TZ2", "A,1,测试甲,60,六十", "A,2,测试乙,60,61"), mapping)
    assert refusals(found) == [(2, "TZ2", "六*", "number-wrong", True)]
    assert [one.origin.row for one in found if isinstance(one, Entry)] == [3, 3, 3]


def test_a_table_without_a_column_of_the_key_is_refused_at_once() -> None:
    found = found_in(table("YQ,XM,CSRQ", "A,测试甲,", "A,测试乙,"))
    assert refusals(found) == [(1, "KH", None, "column-missing", True)]


def test_a_revoke_keeps_the_resource_as_never_so() -> None:
    found = found_in(table("YQ,KH,XM,TZ1,BZ,SJ", "A,1,测试甲,60,1,2026-01-05 08:00:00"))
    assert [(one.acts, one.generated) for one in found if isinstance(one, Entry)] == [
        ("revoke", "2026-01-05T08:00:00+08:00")
    ] * 2
    patient, observation = resources(found)
    assert (patient["active"], observation["status"]) == (False, "entered-in-error")


def test_a_revoked_diagnosis_is_valid() -> None:
    content = table("YLJGYQDM,ZYZDLSH,JZLSH,KH,KLX,ZDBM,ZDSM,XGBZ", "D1,Z1,J1,K1,9,I10.x05,高血压病,2")
    (entry,) = convert(read(io.BytesIO(content), "x"), load("diagnosis"), FEED)
    assert isinstance(entry, Entry)
    assert validator().validate(dict(entry.resource)) == []
    assert entry.resource["verificationStatus"]["coding"][0]["code"] == "entered-in-error"


def test_three_codings_stand_side_by_side() -> None:
    header = "YLJGYQDM,SFMXID,STFBZ,JZLSH,KH,KLX,FYFSSJ,MXXMBM,MXXMBMYB,MXXMMC,MXXMJE"
    content = table(header, "D1,F1,2,J1,K1,9,2026-01-05 08:00:00,L001,002503000000000,血常规,20.00")
    (entry,) = convert(read(io.BytesIO(content), "x"), load("inpatient-fee"), FEED)
    assert isinstance(entry, Entry)
    assert [coding["system"].rpartition(":")[2] for coding in entry.resource["code"]["coding"]] == [
        "charge-item", "item-insurance",
    ]  # fmt: skip
    assert str(entry.resource["priceOverride"]["value"]) == "-20.00"
    assert validator().validate(dict(entry.resource)) == []


def test_hqms_reads_as_the_front_page_it_is() -> None:
    content = table(
        "P3,P2,P4,P5,P6,P22,P25,P321,P322,P324,P325,P490,P491,P492,P782,P13",
        "BA1,1,测试甲,1,1950-03-12,2025-12-01,2025-12-05,I10.x05,高血压病,E78.500,高脂血症,47.0901,2025-12-02,阑尾切除术,3200.5,无",
    )
    found = list(convert(read(io.BytesIO(content), "x"), load("front-page"), FEED))
    made = resources(found)
    assert [one["resourceType"] for one in made] == [
        "Patient", "Encounter", "Condition", "Condition", "Procedure", "Claim",
    ]  # fmt: skip
    assert [validator().validate(one) for one in made] == [[]] * 6
    broken = content.replace(b"2025-12-05", b"2025-13-05")
    refused = list(convert(read(io.BytesIO(broken), "x"), load("front-page"), FEED))
    assert [place[:2] for place in refusals(refused) if place[-1]] == [(2, "P25")]


SAMPLES = {
    "patient": (
        "YLJGYQDM,KH,KLX,ZJHM,ZJLX,XB,XM,HYZK,CSRQ,MZ,GJ,DHHM,SJHM,GZDWMC,GZDWDZ,"
        "JZDZ,HKDZ,HKDZYB,LXRXM,LXRGX,LXRDH,YYDAH,XGBZ",
        "D1,K1,9,990000195003121011,01,1,测试甲,20,19500312,01,CHN,0531-88886666,19900000000,测试厂,测试路9号,测试路1号,"
        "测试路2号,999999,测试乙,配偶,19900000001,P1,1",
    ),
    "outpatient-visit": (
        "YLJGDM,JZLSH,KH,KLX,JZLX,JZKSBM,JZKSMC,JZKSRQ,ZZYSGH,ZZYSXM,JZZDBM,JZZDMC,ZS,XGBZ",
        "D1,J1,K1,9,100,0012,内科,2026-01-05 08:05:00,E1,演示医生,I10.x05,高血压病,头晕三天,1",
    ),
    "outpatient-registration": (
        "YLJGDM,GHBM,GTHBZ,GTHSJ,GHLB,KSBM,KSMC,KH,KLX",
        "D1,J1,2,2026-01-05 08:00:00,100,0012,内科,K1,9",
    ),
    "inpatient-record": (
        "YLJGYQDM,JZLSH,CISID,BAH,KH,KLX,JZLX,JZKSBM,JZKSMC,CYKSBM,CYKSMC,RYSJ,CYSJ,XGBZ",
        "D1,J1,Z1,B1,K1,9,400,0012,内科,0013,外科,2026-01-05 08:05:00,2026-01-09 10:00:00,1",
    ),
    "diagnosis": (
        "YLJGYQDM,ZYZDLSH,JZLSH,KH,KLX,ZDLXQF,ZDLB,ZDSJ,ZDBM,ZDSM,CYZDBZ,YZDBZ,CYQKBM,RYBQ,XGBZ",
        "D1,X1,J1,K1,9,2,1,2026-01-05 08:05:00,BNA010,感冒,1,1,1,1,1",
    ),
    "laboratory-report": (
        "YLJGYQDM,BGRQ,BGDH,JZLSH,KH,KLX,HZXM,BGYHRYID,BGYHRYXM,SHYHRYID,SHYHRYXM,JYSJ,"
        "SHSJ,BGBZ,BBMC,BGDLBBM,BGDLB,XGBZ",
        "D1,20260105,R1,J1,K1,9,测试甲,E1,演示检验师,E2,演示审核师,2026-01-05 08:05:00,"
        "2026-01-05 09:05:00,复查,全血,2,血常规,1",
    ),
    "laboratory-result": (
        "YLJGYQDM,JYZBLSH,BGDH,BGRQ,SHSJ,MXXMBMYB,MXXMMC,JYZBDM,JYZBMC,JYFF,JYZBJG,YQMC,CKZ,"
        "JLDW,YCTS,JCYHRYID,JCYHRYXM,KH,KLX,JZLSH,XGBZ",
        "D1,R1-1,R1,2026-01-05,2026-01-05 09:05:00,0025,血常规,WBC,白细胞,流式,<0.5,仪器甲,"
        "3.5-9.5,10^9/L,4,E1,演示检验师,K1,9,J1,1",
    ),
    "imaging-report": (
        "YLJGDM,STUDYUID,JZLSH,KH,KLX,BRXM,PATIENTID,JCXMDM,JYSJ,EXAMTYPE,BGSJ,BGRGH,BGRXM,SHRGH,SHRXM,JCBW,JCMC,YYS,"
        "BGLCZD,YXBX,YXZD,BZHJY,XGBZ",
        "D1,S1,J1,K1,9,测试甲,IM1,C01,2026-01-05 08:05:00,01,2026-01-05 09:05:00,E1,演示医生,E2,"
        "演示审核师,胸部,胸部CT,1,咳嗽,双肺纹理增多，未见实变。,支气管炎,复查,1",
    ),
    "prescription": (
        "YLJGDM,CYH,CFMXH,JZLSH,KH,KLX,KFYS,KFYSXM,KFRQ,XMBM,XMBMYB,XMMC,YPSL,YPDW,SYPC,JL,DW,YF,YYTS,BZ,XGBZ",
        "D1,C1,C1-1,J1,K1,9,E1,演示医生,2026-01-05 08:05:00,D001,XA01,演示药品A,2,盒,每日两次,0.5,g,1,7,饭后,1",
    ),
    "inpatient-fee": (
        "YLJGYQDM,SFMXID,STFBZ,JZLSH,KH,KLX,MXFYLB,FYFSSJ,MXXMBM,MXXMBMYB,MXXMMC,MXXMDJ,MXXMSL,MXXMDW,MXXMJE,XGBZ",
        "D1,F1,2,J1,K1,9,12,2026-01-05 08:05:00,D001,XA01,演示药品A,12.500,4,盒,50.000,1",
    ),
    "fee-2011": (
        "YLJGDM,SFMXID,XGBZ,JZLSH,KH,KLX,MXFYLB,STFSJ,MXXMBM,MXXMMC,MXXMDW,MXXMDJ,MXXMSL,MXXMJE",
        "D1,F1,2,J1,K1,9,12,2026-01-05 08:05:00,D001,演示药品A,盒,12.500,4,50.000",
    ),
    "operation": (
        "YLJGDM,SSMXLSH,JZLSH,KH,KLX,SSJB,SSCZBM,SSCZMC,SSQZD,SSHZD,SSKSSJ,"
        "SSJSSJ,SSYSGH,SSYSXM,MZYSGH,MZYSXM,MZFS,QKYHDJ,XGBZ",
        "D1,O1,J1,K1,9,2,47.0901,阑尾切除术,急性阑尾炎,急性阑尾炎,2026-01-05 08:05:00,2026-01-05 09:05:00,"
        "E1,演示医生,E2,演示麻醉师,02,1,1",
    ),
    "examination-report": (
        "YLJGYQDM,INSTANCEUID,JZLSH,KH,KLX,HZXM,PATIENTID,JCSJ,SHSJ,EXAMTYPE,JCBW,JCMC,JCJGDM,"
        "JCBGJG,JCBGBZ,BT1MC,BT1NR,XGBZ",
        "D1,S1,J1,K1,9,测试甲,IM1,2026-01-05 08:05:00,2026-01-05 09:05:00,06,腹部,"
        "腹部超声,2,脂肪肝,复查,超声所见,肝回声增强,1",
    ),
    "discharge-summary": (
        "YLJGYQDM,JZLSH,KH,KLX,RYSJ,CYSJ,RYZD,ZLGC,HBZ,CYYZ,ZYYSYHRYID,ZYYSYHRYXM,XGBZ",
        "D1,J1,K1,9,2026-01-05 08:05:00,2026-01-09 10:00:00,高血压病,予<降压>治疗 & 观察,无,低盐饮食,E1,演示医生,1",
    ),
    "data-elements": (
        "WS01_00_010_01,WS02_01_030_01,WS02_01_039_01,WS02_01_040_01,CT02_01_040_01,WS02_01_005_01,WS06_00_062_01,"
        "WS08_10_025_01,WS05_01_024_01,WS05_01_025_01,WS04_10_174_01,WS04_30_020_01,WS04_30_015_01,WS06_00_094_01",
        "M1,990000195003121011,测试甲,1,男性,19500312,20260105080500,03,I10.x00,高血压病,150,葡萄糖,5.6,阑尾切除术",
    ),
    "insurance-settlement": (
        "SETL_ID,MDTRT_ID,MEDCASNO,PSN_NAME,GEND,BRDY,NTLY,NATY,CERTNO,ADM_TIME,DSCG_TIME,WM_DISE_CODE,OTP_WM_DISE,"
        "SETL_BEGN_DATE,SETL_END_DATE,PSN_SELFPAY",
        "S1,M1,B1,测试甲,1,1950-03-12,CHN,01,990000195003121011,2026-01-01 09:00:00,2026-01-05 15:00:00,"
        "I10.x00x002,高血压,2026-01-01,2026-01-05,100.50",
    ),
    "insurance-diagnosis": (
        "SETL_ID,MDTRT_ID,MEDCASNO,DIAG_TYPE,DIAG_CODE,DIAG_NAME,ADM_COND_TYPE,MAINDIAG_FLAG",
        "S1,M1,B1,1,E11.900,2型糖尿病,1,0",
    ),
    "insurance-operation": (
        "SETL_ID,MDTRT_ID,MEDCASNO,OPRN_OPRT_TYPE,OPRN_OPRT_NAME,OPRN_OPRT_CODE,OPRN_OPRT_DATE,ANST_WAY,OPER_DR_CODE",
        "S1,M1,B1,1,腹腔镜下阑尾切除术,47.0100,2026-01-02,1,D1",
    ),
    "front-page": (
        "USERNAME,YLFKFS,ZYCS,BAH,XM,XB,CSRQ,GJ,MZ,SFZH,ZY,HY,XZZ,DH,YB1,LXRXM,GX,DH2,RYTJ,RYSJ,RYSJS,CYSJ,CYSJS,CYKB,"
        "JBBM,MZZD,JBDM,ZYZD,RYBQ,JBDM15,QTZD15,RYBQ15,GMYW,ZRYS,LYFS,SSJCZBM7,SSJCZRQ7,SSJB7,SSJCZMC7,SZ7,ZFY,ZFJE,XYF,MAF",
        "演示医院,1,2,B1,测试甲,1,19500312,CHN,01,990000195003121011,80,2,测试路1号,19900000000,999999,测试乙,1,19900000001,1,"
        "20251201,9,20251205,15,0304,I10.x00,高血压病,I10.x05,高血压病3级,1,E78.500,高脂血症,2,无,演示医生,1,47.0901,20251202,2,"
        "阑尾切除术,演示医生甲,3200.50,100.00,800.50,50.00",
    ),
}


@pytest.mark.parametrize("name", [mapping.name for mapping in shipped()])
def test_each_shipped_mapping_makes_valid_resources_of_a_row(name: str) -> None:
    found = list(convert(read(io.BytesIO(table(*SAMPLES[name])), name), load(name), FEED))
    assert refusals(found) == []
    made = resources(found)
    assert made
    assert [validator().validate(one) for one in made] == [[]] * len(made)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("name = ", "mapping-syntax"),
        ('name = "x"', "mapping-syntax"),
        (PERSON.replace("@!XM name", "@!XM guess"), "mapping-rule"),
        (PERSON.replace("@!XM name", "@! !XM"), "mapping-leaf"),
    ],
)
def test_a_bad_mapping_says_where(text: str, key: str) -> None:
    with pytest.raises(BadMapping) as bad:
        parse(text)
    assert bad.value.text == key
    assert say(f"exchange.tables.{key}", "zh", {"at": bad.value.at})


CELLS = st.text(max_size=8) | st.sampled_from(
    ["-", "1", "2", "3", "男", "20260105", "2026-01-05 08:00:00", "<0.5", "9E+17"]
)


@given(st.sampled_from(shipped()), st.lists(st.lists(CELLS, min_size=30, max_size=30), max_size=4))
def test_every_row_becomes_entries_or_a_refusal_of_the_whole(mapping: Any, rows: list[list[str]]) -> None:
    header = SAMPLES[mapping.name][0].split(",")[:30]
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row[: len(header)]) for row in rows]
    content = (",".join(header) + "\n" + "".join(f"{line}\n" for line in lines)).encode("utf-8", "replace")
    sent = [row.number if isinstance(row, Row) else row.place.row for row in read(io.BytesIO(content), "x").rows]
    found = list(convert(read(io.BytesIO(content), "x"), mapping, FEED))
    taken = {one.origin.row for one in found if isinstance(one, Entry)}
    kept_aside = {one.place.row for one in found if isinstance(one, Refusal) and one.whole}
    assert not taken & kept_aside
    assert taken | kept_aside in (set(sent), {1})
    assert [validator().validate(one) for one in resources(found)] == [[]] * len(resources(found))


def test_the_manual_s_example_is_a_mapping_and_all_rules_are_in_it() -> None:
    manual = Path(__file__).parents[5].joinpath("docs/zh/表格对接.md").read_text("utf-8")
    example = manual.partition("```toml\n")[2].partition("```")[0]
    header = "PAT_NO,ID_NO,PAT_NAME,SEX,SEX_NAME,BIRTH_DATE,MARRY,STATE,UPD_TIME"
    found = found_in(table(header, "P1,990000195003121011,测试甲,男,1,1950/3/12,20,0,2026-01-05 08:00:00"), example)
    assert [one["birthDate"] for one in resources(found)] == ["1950-03-12"]
    assert [text for *_, text, _ in refusals(found)] == ["code-and-name-swapped"]
    assert [rule for rule in RULES if f"`{rule}" not in manual] == []
    assert [mapping.name for mapping in shipped() if f"`{mapping.name}`" not in manual] == []


STAY = (
    PERSON.partition("[[resources]]")[0].replace('"SJ"', '""')
    + """
[[resources]]
type = "Encounter"
kind = "stay"
[resources.body]
text = "@LB text-or 未分类"
period = "@!KS+JS period"
contact = { "?" = "@LXR name", relation = "@GX", kind = "家属" }
"""
)


@pytest.mark.parametrize(
    ("row", "made"),
    [
        ("A,1,内科,20260105,20260106,测试乙,妻",
         {"text": "内科", "period": {"start": "2026-01-05", "end": "2026-01-06"},
          "contact": {"relation": "妻", "kind": "家属"}}),
        ("A,1,-,20260105,1900-01-01,-,妻", {"text": "未分类", "period": {"start": "2026-01-05"}}),
        ("A,1,-,2026-01-05 08:00:00,20260105,,",
         {"text": "未分类", "period": {"start": "2026-01-05T08:00:00+08:00", "end": "2026-01-05"}}),
    ],
)  # fmt: skip
def test_words_for_nothing_periods_and_objects_only_if(row: str, made: dict[str, Any]) -> None:
    (stay,) = resources(found_in(table("YQ,KH,LB,KS,JS,LXR,GX", row), STAY))
    assert {name: stay[name] for name in stay if name not in ("id", "resourceType")} == made


@pytest.mark.parametrize(
    ("start", "end", "refused"),
    [
        ("20260106", "20260105", (2, "JS", "20260105", "period-reversed", True)),
        ("20260106", "昨天", (2, "JS", "昨*", "date-wrong", True)),
        ("-", "20260105", (2, "KS", "-", "value-missing", True)),
    ],
)
def test_a_period_that_cannot_be_names_its_column(start: str, end: str, refused: tuple[Any, ...]) -> None:
    assert refusals(found_in(table("YQ,KH,KS,JS", f"A,1,{start},{end}"), STAY)) == [refused]


@pytest.mark.parametrize(
    ("number", "type_", "made"),
    [
        ("990000195003121011", "-", ("urn:oid:2.16.156.10011.1.3", "990000195003121011")),
        ("990000195003121011", "01", ("urn:oid:2.16.156.10011.1.3", "990000195003121011")),
        ("E12345678", "03", ("urn:kangyun:identifier:passport", "E12345678")),
        ("E12345678", "", ("urn:kangyun:identifier:other-document", "E12345678")),
        ("-", "01", None),
    ],
)
def test_documents_have_the_system_of_their_type(number: str, type_: str, made: tuple[str, str] | None) -> None:
    content = table("YLJGYQDM,KH,KLX,XM,ZJHM,ZJLX", f"D1,K1,9,测试甲,{number},{type_}")
    (entry,) = convert(read(io.BytesIO(content), "x"), load("patient"), FEED)
    assert isinstance(entry, Entry)
    found = [(one["system"], one["value"]) for one in entry.resource["identifier"][1:]]
    assert found == ([made] if made else [])


@pytest.mark.parametrize(
    ("number", "type_", "column", "text"),
    [
        ("E12345678", "01", "ZJHM", "id-number-wrong"), ("9.9E+17", "-", "ZJHM", "number-scientific"),
        ("12", "03", "ZJHM", "document-wrong"), ("990000195003121011", "88", "ZJLX", "code-unknown"),
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_keeps_the_row_aside(number: str, type_: str, column: str, text: str) -> None:
    content = table("YLJGYQDM,KH,KLX,XM,ZJHM,ZJLX", f"D1,K1,9,测试甲,{number},{type_}")
    found = list(convert(read(io.BytesIO(content), "x"), load("patient"), FEED))
    assert [(place[1], place[3], place[4]) for place in refusals(found)] == [(column, text, True)]
