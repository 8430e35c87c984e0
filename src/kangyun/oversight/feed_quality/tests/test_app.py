"""Scores, circular and appeals over HTTP: an institution's people see their own, the commission's officer all."""

import base64
import io
from dataclasses import replace
from datetime import date

import pytest
from openpyxl import load_workbook

from kangyun.access.actor import Circumstances
from kangyun.access.signin import ADMINISTRATOR
from kangyun.exchange.feeds.figures.report import Monthly, report_of
from kangyun.testing.provider import NO_FACTORS, PASSWORD, SITE

A, B = "Organization/a", "Organization/b"
FIGURES = {"stored": 90, "revoked": 0, "refused": 10, "in-time": 81, "looked-at": 90, "linked": 45}
FIELDS = {name: {"rows": 100, "filled": 80, "valid": 60} for name in ("JZLSH", "BGDLB", "BGSJ")}


def monthly(institution):
    house = institution.partition("/")[2]
    return Monthly(house, institution, f"{house}-his", "TB_LIS_REPORT", "检验报告", date(2026, 10, 1), FIGURES, FIELDS)


class People:
    """Staff who are signed in by their names."""

    def __init__(self, client):
        self.client = client

    async def ask(self, user, method, path, **given):
        told = await self.client.post(f"{SITE}/sign-in", json={"user": user, "password": PASSWORD})
        headers = {"authorization": f"Bearer {told.json()['access_token']}"}
        return await self.client.request(method, path, headers=headers, **given)

    async def get(self, user, path):
        return await self.ask(user, "GET", path)

    async def call(self, user, path, **given):
        kinds = {bool: "valueBoolean", str: "valueString"}
        parameter = [{"name": name, kinds[type(value)]: value} for name, value in given.items()]
        return await self.ask(user, "POST", path, json={"resourceType": "Parameters", "parameter": parameter})

    async def lines(self, user):
        answer = await self.get(user, "MeasureReport/$feed-quality?month=2026-10")
        assert answer.status_code == 200, answer.text
        parts = [one["part"] for one in answer.json()["parameter"] if one["name"] == "line"]
        return [{part["name"]: next(v for n, v in part.items() if n != "name") for part in line} for line in parts]


@pytest.fixture
async def people(tmp_path, platform, open_client):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "factors.toml").write_text(NO_FACTORS)
    client = await open_client(demo=True)
    for institution in (A, B):
        actor = replace(ADMINISTRATOR, institution=institution)
        record = await platform.gate.open(actor, Circumstances("test", "", "1", historic=True))
        report = report_of(monthly(institution))
        await record.commit(
            [record.operation("update", "MeasureReport", id=report["id"], resource=report)], "feed-figures"
        )
    register = platform.sign_in.identities
    for user, role, institution in (
        ("officer", "feed-officer", "Organization/commission"), ("anna", "interface-officer", A),
        ("bo", "interface-officer", B), ("medic", "doctor", A),
    ):  # fmt: skip
        id_ = await register.admit(
            "staff", f"Practitioner/{user}", institution, user, roles=[role], vouched_by=A, evidence="x", handle=user
        )
        await register.set_password(id_, PASSWORD)
    return People(client)


async def test_an_institution_s_people_see_their_own_and_the_officer_all(people):
    assert [line["institution"] for line in await people.lines("anna")] == [{"reference": A}]
    assert {line["institution"]["reference"] for line in await people.lines("officer")} == {A, B}
    (own,) = await people.lines("bo")
    assert (own["completeness"], own["linkage"], own["grade"]) == ("80.00", "50.00", "中")


async def test_who_treats_patients_has_nothing_to_do_with_it(people):
    answer = await people.get("medic", "MeasureReport/$feed-quality?month=2026-10")
    assert answer.status_code == 403


@pytest.mark.parametrize("form", ["xlsx", "docx"])
async def test_the_circular_is_a_file(people, form):
    answer = await people.get("officer", f"MeasureReport/$feed-quality-circular?month=2026-10&form={form}")
    assert answer.status_code == 200, answer.text
    content = base64.b64decode(answer.json()["data"])
    assert content.startswith(b"PK")


