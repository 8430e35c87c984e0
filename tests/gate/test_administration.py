"""What the three administrators look at and do over HTTP, each their own office and not another's."""

import io
import json

import pytest
from openpyxl import load_workbook

from kangyun.access.staff.sheets import XLSX

SITE = "http://127.0.0.1:8080"
READS = {
    "people": "ysu", "applications": "ys", "policy": "ysu", "settings": "ys", "jobs": "y", "storage": "y",
    "health": "ys", "trail": "u", "registers/institutions": "y", "registers/departments": "y", "registers/maps": "y",
}  # fmt: skip
OFFICES = {"y": "system-administrator", "s": "security-administrator", "u": "audit-administrator", "d": "doctor"}


class Officer:
    """Somebody of the demonstration, at the addresses of the administration."""

    def __init__(self, client, token):
        self._client, self._headers = client, {"authorization": f"Bearer {token}"}

    async def get(self, path, headers=(), **rest):
        return await self._client.get(self._url(path), headers=self._headers | dict(headers), **rest)

    async def post(self, path, headers=(), **rest):
        return await self._client.post(self._url(path), headers=self._headers | dict(headers), **rest)

    @staticmethod
    def _url(path):
        return path if path.startswith("http") else f"{SITE}/fhir/$administration/{path}"


@pytest.fixture
async def officers(open_client, tmp_path):
    client = await open_client(token=None, demo=True)
    accounts = {one["role"]: one for one in json.loads((tmp_path / "demo-sign-ins.json").read_bytes())}

    async def sign_in(role):
        body = {"user": accounts[role]["user"], "password": accounts[role]["password"]}
        return Officer(client, (await client.post(f"{SITE}/sign-in", json=body)).json()["access_token"])

    return {letter: await sign_in(role) for letter, role in OFFICES.items()}


async def test_each_looks_at_their_own_office(officers):
    for path, allowed in READS.items():
        said = {letter: (await client.get(path)).status_code for letter, client in officers.items()}
        assert said == {letter: 200 if letter in allowed else 403 for letter in officers}, path
    for letter, path in (("y", "people/1/suspend"), ("s", "people/1/leave"), ("y", "applications/x/review")):
        assert (await officers[letter].post(path, json={})).status_code == 403
    assert (await officers["y"].get("nothing")).status_code == 404
    assert (await officers["y"].post("storage", json={})).status_code == 405


async def test_staff_is_found_stopped_and_let_in_again(officers):
    found = (await officers["s"].get("people", params={"words": "演示医生"})).json()["people"]
    assert [(one["name"], one["status"], one["posts"][0]["role"]) for one in found] == [
        ("演示医生", "admitted", "doctor")
    ]
    doctor = f"people/{found[0]['id']}"
    assert (await officers["s"].post(f"{doctor}/suspend", json={"why": ""})).status_code == 400
    assert (await officers["s"].post(f"{doctor}/suspend", json={"why": "证书过期"})).status_code == 200
    assert (await officers["d"].get(f"{SITE}/fhir/Patient")).status_code == 401
    assert (await officers["s"].post(f"{doctor}/resume", json={"why": "证书已更新"})).status_code == 200
    (own,) = (await officers["s"].get("people", params={"role": "security-administrator", "words": "演示"})).json()[
        "people"
    ]
    assert (await officers["s"].post(f"people/{own['id']}/suspend", json={"why": "试试看"})).status_code == 403
    first = (await officers["u"].get("people", params={"_count": 2})).json()
    rest = (await officers["u"].get("people", params={"after": first["next"]})).json()
    assert not {one["id"] for one in first["people"]} & {one["id"] for one in rest["people"]}


async def test_registers_are_tried_and_carried_out(officers):
    admin = officers["y"]
    empty = load_workbook(io.BytesIO((await admin.get("registers/institutions?template=true")).content))
    sheet = empty.worksheets[0]
    header = [cell.value for cell in sheet[1]]
    row = dict.fromkeys(header, "") | {"机构名称": "新桥卫生院", "统一社会信用代码": "不对"}
    sheet.append([row[name] for name in header])
    file = io.BytesIO()
    empty.save(file)
    headers = {"content-type": XLSX}
    tried = await admin.post("registers/institutions?dryRun=true", content=file.getvalue(), headers=headers)
    assert tried.status_code == 200, tried.text
    said = tried.json()["issue"]
    assert said[0]["expression"][0].startswith("row[2]")
    assert said[-1]["severity"] == "information"


async def test_applications_are_registered_by_one_and_reviewed_by_another(officers):
    wanted = {
        "name": "慢病小程序", "owner": "Organization/demo-hospital", "evidence": "合同 2026-8",
        "scopes": "user/Patient.r", "redirects": "https://app.example/back",
    }  # fmt: skip
    assert (await officers["y"].post("applications", json=wanted | {"scopes": "?"})).status_code == 400
    client = (await officers["y"].post("applications", json=wanted)).json()["client"]
    assert (await officers["s"].post(f"applications/{client}/review", json={"passed": True})).status_code == 200
    told = (await officers["s"].get("applications")).json()["applications"]
    (one,) = [one for one in told if one["client"] == client]
    assert (one["name"], one["review"], one["usable"]) == ("慢病小程序", "passed", True)
    assert (await officers["s"].post(f"applications/{client}/suspend", json={"why": "复审"})).status_code == 200


async def test_rules_settings_and_the_state_of_things_are_told_and_secrets_are_not(officers):
    settings = {one["name"]: one for one in (await officers["y"].get("settings")).json()["settings"]}
    assert settings["KANGYUN_DEMO"]["value"] == "true"
    assert settings["KANGYUN_ADMIN_TOKEN"]["value"] in ("", "••••••")
    assert settings["KANGYUN_PORT"]["origin"] in ("default", "start")
    policy = (await officers["u"].get("policy", headers={"accept-language": "zh"})).json()
    assert next(one for one in policy["roles"] if one["name"] == "doctor")["called"] == "医生"
    assert next(one for one in policy["approvals"] if one["kind"] == "export")["above"] == 100
    storage = (await officers["y"].get("storage")).json()
    assert storage["database"] > 0 < storage["tables"][0]["bytes"]
    assert storage["days"] == []  # Nothing has come in yet.
    health = (await officers["y"].get("health")).json()
    assert {"name": "database", "well": True, "needed": True} in health["needed"]
    assert {one["part"] for one in health["figures"]} <= set(health["parts"])
    verified = (await officers["u"].post("trail/verify", json={})).json()
    assert (verified["whole"], verified["faults"]) == (True, [])
