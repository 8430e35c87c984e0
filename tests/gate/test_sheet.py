"""A list as a workbook: what leaves, what the trail says of it, and when it takes a second officer."""

import io
import threading

import pytest
from openpyxl import load_workbook

from kangyun.web import sheet

SITE = "http://127.0.0.1:8080"
NUMBER = "990000194910010011"
RULES = """
[export]
above = 2
confirms = ["security-administrator"]
hours = 1

[erase]
confirms = ["security-administrator"]
"""
WRONG = (
    {"title": "x", "columns": ["a"], "rows": [["1", "2"]]},
    {"title": "x", "columns": [], "rows": []},
    {"title": "x", "columns": ["a"], "rows": [[{}]]},
    {"title": "x", "columns": ["a"], "rows": [], "about": ["Patient/1"]},
    [],
)


@pytest.fixture(autouse=True)
def three_are_too_many(tmp_path):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "approvals.toml").write_text(RULES)


def a_list(*rows, about=()):
    return {"title": "居民", "columns": ["姓名", "证件号码", "年龄"], "rows": list(rows), "about": list(about)}


async def patients(client, count):
    answers = [await client.post("Patient", json={"resourceType": "Patient"}) for _ in range(count)]
    return [f"Patient/{answer.json()['id']}" for answer in answers]


async def test_what_leaves_is_marked_and_the_trail_says_how_many_rows_and_about_whom(signed_in):
    doctor, auditor = await signed_in("doctor"), await signed_in("audit-administrator")
    (patient,) = await patients(doctor, 1)
    body = a_list(["=1+1", NUMBER, 70], ["李", None, 7.5], about=[patient, patient])
    answer = await doctor.post("$sheet", json=body)
    assert answer.status_code == 200, answer.text
    book = load_workbook(io.BytesIO(answer.content)).active
    rows = [[cell.value for cell in row] for row in book.iter_rows()]
    assert rows[0][0].startswith("居民　演示医生 · Organization/demo-hospital · 20")
    assert rows[1:] == [["姓名", "证件号码", "年龄"], ["=1+1", NUMBER, 70], ["李", None, 7.5]]
    assert [book["A3"].data_type, book["B3"].number_format] == ["s", "@"]
    found = (await auditor.get("AuditEvent", params={"patient": patient, "_count": 1})).json()
    asked = next(one for one in found["entry"][0]["resource"]["entity"] if "description" in one)
    assert asked["description"] == "POST /$sheet [2]"
    long = a_list(*([str(number), "", number] for number in range(9)))
    assert (await auditor.post("$sheet", json=long)).status_code == 200  # Who sees no persons takes long lists.
    assert [(await doctor.post("$sheet", json=one)).status_code for one in WRONG] == [400] * len(WRONG)


@pytest.mark.parametrize("named", [True, False])
async def test_many_persons_take_a_second_officer(signed_in, named):
    doctor, officer = await signed_in("doctor"), await signed_in("security-administrator")
    three = await patients(doctor, 3)
    body = a_list(*([one, "", 1] for one in three), about=three if named else [])
    unreasoned = await doctor.post("$sheet", json=body)
    assert (unreasoned.status_code, unreasoned.json()["issue"][0]["expression"]) == (403, ["_reason"])
    assert (await doctor.post("$sheet", json=body, params={"_reason": "季度随访名单"})).status_code == 403
    (waiting,) = (await officer.get("$approvals", params={"state": "open"})).json()["parameter"]
    said = {one["name"]: next(value for name, value in one.items() if name != "name") for one in waiting["part"]}
    assert (said["persons"], said["reason"]) == (3, "季度随访名单")
    assert (await officer.post(f"$approvals/{said['id']}/$confirm")).status_code == 200
    assert (await doctor.post("$sheet", json=body | {"title": "别的"})).status_code == 403
    assert (await doctor.post("$sheet", json=body)).status_code == 200
    assert (await doctor.post("$sheet", json=body)).status_code == 403


async def test_a_workbook_is_made_beside_the_event_loop(signed_in, monkeypatch):
    made = []

    def drawn(*given):
        made.append(threading.current_thread() is threading.main_thread())
        return b""

    monkeypatch.setattr(sheet, "listing", drawn)
    doctor = await signed_in("doctor")
    assert (await doctor.post("$sheet", json=a_list(["李", None, 7]))).status_code == 200
    assert made == [False]
