"""What is about several residents at once: who writes it, who sees it; and ids that could tell of somebody."""

import pytest

from kangyun.access.actor import Actor
from kangyun.testing.people import know

A, B, EAST = "Organization/a", "Organization/b", "Organization/b-east"
ACTORS = {
    "a": Actor("Device/a", "", A, "SYSADMIN", administrator=True),
    "b": Actor("Device/b", "", B, "SYSADMIN", administrator=True),
    "east": Actor("Device/east", "", EAST, "SYSADMIN", administrator=True),
    "doctor": Actor("Practitioner/b", "", B, "TREAT", role="doctor"),
    "doctor of a": Actor("Practitioner/a", "", A, "TREAT", role="doctor"),
    "registrar": Actor("Practitioner/r", "", B, "PATADMIN", role="registrar"),
    "resident": Actor("Patient/x", "", "Organization/platform", "PATRQT", role="resident", patients=("x",)),
    "researcher": Actor("Practitioner/s", "", "Organization/platform", "HRESCH", role="researcher"),
    "steward": Actor("Practitioner/st", "", "Organization/platform", "RECORDMGT", role="steward"),
}  # fmt: skip
SCHEDULE = {
    "resourceType": "Schedule", "id": "a-group", "serviceType": [{"text": "精神科团体治疗"}],
    "actor": [{"reference": "Patient/a-zhang", "display": "张三丰"}, {"reference": "Patient/a-li"}],
}  # fmt: skip
OBSERVATION = {
    "resourceType": "Observation", "status": "final", "code": {"text": "x"},
    "subject": {"reference": "Patient/a-zhang"},
}  # fmt: skip


@pytest.fixture
async def people(open_client, monkeypatch):
    """Two patients of hospital A, one of B, and who asks."""
    know(monkeypatch, ACTORS)
    clients = {name: await open_client(token=name) for name in ACTORS}
    for who, id_ in (("a", "a-zhang"), ("a", "a-li"), ("b", "b-wang")):
        answer = await clients[who].put(f"Patient/{id_}", json={"resourceType": "Patient", "id": id_})
        assert answer.status_code == 201
    return clients


@pytest.mark.parametrize("who", ["doctor", "registrar", "resident", "researcher"])
async def test_what_is_about_two_is_not_about_nobody(people, who):
    before = (await people[who].get("Schedule?_total=accurate")).text
    assert (await people["a"].put("Schedule/a-group", json=SCHEDULE)).status_code == 201
    assert (await people[who].get("Schedule/a-group")).status_code in (403, 404)
    for path in ("Schedule", "Schedule?actor=Patient/a-zhang", "Schedule?_id=a-group&_summary=count"):
        answer = await people[who].get(path)
        assert answer.status_code == 403 or answer.json()["total"] == 0
        assert "团体" not in answer.text
    assert '"total":0' in before or "forbidden" in before
    assert (await people["doctor of a"].get("Schedule/a-group")).status_code == 200
    plan = {"resourceType": "Schedule", "id": "a-plan", "actor": [{"reference": "Practitioner/a"}]}
    assert (await people["a"].put("Schedule/a-plan", json=plan)).status_code == 201
    assert (await people[who].get("Schedule/a-plan")).status_code == 200


async def test_whom_consents_do_not_bind_sees_it_by_his_role(people):
    await people["a"].put("Schedule/a-group", json=SCHEDULE)
    assert (await people["steward"].get("Schedule/a-group")).status_code == 200


async def test_an_older_version_about_two_stays_hidden(people):
    await people["a"].put("Schedule/a-group", json=SCHEDULE)
    await people["a"].put("Schedule/a-group", json=SCHEDULE | {"actor": [{"reference": "Practitioner/a"}]})
    assert "团体" not in (await people["resident"].get("Schedule/a-group/_history")).text
    assert (await people["resident"].get("Schedule/a-group/_history/1")).status_code == 404


