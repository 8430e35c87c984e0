"""Institutions say of their registrations that they are one person's, or two's: by `Patient/$merge`, and as a message
of HL7 v2 will. Over HTTP, on a database."""

import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.operations.merging import Registration, told_by_feed
from kangyun.access.replaced import Replaced
from kangyun.base.errors import NotFound
from kangyun.identity.feeding import EVENTS
from kangyun.store.feed import Place, last_place, read
from kangyun.testing.sequencing import give_positions

ONE, OTHER = "11010519491231002X", "110101199003070011"
MRN = "urn:oid:2.16.156.10011.9.1"


@pytest.fixture
def registered(hospital, person):
    """Registers somebody at a hospital and returns the id of the Patient."""

    async def registered_(mrn, *args, at="a", **more):
        resource = person(*args, **more) | {}
        resource["identifier"] = [*resource.get("identifier", ()), {"system": MRN, "value": mrn}]
        answer = await hospital(at).post("Patient", json=resource)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return registered_


def asked(source, target, **more):
    def named(side, one):
        if "/" in one:
            return {"name": f"{side}-patient", "valueReference": {"reference": one}}
        return {"name": f"{side}-patient-identifier", "valueIdentifier": {"system": MRN, "value": one}}

    given = [named("source", source), named("target", target)]
    given += [{"name": name, "valueBoolean": value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": given}


def outcome(answer):
    """Severity of what came of it, and the golden Patient's references."""
    said = {one["name"]: one for one in answer.json()["parameter"]}
    golden = said.get("result", {}).get("resource", {"link": []})
    links = {one["other"]["reference"].removeprefix("Patient/") for one in golden["link"]}
    return said["outcome"]["resource"]["issue"][0]["severity"], links


async def evidence(client, patient):
    said = (await client.get(f"Patient/{patient}/$links")).json()["parameter"]
    decisions = [{one["name"]: one for one in part["part"]} for part in said if part["name"] == "decision"]
    newest = next(one for one in decisions if one["patient"]["valueReference"]["reference"] == f"Patient/{patient}")
    return newest["kind"]["valueCode"], newest["evidence"]["valueString"]


async def test_an_institution_merges_its_own_and_it_is_taken_back(
    registered, resident, client, hospital, ask, newest_decision
):
    kept, given_up = await registered("1", number=ONE), await registered("2", "王某")
    before = [(await client.get(f"Patient/{one}")).content for one in (kept, given_up)]
    was = [await resident(one) for one in (kept, given_up)]
    answer = await hospital("a").post("Patient/$merge", json=asked("2", "1"), headers={"x-request-id": "message-7"})
    assert outcome(answer) == ("information", {kept, given_up})
    assert (await resident(kept))[1] == {kept, given_up}
    kind, said = await evidence(client, given_up)
    assert kind == "feed"
    assert {"Organization/a", "message-7", "merge"} <= set(said.replace('"', " ").split())
    assert [(await client.get(f"Patient/{one}")).content for one in (kept, given_up)] == before
    await ask("$undo-link", id=await newest_decision(given_up))
    assert [await resident(one) for one in (kept, given_up)] == was


@pytest.mark.parametrize("preview", [False, True])
async def test_the_audit_row_names_all_of_both_residents(registered, hospital, platform, preview):
    others = await registered("9", number=ONE, at="b")
    made = [await registered("1", number=ONE), await registered("2", "王某"), others]
    headers = {"x-request-id": "message-8"}
    await hospital("a").post("Patient/$merge", json=asked("2", "1", preview=preview), headers=headers)
    async with platform.pool.connection() as connection:
        named = await connection.fetchval(
            "SELECT patients FROM audit WHERE request = $1 AND action = 'merge'", "message-8"
        )
    assert set(named) == {platform.gate.store.ids.res_of(one) for one in made}


async def test_it_binds_the_rules(registered, resident, hospital, client):
    kept, given_up = await registered("1", number=ONE), await registered("2", "王某")
    await hospital("a").post("Patient/$merge", json=asked(f"Patient/{given_up}", f"Patient/{kept}"))
    changed = (await client.get(f"Patient/{given_up}")).json() | {"name": [{"text": "王某某"}]}
    assert (await hospital("a").put(f"Patient/{given_up}", json=changed)).status_code == 200
    assert (await resident(kept))[1] == {kept, given_up}


@pytest.mark.parametrize(
    "more", [{"name": "王建国", "birth": "1990-03-07", "number": OTHER}, {"name": "李四", "birth": "1990-03-07"}]
)
async def test_what_contradicts_is_asked(registered, resident, hospital, client, ask, more):
    kept, given_up = await registered("1", number=ONE), await registered("2", **more)
    answer = await hospital("a").post("Patient/$merge", json=asked("2", "1"))
    assert outcome(answer) == ("warning", set())
    assert (await resident(kept))[1] == {kept}
    questions = (await client.get("$link-questions")).json()["parameter"]
    kinds = {one["name"]: one for one in questions[-1]["part"]}
    assert kinds["kind"]["valueCode"] == "feed-merge"
    assert kinds["patient"]["valueReference"] == {"reference": f"Patient/{given_up}"}
    await ask("$answer-link", id=kinds["id"]["valueInteger"], same=True)
    assert (await resident(kept))[1] == {kept, given_up}


async def test_a_preview_changes_nothing(registered, resident, hospital):
    kept, given_up = await registered("1", number=ONE), await registered("2", "王某")
    answer = await hospital("a").post("Patient/$merge", json=asked("2", "1", preview=True))
    assert outcome(answer) == ("information", {kept, given_up})
    assert (await resident(kept))[1] == {kept}


async def test_a_preview_tells_a_steward_what_speaks_against_it(registered, resident, client):
    kept, given_up = await registered("1", number=ONE), await registered("2", "李四", "1953-06-07", at="b")
    answer = await client.post("Patient/$merge", json=asked(f"Patient/{given_up}", "1", preview=True))
    assert outcome(answer) == ("information", {kept, given_up})
    said = [one["details"]["text"] for one in answer.json()["parameter"][0]["resource"]["issue"]]
    assert said[0].startswith("Preview: they can be merged")
    assert said[1:] == ["The names have nothing in common, and the dates of birth or the sexes differ."]
    assert (await resident(kept))[1] == {kept}


async def test_the_reason_is_kept_and_is_one(registered, client, hospital):
    (given_up, _) = await registered("2", "王某"), await registered("1", number=ONE)
    for sender, reason, status in ((client, "一", 400), (hospital("a"), "核对过病案", 200)):
        given = asked("2", "1")
        given["parameter"].append({"name": "reason", "valueString": reason})
        assert (await sender.post("Patient/$merge", json=given)).status_code == status
    assert '"核对过病案"' in (await evidence(client, given_up))[1]


async def test_a_preview_of_what_is_done_already_says_so(registered, client):
    await registered("1", number=ONE)
    await registered("2", number=ONE)
    answer = await client.post("Patient/$merge", json=asked("2", "1", preview=True))
    (issue,) = answer.json()["parameter"][0]["resource"]["issue"]
    assert issue["details"]["text"] == "Preview: both registrations are one resident's already."


async def test_once_more_is_nothing_new(registered, hospital, client):
    await registered("1", number=ONE)
    await registered("2", "王某")
    first, second = [await hospital("a").post("Patient/$merge", json=asked("2", "1")) for _ in range(2)]
    assert outcome(first) == outcome(second)
    assert "id" in [one["name"] for one in first.json()["parameter"]]
    assert "id" not in [one["name"] for one in second.json()["parameter"]]


async def test_another_hospitals_is_nobody(registered, resident, hospital):
    own, others = await registered("1", number=ONE, at="b"), await registered("2", "王某")
    nobody = (await hospital("b").post("Patient/$merge", json=asked("none", "1"))).json()["issue"]
    for one in ("2", f"Patient/{others}"):
        answer = await hospital("b").post("Patient/$merge", json=asked(one, "1"))
        assert (answer.status_code, answer.json()["issue"]) == (404, nobody)
    assert (await resident(own))[1] == {own}


async def test_a_steward_merges_what_contradicts(registered, resident, client):
    kept, given_up = await registered("1", number=ONE), await registered("2", "李四", number=OTHER, at="b")
    answer = await client.post("Patient/$merge", json=asked(f"Patient/{given_up}", "1"))
    assert outcome(answer) == ("information", {kept, given_up})
    assert (await evidence(client, given_up))[0] == "steward"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (asked("1", "1"), 400),
        (asked("9", "1"), 404),
        (asked("Observation/x", "1"), 400),
        (asked("3", "1"), 412),
        ({"resourceType": "Parameters", "parameter": asked("2", "1")["parameter"][:1]}, 400),
        (asked("2", "1", **{"delete-source": True}), 400),
    ],
)
async def test_what_cannot_be_meant_is_refused(registered, client, given, status):
    await registered("1", number=ONE)
    for mrn in ("2", "3", "3"):
        await registered(mrn, "王某")
    assert (await client.post("Patient/$merge", json=given)).status_code == status


