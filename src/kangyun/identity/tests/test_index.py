"""Registrations become residents': on arrival, when they change, and by a steward's word. Over HTTP, on a database."""

import asyncio
from itertools import count

import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.operations.model import Call
from kangyun.access.operations.who_is_who import not_mine
from kangyun.base.errors import Invalid
from kangyun.identity.catching_up import catch_up
from kangyun.identity.index import forget

NUMBER = "urn:oid:2.16.156.10011.1.3"
ONE, OTHER = "11010519491231002X", "110101199003070011"
_serial = count()


def person(name="王建国", birth="1949-12-31", number=None, **more):
    resource = {"resourceType": "Patient", "name": [{"text": name}], "birthDate": birth, **more}
    if number:
        resource["identifier"] = [{"system": NUMBER, "value": number}]
    return resource


async def test_one_number_is_one_resident(register, resident):
    first, second = await register(number=ONE), await register("王建國", number=ONE)
    stranger = await register("李四", "1990-03-07", OTHER)
    whose, registrations = await resident(first)
    assert registrations == {first, second}
    assert await resident(second) == (whose, registrations)
    assert (await resident(stranger))[1] == {stranger}


async def test_without_a_number_the_rest_decides(register, resident):
    first, second = await register(), await register()
    assert (await resident(first))[1] == {first, second}


async def test_who_was_alone_is_found_when_more_is_known(register, resident):
    def called(phone):
        return [{"system": "phone", "value": phone}]

    first = await register("王健国", "1949-01-01", telecom=called("13912345678"))
    second = await register(number=ONE, telecom=called("13787654321"))
    assert (await resident(first))[1] == {first}
    third = await register(number=ONE, telecom=called("13912345678"))
    assert (await resident(first))[1] == {first, second, third}


async def test_two_who_are_one_by_a_third_become_one(register, resident):
    def at(phone, contact):
        called = [{"system": "phone", "value": phone}]
        return {"telecom": called, "contact": [{"name": {"text": contact}}]}

    first = await register("王健国", "1949-01-01", **at("13912345678", "陈静"))
    second = await register("王健国", "1949-12-01", **at("13787654321", "李秀英"))
    assert (await resident(first))[1] == {first}
    third = await register(**at("13912345678", "李秀英"))
    assert (await resident(third))[1] == {first, second, third}


async def test_a_doubt_about_two_residents_is_asked_once(client, register):
    await register(number=ONE)
    for _ in range(3):
        await register("赵刚", number=ONE)
    asked = (await client.get("$link-questions")).json()
    assert len(asked["parameter"]) == 1


async def test_two_numbers_are_two_persons(register, resident):
    first, second = await register(number=ONE), await register(number=OTHER)
    assert (await resident(first))[1] == {first}
    assert (await resident(second))[1] == {second}


async def test_who_comes_at_once_is_one_resident(register, resident):
    patients = await asyncio.gather(*(register(number=ONE) for _ in range(8)))
    assert (await resident(patients[0]))[1] == set(patients)


@pytest.fixture
def register_together(client):
    """Registers persons in one transaction and returns the ids of the Patients."""

    async def register_(*persons):
        entries = [
            {"resource": one, "request": {"method": "POST", "url": "Patient"}, "fullUrl": f"urn:uuid:{nth}"}
            for nth, one in enumerate(persons)
        ]
        answer = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        return [entry["response"]["location"].split("/")[-3] for entry in answer.json()["entry"]]

    return register_


async def test_within_one_transaction_as_well(register_together, resident):
    patients = await register_together(*(person(number=ONE) for _ in range(3)))
    assert (await resident(patients[0]))[1] == set(patients)


async def test_who_was_alone_joins_one_who_is_new_in_one_transaction(register, register_together, resident):
    def called(phone):
        return {"telecom": [{"system": "phone", "value": phone}]}

    first = await register("王健国", "1949-01-01", **called("13912345678"))
    others = await register_together(
        person(number=ONE, **called("13787654321")), person(number=ONE, **called("13912345678"))
    )
    assert (await resident(first))[1] == {first, *others}