def about(type_, *ids):
    references = [{"reference": f"Patient/{id_}"} for id_ in ids]
    if type_ == "Group":
        members = [{"entity": one} for one in references]
        return {"resourceType": type_, "type": "person", "actual": True, "member": members}
    if type_ == "Appointment":
        participants = [{"actor": one, "status": "accepted"} for one in references]
        return {"resourceType": type_, "status": "booked", "participant": participants} | {
            "start": "2026-11-22T08:00:00Z", "end": "2026-11-22T09:00:00Z",
        }  # fmt: skip
    return {"resourceType": type_, "actor": references}


@pytest.mark.parametrize(
    ("who", "type_"), [("registrar", "Schedule"), ("registrar", "Appointment"), ("doctor", "Group")]
)
async def test_nobody_writes_about_two_of_whom_he_does_not_see_one(people, who, type_):
    for ids in (("a-zhang", "a-li"), ("b-wang", "a-zhang"), ("a-none", "a-never"), ("a-zhang",)):
        answer = await people[who].post(type_, json=about(type_, *ids))
        assert (answer.status_code, "stranger" in answer.text) == (403, True), ids
    made = await people[who].post(type_, json=about(type_, "b-wang", "b-to-come"))
    assert made.status_code == 201
    # What was about two is put right although one of them is not seen any more.
    answer = await people[who].put(f"{type_}/{made.json()['id']}", json=made.json() | {"language": "zh"})
    assert answer.status_code == 200
    wider = about(type_, "b-wang", "b-to-come", "a-zhang") | {"id": made.json()["id"]}
    assert (await people[who].put(f"{type_}/{made.json()['id']}", json=wider)).status_code == 403


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize("id_", ["a-zhang", "a-none", "a-erased"])
async def test_a_deletion_beside_it_makes_nobody_known(people, kind, id_):
    await people["a"].put("Patient/a-erased", json={"resourceType": "Patient", "id": "a-erased"})
    reason = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "本人依法申请"}]}
    await people["a"].post("Patient/a-erased/$erase", json=reason)
    entries = [
        {"request": {"method": "DELETE", "url": f"Patient/{id_}"}},
        {
            "resource": OBSERVATION | {"subject": {"reference": f"Patient/{id_}"}},
            "request": {"method": "POST", "url": "Observation"},
        },
    ]
    answer = await people["doctor"].post("", json={"resourceType": "Bundle", "type": kind, "entry": entries})
    if kind == "transaction":
        assert (answer.status_code, "stranger" in answer.text) == (403, True)
    else:
        assert answer.json()["entry"][1]["response"]["status"][:3] == "403"
    found = await people["doctor of a"].get("Observation?subject=Patient/a-zhang")
    assert found.json()["total"] == 0


async def test_ids_of_an_institution_whose_name_continues_another_s_are_its_own(people):
    await people["east"].put("Patient/b-east-zhang", json={"resourceType": "Patient", "id": "b-east-zhang"})
    answers = []
    for id_ in ("b-east-zhang", "b-east-none"):
        made = await people["doctor"].post(
            "Observation", json=OBSERVATION | {"subject": {"reference": f"Patient/{id_}"}}
        )
        put = await people["registrar"].put(f"Patient/{id_}", json={"resourceType": "Patient", "id": id_})
        answers.append((made.status_code, put.status_code))
    assert answers == [(403, 403)] * 2


async def test_who_may_change_others_records_learns_nothing_by_ids(people):
    label = [{"system": "urn:kangyun:label", "code": "restricted"}]
    await people["a"].put("Patient/a-vip", json={"resourceType": "Patient", "id": "a-vip", "meta": {"security": label}})
    words = set()
    for id_ in ("a-vip", "a-none"):
        answer = await people["steward"].put(f"Patient/{id_}", json={"resourceType": "Patient", "id": id_})
        words.add((answer.status_code, answer.json()["issue"][0]["code"]))
    assert words == {(403, "forbidden")}
    assert (await people["steward"].get("Patient/a-zhang")).status_code == 200
