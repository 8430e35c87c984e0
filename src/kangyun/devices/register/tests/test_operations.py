"""Devices from a list to a resident's hands and back, over HTTP: what each may, and what nobody may."""

import asyncio
import base64

import pytest

from kangyun.access.identities.model import Proxy
from kangyun.testing.answers import told
from kangyun.testing.devices import COUNTY, LIST, rows_of, sheet


async def test_a_dry_run_says_what_would_be_and_makes_nothing(call):
    answer = told(await call("officer", "Device/$enrol", file=sheet(), dry_run=True))
    assert (answer["would-enrol"], answer["same"]) == (3, 0)
    assert told(await call("officer", "Device/$fleet"))["total"] == 0


async def test_the_same_list_again_makes_nothing(call, enrolled):
    answer = told(await call("officer", "Device/$enrol", file=sheet()))
    assert (answer["enrolled"], answer["same"]) == (0, 3)
    assert "devices" not in answer


async def test_a_list_with_a_wrong_row_makes_nothing(call):
    answer = await call("officer", "Device/$enrol", file=sheet([*LIST, ["魔法棒", "", "", "SN-1"]]))
    refused = [one["valueString"] for one in answer.json()["parameter"] if one["name"] == "refused"]
    assert len(refused) == 2
    assert told(await call("officer", "Device/$fleet"))["total"] == 0


async def test_a_device_connects_by_the_secret_of_the_list(call, enrolled, register):
    row = enrolled["SN-1"]
    admitted = await register.credentials.check(row["设备名"], row["密钥"])
    assert (admitted.name, admitted.house) == (row["设备名"], COUNTY)


async def test_labels_show_codes_and_no_secrets(call):
    answer = told(await call("officer", "Device/$enrol", file=sheet()))
    page = base64.b64decode(answer["labels"]).decode()
    assert page.count("<svg") == 3
    for row in rows_of(answer["devices"]):
        assert row["领用码"] in page
        assert row["密钥"] not in page


@pytest.mark.parametrize("who", ["wang", "daughter", "nurse"])
async def test_a_resident_his_family_and_his_nurse_claim(call, register, who, claim):
    device = await claim(who)
    health = told(await call("wang", f"Patient/{call.wang}/$device-health"))
    assert {part["name"]: part for part in health["device"]}["device"]["valueReference"]["reference"] == device


@pytest.mark.parametrize(
    ("who", "whom", "status"),
    [
        ("wang", "zhao", 404), ("daughter", "zhao", 404), ("far-nurse", "wang", 404), ("registrar", "wang", 403),
        ("officer", "wang", 403),
    ],
)  # fmt: skip
async def test_nobody_claims_for_whom_he_does_not_see_or_treat(call, enrolled, who, whom, status, claim):
    patient = getattr(call, whom)
    told(await call(who, "Device/$claim", code=enrolled["SN-1"]["领用码"], patient=patient), status)
    await claim()  # The code is good still.


async def test_a_code_is_good_once(call, enrolled, claim):
    await claim()
    answer = await call("zhao", "Device/$claim", code=enrolled["SN-1"]["领用码"], patient=call.zhao)
    assert answer.status_code == 410


