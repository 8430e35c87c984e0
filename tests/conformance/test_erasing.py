"""`Patient/$erase`: two officers, and what is left of a resident afterwards: nothing but that there was one."""

import asyncio
import json

import asyncpg
import pytest

from kangyun.access import erasing
from kangyun.access.actor import Actor
from kangyun.access.ledger import Ledger
from kangyun.testing.people import know

REASON = "本人书面申请，档案编号 2026-117"
ID_NUMBER = "110101195001019999"
ZHANG = {
    "resourceType": "Patient", "name": [{"family": "张", "text": "张三丰"}], "birthDate": "1950-01-01",
    "identifier": [{"system": "urn:oid:1.2.156.10011.1.3", "value": ID_NUMBER}],
}  # fmt: skip
LI = {"resourceType": "Patient", "name": [{"family": "李"}]}
OFFICERS = {
    "first": Actor("Practitioner/first", "甲", "Organization/center", "SYSADMIN", role="security-administrator"),
    "second": Actor("Practitioner/second", "乙", "Organization/center", "SYSADMIN", role="security-administrator"),
    "system": Actor("Practitioner/system", "丙", "Organization/center", "SYSADMIN", role="system-administrator"),
    "doctor": Actor("Practitioner/doctor", "医生", "Organization/hospital", "TREAT", role="doctor"),
}  # fmt: skip


@pytest.fixture
def officers(monkeypatch, open_client):
    """Opens clients of two officers and of a doctor, each with an application of its own."""
    know(monkeypatch, OFFICERS)
    return lambda name: open_client(token=name)


def sent(**values):
    kinds = {int: "valueInteger", str: "valueString", bool: "valueBoolean"}
    listed = [(name, one) for name, given in values.items() for one in (given if isinstance(given, list) else [given])]
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, kinds[type(one)]: one} for name, one in listed],
    }


def told(answer):
    assert answer.status_code == 200, answer.text
    found = {}
    for one in answer.json()["parameter"]:
        (value,) = (value for key, value in one.items() if key != "name")
        found.setdefault(one["name"], []).append(value)
    return found


def observation(patient, text="weight"):
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": text}, "effectiveDateTime": "2024-03-01",
        "subject": {"reference": f"Patient/{patient}"}, "valueQuantity": {"value": 61.5, "unit": "kg"},
    }  # fmt: skip


async def made(client, resource):
    if "id" in resource:
        answer = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
    else:
        answer = await client.post(resource["resourceType"], json=resource)
    return answer.raise_for_status().json()["id"]


async def erased(officers, patient, *further):
    first, second = await officers("first"), await officers("second")
    asked = told(await first.post(f"Patient/{patient}/$erase", json=sent(reason=REASON, patient=list(further))))
    number = asked["request"][0]
    return told(await second.post(f"Patient/{patient}/$erase", json=sent(request=number, confirm=True)))


async def test_a_system_administrator_confirms_and_does_not_ask(client, officers):
    patient = await made(client, ZHANG)
    first, system = await officers("first"), await officers("system")
    refused = await system.post(f"Patient/{patient}/$erase", json=sent(reason=REASON))
    assert (refused.status_code, "security-administrator" in refused.text) == (403, True)
    number = told(await first.post(f"Patient/{patient}/$erase", json=sent(reason=REASON)))["request"][0]
    assert told(await system.post(f"Patient/{patient}/$erase", json=sent(request=number)))["reason"] == [REASON]
    done = told(await system.post(f"Patient/{patient}/$erase", json=sent(request=number, confirm=True)))
    assert done["state"] == ["confirmed"]
    assert (await client.get(f"Patient/{patient}")).status_code == 410


async def test_a_region_says_who_confirms_and_for_how_long(client, officers, tmp_path, fresh_database):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "approvals.toml").write_text('[erase]\nconfirms = ["system-administrator"]\nhours = 2\n')
    patient = await made(client, ZHANG)
    first, second, system = [await officers(name) for name in ("first", "second", "system")]
    number = told(await first.post(f"Patient/{patient}/$erase", json=sent(reason=REASON)))["request"][0]
    confirmed = sent(request=number, confirm=True)
    assert (await second.post(f"Patient/{patient}/$erase", json=confirmed)).status_code == 403
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("UPDATE erasure_request SET instant = instant - interval '3 hours'")
    await connection.close()
    assert (await system.post(f"Patient/{patient}/$erase", json=confirmed)).status_code == 410
    assert (await client.get(f"Patient/{patient}")).status_code == 200


