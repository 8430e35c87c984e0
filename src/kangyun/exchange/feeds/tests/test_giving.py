"""An institution's records as tables for another platform: by that one's gate, in the audit trail, and read again."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.numbers import resident_id
from kangyun.exchange.feeds.giving import Given, given, sheets
from kangyun.exchange.feeds.taking import Taking
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import read
from kangyun.exchange.tables.writing import Left, content

HOUSE, PROVINCE = "Organization/h1", "Organization/province"
FEED = Feed("h1", HOUSE, "h1", "chengdu-2011")


def cells(text):
    """Returns a row of `column=cell;…`."""
    return dict(part.split("=", 1) for part in text.split(";"))


def rows_of(nth, diagnosis="I10"):
    """Returns the rows of a person and his visit."""
    number = resident_id.made("990102", date(1950 + 20 * nth, nth, nth), nth)
    whose = cells(f"YLJGDM=h1;KH=K{nth};KLX=0;XGBZ=1")
    return {
        "TB_YL_PATIENT_INFORMATION": whose
        | cells(f"XM={'甲乙'[nth - 1] * 3};XB={nth};CSRQ={1950 + 20 * nth}0{nth}0{nth};ZJHM={number};ZJLX=1"),
        "TB_YL_MZ_MEDICAL_RECORD": whose
        | cells(f"JZLSH=V{nth};JZLX=100;JZKSRQ=2026-01-{nth:02} 08:05:00;JZZDBM={diagnosis};JZZDMC=演示"),
        "TB_CIS_PRESCRIPTION_DETAIL": whose
        | cells(f"JZLSH=V{nth};CYH=P{nth};CFMXH=P{nth}-1;KFRQ=2026-01-{nth:02} 08:05:00;XMMC=演示药;YPSL=2"),
    }


@pytest.fixture
def take(platform, client):
    """Takes rows in as the institution's; returns what was done."""

    async def take_(tables):
        await client.put(HOUSE, json={"resourceType": "Organization", "id": "h1", "name": "测试市演示医院"})
        await client.put(PROVINCE, json={"resourceType": "Organization", "id": "province", "name": "演示省平台"})
        record = await platform.gate.open(
            replace(ADMINISTRATOR, institution=HOUSE), Circumstances("feed", "", "", historic=True)
        )
        done = []
        for name, row in tables.items():
            table = read(io.BytesIO(content(list(row), [row])), f"{name}.csv")
            taking = Taking(record, lambda refusal: None)
            done.append(await taking.take(convert(table, shipped_for(name), FEED)))
        return done

    return take_


@pytest.fixture
def write(platform):
    """Writes what the province is given of January; returns rows by table, and what is left out."""

    async def write_(to=PROVINCE, dialect="chengdu-2011"):
        what = Given(
            replace(FEED, dialect=dialect), to, "Practitioner/li", datetime(2026, 1, 1, tzinfo=UTC),
            datetime(2026, 2, 1, tzinfo=UTC),
        )  # fmt: skip
        found, left = {}, {}
        async for rows in given(platform.gate, what):
            left |= rows.left
            for name, some in rows.by_table.items():
                found.setdefault(name, []).extend(some)
        return found, left

    return write_


def cards(found):
    return sorted(row["KH"] for row in found["TB_YL_PATIENT_INFORMATION"])


async def test_what_was_sent_is_given_and_taken_again_as_the_same(take, write):
    sent = rows_of(1)
    await take(sent)
    found, left = await write()
    assert not left
    assert {
        name: {column: row[column] for column in sent[name] if column in row} for name, (row,) in found.items()
    } == {
        name: {column: cell for column, cell in row.items() if column in found[name][0]} for name, row in sent.items()
    }
    assert found.keys() <= {one.name for one in sheets("chengdu-2011")}
    for done in await take({name: row for name, (row,) in found.items()}):
        assert (done.created, done.updated, done.aside) == (0, 0, 0)


async def test_of_another_period_and_another_institution_nothing_is_given(take, write, client):
    await take(rows_of(1))
    late = {name: {k: v.replace("2026-01-", "2026-02-") for k, v in row.items()} for name, row in rows_of(2).items()}
    await take(late)
    found, _ = await write()
    assert cards(found) == ["K1"]