# --- and part them


def apart(other=None, reason="核对过病案"):
    given = [{"name": "reason", "valueString": reason}]
    given += [{"name": "from", "valueString": f"Patient/{other}"}] if other else []
    return {"resourceType": "Parameters", "parameter": given}


async def test_an_institution_parts_its_own_and_it_is_taken_back(
    registered, resident, hospital, client, person, ask, newest_decision
):
    first, second = await registered("1"), await registered("2")
    assert (await resident(first))[1] == {first, second}
    for told in ("information", "information"):
        answer = await hospital("a").post(f"Patient/{second}/$part", json=apart(first))
        assert (answer.status_code, outcome(answer)[0]) == (200, told)
    assert (await resident(second))[1] == {second}
    kind, said = await evidence(client, second)
    assert (kind, '"核对过病案"' in said) == ("feed", True)
    again = person(telecom=[{"system": "phone", "value": "13812345678"}]) | {"id": second}
    await hospital("a").put(f"Patient/{second}", json=again)
    assert (await resident(second))[1] == {second}
    await ask("$undo-link", id=await newest_decision(second))
    assert (await resident(first))[1] == {first, second}


async def test_of_two_with_one_number_a_steward_is_asked(registered, resident, hospital, client):
    first, second = await registered("1", number=ONE), await registered("2", number=ONE)
    assert outcome(await hospital("a").post(f"Patient/{second}/$part", json=apart(first)))[0] == "warning"
    assert (await resident(first))[1] == {first, second}
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    assert {"name": "kind", "valueCode": "feed-part"} in question["part"]


