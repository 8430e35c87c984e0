"""`Patient/[id]/$who-looked`: what a resident is told of those who looked at his record."""

from datetime import UTC, datetime

import asyncpg
import pytest

from kangyun.access.actor import Actor
from kangyun.store.types import TYPE_NUMBERS
from kangyun.testing.linking import link
from kangyun.testing.people import know

RECORD = [
    {"resourceType": "Patient", "id": "li", "name": [{"text": "李小明"}]},
    {"resourceType": "Patient", "id": "wang", "name": [{"text": "王芳"}]},
    {"resourceType": "Organization", "id": "county", "name": "县人民医院"},
    {"resourceType": "Organization", "id": "inner", "name": "内科", "partOf": {"reference": "Organization/county"}},
    {"resourceType": "Practitioner", "id": "li-yi", "name": [{"text": "李医生"}]},
    {"resourceType": "Practitioner", "id": "zhao", "name": [{"family": "赵", "given": ["敏"]}]},
    {
        "resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "Practitioner/li-yi"},
        "organization": {"reference": "Organization/inner"},
    },
]  # fmt: skip
ACTORS = {
    "admin": Actor("Device/administrator", "管理员", "Organization/platform", "SYSADMIN", administrator=True),
    "resident": Actor("Patient/li", "李小明", "Organization/platform", "PATRQT", role="resident", patients=("li",)),
    "other": Actor("Patient/wang", "王芳", "Organization/platform", "PATRQT", role="resident", patients=("wang",)),
    "doctor": Actor("Practitioner/li-yi", "李医生", "Organization/county", "TREAT", role="doctor"),
    "auditor": Actor("Practitioner/a", "审计", "Organization/platform", "SYSADMIN", role="audit-administrator"),
}
_INSERT = """
INSERT INTO audit (
    instant, institution, outcome, action, actor, purpose, shape, source, request, patients, role, way, client
) SELECT $1, id, $2, $3, $4, $5, $6, '', '', $7, $8, $9, $10 FROM institution WHERE reference = $11
"""


@pytest.fixture
async def people(open_client, monkeypatch):
    know(monkeypatch, ACTORS)
    clients = {name: await open_client(token=name) for name in ACTORS}
    for one in RECORD:
        await clients["admin"].put(f"{one['resourceType']}/{one['id']}", json=one)
    await clients["doctor"].get("Patient/wang")  # The institution is known from then on.
    return clients


@pytest.fixture
async def left(people, fresh_database):
    """Leaves rows about the resident, as if they had come at an instant of 2026."""
    connection = await asyncpg.connect(fresh_database)
    res = await connection.fetchval("SELECT patients[1] FROM audit WHERE cardinality(patients) = 1 ORDER BY id LIMIT 1")

    async def leave(day, hour, minute=0, of="Organization/county", **given):
        said = {
            "outcome": 200, "action": "read", "actor": "Practitioner/li-yi", "purpose": "TREAT",
            "shape": "GET /Observation/[id]", "patients": [res], "role": "doctor", "way": None, "client": None,
        } | given  # fmt: skip
        instant = datetime(2026, 1, day, hour - 8, minute, tzinfo=UTC)
        await connection.execute(_INSERT, instant, *said.values(), of)

    yield leave
    await connection.close()


