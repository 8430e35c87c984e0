"""Two persons for what concerns many: asked, confirmed by another of the right role, used once."""

import asyncio
import json

import asyncpg
import pytest

from kangyun.access.actor import Actor
from kangyun.access.signin import SignIn
from kangyun.base.errors import Conflict, Forbidden, Invalid, NotFound

STEWARD = Actor("Practitioner/steward", "数据管理", "Organization/h", "PUBHLTH", administrator=True, role="steward")
SECURITY = Actor("Practitioner/security", "安全管理员", "Organization/h", "SYSADMIN", role="security-administrator")
DOCTOR = Actor("Practitioner/doctor", "李医生", "Organization/h", "TREAT", role="doctor")
ACTORS = {"steward-token": STEWARD, "security-token": SECURITY, "doctor-token": DOCTOR}
RULES = """
[export]
above = 2
confirms = ["security-administrator", "steward"]
hours = 1

[erase]
confirms = ["security-administrator"]
"""


@pytest.fixture
def approvals(platform):
    return platform.people.approvals


@pytest.fixture
async def open_as(monkeypatch, open_client, tmp_path):
    """Opens clients of people with roles, on an installation where three persons are too many."""
    known = SignIn.actor

    async def actor(self, token):
        return ACTORS.get(token) or await known(self, token)

    monkeypatch.setattr(SignIn, "actor", actor)
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "approvals.toml").write_text(RULES)

    async def open_one(name):
        return await open_client(token=f"{name}-token")

    return open_one


async def people(client, count):
    for number in range(count):
        await client.put(f"Patient/p{number}", json={"resourceType": "Patient", "id": f"p{number}"})


def parts(answer):
    return {part["name"]: next(v for k, v in part.items() if k != "name") for part in answer.json()["parameter"]}


async def test_what_was_confirmed_is_granted_once(approvals):
    number = await approvals.ask("export", STEWARD, "年度质控统计", {"types": ["Patient"]}, persons=500)
    with pytest.raises(Forbidden):
        await approvals.granted("export", number, STEWARD, {"types": ["Patient"]})
    done = await approvals.confirm(number, SECURITY, "同意")
    assert (done.state, done.decider, done.reason, done.remark, done.persons) == (
        "confirmed", SECURITY.reference, "年度质控统计", "同意", 500,
    )  # fmt: skip
    for wrong in (
        ("erase", number, STEWARD, {"types": ["Patient"]}),
        ("export", number, SECURITY, {"types": ["Patient"]}),
        ("export", number, STEWARD, {"types": []}),
        ("export", number + 1, STEWARD, {"types": ["Patient"]}),
    ):
        with pytest.raises(Forbidden):
            await approvals.granted(*wrong)
    await approvals.granted("export", number, STEWARD, {"types": ["Patient"]})
    with pytest.raises(Forbidden):
        await approvals.granted("export", number, STEWARD, {"types": ["Patient"]})
    assert (await approvals.look(number, STEWARD)).state == "used"


async def test_nobody_decides_their_own_or_in_another_role(approvals):
    number = await approvals.ask("export", STEWARD, "年度质控统计", {})
    with pytest.raises(Forbidden) as raised:
        await approvals.confirm(number, STEWARD)
    assert raised.value.issues[0].text == "access.approvals.own-request"
    with pytest.raises(NotFound):
        await approvals.confirm(number, DOCTOR)
    await approvals.refuse(number, SECURITY, "范围过大")
    with pytest.raises(Conflict):
        await approvals.confirm(number, SECURITY)
    with pytest.raises(Forbidden):
        await approvals.granted("export", number, STEWARD, {})


async def test_it_takes_a_reason(approvals):
    for reason in (None, "", "  ", "ok", "长" * 501):
        with pytest.raises(Invalid):
            await approvals.ask("export", STEWARD, reason, {})
    number = await approvals.ask("export", STEWARD, "年度质控统计", {})
    with pytest.raises(Invalid):
        await approvals.refuse(number, SECURITY, "")


async def test_the_same_is_asked_once_while_it_is_open(approvals):
    first = await approvals.ask("export", STEWARD, "年度质控统计", {"a": 1, "b": 2})
    assert await approvals.ask("export", STEWARD, "年度质控统计，二", {"b": 2, "a": 1}) == first
    await approvals.confirm(first, SECURITY)
    assert await approvals.ask("export", STEWARD, "年度质控统计", {"a": 1, "b": 2}) != first


async def test_what_is_over_is_over(approvals, fresh_database):
    number = await approvals.ask("export", STEWARD, "年度质控统计", {})
    other = await approvals.ask("erase", STEWARD, "本人要求", {})
    await approvals.confirm(other, SECURITY)
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("UPDATE approval SET ends = clock_timestamp() - interval '1 second'")
    await connection.close()
    with pytest.raises(Conflict):
        await approvals.confirm(number, SECURITY)
    with pytest.raises(Forbidden):
        await approvals.granted("erase", other, STEWARD, {})
    assert {one.state for one in await approvals.listed(STEWARD)} == {"expired"}