async def test_of_two_who_scan_at_once_one_has_it(call, enrolled):
    code = enrolled["SN-1"]["领用码"]
    answers = await asyncio.gather(
        *(call(who, "Device/$claim", code=code, patient=getattr(call, who)) for who in ("wang", "zhao", "far"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410]


async def test_guessed_codes_are_counted_and_mistyped_ones_are_not(call, enrolled, claim):
    code = enrolled["SN-1"]["领用码"]
    for _ in range(12):
        told(await call("zhao", "Device/$claim", code=code[:-1] + "!", patient=call.zhao), 400)
    for number in range(10):  # The check symbol of a number below 32 is its last sign.
        told(await call("zhao", "Device/$claim", code=f"0000-000{number}-{number}", patient=call.zhao), 404)
    told(await call("zhao", "Device/$claim", code=code, patient=call.zhao), 429)
    await claim()


async def test_two_share_a_device_by_keys(call, claim):
    device = await claim("nurse")
    told(await call("nurse", f"{device}/$assign", patient=call.zhao, key="2"), 422)  # The first has no key yet.
    told(await call("nurse", f"{device}/$assign", patient=call.wang, key="1"))
    told(await call("nurse", f"{device}/$assign", patient=call.zhao, key="1"), 409)
    told(await call("nurse", f"{device}/$assign", patient=call.zhao, key="2"))
    for who in ("wang", "zhao"):
        assert "device" in told(await call(who, f"Patient/{getattr(call, who)}/$device-health"))


@pytest.mark.parametrize(("who", "act"), [
    ("stranger", "$rotate"), ("stranger", "$revoke"), ("stranger", "$claim-code"), ("stranger", "$device-health"),
    ("zhao", "$return"), ("zhao", "$device-health"), ("zhao", "$device-refusals"), ("far-nurse", "$return"),
    ("far-nurse", "$device-health"), ("stranger", "$certificate"),
])  # fmt: skip
async def test_what_is_another_s_is_not_there(call, who, act, claim):
    device = await claim()
    given = {"reason": "测试"} if act == "$revoke" else {"subject": "x"} if act == "$certificate" else {}
    told(await call(who, f"{device}/{act}", **given), 404)


@pytest.mark.parametrize("who", ["wang", "nurse"])
@pytest.mark.parametrize("path", ["$rotate", "$revoke", "$claim-code"])
async def test_keys_are_the_officer_s(call, who, path, claim):
    device = await claim()
    given = {"reason": "测试"} if path == "$revoke" else {}
    told(await call(who, f"{device}/{path}", **given), 403)


async def test_a_rotation_leaves_no_gap(call, enrolled, register, claim):
    row = enrolled["SN-1"]
    device = await claim()
    admitted = await register.credentials.check(row["设备名"], row["密钥"])
    fresh = told(await call("officer", f"{device}/$rotate"))["secret"]
    await register.changes.look()
    assert await register.credentials.still(admitted)
    assert await register.credentials.check(row["设备名"], row["密钥"])
    assert await register.credentials.check(row["设备名"], fresh)
    last = told(await call("officer", f"{device}/$rotate", overlap_hours=0))["secret"]
    await register.changes.look()
    assert not await register.credentials.still(admitted)
    assert await register.credentials.check(row["设备名"], fresh) is None
    assert await register.credentials.check(row["设备名"], last)


@pytest.mark.parametrize("why", ["lost", "stolen"])
async def test_what_is_lost_connects_no_more(call, enrolled, register, client, why, claim):
    row = enrolled["SN-1"]
    device = await claim()
    admitted = await register.credentials.check(row["设备名"], row["密钥"])
    assert told(await call("daughter", f"{device}/$return", why=why))["state"] == "revoked"
    await register.changes.look()
    assert not await register.credentials.still(admitted)
    assert await register.credentials.check(row["设备名"], row["密钥"]) is None
    assert (await client.get(device)).json()["status"] == "inactive"


async def test_what_is_stopped_comes_back(call, enrolled, register, claim):
    row = enrolled["SN-1"]
    device = await claim()
    told(await call("officer", f"{device}/$revoke", reason="维修", for_good=False))
    assert await register.credentials.check(row["设备名"], row["密钥"]) is None
    told(await call("officer", f"{device}/$resume", reason="修好"))
    await register.changes.look()
    assert await register.credentials.check(row["设备名"], row["密钥"])


async def test_a_device_goes_on_to_somebody_else(call, register, claim):
    device = await claim()
    code = told(await call("officer", f"{device}/$claim-code"))["code"]
    told(await call("zhao", "Device/$claim", code=code, patient=call.zhao), 409)  # Somebody has it.
    told(await call("officer", f"{device}/$return"))
    told(await call("zhao", "Device/$claim", code=code, patient=call.zhao))
    assert "device" not in told(await call("wang", f"Patient/{call.wang}/$device-health"))
    told(await call("wang", f"{device}/$device-health"), 404)


async def test_a_daughter_is_told_of_her_father_s(call, claim, platform):
    identities = platform.sign_in.identities
    given = {"roles": ["guardian"], "vouched_by": "test", "evidence": "x", "handle": "d"}
    number = await identities.admit("guardian", "RelatedPerson/d", "Organization/platform", "d", **given)
    await identities.give_proxy(number, Proxy(call.wang, "CHILD"), "test", "x")
    await claim()
    for who, said in (("daughter", "爸爸的血压计"), ("wang", "您的血压计"), ("nurse", "该居民的血压计")):
        (device,) = (await call(who, f"Patient/{call.wang}/$device-health")).json()["parameter"]
        assert {part["name"]: part for part in device["part"]}["text"]["valueString"].startswith(said)


async def test_the_fleet_counts_and_names_nobody(call, claim):
    await claim()
    answer = await call("officer", "Device/$fleet")
    found = told(answer)
    assert (found["total"], found["never"], found["unused"]) == (3, 1, 2)
    assert "patient" not in answer.text
    assert call.wang not in answer.text
    assert told(await call("stranger", "Device/$fleet"))["total"] == 0
    table = rows_of(told(await call("officer", "Device/$fleet", **{"as": "xlsx"}))["devices"])
    assert {row["状态"] for row in table} == {"领用后无数据", "未领用"}


async def test_each_act_leaves_its_row(call, platform, claim):
    device = await claim()
    told(await call("wang", f"{device}/$return"))
    async with platform.pool.connection() as connection:
        rows = await connection.fetch("SELECT action FROM audit WHERE action LIKE 'device%'")
    assert {"devices-enrol", "device-claim", "device-return"} <= {row["action"] for row in rows}


async def test_a_resident_is_told_who_gave_him_a_device_and_who_looked(call, claim):
    await claim("nurse")
    told(await call("nurse", f"Patient/{call.wang}/$device-health"))
    looks = await call("wang", f"Patient/{call.wang}/$who-looked")
    assert "修改" in looks.text
    assert "查看" in looks.text


async def test_a_list_by_http_has_a_bound(call):
    rows = [("血压计", "", "", f"SN-{number}") for number in range(2001)]
    answer = await call("officer", "Device/$enrol", file=sheet(rows), dry_run=True)
    assert answer.status_code == 413