@pytest.mark.parametrize("chosen", [{}, {"id": "zhang"}])
async def test_nothing_is_left_of_an_erased_resident(client, officers, chosen):
    patient = await made(client, ZHANG | chosen)
    other = await made(client, LI)
    first = await made(client, observation(patient))
    await client.put(f"Patient/{patient}", json=ZHANG | {"id": patient, "active": True})
    group = {
        "resourceType": "Group", "type": "person", "actual": True,
        "member": [{"entity": {"reference": f"Patient/{one}"}} for one in (patient, other)],
    }  # fmt: skip
    group = await made(client, group)
    report = await erased(officers, patient)
    assert (report["state"], report["resources"]) == (["confirmed"], [2])
    for path in (f"Patient/{patient}", f"Observation/{first}"):
        for tail in ("", "/_history", "/_history/1"):
            answer = await client.get(path + tail)
            assert answer.status_code == 410, path + tail
            assert "erased" in answer.text
    assert (await client.get(f"Patient/{patient}/$everything")).status_code == 410
    for search in (
        "Patient?name=张", "Patient?birthdate=1950-01-01&name=张", f"Patient?identifier={ID_NUMBER}",
        f"Patient?_id={patient}", f"Observation?subject=Patient/{patient}", f"Observation?_id={first}",
        "Observation?value-quantity=61.5", "?_type=Observation", "Observation?date=2024-03-01",
    ):  # fmt: skip
        answer = await client.get(search)
        assert answer.status_code == 200 and "entry" not in answer.json(), search
    everything = (await client.get("_history")).text
    assert ID_NUMBER not in everything and "张三丰" not in everything
    # Who else is referred to stays, and so do references to the erased one.
    assert (await client.get(f"Patient/{other}")).status_code == 200
    assert (await client.get(f"Group?member=Patient/{patient}")).json()["entry"][0]["resource"]["id"] == group


