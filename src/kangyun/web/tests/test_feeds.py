"""Feeds over HTTP, as a gateway and staff use them, down into the record."""

import io
import json
import zipfile

import pytest
from docx import Document

from kangyun.exchange.feeds import deliveries
from kangyun.exchange.protocol import File
from kangyun.testing.provider import SITE

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="2.16.156.10011.1.1" extension="D-{number}"/><code code="C0053" codeSystem="2.16.156.10011.2.4"/>
<title>出院小结</title><effectiveTime value="20260105101500"/>
<recordTarget><patientRole>{whose}<patient><name>测试甲</name></patient></patientRole></recordTarget>
<component><structuredBody/></component></ClinicalDocument>"""
WHOSE = '<id root="2.16.156.10011.1.13" extension="B001"/><id root="2.16.156.10011.1.12" extension="ZY1"/>'


async def count(region, path="Patient"):
    return (await region.client.get(f"{path}?_summary=count")).json()["total"]


async def test_what_was_delivered_is_kept_once_and_known_again(gateway, make_person):
    status, told = await gateway.put(1, [make_person(1)])
    assert (status, told["next"]) == (201, 2)
    assert (await gateway.put(1, [make_person(1)]))[0] == 200
    status, told = await gateway.put(1, [make_person(2)])
    assert (status, told["next"], told["state"]) == (409, 2, "live")
    assert (await gateway.put(3, [make_person(2)]))[0] == 409


async def test_rows_are_stored_as_the_institution_s_and_answered(gateway, worked, region, make_person):
    await gateway.put(1, [make_person(1), make_person(2, number="990000197001010000"), make_person(3)])
    (answer,) = await worked(1)
    assert {name: answer[name] for name in ("number", "fate", "rows", "stored", "aside")} == {
        "number": 1, "fate": "taken", "rows": 3, "stored": 2, "aside": 1,
    }  # fmt: skip
    (refused,) = answer["refused"]
    assert (refused["row"], refused["part"], refused["code"]) == (2, "ZJHM", "number-cut")
    assert "990000197001010000" not in str(answer)
    found = (await region.client.get("Patient")).json()["entry"]
    assert len(found) == 2
    assert all(one["resource"]["id"].startswith("house-1-") for one in found)


async def test_what_is_sent_again_makes_no_version_and_the_later_wins(gateway, worked, region, make_person):
    await gateway.put(1, [make_person(1)])
    await gateway.put(2, [make_person(1)])
    await gateway.put(3, [make_person(1, name="测试乙")])
    first, second, third = await worked(3)
    assert (first["stored"], second["stored"], second["unchanged"], third["stored"]) == (1, 1, 1, 1)
    (one,) = (await region.client.get("Patient")).json()["entry"]
    assert (one["resource"]["name"][0]["text"], one["resource"]["meta"]["versionId"]) == ("测试乙", "2")


async def test_while_testing_all_is_judged_and_nothing_stored(gateway, staff, worked, region, make_person):
    assert (await staff("POST", "/house-1-tables/move", {"to": "testing"}))[0] == 200
    await gateway.put(1, [make_person(1), make_person(2, number="1")])
    (answer,) = await worked(1)
    assert (answer["fate"], answer["stored"], answer["aside"]) == ("tried", 1, 1)
    assert await count(region) == 0


async def test_paused_nothing_is_taken_and_why_is_told(gateway, staff, make_person):
    await gateway.put(1, [make_person(1)])
    assert (await staff("POST", "/house-1-tables/move", {"to": "paused", "why": "证书到期"}))[0] == 200
    status, told = await gateway.put(2, [make_person(2)])
    assert (status, told["state"], told["why"]) == (423, "paused", "证书到期")
    assert (await gateway.put(1, [make_person(1)]))[0] == 200


async def test_a_table_that_changed_is_stopped_and_no_other(gateway, worked, make_person):
    await gateway.put(1, [make_person(1)])
    columns = ["YLJGYQDM", "KH", "KLX", "ZJHM", "ZJLX", "XB", "XM", "CSRQ", "YWSCSJ", "XGBZ"]
    short = ["D1", "2", "9", "990000197001010028", "01", "1", "测试甲", "19700101", "2025-12-01 08:00:00", "1"]
    await gateway.put(2, [short], columns=columns)
    await gateway.put(3, [["1", "2", "3", "4"]], table="V_UNKNOWN", columns=["A", "B", "C", "D"])
    await gateway.put(4, [make_person(3)])
    regs = ["YLJGYQDM", "GHBM", "KH", "KLX", "GTHSJ", "GHLB", "JZKSBM", "JZKSMC", "XGBZ", "MJ", "YWSCSJ"]
    await gateway.put(5, [["D1", "G1", "1", "9", "2025-12-01 08:00:00", "1", "0300", "内科", "1", "-", "-"]],
                      table="TB_HIS_MZ_REG", columns=regs)  # fmt: skip
    answers = await worked(5)
    assert [answer["fate"] for answer in answers] == ["taken", "failed", "failed", "failed", "taken"]
    codes = [answer["refused"][0]["code"] for answer in answers[1:4]]
    assert codes == ["columns-gone", "unknown-table", "table-stopped"]


@pytest.mark.parametrize(
    ("body", "digest", "status"),
    [
        pytest.param(b"{}", None, 400, id="no delivery"),
        pytest.param(b"", None, 400, id="nothing"),
    ],
)
async def test_what_is_no_delivery_is_refused(gateway, body, digest, status):
    answer = await gateway.http.put("/feeds/house-1-tables/deliveries/1", content=body, headers=gateway.headers)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_digest_of_something_else_is_refused(gateway, make_person):
    assert (await gateway.put(1, [make_person(1)], digest="sha-256=:AAAA:"))[0] == 400


async def test_nobody_else_delivers_for_a_feed_and_the_token_opens_nothing(gateway, region, make_person):
    await region.register(
        "gateway-2", keys="ES384", owner="Organization/house-2", purpose="HOPERAT", scopes=("system/feeds",),
        redirect_uris=(),
    )  # fmt: skip
    token = (await region.for_itself("gateway-2", "system/feeds")).json()["access_token"]
    own = gateway.headers
    assert (await region.read(own["authorization"].split()[1])).status_code == 403
    gateway.headers = own | {"authorization": f"Bearer {token}"}
    assert (await gateway.put(1, [make_person(1)]))[0] == 403
    assert (await gateway.get())[0] == 403
    answer = await gateway.http.get("/feeds", headers=gateway.headers)
    assert answer.json() == []
    gateway.headers = {}
    assert (await gateway.get())[0] == 401


async def test_an_institution_s_own_people_see_their_own_only(gateway, region, staff):
    await region.admit("wang", roles=("registrar",), institution="Organization/house-1")
    await region.admit("zhao", roles=("registrar",), institution="Organization/house-2")
    tokens = {name: await region.sign_in.sign_in(name, "Correct-horse-7") for name in ("wang", "zhao")}
    headers = {name: {"authorization": f"Bearer {token}"} for name, token in tokens.items()}
    assert [one["name"] for one in (await staff("GET", "", headers=headers["wang"]))[1]] == ["house-1-tables"]
    assert (await staff("GET", "", headers=headers["zhao"]))[1] == []
    assert (await staff("GET", "/house-1-tables", headers=headers["zhao"]))[0] == 404
    paused = {"to": "paused", "why": "升级"}
    assert (await staff("POST", "/house-1-tables/move", paused, headers=headers["wang"]))[0] == 200
    assert (await staff("POST", "/house-1-tables/move", {"to": "live"}, headers=headers["wang"]))[0] == 403
    acts = [(one["act"], one["state"]) for one in (await staff("GET", "/house-1-tables/history"))[1]]
    assert acts[-1] == ("moved", "paused")
    assert {row[:2] for row in await region.trail()} >= {("feed-move", 200), ("feed-register", 201)}


async def test_what_must_be_agreed_before_is_named(gateway, staff):
    new = {"name": "house-1-lab", "institution": "Organization/house-1", "title": "检验"}
    assert (await staff("POST", "", new))[0] == 201
    status, told = await staff("POST", "/house-1-lab/move", {"to": "testing"})
    assert (status, "client" in told["issue"][0]["details"]["text"]) == (422, True)
    assert (await staff("POST", "", new))[0] == 409
    nowhere = new | {"name": "house-9-lab", "institution": "Organization/house-9"}
    status, told = await staff("POST", "", nowhere, headers={"accept-language": "en"})
    assert (status, "no such institution" in told["issue"][0]["details"]["text"]) == (400, True)
    assert (await staff("PUT", "/house-1-lab", {"nonsense": 1}))[0] == 400


async def test_the_watch_sees_what_waits_and_what_was_kept_aside(gateway, worked, region, make_person):
    await gateway.put(1, [make_person(1), make_person(2, number="1")])
    await gateway.put(2, [["1", "2", "3", "4"]], table="V_UNKNOWN", columns=["A", "B", "C", "D"])
    await worked(2)
    told = (await region.client.get("http://127.0.0.1:8080/metrics")).text
    assert 'kangyun_intake_aside{feed="house-1-tables"} 1' in told
    assert 'kangyun_intake_parked{feed="house-1-tables"} 1' in told
    assert told.count("# TYPE kangyun_intake_waiting gauge") == 1


async def acceptance(region, feed):
    """Returns the cells of a feed's acceptance record, and what its gateway is paired by."""
    answer = await region.client.get(f"{SITE}/feeds/{feed}/package")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        record = Document(io.BytesIO(archive.read("acceptance.docx")))
        pairing = json.loads(archive.read("pairing.json"))
    return [cell.text for table in record.tables for row in table.rows for cell in row.cells], pairing


