"""The mapping desk over HTTP: one's own institution's codes only, four eyes, and nothing that breaks it."""

import io

import pytest
from openpyxl import load_workbook

from kangyun.access.codes import codings
from kangyun.access.codes.applying import apply
from kangyun.access.codes.counting import count

INSURANCE = "urn:kangyun:code-system:diagnosis-insurance"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DESK = [
    ("GET", "$codes"),
    ("POST", "$codes-import"),
    ("POST", "$codes-suggest"),
    ("POST", "$codes-propose"),
    ("POST", "$codes-decide"),
]


def local(house):
    return f"urn:kangyun:code-system:local:{house}:diagnosis"


@pytest.fixture
async def used(client, platform, monkeypatch):
    """Two hospitals' diagnoses, counted."""
    monkeypatch.setattr(codings, "LOOK_EVERY", -1.0)
    for house in "ab":
        patient = (await client.post("Patient", json={"resourceType": "Patient"})).json()
        coding = {"system": local(house), "code": "D1", "display": "2型糖尿病"}
        condition = {"resourceType": "Condition", "code": {"coding": [coding]}}
        made = condition | {"subject": {"reference": f"Patient/{patient['id']}"}}
        (await client.post("Condition", json=made)).raise_for_status()
    await count(platform.gate.store)


def decision(verb, *rows):
    parameters = [{"name": "row", "valueInteger": row} for row in rows]
    return {"resourceType": "Parameters", "parameter": [*parameters, {"name": "decision", "valueCode": verb}]}


def seen(answer):
    return [
        {part["name"]: next(value for name, value in part.items() if name != "name") for part in one["part"]}
        for one in answer.json()["parameter"]
        if one["name"] == "code"
    ]


async def test_from_a_house_to_the_record(used, sign_in, client, platform, audited):
    coder, chief = await sign_in("coder"), await sign_in("terminologist", "Organization/platform")
    (own,) = seen(await coder("GET", f"$codes?kind=diagnosis&target={INSURANCE}&institution=Organization/a"))
    assert (own["system"], own["count"], own["state"]) == (local("b"), 1, "unmapped")
    assert len(seen(await chief("GET", f"$codes?kind=diagnosis&target={INSURANCE}"))) == 2
    book = await coder("GET", f"$codes?kind=diagnosis&target={INSURANCE}", headers={"accept": SHEET})
    sheet = load_workbook(io.BytesIO(book.content))
    titles = [cell.value for cell in sheet.worksheets[0][1]]
    sheet.worksheets[0].cell(2, titles.index("目标编码") + 1).value = "E11.900"
    sink = io.BytesIO()
    sheet.save(sink)
    given = {"content": sink.getvalue(), "headers": {"content-type": SHEET}}
    assert (await coder("POST", "$codes-import?dryRun=true", **given)).status_code == 200
    assert seen(await coder("GET", f"$codes?target={INSURANCE}"))[0]["state"] == "unmapped"
    assert (await coder("POST", "$codes-import", **given)).status_code == 200
    (own,) = seen(await coder("GET", f"$codes?target={INSURANCE}&state=proposed"))
    assert (await coder("POST", "$codes-decide", json=decision("approve", own["row"]))).status_code == 403
    done = await chief("POST", "$codes-decide", json=decision("approve", own["row"]))
    assert "1 done" in done.text
    await apply(platform.gate, settle=0)
    found = (await client.get(f"Condition?code={INSURANCE}|E11.900")).json()
    assert [one["resource"]["code"]["coding"][0]["system"] for one in found["entry"]] == [local("b")]
    await audited(coder)
    await audited(chief)


def proposal(**said):
    return {"resourceType": "Parameters", "parameter": [{"name": n, "valueString": v} for n, v in said.items()]}


async def test_a_code_is_proposed_for_by_itself_and_by_the_rules_of_the_workbook(used, sign_in):
    coder = await sign_in("coder")
    about = {"system": local("b"), "code": "D1", "list": INSURANCE}
    for wrong in ({"target": "X99"}, {"system": local("a")}, {"code": "D9"}, {"relation": "marry"}):
        assert (await coder("POST", "$codes-propose", json=proposal(**(about | wrong)))).status_code == 400
    assert (await coder("POST", "$codes-propose", json=proposal(code="D1"))).status_code == 400
    assert (await coder("POST", "$codes-propose", json=proposal(**about, target="E11.900"))).status_code == 200
    (own,) = seen(await coder("GET", f"$codes?target={INSURANCE}&state=proposed"))
    assert (own["target"], own["targetName"]) == ("E11.900", "2型糖尿病")


async def test_who_proposed_does_not_approve(used, sign_in):
    chief, other = [await sign_in("terminologist", "Organization/platform", name=name) for name in ("one", "two")]
    assert "2 proposals" in (await chief("POST", f"$codes-suggest?target={INSURANCE}")).text
    rows = [one["row"] for one in seen(await chief("GET", f"$codes?target={INSURANCE}"))]
    assert "0 done; 2 are one's own" in (await chief("POST", "$codes-decide", json=decision("approve", *rows))).text
    assert "2 done" in (await other("POST", "$codes-decide", json=decision("refuse", *rows))).text


@pytest.mark.parametrize("role", ["doctor", "registrar", "researcher", "system-administrator", "resident"])
async def test_others_do_not_come_to_the_desk(sign_in, role):
    person = await sign_in(role)
    for method, path in DESK:
        body = {"content": "系统,编码,目标目录,目标编码\n", "headers": {"content-type": "text/csv"}}
        given = proposal(system=local("b"), code="D1", list=INSURANCE)
        told = {
            "$codes-import": body,
            "$codes-propose": {"json": given},
            "$codes-decide": {"json": decision("approve", 1)},
        }
        asked = told.get(path, {})
        assert (await person(method, path, **asked)).status_code == 403, path


async def test_no_application_decides(by_application):
    application = await by_application("doctor", "user/*.cruds")
    for method, path in DESK:
        assert (await application(method, path, json={})).status_code == 403, path


BROKEN = [
    ("GET", "$codes?institution=Organization/%00", {}),
    ("GET", "$codes?kind=x", {}),
    ("GET", "$codes?_count=999999999", {}),
    ("GET", "$codes?state=x", {}),
    ("POST", "$codes-suggest?least=1000", {}),
    ("POST", "$codes-decide", {"json": {"resourceType": "Patient"}}),
    ("POST", "$codes-decide", {"json": decision("approve", 2**80)}),
    ("POST", "$codes-decide", {"json": decision("marry", 1)}),
    ("POST", "$codes-decide", {"content": b'{"resourceType": "Parameters", "parameter": [{"name": "remark\\u0000"}]}'}),
    ("POST", "$codes-import", {"content": b"\0\1", "headers": {"content-type": SHEET}}),
]


@pytest.mark.parametrize(("method", "path", "given"), BROKEN)
async def test_what_is_broken_is_refused(sign_in, method, path, given):
    chief = await sign_in("terminologist", "Organization/platform")
    assert (await chief(method, path, **given)).status_code == 400
