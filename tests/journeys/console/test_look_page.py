"""The look page as a doctor meets it inside a hospital's system: not found, leave is needed, a reason, the front page,
a report, a document, the other language. In the window of the hospital's system, and narrower.
"""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid4, uuid5

import httpx
import pytest

from kangyun.base.crypto import hmac_sm3
from kangyun.testing.installation import kangyun

HOSPITAL, SYSTEM = "Organization/demo-hospital", "urn:oid:2.16.156.10011.1.3"
PEOPLE = {"zh-desk": ("王建国", "990106195203071235"), "en-phone": ("王卫国", "990106196309151270")}
"""At whom each looks, name and number: what one has opened is not open already for the other."""
LOINC, ICD10 = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10"
HL7 = "http://terminology.hl7.org/CodeSystem/"
NOW = datetime.now(UTC)
FRAMES = {"zh-desk": (1024, 600), "en-phone": (800, 600)}
TEXT = "患者因胸闷两天入院，经治疗好转出院。\n出院带药：阿司匹林肠溶片 100mg 每日一次。"


def own(name):
    """Returns the id of a resource: each run writes the same."""
    return str(uuid5(NAMESPACE_URL, f"look/{name}"))


def coded(system, code, text):
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def result(id_, code, text, value, unit, flag, low, high):
    return {
        "resourceType": "Observation", "id": own(id_), "status": "final", "code": coded(LOINC, code, text),
        "category": [{"coding": [{"system": f"{HL7}observation-category", "code": "laboratory"}]}],
        "valueQuantity": {"value": value, "unit": unit}, "effectiveDateTime": day(1),
        "interpretation": [{"coding": [{"system": f"{HL7}v3-ObservationInterpretation", "code": flag}]}],
        "referenceRange": [{"low": {"value": low}, "high": {"value": high}}],
    }  # fmt: skip


def report(id_, category, code, text, **rest):
    kind = [{"coding": [{"system": f"{HL7}v2-0074", "code": category}]}]
    return {"resourceType": "DiagnosticReport", "id": own(id_), "status": "final", "category": kind,
            "code": coded(LOINC, code, text)} | rest  # fmt: skip


def condition(id_, code, text, days):
    return {"resourceType": "Condition", "id": own(id_), "code": coded(ICD10, code, text), "recordedDate": day(days),
            "clinicalStatus": {"coding": [{"system": f"{HL7}condition-clinical", "code": "active"}]}}  # fmt: skip


def day(ago):
    return (NOW - timedelta(days=ago)).isoformat(timespec="seconds")


def resident(who):
    """A resident of whom there is something of each kind. who: of PEOPLE."""
    name, number = PEOPLE[who]
    patient = {
        "resourceType": "Patient", "id": own(f"{who}/wang"), "name": [{"text": name}], "gender": "male",
        "birthDate": f"{number[6:10]}-{number[10:12]}-{number[12:14]}",
        "identifier": [{"system": SYSTEM, "value": number}],
        "telecom": [{"system": "phone", "value": f"1380{number[-8:-1]}"}],
    }  # fmt: skip
    document = {"contentType": "text/plain", "data": base64.b64encode(TEXT.encode()).decode(), "title": "出院记录"}
    counts = [
        result(f"{who}/wbc", "6690-2", "白细胞计数", 12.4, "10*9/L", "H", 3.5, 9.5),
        result(f"{who}/hgb", "718-7", "血红蛋白", 142, "g/L", "N", 130, 175),
    ]
    about = [
        *counts,
        report(f"{who}/count", "LAB", "58410-2", "血常规", effectiveDateTime=day(1),
               result=[{"reference": f"Observation/{one['id']}"} for one in counts]),
        report(f"{who}/ct", "RAD", "24627-2", "胸部CT", effectiveDateTime=day(2),
               conclusion="右肺上叶磨玻璃结节，直径约 6 mm，建议随访。"),
        condition(f"{who}/i10", "I10", "原发性高血压", 900),
        condition(f"{who}/e11", "E11.9", "2型糖尿病", 400),
        {"resourceType": "MedicationRequest", "id": own(f"{who}/drug"), "status": "active", "intent": "order",
         "medicationCodeableConcept": {"text": "氨氯地平片"}, "authoredOn": day(10),
         "dosageInstruction": [{"text": "每次5mg，每日1次"}]},
        {"resourceType": "Procedure", "id": own(f"{who}/angiography"), "status": "completed",
         "code": {"text": "冠状动脉造影"}, "performedDateTime": day(59)},
        {"resourceType": "DocumentReference", "id": own(f"{who}/letter"), "status": "current", "date": day(50),
         "type": {"text": "出院小结"}, "content": [{"attachment": document}]},
    ]  # fmt: skip
    active = {"coding": [{"system": f"{HL7}allergyintolerance-clinical", "code": "active"}]}
    whom = {"reference": f"Patient/{own(f'{who}/wang')}"}
    allergy = {"resourceType": "AllergyIntolerance", "id": own(f"{who}/allergy"), "code": {"text": "青霉素"},
               "clinicalStatus": active, "criticality": "high", "patient": whom}  # fmt: skip
    return [patient, allergy, *(one | {"subject": whom} for one in about)]