async def test_a_button_makes_the_joining_package_with_what_came_in_the_tests(
    gateway, worked, staff, region, make_person
):
    said = {"client": "gateway-1", "agreement": "H-1", "agreed": "2026-11-01", "dialect": "shanghai-hub-2026"}
    new = {"name": "house-1-more", "institution": "Organization/house-1", "title": "更多", "said": said}
    assert (await staff("POST", "", new))[0] == 201
    assert (await staff("POST", "/house-1-more/move", {"to": "testing"}))[0] == 200
    gateway.feed = "house-1-more"
    await gateway.put(1, [make_person(1), make_person(2, number="1")], table="HIS.TB_YL_PATIENT_INFORMATION")
    await gateway.put(2, [make_person(1), make_person(2)], table="HIS.TB_YL_PATIENT_INFORMATION")
    await worked(2)
    told, pairing = await acceptance(region, "house-1-more")
    assert pairing["client"] == "gateway-1"
    tested = "2 deliveries, 4 rows received, 3 passed, 1 refused; of the last delivery 0 refused"
    assert tested in told
    # What comes in earnest is no test any more.
    assert (await staff("POST", "/house-1-more/move", {"to": "trial"}))[0] == 200
    await gateway.put(3, [make_person(3)], table="HIS.TB_YL_PATIENT_INFORMATION")
    await worked(3)
    assert tested in (await acceptance(region, "house-1-more"))[0]


