"""What a resident allows and forbids by switches, and what he asks about who has looked."""

import pytest

from kangyun.access.operations.look_questions import MOST_OPEN


def stated(parameters):
    """The switches of `$choices`, by name."""
    said = [{part["name"]: part.get("valueBoolean", part.get("valueString")) for part in one["part"]}
            for one in parameters["parameter"]]  # fmt: skip
    return {one["name"]: one["on"] for one in said}


@pytest.fixture
async def father(family):
    """The headers of the father, of whom hospital H has a registration as well."""
    own = family.registration("h-father", family.father)
    (await family.registrar.put("Patient/h-father", json=own)).raise_for_status()
    name = {"resourceType": "Organization", "id": "h", "name": "县医院"}
    (await family.administrator.put("Organization/h", json=name)).raise_for_status()
    await family.database.execute("UPDATE version SET instant = instant - interval '8 days'")
    return await family.headers(family.father)


async def switch(family, headers, choice, on, patient="father"):
    part = [{"name": "choice", "valueString": choice}, {"name": "on", "valueBoolean": on}]
    body = {"resourceType": "Parameters", "parameter": part}
    return await family.nobody.post(f"Patient/{patient}/$choose", json=body, headers=headers)


async def test_a_switch_counts_at_once_and_is_one_consent(family, father):
    look = (await family.nobody.get("Patient/father/$choices", headers=father)).json()
    assert stated(look) == {
        "elsewhere": True, "research": True, "psychiatry": False, "hiv": False, "sexual": False, "reproduction": False,
        "genetics": False, "substance": False, "institution/h": True,
    }  # fmt: skip
    assert (await family.doctor.get("Patient/h-father")).status_code == 200
    assert (await switch(family, father, "institution/h", False)).status_code == 200
    assert (await family.doctor.get("Patient/h-father")).status_code == 404
    assert (await switch(family, father, "institution/h", True)).status_code == 200
    assert (await family.doctor.get("Patient/h-father")).status_code == 200
    for on in (True, False, True):
        assert (await switch(family, father, "hiv", on)).status_code == 200
    assert (await switch(family, father, "institution/of-nobody", False)).status_code == 400
    look = (await family.nobody.get("Patient/father/$choices", headers=father)).json()
    assert (stated(look)["hiv"], stated(look)["institution/h"]) == (True, True)
    consents = (await family.nobody.get("Consent?_summary=count", headers=father)).json()
    assert consents["total"] == 2


async def test_an_institution_whose_registration_another_sent_can_be_denied(family, father):
    name = {"resourceType": "Organization", "id": "clinic", "name": "乡卫生院"}
    (await family.administrator.put("Organization/clinic", json=name)).raise_for_status()
    sent = family.registration("h-father", family.father, managingOrganization={"reference": "Organization/clinic"})
    (await family.registrar.put("Patient/h-father", json=sent)).raise_for_status()
    assert (await switch(family, father, "institution/clinic", False)).status_code == 200
    look = (await family.nobody.get("Patient/father/$choices", headers=father)).json()
    assert not stated(look)["institution/clinic"]


async def test_who_is_left_out_of_a_denial_is_given_no_reason_by_it(family, father):
    assert (await family.doctor.get("Observation/bp")).status_code == 404  # Written elsewhere: he has no reason.
    assert (await switch(family, father, "elsewhere", False)).status_code == 200
    assert (await family.doctor.get("Observation/bp")).status_code == 404
    assert (await family.doctor.get("Patient/h-father")).status_code == 200
    assert await family.database.fetchval("SELECT count(*) FROM disclosure") == 0


async def test_a_hospital_that_he_goes_to_later_sees_what_it_writes_itself(family):
    await family.database.execute("UPDATE version SET instant = instant - interval '8 days'")
    father = await family.headers(family.father)
    assert (await switch(family, father, "elsewhere", False)).status_code == 200
    own = family.registration("h-father", family.father)
    (await family.registrar.put("Patient/h-father", json=own)).raise_for_status()
    assert (await family.doctor.get("Patient/h-father")).status_code == 200
    found = (await family.doctor.get("Patient", params={"name": "王建国"})).json()
    assert [one["resource"]["id"] for one in found["entry"]] == ["h-father"]
    assert (await family.doctor.get("Observation/bp")).status_code == 404