async def test_a_diagnosis_is_of_its_own_day(take, write):
    stay = cells("YLJGDM=h1;KH=K1;KLX=0;XGBZ=1;JZLSH=V1;JZLX=400;RYSJ=2025-12-30;CYSJ=2026-02-03")
    named = cells("YLJGDM=h1;KH=K1;KLX=0;XGBZ=1;JZLSH=V1;ZDLXQF=1;ZDBM=I10;ZDMC=演示")
    of = {"TB_YL_PATIENT_INFORMATION": rows_of(1)["TB_YL_PATIENT_INFORMATION"], "TB_YL_ZY_MEDICAL_RECORD": stay}
    await take(of | {"TB_IH_DIAGNOSIS_DETAIL": named | cells("ZYZDLSH=D1;ZDSJ=2026-01-02")})
    await take({"TB_IH_DIAGNOSIS_DETAIL": named | cells("ZYZDLSH=D2;ZDSJ=2026-02-03")})
    await take({"TB_CIS_PRESCRIPTION_DETAIL": rows_of(1)["TB_CIS_PRESCRIPTION_DETAIL"]})
    found, _ = await write()
    assert [row["ZYZDLSH"] for row in found["TB_IH_DIAGNOSIS_DETAIL"]] == ["D1"]
    assert "TB_YL_ZY_MEDICAL_RECORD" not in found


async def test_the_name_is_whole_and_the_trail_says_who_was_given_whose(take, write, platform):
    await take(rows_of(1))
    found, _ = await write()
    assert found["TB_YL_PATIENT_INFORMATION"][0]["XM"] == "甲甲甲"
    async with platform.pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT a.actor, cardinality(a.patients) AS patients FROM audit AS a WHERE a.action = 'feed-write'"
        )
    assert [tuple(row) for row in rows] == [("Practitioner/li", 1)]


async def test_what_is_sensitive_stays_here(take, write):
    await take(rows_of(1, "B20.x00"))
    found, left = await write()
    assert cards(found) == ["K1"]
    assert "JZZDBM" not in {name for row in found["TB_YL_MZ_MEDICAL_RECORD"] for name, cell in row.items() if cell}
    assert not left


@pytest.mark.parametrize("closed_to", [(), (PROVINCE,)])
async def test_whoever_denies_it_is_not_in_it(take, write, client, closed_to):
    await take(rows_of(1))
    await take(rows_of(2))
    patient = (await client.get("Patient?identifier=urn:kangyun:identifier:visit-card:h1|K1")).json()
    id_ = patient["entry"][0]["resource"]["id"]
    actors = [{"role": {"text": "-"}, "reference": {"reference": one}} for one in closed_to]
    denial = {
        "resourceType": "Consent", "id": "c1", "status": "active", "patient": {"reference": f"Patient/{id_}"},
        "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"coding": [{"code": "IDSCL"}]}],
        "policyRule": {"coding": [{"code": "OPTIN"}]},
        "provision": {"type": "deny"} | ({"actor": actors} if actors else {}),
    }  # fmt: skip
    assert (await client.put("Consent/c1", json=denial)).status_code in (200, 201)
    found, _ = await write()
    assert cards(found) == ["K2"]
    assert {row["KH"] for rows in found.values() for row in rows} == {"K2"}


async def test_what_other_ways_brought_is_told_where_it_has_no_card(take, write, platform):
    await take(rows_of(1))
    record = await platform.gate.open(
        replace(ADMINISTRATOR, institution=HOUSE), Circumstances("x", "", "", historic=True)
    )
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    stranger = {"resourceType": "Patient", "id": "h1-x", "active": True, "name": [{"text": "测试丙"}]}
    visit = {
        "resourceType": "Encounter", "id": "h1-v", "status": "finished", "class": coding,
        "subject": {"reference": "Patient/h1-x"}, "period": {"start": "2026-01-03", "end": "2026-01-03"},
    }  # fmt: skip
    await record.commit(
        [record.operation("update", one["resourceType"], id=one["id"], resource=one) for one in (stranger, visit)], "x"
    )
    found, left = await write()
    assert cards(found) == ["K1"]
    assert left == {Left("Patient", "left-no-key", "KH"): 1, Left("Encounter", "left-no-key", "JZLSH"): 1}