async def test_a_document_is_a_delivery_taken_whole_or_not_at_all(gateway, worked, region, staff):
    first = File("1.xml", DOCUMENT.format(number=1, whose=WHOSE).encode())
    nobody = File("2.xml", DOCUMENT.format(number=2, whose="").encode())
    for number, one in enumerate((first, nobody, first), 1):
        assert (await gateway.deliver(number, one))[0] == 201
    answers = await worked(3)
    assert [(one.get("stored", 0), one.get("unchanged", 0), one.get("aside", 0)) for one in answers] == [
        (1, 0, 0), (0, 0, 1), (1, 1, 0),
    ]  # fmt: skip
    assert answers[1]["refused"][0]["text"]
    assert await count(region, "DocumentReference") == 1
    _, told = await staff("GET", "/house-1-tables/counts?day=2026-01-05")
    assert [(one["table"], one["received"]) for one in told] == [("C0053", 1)]


async def test_refusals_of_a_delivery_stay_together_and_large_answers_come_in_parts(
    gateway, worked, monkeypatch, make_person
):
    for number in (1, 2, 3):
        await gateway.put(number, [make_person(number * 10 + nth, number="1") for nth in range(3)])
    await worked(3)
    monkeypatch.setattr(deliveries, "MOST_REFUSED", 2)
    _, told = await gateway.get("/answers?after=0")
    assert [(one["number"], len(one["refused"])) for one in told["answers"]] == [(1, 3)]
    assert told["more"]
    _, told = await gateway.get("/answers?after=2")
    assert ([one["number"] for one in told["answers"]], told.get("more", False)) == ([3], False)


FEES = """
name = "fee"
title = "费用"
edition = "2026-11-23"
tables = ["V_FEE"]
key = ["NO"]
day = "MADE"
amounts = ["SUM"]
[[resources]]
type = "Patient"
kind = "patient"
[resources.body]
active = true
name = [{ use = "official", text = "@!NAME name" }]
"""


async def test_amounts_that_are_none_do_not_keep_a_delivery_from_being_counted(gateway, worked, region):
    told = await region.client.put(f"{SITE}/feeds/house-1-tables/mappings", content=FEES.encode())
    assert told.status_code == 200, told.text
    rows = [[str(nth), "测试甲", "310101700101001", "2025-12-01"] for nth in range(1, 5)]
    await gateway.put(1, rows, table="V_FEE", columns=("NO", "NAME", "SUM", "MADE"))
    (answer,) = await worked(1)
    assert (answer["fate"], answer["rows"], answer["stored"]) == ("taken", 4, 4)


@pytest.mark.parametrize("batch", ["99999999999999999999", "²", "-1"])
async def test_a_row_that_answers_nothing_there_is_a_row(gateway, worked, make_person, batch):
    columns = (*gateway.columns, "原批次", "原行号")
    await gateway.put(1, [[*make_person(1), batch, "1"], [*make_person(2), "", ""]], columns=columns)
    (answer,) = await worked(1)
    assert (answer["fate"], answer["stored"]) == ("taken", 2)


@pytest.mark.parametrize(("table", "column"), [("TB\x00X", "A"), ("TB_X", "A\x00B")])
async def test_names_that_no_database_keeps_are_refused_at_once(gateway, table, column):
    status, told = await gateway.put(1, [["1"]], table=table, columns=[column])
    assert (status, told["resourceType"]) == (400, "OperationOutcome")


async def test_figures_that_cannot_be_are_refused(gateway, staff):
    assert await gateway.say("/declared", [{"table": "TB_X", "day": "2026-11-01", "rows": 1 << 40}]) == 400
    assert (await staff("PUT", "/house-1-tables", {"rate": 10**12}))[0] == 400
    assert (await staff("PUT", "/house-1-tables", {"title": "a\x00b"}))[0] == 400
    assert (await staff("GET", "/house-1-tables/counts?month=9999-12"))[0] == 200