async def test_the_rules_are_told(people):
    answer = await people.get("officer", "MeasureReport/$feed-quality-rules")
    said = answer.json()["parameter"]
    weights = [one["part"] for one in said if one["name"] == "weight"]
    assert [sum(float(part[1]["valueString"]) for part in weights), len(weights)] == [100, 5]
    assert {one["part"][0]["valueString"] for one in said if one["name"] == "table"} >= {"TB_LIS_REPORT", "N041"}


async def test_the_circular_ranks_institutions(people):
    answer = await people.get("officer", "MeasureReport/$feed-quality-circular?month=2026-10")
    book = load_workbook(io.BytesIO(base64.b64decode(answer.json()["data"])))
    summary = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows(min_row=2)]
    assert [row[0] for row in summary] == ["1", "2"]
    assert {row[1] for row in summary} == {A, B}


async def report_id(people, user):
    (line,) = await people.lines(user)
    return line["report"]["reference"]


async def test_an_appeal_that_is_upheld_takes_the_figure_out(people):
    report = await report_id(people, "anna")
    raised = await people.call("anna", f"{report}/$appeal", dimension="linkage", reason="门诊系统上月更换")
    assert raised.status_code == 200, raised.text
    told = {one["name"]: next(v for n, v in one.items() if n != "name") for one in raised.json()["parameter"]}
    appeal = told["appeal"]["reference"]
    again = await people.call("anna", f"{report}/$appeal", dimension="linkage", reason="再次")
    assert again.status_code == 422
    refused = await people.call("bo", f"{appeal}/$decide", upheld=True, reason="同意")
    assert refused.status_code in (403, 404)
    decided = await people.call("officer", f"{appeal}/$decide", upheld=True, reason="已核实")
    assert decided.status_code == 200, decided.text
    (line,) = await people.lines("anna")
    assert "linkage" not in line or line["linkage"] == ""
    assert line["appealed"] == "linkage"
    twice = await people.call("officer", f"{appeal}/$decide", upheld=False, reason="x")
    assert twice.status_code == 422


async def test_who_raised_an_appeal_does_not_decide_it(people):
    report = await report_id(people, "anna")
    raised = await people.call("anna", f"{report}/$appeal", dimension="linkage", reason="理由")
    told = {one["name"]: next(v for n, v in one.items() if n != "name") for one in raised.json()["parameter"]}
    own = await people.call("anna", f"{told['appeal']['reference']}/$decide", upheld=True, reason="同意")
    assert own.status_code == 403


async def test_what_only_says_that_it_was_decided_is_open(people):
    report = await report_id(people, "anna")
    said = {
        "resourceType": "VerificationResult", "target": [{"reference": report}], "targetLocation": ["linkage"],
        "status": "reval-fail", "extension": [
            {"url": "urn:kangyun:extension:decision", "valueString": "同意"},
            {"url": "urn:kangyun:extension:decision-seal", "valueString": "AAAA"},
        ],
    }  # fmt: skip
    assert (await people.ask("anna", "POST", "VerificationResult", json=said)).status_code == 201
    (line,) = await people.lines("anna")
    assert (line["linkage"], "appealed" in line) == ("50.00", False)


async def test_an_appeal_is_about_one_s_own(people):
    report = await report_id(people, "bo")
    assert (await people.call("anna", f"{report}/$appeal", dimension="linkage", reason="x")).status_code in (403, 404)
    assert (await people.call("officer", f"{report}/$appeal", dimension="linkage", reason="x")).status_code == 422


@pytest.mark.parametrize("path", ["?month=2026", "?month=2026-13", "-circular?month=2026-10&form=pdf"])
async def test_what_does_not_fit_is_said(people, path):
    answer = await people.get("officer", f"MeasureReport/$feed-quality{path}")
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")