async def test_of_two_who_use_it_at_once_one_does(approvals):
    number = await approvals.ask("erase", STEWARD, "本人要求", {})
    await approvals.confirm(number, SECURITY)
    done = await asyncio.gather(
        *(approvals.granted("erase", number, STEWARD, {}) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["Forbidden", "Forbidden", "NoneType"]


async def test_what_failed_is_not_used(approvals, platform):
    number = await approvals.ask("erase", STEWARD, "本人要求", {})
    await approvals.confirm(number, SECURITY)
    async with platform.pool.connection() as connection:
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction():
                await approvals.granted("erase", number, STEWARD, {}, connection=connection)
                raise ZeroDivisionError
    await approvals.granted("erase", number, STEWARD, {})


async def test_the_database_does_not_say_why(approvals, fresh_database):
    await approvals.ask("export", STEWARD, "张三的遗嘱", {"patients": ["Patient/zhang"]})
    connection = await asyncpg.connect(fresh_database)
    row = dict(await connection.fetchrow("SELECT * FROM approval"))
    await connection.close()
    assert "张三".encode() not in row["sealed"]
    assert b"zhang" not in row["sealed"]


async def test_an_export_of_few_needs_nobody_else(open_as):
    steward = await open_as("steward")
    await people(steward, 2)
    assert (await steward.get("$export")).status_code == 202


async def test_an_export_of_many_waits_for_a_second_officer(open_as, fresh_database):
    steward, security, doctor = [await open_as(name) for name in ("steward", "security", "doctor")]
    await people(steward, 3)
    assert (await steward.get("$export")).status_code == 400
    refused = await steward.get("$export", params={"_type": "Patient", "_reason": "年度质控统计"})
    assert refused.status_code == 403
    (waiting,) = (await security.get("$approvals", params={"state": "open"})).json()["parameter"]
    number = next(part["valueInteger"] for part in waiting["part"] if part["name"] == "id")
    assert f"request {number}" in refused.json()["issue"][0]["details"]["text"]
    asked = {"_type": "Patient", "_approval": str(number)}
    assert (await steward.get("$export", params=asked)).status_code == 403
    assert (await doctor.get(f"$approvals/{number}")).status_code == 404
    assert (await doctor.post(f"$approvals/{number}/$confirm")).status_code == 404
    assert (await steward.post(f"$approvals/{number}/$confirm")).status_code == 403
    shown = parts(await security.get(f"$approvals/{number}"))
    assert (shown["persons"], shown["reason"], shown["asker"]) == (3, "年度质控统计", STEWARD.reference)
    assert json.loads(shown["detail"])["types"] == ["Patient"]
    reason = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "已核实"}]}
    confirmed = await security.post(f"$approvals/{number}/$confirm", json=reason)
    assert parts(confirmed)["state"] == "confirmed"
    # Confirmed was this export, and no wider one.
    assert (await steward.get("$export", params={"_approval": str(number)})).status_code == 403
    done = await steward.get("$export", params=asked)
    assert done.status_code == 202
    assert (await steward.get("$export", params=asked)).status_code == 403
    connection = await asyncpg.connect(fresh_database)
    actions = {row["action"] for row in await connection.fetch("SELECT action FROM audit")}
    jobs = await connection.fetchval("SELECT string_agg(encode(asked, 'escape'), ' ') FROM job")
    await connection.close()
    assert {"approval-ask", "approval-confirm", "approval-use", "approval-list", "approval-read"} <= actions
    assert "_reason" not in jobs


async def test_members_and_what_is_about_nobody(open_as):
    steward = await open_as("steward")
    await people(steward, 3)
    assert (await steward.get("$export", params={"_type": "Organization"})).status_code == 202
    assert (await steward.get("Patient/$export", params={"patient": "Patient/p1"})).status_code == 202
    members = [{"entity": {"reference": f"Patient/p{number}"}} for number in range(3)]
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": members}
    assert (await steward.put("Group/g", json=group)).status_code == 201
    assert (await steward.get("Group/g/$export", params={"_reason": "病例讨论"})).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "$approvals?state=zqx", 400), ("GET", "$approvals/zqx", 404), ("GET", "$approvals/99", 404),
        ("POST", "$approvals", 405), ("GET", "$approvals/1/$confirm", 405), ("POST", "$approvals/1/$zqx", 404),
        ("POST", f"$approvals/{'9' * 30}/$confirm", 404), ("GET", "$export?_approval=zqx", 400),
        ("POST", f"$approvals/{'9' * 18}/$refuse", 400),
    ],
)  # fmt: skip
async def test_what_cannot_be(open_as, method, path, status):
    security = await open_as("steward")
    await people(security, 3)
    assert (await security.request(method, path)).status_code == status