async def test_what_contradicts_is_asked(register, resident, client):
    first, second = await register(number=ONE), await register("李四", number=ONE)
    assert (await resident(first))[1] == {first}
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    said = {one["name"]: one for one in question["part"]}
    assert said["kind"]["valueCode"] == "contradicted"
    assert said["patient"]["valueReference"]["reference"] == f"Patient/{second}"


@pytest.mark.parametrize(
    ("birth", "number", "kind"),
    [
        ("2099-01-01", ONE, "birth-in-future"),
        ("1800-01-01", ONE, "birth-too-early"),
        # A synthetic city does not belong into an installation that is no demonstration.
        ("1949-12-31", "990102194912310139", "number-demo"),
    ],
)
async def test_what_cannot_be_is_asked_about(register, client, birth, number, kind):
    await register(birth=birth, number=number)
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    assert {"name": "kind", "valueCode": kind} in question["part"]


@pytest.mark.parametrize("name", ["王建军", "王国", "李建国"])
async def test_a_relative_under_ones_number_without_a_day_of_birth_is_asked_about(client, register, resident, name):
    owner = await register(number=ONE)
    relative = (await client.post("Patient", json={
        "resourceType": "Patient", "name": [{"text": name}], "identifier": [{"system": NUMBER, "value": ONE}],
    })).json()["id"]  # fmt: skip
    assert (await resident(owner))[1] == {owner}
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    said = {one["name"]: one for one in question["part"]}
    assert said["patient"]["valueReference"]["reference"] == f"Patient/{relative}"
    assert "number-of-relative" in said["evidence"]["valueString"]


async def test_a_corrected_number_takes_it_to_its_own(register, resident, client):
    owner, other = await register(number=ONE), await register("李四", "1990-03-07", OTHER)
    mistaken = await register("李四", "1990-03-07", OTHER)
    assert (await resident(other))[1] == {other, mistaken}
    await client.put(f"Patient/{mistaken}", json=person(number=ONE) | {"id": mistaken})
    assert (await resident(owner))[1] == {owner, mistaken}
    assert (await resident(other))[1] == {other}


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize(
    "now", [("李秀英", "1975-01-01"), ("李秀英", "1949-12-31", ONE)], ids=["another person", "another name"]
)
async def test_a_registration_that_becomes_somebody_elses_is_asked_about(register, resident, client, ask, others, now):
    own = {await register(number=ONE) for _ in range(others)}
    reused = await register(number=ONE)
    await client.put(f"Patient/{reused}", json=person(*now) | {"id": reused})
    assert (await resident(reused))[1] == {reused, *own}
    phone = {"telecom": [{"system": "phone", "value": "13912345678"}]}
    await client.put(f"Patient/{reused}", json=person(*now, **phone) | {"id": reused})
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    said = {one["name"]: one for one in question["part"]}
    assert said["kind"]["valueCode"] == "overwritten"
    await ask("$answer-link", id=said["id"]["valueInteger"], same=False)
    assert (await resident(reused))[1] == {reused}
    assert (await client.get("$link-questions")).json()["parameter"] == []


async def test_that_two_are_not_one_person_stands_in_the_ledger_and_is_taken_back(
    register, client, ask, newest_decision
):
    await register(number=ONE)
    second = await register("李四", number=ONE)
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    await ask("$answer-link", id=question["part"][0]["valueInteger"], same=False)
    assert "steward" in (await client.get(f"Patient/{second}/$links")).text
    await ask("$undo-link", id=await newest_decision(second))


async def test_whom_a_steward_linked_stays_with_another_number_and_is_asked_about(register, resident, client, ask):
    first, second = await register(number=ONE), await register("王某", "1950-01-01")
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    await client.put(f"Patient/{second}", json=person("王某", "1990-03-07", OTHER) | {"id": second})
    assert (await resident(second))[1] == {first, second}
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    assert '"numbers-differ"' in next(one["valueString"] for one in question["part"] if one["name"] == "evidence")


@pytest.mark.parametrize("before", ["无名氏", "李秀英之女", "王健国", "-"])
async def test_who_gets_a_name_or_a_better_one_is_not_asked_about(register, client, before):
    patient = await register(before, "2020-01-14", gender="female")
    await client.put(f"Patient/{patient}", json=person("王建国", "2020-01-14", gender="female") | {"id": patient})
    assert (await client.get("$link-questions")).json()["parameter"] == []


