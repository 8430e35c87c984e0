"""A search by the id of a resident finds the golden Patient, and what is asked beside it is asked of his registrations.
Over HTTP, on a database."""

import pytest
import pytest_asyncio

ONE, OTHER = "11010519491231002X", "110101199003070011"


@pytest_asyncio.fixture
async def three(register):
    """Three registrations of one resident."""
    return [await register(number=ONE, telecom=[{"system": "phone", "value": f"1380000000{n}"}]) for n in range(3)]


@pytest.fixture
def found(client):
    """Returns ids of matches and of what is included, and the Bundle."""

    async def found_(asked):
        page = (await client.get(asked)).json()
        ids = {"match": [], "include": []}
        for entry in page.get("entry", ()):
            ids[entry["search"]["mode"]].append(entry["resource"]["id"])
        return ids["match"], ids["include"], page

    return found_


async def test_it_is_found_as_it_is_read(three, resident, client, found):
    whose, _ = await resident(three[0])
    matches, included, page = await found(f"Patient?_id={whose}")
    assert (matches, included, page["total"]) == ([whose], [], 1)
    assert page["entry"][0]["resource"] == (await client.get(f"Patient/{whose}")).json()


async def test_beside_registrations_and_other_residents(three, register, resident, found):
    (whose, _), stranger = await resident(three[0]), await register("李四", "1990-03-07", OTHER)
    other, _ = await resident(stranger)
    matches, _, page = await found(f"Patient?_id={three[1]},{whose},{other},none")
    assert matches == [whose, other, three[1]]
    assert page["total"] == 3
    assert (await found(f"Patient?_id={whose},{other}&_summary=count"))[2]["total"] == 2


@pytest.mark.parametrize(("asked", "count"), [("phone=13800000002", 1), ("phone=13900000000", 0), ("name=王", 1)])
async def test_what_else_is_asked_is_asked_of_registrations(three, resident, found, asked, count):
    whose, _ = await resident(three[0])
    assert (await found(f"Patient?_id={whose}&{asked}"))[0] == [whose] * count


async def test_what_refers_to_any_registration_is_included(three, resident, client, found):
    whose, _ = await resident(three[0])
    for patient in three:
        observed = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                    "subject": {"reference": f"Patient/{patient}"}}  # fmt: skip
        assert (await client.post("Observation", json=observed)).status_code == 201
    matches, included, _ = await found(f"Patient?_id={whose}&_revinclude=Observation:subject")
    assert (matches, len(included)) == ([whose], 3)


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ("Observation?patient._id={}", 3),
        ("Observation?subject:Patient._id={}", 3),
        ("Observation?subject:Patient._id=none,{}", 3),
        ("Observation?subject:Patient._id:not={}", 1),
        ("Encounter?_has:Observation:encounter:patient._id={}", 0),
        ("Patient?general-practitioner._id={}", 0),
    ],
)
async def test_in_a_chain_it_is_all_of_them(three, register, resident, client, found, asked, matches):
    whose, _ = await resident(three[0])
    for patient in (*three, await register("李四", "1990-03-07", OTHER)):
        observed = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                    "subject": {"reference": f"Patient/{patient}"}}  # fmt: skip
        assert (await client.post("Observation", json=observed)).status_code == 201
    assert len((await found(asked.format(whose)))[0]) == matches


@pytest.mark.parametrize(("more", "shown"), [("", 1), ("&_count=0", 0), ("&_lastUpdated=gt2020-01-01", 1)])
async def test_among_several_types_it_is_found_as_it_is_read(three, resident, found, more, shown):
    whose, _ = await resident(three[0])
    matches, _, page = await found(f"?_type=Patient,Observation&_id={whose}{more}")
    assert (matches, page["total"]) == ([whose] * shown, 1)


async def test_pages_hold_each_once(three, register, resident, client):
    residents = [(await resident(three[0]))[0]]
    residents += [(await resident(await register("李四", "1990-03-07", OTHER)))[0]]
    asked, met = f"Patient?_id={','.join([*residents, *three])}&_count=2", []
    while asked:
        page = (await client.get(asked)).json()
        assert len(page["entry"]) <= 2
        met += [entry["resource"]["id"] for entry in page["entry"]]
        asked = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    assert sorted(met) == sorted([*residents, *three])


async def test_two_lists_of_ids_and_a_negation_are_of_registrations(three, resident, found):
    whose, _ = await resident(three[0])
    assert (await found(f"Patient?_id={whose}&_id={three[0]}"))[0] == []
    assert sorted((await found(f"Patient?_id:not={whose}"))[0]) == sorted(three)


async def test_questions_are_listed_with_their_registrations(register, client):
    await register(number=ONE)
    asked = [await register(name, number=ONE) for name in ("李四", "欧阳娜娜", "买买提")]
    questions = (await client.get("$link-questions")).json()["parameter"]
    of = [part["valueReference"]["reference"] for one in questions for part in one["part"] if part["name"] == "patient"]
    assert set(of) == {f"Patient/{one}" for one in asked}