async def told(client, query="?end=2026-01-31", language="zh", patient="li"):
    answer = await client.get(f"Patient/{patient}/$who-looked{query}", headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    parts = [one["part"] for one in answer.json().get("parameter", ()) if one["name"] == "look"]
    return [
        {one["name"]: next(value for name, value in one.items() if name != "name") for one in part} for part in parts
    ]  # fmt: skip


async def texts(client, **rest):
    return [one["text"] for one in await told(client, **rest)]


async def test_the_platform_itself_is_called_by_words_that_people_understand(people, left, fresh_database):
    await left(22, 14, 3, actor="Device/resident-binding", purpose="PATADMIN", role="", shape="GET /Patient")
    await left(22, 14, 4, purpose="PATADMIN")
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(
        "UPDATE audit SET institution = (SELECT id FROM institution WHERE reference = 'Organization/platform')"
        " WHERE actor = 'Device/resident-binding'"
    )
    await connection.close()
    assert await texts(people["resident"]) == [
        "2026年1月22日 14:04 县人民医院 内科 李医生（医生） 因患者登记管理查看了您的检查检验结果",
        "2026年1月22日 14:03 区域平台 实名核验 查看了您的基本信息",
    ]
    assert (await texts(people["resident"], language="en"))[1] == (
        "2026-01-22 14:03 The regional platform real-name check viewed your personal details"
    )
    (_, work) = await told(people["resident"])
    assert work["who"] == {"reference": "Device/resident-binding", "display": "实名核验"}


async def test_what_the_platform_does_by_itself_is_said_once_whosever_registration_it_is_about(people, left):
    row = {"actor": "Device/kangyun", "role": "", "action": "update", "shape": "PUT /Linkage/[id]"}
    await left(22, 14, 3, of="Organization/county", **row)
    await left(22, 14, 4, of="Organization/platform", **row)
    assert await texts(people["resident"]) == [
        "2026年1月22日 14:03 区域平台 自动程序 登记或修改了您的身份关联（哪几条登记是您本人）"
        "（当天共 2 次，最后一次 14:04）"
    ]


async def test_a_message_is_told_as_often_as_it_went_and_not_for_the_finding_out_of_whom_it_goes_to(people, left):
    row = {"actor": "Device/kangyun", "role": "", "of": "Organization/platform"}
    for minute, action in enumerate(("circle", "tell", "circle", "tell")):
        await left(22, 14, minute, action=action, shape="TELL [reader]", **row)
    await left(23, 14, action="circle", shape="ALARM", **row)
    assert [one["count"] for one in await told(people["resident"])] == [1, 2]


async def test_to_the_resident_a_look_is_one_over_all_registrations_and_to_others_of_one(people, left, fresh_database):
    connection = await asyncpg.connect(fresh_database)
    numbers = await connection.fetch("SELECT res FROM resource WHERE type = $1 ORDER BY res", TYPE_NUMBERS["Patient"])
    li, other = [row["res"] for row in numbers]
    for number in (li, other):
        await link(connection, number, li)
    await connection.close()
    await left(22, 14, 3, patients=[li])
    await left(22, 14, 4, patients=[li, other])
    await left(22, 14, 5, patients=[other])
    assert [one["count"] for one in await told(people["resident"])] == [3]
    assert [one["count"] for one in await told(people["auditor"])] == [2]


async def test_a_look_is_a_sentence(people, left):
    await left(22, 14, 3, way="encounter")
    assert await texts(people["resident"]) == [
        "2026年1月22日 14:03 县人民医院 内科 李医生（医生） 因就诊查看了您的检查检验结果"
    ]
    assert await texts(people["resident"], language="en") == [
        "2026-01-22 14:03 县人民医院 内科 李医生 (doctor) viewed your results for a visit"
    ]


async def test_looks_of_a_day_are_one(people, left):
    await left(22, 14, 3)
    await left(22, 15, 20, action="search", shape="GET /Observation?code")
    await left(22, 15, 30, action="read", shape="GET /Condition/[id]")
    await left(23, 9)
    assert await texts(people["resident"]) == [
        "2026年1月23日 09:00 县人民医院 内科 李医生（医生） 因诊疗查看了您的检查检验结果",
        "2026年1月22日 15:30 县人民医院 内科 李医生（医生） 因诊疗查看了您的诊断",
        "2026年1月22日 14:03 县人民医院 内科 李医生（医生） 因诊疗查看了您的检查检验结果"
        "（当天共 2 次，最后一次 15:20）",
    ]


async def test_the_day_is_that_of_the_region(people, left):
    await left(22, 23, 59)
    await left(23, 8, 1)
    assert len(await texts(people["resident"])) == 2


async def test_what_was_refused_and_what_was_an_emergency_stand_out(people, left):
    await left(22, 14, 3, outcome=403)
    await left(23, 14, 3, purpose="ETREAT", actor="Practitioner/zhao", role=None)
    await left(24, 14, 3, way="emergency")
    refused, emergency, by_way = reversed(await told(people["resident"]))
    assert (
        refused["text"] == "2026年1月22日 14:03 县人民医院 内科 李医生（医生） 因诊疗试图查看您的检查检验结果，已被拒绝"
    )
    assert (refused["refused"], refused["emergency"]) == (True, False)
    assert emergency["text"] == "【紧急调阅】2026年1月23日 14:03 县人民医院 赵敏 因紧急救治查看了您的检查检验结果"
    assert emergency["who"] == {"reference": "Practitioner/zhao", "display": "赵敏"}
    assert by_way["emergency"]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"action": "everything", "shape": "GET /Patient/[id]/$everything"}, "因诊疗查看了您的健康档案"),
        ({"action": "create", "shape": "POST /MedicationRequest"}, "因诊疗登记或修改了您的处方"),
        ({"action": "export", "shape": "GET /$export", "purpose": "HRESCH"}, "因科学研究导出了您的健康档案"),
        ({"action": "notify", "shape": "NOTIFY full /Encounter"}, "因诊疗收到了您的就诊记录的更新通知"),
        ({"shape": "GET /Basic/[id]", "purpose": ""}, "因未说明的原因查看了您的健康档案中的一项内容"),
        ({"action": "batch", "shape": "POST /"}, "因诊疗处理了您的健康档案"),
        ({"action": "view", "shape": "GET /Patient/[id]/$view"}, "因诊疗查看了您的健康档案"),
        ({"action": "search", "shape": "GET /Patient/[id]/$view"}, "因诊疗查看了您的健康档案"),
        ({"action": "view-tests", "shape": "GET /Patient/[id]/$view?[name]"}, "因诊疗查看了您的检查检验结果"),
        ({"action": "find", "shape": "GET /$residents?[name]"}, "因诊疗查看了您的基本信息"),
        ({"action": "series", "shape": "GET /Patient/[id]/$series?start"}, "因诊疗查看了您的检查检验结果"),
        ({"action": "who-looked", "shape": "GET /Patient/[id]/$who-looked"}, "因诊疗查看了您的查阅记录"),
        ({"action": "update", "shape": "PUT /Linkage/[id]"}, "因诊疗登记或修改了您的身份关联（哪几条登记是您本人）"),
        ({"action": "tell", "shape": "TELL [reader]"}, "给您、家人或值班人员发了提醒"),
        ({"action": "search", "shape": "GET /CareTeam/$today"}, "因诊疗查看了您的健康档案"),
        ({"client": "Device/app"}, "（通过 Device/app） 因诊疗查看了您的检查检验结果"),
    ],
)  # fmt: skip
async def test_each_kind_of_look_has_its_words(people, left, row, text):
    await left(22, 14, 3, **row)
    (said,) = await texts(people["resident"])
    assert said.endswith(text)