async def test_who_was_alone_finds_his_own_when_the_number_comes(register, resident, client):
    first, second = await register(number=ONE), await register("王某", "1950-01-01")
    assert (await resident(second))[1] == {second}
    await client.put(f"Patient/{second}", json=person(number=ONE) | {"id": second})
    assert (await resident(second))[1] == {first, second}


async def test_a_patch_is_an_arrival_as_well(register, resident, client):
    first, second = await register(number=ONE), await register("王某", "1949-12-30")
    patch = [{"op": "add", "path": "/identifier", "value": [{"system": NUMBER, "value": ONE}]},
             {"op": "replace", "path": "/name/0/text", "value": "王建国"}]  # fmt: skip
    headers = {"content-type": "application/json-patch+json"}
    assert (await client.patch(f"Patient/{second}", json=patch, headers=headers)).status_code == 200
    assert (await resident(second))[1] == {first, second}


# --- a steward


async def test_linked_parted_and_taken_back(register, resident, ask, client, newest_decision):
    first, second = await register(number=ONE), await register("王某", "1950-01-01")
    before = [(await client.get(f"Patient/{one}")).text for one in (first, second)]
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    whose, registrations = await resident(first)
    assert registrations == {first, second}
    decision = await newest_decision(second)
    await ask("$undo-link", id=decision)
    assert (await resident(second))[1] == {second}
    assert [(await client.get(f"Patient/{one}")).text for one in (first, second)] == before
    await ask("$undo-link", 422, id=decision)
    await ask("$undo-link", id=await newest_decision(second))
    assert await resident(second) == (whose, registrations)


async def test_who_was_parted_stays_apart_when_more_is_known(register, resident, ask):
    telecom = [{"system": "phone", "value": "13912345678"}]
    first, second = await register(telecom=telecom), await register()
    assert (await resident(second))[1] == {first, second}
    await ask(f"Patient/{first}/$part")
    third = await register(number=ONE, telecom=telecom)
    assert (await resident(third))[1] == {first, third}
    assert (await resident(second))[1] == {second}


async def test_an_undoing_that_is_undone_binds_as_what_it_had_undone(register, resident, ask, client, newest_decision):
    first, second = await register(number=ONE), await register(number=ONE)
    await ask(f"Patient/{second}/$part")
    for times, apart in enumerate((False, True, False, True)):
        await ask("$undo-link", id=await newest_decision(second))
        changed = person(number=ONE, telecom=[{"system": "phone", "value": f"1391234567{times}"}])
        await client.put(f"Patient/{second}", json=changed | {"id": second})
        assert (await resident(second))[1] == ({second} if apart else {first, second})


async def test_so_does_one_of_a_link(register, resident, ask, client, newest_decision):
    first, second = await register(number=ONE), await register(number=ONE)
    await ask(f"Patient/{second}/$part")
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    for times, apart in enumerate((True, False, True)):
        await ask("$undo-link", id=await newest_decision(second))
        changed = person(number=ONE, telecom=[{"system": "phone", "value": f"1391234567{times}"}])
        await client.put(f"Patient/{second}", json=changed | {"id": second})
        assert (await resident(second))[1] == ({second} if apart else {first, second})
    third = await register(number=ONE)
    assert len((await resident(third))[1]) == 2


async def test_who_was_parted_is_not_linked_again_by_rule(register, resident, ask, client):
    first, second = await register(number=ONE), await register(number=ONE)
    await ask(f"Patient/{second}/$part")
    await client.put(f"Patient/{second}", json=person("王建国二", number=ONE) | {"id": second})
    assert (await resident(second))[1] == {second}
    third = await register(number=ONE)
    assert (await resident(third))[1] in ({first, third}, {second, third})
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    assert {first, second} <= (await resident(second))[1]


async def test_answers_bind(register, resident, ask, client):
    first, second = await register(number=ONE), await register("李四", number=ONE)
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    await ask("$answer-link", id=question["part"][0]["valueInteger"], same=False)
    assert not (await client.get("$link-questions")).json().get("parameter")
    await client.put(f"Patient/{second}", json=person("王建国", number=ONE) | {"id": second})
    assert (await resident(second))[1] == {second}
    assert (await resident(first))[1] == {first}