@pytest.mark.parametrize("others", [0, 1])
async def test_whether_one_is_the_residents_is_asked_and_tells_of_nobody_else(
    registered, resident, hospital, client, ask, others
):
    own = await registered("1", number=ONE)
    elsewhere = {await registered("2", number=ONE, at="b") for _ in range(others)}
    answer = await hospital("a").post(f"Patient/{own}/$part", json=apart())
    assert (answer.status_code, outcome(answer)[0], len(answer.json()["parameter"])) == (200, "warning", 1)
    assert (await resident(own))[1] == {own, *elsewhere}
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    await ask("$answer-link", id=question["part"][0]["valueInteger"], same=False)
    assert (await resident(own))[1] == {own}


async def test_nobody_parts_anothers(registered, hospital, client):
    own, others = await registered("1", number=ONE), await registered("2", number=ONE, at="b")
    for path, said in ((others, apart()), (others, apart(own)), (own, apart(others))):
        assert (await hospital("a").post(f"Patient/{path}/$part", json=said)).status_code == 404
    for said in (apart(own), apart(reason="")):
        assert (await hospital("a").post(f"Patient/{own}/$part", json=said)).status_code == 400
    assert (await client.get("$link-questions")).json()["parameter"] == []


# --- as messages say it


@pytest.fixture
def message(platform):
    """A message of HL7 v2 of hospital A about two of its numbers: `await message("A24", "1", "2")`."""

    async def message_(event, first, second, institution="a"):
        actor = Actor(f"Device/{institution}", "", f"Organization/{institution}", "TREAT", role="application")
        record = await platform.gate.open(actor, Circumstances("MLLP ADT", "", "message"))
        sides = [Registration(None, ((MRN, one),)) for one in (first, second)]
        answer = await told_by_feed(record, EVENTS[event], *sides, f"MSG-{event}")
        return answer.outcome

    return message_


@pytest.mark.parametrize("event", ["A24", "A40"])
async def test_linked_by_a_message(registered, resident, message, client, event):
    first, second = await registered("1", number=ONE), await registered("2", "王某")
    assert [await message(event, "2", "1") for _ in range(2)] == ["done", "already"]
    assert (await resident(first))[1] == {first, second}
    assert f"MSG-{event}" in (await evidence(client, second))[1]


async def test_parted_by_a_message(registered, resident, message, person, hospital, ask, newest_decision):
    first, second = await registered("1"), await registered("2")
    assert (await resident(first))[1] == {first, second}
    assert [await message("A37", "1", "2") for _ in range(2)] == ["done", "already"]
    assert (await resident(second))[1] == {second}
    again = person(telecom=[{"system": "phone", "value": "13812345678"}]) | {"id": second}
    assert (await hospital("a").put(f"Patient/{second}", json=again)).status_code == 200
    assert (await resident(second))[1] == {second}
    await ask("$undo-link", id=await newest_decision(second))
    assert (await resident(first))[1] == {first, second}