async def test_somebody_is_called_as_he_was_called_then(people, left, fresh_database):
    """Who changes a name, or takes himself out of the register, does not change who has looked."""
    await left(2, 9)
    await left(9, 9)
    connection = await asyncpg.connect(fresh_database)
    named = {"resourceType": "Practitioner", "id": "li-yi", "name": [{"text": "王大夫"}]}
    await people["admin"].put("Practitioner/li-yi", json=named)
    await people["admin"].put("Organization/county", json=RECORD[2] | {"name": "市立医院"})
    await connection.execute(
        "UPDATE version SET instant = '2026-01-01'::timestamptz + version * interval '3 days' WHERE res IN "
        "(SELECT res FROM version WHERE version = 2)"
    )
    await connection.close()
    await people["admin"].delete("Practitioner/li-yi")
    latest, first = await texts(people["resident"])
    assert "王大夫" in latest and "市立医院" in latest
    assert "李医生" in first and "县人民医院" in first
    assert [one["who"]["display"] for one in await told(people["resident"])] == ["王大夫", "李医生"]


async def test_oneself_is_told_so(people, left):
    await left(22, 14, 3, actor="Patient/li", purpose="PATRQT", role="resident")
    assert await texts(people["resident"]) == ["2026年1月22日 14:03 您本人 因本人申请查看了您的检查检验结果"]


async def test_pages_end_with_a_day(people, left):
    for day in (20, 21, 22):
        for hour in (9, 10):
            await left(day, hour, action="read", shape=f"GET /{('Condition', 'Encounter')[hour % 2]}/[id]")
    seen, query = [], "?end=2026-01-31&_count=3"
    cursor = ""
    while cursor is not None:
        url = f"Patient/li/$who-looked{query}" + (f"&_cursor={cursor}" if cursor else "")
        parameters = (await people["resident"].get(url)).json().get("parameter", [])
        seen.append([one["part"][1]["valueInstant"][:10] for one in parameters if one["name"] == "look"])
        cursor = next((one["valueString"] for one in parameters if one["name"] == "next"), None)
    assert seen[:2] == [["2026-01-22"] * 2 + ["2026-01-21"] * 2, ["2026-01-20"] * 2]
    assert sum(map(len, seen)) == 6


async def test_between_days(people, left):
    for day in (20, 21, 22):
        await left(day, 9)
    assert len(await told(people["resident"], "?start=2026-01-21&end=2026-01-21")) == 1
    assert (await people["resident"].get("Patient/li/$who-looked?start=2026-02-01&end=2026-01-01")).status_code == 400


@pytest.mark.parametrize(
    ("who", "status"), [("resident", 200), ("auditor", 200), ("admin", 200), ("doctor", 403), ("other", 403)]
)
async def test_who_may(people, who, status):
    assert (await people[who].get("Patient/li/$who-looked")).status_code == status


async def test_staff_who_treat_a_resident_are_told_of_their_own_institution_only(people):
    await people["doctor"].put("Patient/county-zhou", json={"resourceType": "Patient", "id": "county-zhou"})
    await people["doctor"].get("Patient/county-zhou")
    await people["admin"].get("Patient/county-zhou")
    found = await texts(people["doctor"], query="", patient="county-zhou")
    assert found
    assert all("李医生" in text for text in found)


async def test_to_look_at_the_looks_is_a_look(people):
    await people["auditor"].get("Patient/li/$who-looked")
    assert any("Practitioner/a" in text for text in await texts(people["resident"], query=""))


async def test_nobody_is_nobody(people):
    assert (await people["auditor"].get("Patient/none/$who-looked")).status_code == 404
    assert (await people["resident"].get("Patient/none/$who-looked")).status_code == 403
    assert (await people["auditor"].get("Observation/x/$who-looked")).status_code == 404