async def test_no_row_of_any_table_says_who_it_was(client, officers, fresh_database):
    patient = await made(client, ZHANG)
    corrected = ZHANG | {"id": patient, "identifier": [{"system": "urn:other", "value": "corrected-7"}]}
    await client.put(f"Patient/{patient}", json=corrected)
    await made(client, observation(patient, "secret-text"))
    assert (await in_tables(fresh_database, ID_NUMBER, "corrected-7", "张")) != []
    await erased(officers, patient)
    assert await in_tables(fresh_database, ID_NUMBER, "corrected-7", "张", "secret-text") == []
    connection = await asyncpg.connect(fresh_database)
    for table in ("resource", "version", "date_value", "quantity_value", "string_value"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    assert await connection.fetchval("SELECT count(*) FROM data_key WHERE patient IS NOT NULL") == 0
    await connection.close()


async def in_tables(url, *texts):
    """Returns the tables that hold one of these texts in clear."""
    connection = await asyncpg.connect(url)
    names = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    found = []
    for name in names:
        rows = "\n".join(str(row[0]) for row in await connection.fetch(f"SELECT t::text FROM {name} AS t"))
        found += [name for text in texts if text in rows]
    await connection.close()
    return sorted(set(found))


@pytest.mark.parametrize("chosen", [{}, {"id": "zhang"}])
async def test_nothing_is_written_there_again(client, officers, open_client, chosen):
    patient = await made(client, ZHANG | chosen)
    first = await made(client, observation(patient))
    await erased(officers, patient)
    for _ in range(2):
        for answer in (
            await client.put(f"Patient/{patient}", json=ZHANG | {"id": patient}),
            await client.put(f"Observation/{first}", json=observation(patient) | {"id": first}),
            await client.delete(f"Patient/{patient}"),
            await client.patch(f"Patient/{patient}", json=[], headers={"content-type": "application/json-patch+json"}),
            await client.post("Observation", json=observation(patient)),
        ):
            assert answer.status_code == 410, answer.text
        client = await open_client()  # Another process knows as much.
    bundle = {
        "resourceType": "Bundle", "type": "batch",
        "entry": [
            {"resource": observation(patient), "request": {"method": "POST", "url": "Observation"}},
            {"resource": LI, "request": {"method": "POST", "url": "Patient"}},
        ],
    }  # fmt: skip
    statuses = [one["response"]["status"][:3] for one in (await client.post("", json=bundle)).json()["entry"]]
    assert statuses == ["410", "201"]


async def test_all_linked_registrations_go_together(client, officers):
    ids = [await made(client, ZHANG), await made(client, ZHANG | {"id": "zhang-2"}), await made(client, ZHANG)]
    for id_ in ids:
        await made(client, observation(id_))
    report = await erased(officers, ids[0], f"Patient/{ids[1]}", ids[2])
    assert sorted(report["patient"]) == sorted(f"Patient/{id_}" for id_ in ids)
    assert report["resources"] == [6]
    assert [(await client.get(f"Patient/{id_}")).status_code for id_ in ids] == [410] * 3


async def test_what_several_share_is_listed_and_stays(client, officers):
    patient, other = await made(client, ZHANG), await made(client, ZHANG)
    listed = {
        "resourceType": "List", "id": "ward", "status": "current", "mode": "working",
        "entry": [{"item": {"reference": f"Patient/{one}"}} for one in (patient, other)],
    }  # fmt: skip
    await made(client, listed)
    first = await officers("first")
    asked = told(await first.post(f"Patient/{patient}/$erase", json=sent(reason=REASON)))
    assert asked["remains"] == ["List/ward"]
    await (await officers("second")).post(
        f"Patient/{patient}/$erase", json=sent(request=asked["request"][0], confirm=True)
    )
    assert (await client.get("List/ward")).status_code == 200


async def test_one_officer_alone_erases_nobody(client, officers):
    patient = await made(client, ZHANG)
    path = f"Patient/{patient}/$erase"
    first, second, doctor = await officers("first"), await officers("second"), await officers("doctor")
    assert (await doctor.post(path, json=sent(reason=REASON))).status_code == 403
    number = told(await first.post(path, json=sent(reason=REASON)))["request"][0]
    assert (await first.post(path, json=sent(request=number, confirm=True))).status_code == 403
    assert (await doctor.post(path, json=sent(request=number, confirm=True))).status_code == 403
    assert (await client.get(f"Patient/{patient}")).status_code == 200
    # The second officer sees why, before he says yes.
    shown = told(await second.post(path, json=sent(request=number)))
    assert (shown["reason"], shown["askedBy"], shown["resources"]) == ([REASON], ["Practitioner/first"], [1])
    assert (await second.post(path, json=sent(reason=REASON))).status_code == 409
    told(await second.post(path, json=sent(request=number, confirm=False)))
    assert (await second.post(path, json=sent(request=number, confirm=True))).status_code == 409
    number = told(await first.post(path, json=sent(reason=REASON)))["request"][0]
    answers = await asyncio.gather(*(second.post(path, json=sent(request=number, confirm=True)) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    rows = (await client.get("Patient")).json()
    assert "entry" not in rows


@pytest.mark.parametrize(
    "values",
    [
        {}, {"reason": "短"}, {"reason": "x" * 1001}, {"reason": REASON, "request": 1}, {"confirm": True},
        {"reason": REASON, "confirm": True}, {"request": -1}, {"request": "x"}, {"reason": REASON, "other": 1},
        {"reason": 5}, {"reason": REASON, "patient": ["y"] * 101},
    ],
)  # fmt: skip
async def test_what_is_no_request_is_refused(client, values):
    patient = await made(client, ZHANG)
    answer = await client.post(f"Patient/{patient}/$erase", json=sent(**values))
    assert answer.status_code == 400, answer.text


async def test_whoever_is_not_there_cannot_be_erased(client, officers):
    patient, other = await made(client, ZHANG), await made(client, ZHANG)
    for path, values in (
        ("Patient/nobody", {"reason": REASON}),
        (f"Patient/{patient}", {"reason": REASON, "patient": "nobody"}),
        (f"Patient/{patient}", {"request": 99}),
        ("Observation/x", {"reason": REASON}),
    ):
        assert (await client.post(f"{path}/$erase", json=sent(**values))).status_code == 404, path
    number = told(await client.post(f"Patient/{patient}/$erase", json=sent(reason=REASON)))["request"][0]
    second = await officers("second")
    answer = await second.post(f"Patient/{other}/$erase", json=sent(request=number, confirm=True))
    assert answer.status_code == 404
    await erased(officers, other)
    assert (await client.post(f"Patient/{other}/$erase", json=sent(reason=REASON))).status_code == 410


async def test_who_was_only_referred_to_can_be_erased(client, officers):
    await made(client, observation("never-registered"))
    await erased(officers, "never-registered")
    assert (await client.get("Observation")).json().get("entry") is None
    assert (await client.put("Patient/never-registered", json=ZHANG | {"id": "never-registered"})).status_code == 410


async def test_each_step_is_audited_and_the_ledger_has_it(client, officers, fresh_database, tmp_path):
    patient = await made(client, ZHANG)
    await made(client, observation(patient))
    await erased(officers, patient)
    connection = await asyncpg.connect(fresh_database)
    rows = await connection.fetch(
        "SELECT action, actor, outcome, patients FROM audit WHERE action LIKE 'erase%' ORDER BY id"
    )
    assert [tuple(row)[:3] for row in rows] == [
        ("erase-ask", "Practitioner/first", 200), ("erase", "Practitioner/second", 200),
    ]  # fmt: skip
    erasure = await connection.fetchrow("SELECT * FROM erasure")
    await connection.close()
    (entry,) = Ledger(tmp_path / "ledger" / "ledger.ndjson").entries()
    assert (entry.kind, entry.n) == ("erasure", erasure["ledger"])
    assert entry.detail["patients"] == erasure["patients"] == rows[0]["patients"]
    assert (entry.detail["keys"], len(entry.detail["resources"])) == (erasure["keys"], 2)
    said = json.dumps([entry.subject, entry.detail], ensure_ascii=False)
    assert ID_NUMBER not in said and "张" not in said and REASON not in said


async def test_whom_a_request_was_about_that_was_refused_is_named_by_the_row(client, officers, fresh_database):
    first = await officers("first")
    zhang, li = [await made(client, one) for one in (ZHANG, LI)]
    number = told(await first.post(f"Patient/{zhang}/$erase", json=sent(reason=REASON)))["request"][0]
    for id_, given, status in (
        (zhang, sent(reason=REASON), 409), (zhang, sent(request=number, confirm=True), 403),
        (zhang, sent(request=number, confirm="x"), 400), (li, sent(request=number, confirm=True), 404),
        (li, sent(reason=REASON, patient=["nobody"]), 404),
    ):  # fmt: skip
        assert (await first.post(f"Patient/{id_}/$erase", json=given)).status_code == status
    connection = await asyncpg.connect(fresh_database)
    try:
        rows = await connection.fetch(
            "SELECT a.outcome, a.patients FROM audit AS a WHERE a.actor = $1 AND a.outcome >= 400 ORDER BY a.id",
            OFFICERS["first"].reference,
        )
        created = await connection.fetch("SELECT patients FROM audit WHERE action = 'create' ORDER BY id")
    finally:
        await connection.close()
    (of_zhang,), (of_li,) = created
    assert [tuple(row) for row in rows] == [(409, of_zhang), (403, of_zhang), (400, []), (404, of_li), (404, of_li)]
    assert len({*of_zhang, *of_li}) == 2


async def test_without_the_ledger_nothing_is_erased(client, officers, tmp_path):
    patient = await made(client, ZHANG)
    (tmp_path / "ledger").write_text("a file where the folder should be")
    first, second = await officers("first"), await officers("second")
    number = told(await first.post(f"Patient/{patient}/$erase", json=sent(reason=REASON)))["request"][0]
    answer = await second.post(f"Patient/{patient}/$erase", json=sent(request=number, confirm=True))
    assert answer.status_code == 503
    assert (await client.get(f"Patient/{patient}")).status_code == 200
    (tmp_path / "ledger").unlink()
    told(await second.post(f"Patient/{patient}/$erase", json=sent(request=number, confirm=True)))
    assert (await client.get(f"Patient/{patient}")).status_code == 410


async def test_other_parts_erase_in_the_same_transaction(client, officers, monkeypatch):
    patient = await made(client, ZHANG)
    called = []

    async def fail(connection, patients, resources):
        called.append((len(patients), len(resources)))
        raise asyncpg.PostgresError("cannot")

    monkeypatch.setattr(erasing, "_erasers", {})
    erasing.register("series", fail)
    first, second = await officers("first"), await officers("second")
    number = told(await first.post(f"Patient/{patient}/$erase", json=sent(reason=REASON)))["request"][0]
    answer = await second.post(f"Patient/{patient}/$erase", json=sent(request=number, confirm=True))
    assert answer.status_code == 500 and called == [(1, 1)]
    assert (await client.get(f"Patient/{patient}")).status_code == 200