async def test_two_of_one_choice_are_both_taken_back(family, father):
    assert (await switch(family, father, "institution/h", False)).status_code == 200
    (entry,) = (await family.nobody.get("Consent", headers=father)).json()["entry"]
    twin = {name: value for name, value in entry["resource"].items() if name not in ("id", "meta")}
    assert (await family.nobody.post("Consent", json=twin, headers=father)).status_code == 201
    assert (await switch(family, father, "institution/h", True)).status_code == 200
    look = (await family.nobody.get("Patient/father/$choices", headers=father)).json()
    assert stated(look)["institution/h"]
    assert (await family.doctor.get("Patient/h-father")).status_code == 200


async def test_a_choice_behind_many_others_is_found_and_changed(family, father):
    assert (await switch(family, father, "institution/h", False)).status_code == 200
    (entry,) = (await family.nobody.get("Consent", headers=father)).json()["entry"]
    for number in range(51):
        other = {"system": "urn:kangyun:choice", "value": f"institution/other-{number}"}
        twin = {name: value for name, value in entry["resource"].items() if name not in ("id", "meta")}
        body = twin | {"identifier": [other], "status": "inactive"}
        assert (await family.nobody.post("Consent", json=body, headers=father)).status_code == 201
    look = (await family.nobody.get("Patient/father/$choices", headers=father)).json()
    assert not stated(look)["institution/h"]


async def test_who_only_sees_switches_nothing(family, father):
    daughter = await family.headers(family.daughter)
    ask = await family.ask(daughter, "see")
    await family.call("family-answer", father, ask=ask, right="see")
    acting = await family.as_family(daughter)
    assert (await switch(family, acting, "research", False)).status_code == 403
    assert (await switch(family, daughter, "research", False)).status_code == 403


async def test_a_complaint_reaches_the_auditor_and_the_answer_comes_back(family, father):
    given = {
        "kind": "complain",
        "words": "我没有去过这家医院",
        "text": "昨天 县医院 李医生 查看了您的诊断",
        "who": "Practitioner/li",
    }
    url, body = "Patient/father/$ask-look", {"resourceType": "Parameters"}
    body["parameter"] = [{"name": name, "valueString": value} for name, value in given.items()]
    assert (await family.doctor.post(url, json=body)).status_code == 403
    number = (await family.nobody.post(url, json=body, headers=father)).json()["parameter"][0]["valueInteger"]
    (asked,) = (await family.auditor.get("$look-questions")).json()["parameter"]
    assert {"name": "words", "valueString": given["words"]} in asked["part"]
    answer = {"resourceType": "Parameters", "parameter": [
        {"name": "id", "valueInteger": number}, {"name": "words", "valueString": "已核查，属误操作，已处理。"},
    ]}  # fmt: skip
    assert (await family.nobody.post("$answer-look", json=answer, headers=father)).status_code == 403
    assert (await family.auditor.post("$answer-look", json=answer)).status_code == 200
    assert (await family.auditor.post("$answer-look", json=answer)).status_code == 404
    (own,) = (await family.nobody.get("$look-questions", headers=father)).json()["parameter"]
    assert own["part"][-1] == {"name": "answer", "valueString": "已核查，属误操作，已处理。"}
    told = await family.database.fetch("SELECT template FROM outbox_message")
    assert [one["template"] for one in told] == ["look-answered"]


async def test_questions_about_looks_wait_the_oldest_first_and_not_without_end(family, father):
    url = "Patient/father/$ask-look"

    async def ask(words):
        given = [{"name": "kind", "valueString": "ask"}, {"name": "words", "valueString": words}]
        body = {"resourceType": "Parameters", "parameter": given}
        return (await family.nobody.post(url, json=body, headers=father)).status_code

    assert {await ask(f"第 {number} 个问题") for number in range(MOST_OPEN)} == {200}
    assert await ask("还有一个") == 422
    asked = (await family.auditor.get("$look-questions")).json()["parameter"]
    numbers = [one["part"][0]["valueInteger"] for one in asked]
    assert numbers == sorted(numbers) and len(numbers) == MOST_OPEN