async def test_two_residents_merge_and_come_apart_whole(register, resident, ask, client, newest_decision):
    first, second = (
        [await register(number=ONE) for _ in range(2)],
        [await register("李四", "1990-03-07", OTHER) for _ in range(2)],
    )
    (one, _), (other, _) = await resident(first[0]), await resident(second[0])
    await ask(f"Patient/{other}/$link", to=f"Patient/{one}")
    assert (await resident(first[0]))[1] == {*first, *second}
    await ask("$undo-link", id=await newest_decision(second[0]))
    assert await resident(first[0]) == (one, set(first))
    assert await resident(second[0]) == (other, set(second))


# --- what is read of a resident


async def test_the_golden_patient_is_of_all_and_says_of_whom(register, resident, client):
    first = await register(number=ONE, telecom=[{"system": "phone", "value": "13800000000"}])
    second = await register("王建国", number=ONE, gender="male")
    whose, _ = await resident(first)
    made = (await client.get(f"Patient/{whose}")).json()
    assert made["id"] == whose and made["birthDate"] == "1949-12-31" and made["gender"] == "male"
    assert made["_gender"]["extension"][0]["valueReference"] == {"reference": f"Patient/{second}"}
    assert {one["other"]["reference"] for one in made["link"]} == {f"Patient/{first}", f"Patient/{second}"}
    assert made["telecom"][0]["extension"][0]["valueReference"] == {"reference": f"Patient/{first}"}
    issues = (await client.post("Patient/$validate", json=made)).json()["issue"]
    assert not [one for one in issues if one["severity"] in ("error", "fatal")]


async def test_a_search_by_the_resident_means_all(register, resident, client):
    patients = [await register(number=ONE) for _ in range(3)]
    for patient in patients:
        observed = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                    "subject": {"reference": f"Patient/{patient}"}}  # fmt: skip
        assert (await client.post("Observation", json=observed)).status_code == 201
    whose, _ = await resident(patients[0])
    for asked in (
        f"Observation?patient={whose}",
        f"Observation?subject=Patient/{whose}",
        f"Patient/{whose}/Observation",
    ):
        page = (await client.get(asked)).json()
        assert {one["resource"]["subject"]["reference"] for one in page["entry"]} == {
            f"Patient/{one}" for one in patients
        }
    about = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": f"Patient/{whose}"}}
    assert (await client.post("Basic", json=about)).status_code == 400
    single = (await client.get(f"Observation?patient={patients[0]}")).json()
    assert len(single["entry"]) == 1
    everything = (await client.get(f"Patient/{whose}/$everything")).json()
    assert len(everything["entry"]) == 6


async def test_nothing_is_left_of_who_was_erased(register, resident, client, platform):
    first, second = await register(number=ONE), await register("李四", number=ONE)
    res = platform.gate.store.ids.res_of(second)
    async with platform.pool.connection() as connection:
        await forget(connection, [res], [])
        left = [
            await connection.fetchval(f"SELECT count(*) FROM {table} WHERE patient = $1", res)
            for table in ("registration", "registration_key", "resident_decision", "resident_question")
        ]
        assert left == [0, 0, 0, 0]
        assert await connection.fetchval("SELECT count(*) FROM registration") == 1
    assert (await resident(first))[1] == {first}


async def test_keys_are_those_of_what_a_registration_says_now(register, person, client, platform):
    patient = await register(number=ONE)
    res, found = platform.gate.store.ids.res_of(patient), []
    changed = person("李华", "1950-01-02", ONE)
    for said in ({"name": [{"text": "王健国"}]}, {"gender": "female"}, person(number=ONE), changed):
        resource = {"resourceType": "Patient", "id": patient, **said}
        assert (await client.put(f"Patient/{patient}", json=resource)).status_code == 200
        async with platform.pool.connection() as connection:
            keys = await connection.fetchval("SELECT keys FROM registration WHERE patient = $1", res)
            rows = await connection.fetch("SELECT key FROM registration_key WHERE patient = $1", res)
        assert sorted(keys) == sorted(row["key"] for row in rows)
        found.append(len(keys))
    assert found[0] == found[1] == 0 < found[2]