class HospitalSystem:
    """The hospital's server: it draws tickets under its key."""

    def __init__(self, url, key):
        self._url, self._key = url, bytes.fromhex(key)

    def ticket(self, number):
        asked = {"institution": HOSPITAL, "staff": "1001", "patient": f"{SYSTEM}|{number}"}
        body, moment, nonce = json.dumps(asked).encode(), str(int(time.time())), uuid4().hex
        signed = f"POST\n/look/tickets\nhis\n{moment}\n{nonce}\n".encode() + body
        headers = {
            "x-kangyun-client": "his", "x-kangyun-time": moment, "x-kangyun-nonce": nonce,
            "x-kangyun-signature": hmac_sm3(self._key, signed).hex(), "content-type": "application/json",
        }  # fmt: skip
        answer = httpx.post(f"{self._url}/look/tickets", content=body, headers=headers, timeout=20)
        assert answer.status_code == 201, answer.text
        return answer.json()["ticket"]


@pytest.fixture(scope="module")
def hospital_system(demonstration, tmp_path_factory):
    """A hospital system whose look is set up as the manual says, and the residents."""
    staff = tmp_path_factory.mktemp("staff") / "staff.csv"
    staff.write_text(f"工号,姓名,机构,科室,角色,执业证书编码,离职日期\n1001,李医生,{HOSPITAL},全科,医生,,\n", "utf-8")
    by = ("--by", "security-administrator", "--data", demonstration.data)
    given = ("--owner", HOSPITAL, "--purpose", "TREAT", "--evidence", "x", "--client", "his")
    kangyun("apps", "add", "HIS", *given, *by)
    kangyun("apps", "review", "his", "--pass", *by)
    kangyun("staff", "import", staff, *by)
    key = kangyun("apps", "key", "his", *by)
    assert key.returncode == 0, key.stderr
    write(demonstration)
    return HospitalSystem(demonstration.url, key.stdout.split()[-1].rpartition("：")[2])


def write(demonstration):
    """Writes the residents in the hospital's name, as its doctor."""
    accounts = json.loads((demonstration.data / "demo-sign-ins.json").read_text())
    one = next(one for one in accounts if one["user"] == "doctor")
    token = httpx.post(f"{demonstration.url}/sign-in", json={"user": one["user"], "password": one["password"]}).json()
    entries = [
        {"resource": made, "request": {"method": "PUT", "url": f"{made['resourceType']}/{made['id']}"}}
        for who in PEOPLE
        for made in resident(who)
    ]
    said = httpx.post(
        f"{demonstration.url}/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries},
        headers={"authorization": f"Bearer {token['access_token']}"}, timeout=60,
    )  # fmt: skip
    assert said.status_code == 200, said.text


TOLD = {
    "zh": {
        "nobody": "未找到", "closed": "需要居民授权", "emergency": "紧急调阅", "recent": "近 3 天已查",
        "recognised": "互认", "high": "↑ 偏高", "back": "返回首页", "other": "English",
        "there": "Examined within 3 days",
    },
    "en": {
        "nobody": "Not found", "closed": "The resident's leave is needed", "emergency": "Open for an emergency",
        "recent": "Examined within 3 days", "recognised": "recognised", "high": "↑ high",
        "back": "Back to the front page", "other": "中文", "there": "近 3 天已查",
    },
}  # fmt: skip


async def test_a_doctor_looks_from_inside_the_hospitals_system(visitor, hospital_system, demonstration):
    page, told = visitor.page, TOLD[visitor.language]
    width, height = FRAMES[visitor.picture]
    await page.set_viewport_size({"width": width, "height": height})

    async def enter(number):
        ticket = hospital_system.ticket(number)
        await page.goto(f"{demonstration.url}/look?ticket={ticket}&lang={visitor.language}")

    await enter("990106195203071239")
    await page.get_by_role("heading", name=told["nobody"], exact=True).wait_for()
    await enter(PEOPLE[visitor.picture][1])
    await page.get_by_role("heading", name=told["closed"], exact=True).wait_for()
    await visitor.looks_well("look-closed")

    await page.locator("input[name=reason]").fill("昏迷送入急诊，需了解用药与过敏史")
    await page.get_by_role("button", name=told["emergency"]).click()
    recent = page.locator("#recent")
    await recent.get_by_role("heading", name=told["recent"]).wait_for()
    assert await recent.get_by_text(told["recognised"], exact=True).count() == 2
    await recent.get_by_text(told["high"]).wait_for()
    await page.locator(".who").get_by_text("王*国").wait_for()
    await visitor.looks_well("look")

    await recent.get_by_role("link", name="胸部CT").click()
    await page.get_by_text("右肺上叶磨玻璃结节").wait_for()
    await page.get_by_role("link", name=told["back"]).first.click()
    await page.locator("#documents").get_by_role("link", name="出院小结").click()
    await page.get_by_text("患者因胸闷两天入院").wait_for()
    await visitor.looks_well("look-document")
    await page.get_by_role("link", name=told["back"]).first.click()
    await page.get_by_role("link", name=told["other"], exact=True).click()
    await page.get_by_role("heading", name=told["there"]).wait_for()
    # Chromium says on its console that a page was refused (403).
    visitor.wrong = [one for one in visitor.wrong if "status of 403" not in one]