async def test_two_with_one_number_are_not_parted_by_a_message(registered, resident, message, client):
    first, second = await registered("1", number=ONE), await registered("2", number=ONE)
    assert await message("A37", "1", "2") == "asked"
    assert (await resident(first))[1] == {first, second}
    (question,) = (await client.get("$link-questions")).json()["parameter"]
    assert {"name": "kind", "valueCode": "feed-part"} in question["part"]


async def test_two_who_are_apart_are_kept_apart(registered, resident, message, person, hospital):
    first, second = await registered("1", number=ONE), await registered("2", "王某")
    assert [await message("A37", "1", "2") for _ in range(2)] == ["done", "already"]
    same = person(number=ONE) | {"id": second}
    assert (await hospital("a").put(f"Patient/{second}", json=same)).status_code == 200
    assert (await resident(first))[1] == {first}


async def test_no_message_is_about_anothers(registered, message):
    await registered("1", number=ONE)
    await registered("2", "王某")
    with pytest.raises(NotFound):
        await message("A40", "2", "1", institution="b")


async def test_a_stewards_word_is_not_overruled_by_a_message(registered, resident, message, ask, newest_decision):
    first, second = await registered("1", number=ONE), await registered("2", "王某")
    assert await message("A40", "2", "1") == "done"
    await ask("$undo-link", id=await newest_decision(second))
    assert await message("A40", "2", "1") == "asked"
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    await ask(f"Patient/{second}/$part")
    assert await message("A24", "2", "1") == "asked"
    assert (await resident(first))[1] == {first}


async def test_what_a_steward_parted_stays_apart_when_a_later_link_is_taken_back(
    register, resident, ask, newest_decision, client, person
):
    first, second = await register(number=ONE), await register(number=ONE)
    await ask(f"Patient/{second}/$part")
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    await ask("$undo-link", id=await newest_decision(second))
    changed = person("王建国", number=ONE, gender="male") | {"id": second}
    assert (await client.put(f"Patient/{second}", json=changed)).status_code == 200
    assert (await resident(second))[1] == {second}


# --- as a Patient says it: ITI-104


@pytest.fixture
def follow(platform):
    """Deals with all that the feed has of Patients."""

    async def follow_():
        replaced = Replaced(platform.gate)
        async with platform.pool.connection() as connection:
            await give_positions(connection)
            events, _ = await read(connection, Place((await last_place(connection)).epoch, 0))
        await replaced.handle(events)

    return follow_


@pytest.mark.parametrize("by", ["identifier", "reference"])
async def test_a_patient_that_is_replaced_is_merged(registered, resident, hospital, client, follow, by, person):
    kept, given_up = await registered("1", number=ONE), await registered("2", "王某")
    other = {"identifier": {"system": MRN, "value": "1"}} if by == "identifier" else {"reference": f"Patient/{kept}"}
    subsumed = person("王某", active=False, link=[{"other": other, "type": "replaced-by"}])
    subsumed["identifier"] = [{"system": MRN, "value": "2"}]
    answer = await hospital("a").put(f"Patient?identifier={MRN}|2", json=subsumed)
    assert answer.status_code == 200
    await follow()
    assert (await resident(kept))[1] == {kept, given_up}
    assert (await evidence(client, given_up))[0] == "feed"
    assert (await client.get(f"Patient/{given_up}")).json()["meta"]["versionId"] == "2"


async def test_what_was_taken_back_is_not_merged_by_the_next_version(
    registered, resident, hospital, follow, ask, newest_decision, person
):
    kept, given_up = await registered("1", number=ONE), await registered("2", "王某")
    link = [{"other": {"reference": f"Patient/{kept}"}, "type": "replaced-by"}]
    subsumed = person("王某", link=link) | {"id": given_up}
    assert (await hospital("a").put(f"Patient/{given_up}", json=subsumed)).status_code == 200
    await follow()
    await ask("$undo-link", id=await newest_decision(given_up))
    decision = await newest_decision(given_up)
    subsumed["telecom"] = [{"system": "phone", "value": "13812345678"}]
    assert (await hospital("a").put(f"Patient/{given_up}", json=subsumed)).status_code == 200
    await follow()
    assert await newest_decision(given_up) == decision
    assert (await resident(kept))[1] == {kept}


async def test_nobody_is_replaced_by_anothers(registered, resident, hospital, follow, person):
    own, others = await registered("1", "王某", at="b"), await registered("2", number=ONE)
    link = [{"other": {"identifier": {"system": MRN, "value": "2"}}, "type": "replaced-by"}]
    subsumed = person("王某", link=link) | {"id": own}
    assert (await hospital("b").put(f"Patient/{own}", json=subsumed)).status_code == 200
    await follow()
    assert (await resident(others))[1] == {others}