async def test_what_was_there_before_the_index_is_brought_in(register, resident, platform):
    patients = [await register(number=ONE) for _ in range(3)] + [await register("李四", "1990-03-07", OTHER)]
    index, reader = platform.gate.residents, platform.gate.store.reader
    async with platform.pool.connection() as connection:
        for table in ("registration", "registration_key", "resident_link", "resident_decision"):
            await connection.execute(f"DELETE FROM {table}")
    assert await catch_up(platform.pool, index, reader, asyncio.Event()) == 4
    assert (await resident(patients[0]))[1] == set(patients[:3])
    assert await catch_up(platform.pool, index, reader, asyncio.Event()) == 0


async def test_under_another_edition_all_are_read_again(register, resident, platform):
    patients = [await register(number=ONE) for _ in range(3)]
    whose = await resident(patients[0])
    async with platform.pool.connection() as connection:
        await connection.execute("UPDATE registration SET edition = 0, fields = fields")
    assert await catch_up(platform.pool, platform.gate.residents, platform.gate.store.reader, asyncio.Event()) == 3
    assert await resident(patients[0]) == whose
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM registration WHERE edition = 0") == 0


# --- who may this be?


@pytest.fixture
def match(client):
    """Asks for a person and returns (grade, id of the resident) of each answer."""

    async def match_(resource, **inputs):
        given = [
            {"name": "resource", "resource": resource},
            *({"name": name, **value} for name, value in inputs.items()),
        ]
        answer = await client.post("Patient/$match", json={"resourceType": "Parameters", "parameter": given})
        assert answer.status_code == 200, answer.text
        return [
            (entry["search"]["extension"][0]["valueCode"], entry["resource"]["id"])
            for entry in answer.json().get("entry", ())
        ]

    return match_


async def test_a_match_is_graded_and_changes_nothing(register, resident, match, platform):
    first = await register(number=ONE)
    (whose, _) = await resident(first)
    assert await match(person(number=ONE)) == [("certain", whose)]
    assert await match(person("李四", number=ONE)) == [("possible", whose)]
    assert await match(person("李四", "1990-03-07", OTHER)) == []
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM registration") == 1


async def test_only_certain_matches_where_no_others_are_wanted(register, match):
    await register(number=ONE)
    assert await match(person("李四", number=ONE), onlyCertainMatches={"valueBoolean": True}) == []


async def test_too_little_to_look_for_is_told(client):
    empty = {"resourceType": "Patient", "gender": "male"}
    answer = await client.post("Patient/$match", json=empty)
    assert answer.status_code == 400


async def test_who_is_deleted_and_comes_back_is_whose_he_was(register, resident, client):
    first, second = await register(number=ONE), await register(number=ONE, id="wang")
    whose, _ = await resident(first)
    await client.delete("Patient/wang")
    assert (await resident(first)) == (whose, {first})
    await register(number=ONE, id="wang")
    assert await resident("wang") == (whose, {first, second})


async def test_who_is_removed_for_good_is_nobodys(register, resident, client):
    first, _ = await register(number=ONE), await register(number=ONE, id="wang")
    everything = {"resourceType": "Parameters", "parameter": [{"name": "expungeEverything", "valueBoolean": True}]}
    assert (await client.post("Patient/wang/$expunge", json=everything)).status_code == 200
    assert (await resident(first))[1] == {first}
    await register("李四", "1990-03-07", OTHER, id="wang")
    assert (await resident("wang"))[1] == {"wang"}


async def test_a_resident_says_that_a_registration_is_anothers(register, resident, client, platform):
    first, second = await register(number=ONE), await register(number=ONE)
    whose, _ = await resident(first)
    actor = Actor("Patient/" + first, "王建国", "Organization/platform", "PATRQT", role="resident", patients=(first,))
    record = await platform.gate.open(actor, Circumstances("POST", "", ""))
    said = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "我没有去过"}]}
    await not_mine(record, Call("Patient", second, said))
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    parts = {one["name"]: one for one in question["part"]}
    assert parts["kind"]["valueCode"] == "not-mine"
    assert parts["patient"]["valueReference"] == {"reference": f"Patient/{second}"}
    assert parts["resident"]["valueReference"] == {"reference": f"Patient/{whose}"}
    with pytest.raises(Invalid):
        await not_mine(record, Call("Patient", whose, said))
