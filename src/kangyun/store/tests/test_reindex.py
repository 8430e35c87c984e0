"""Search parameters that a region adds: refused while they are built, complete afterwards."""

import asyncio

import pytest

from kangyun.base.errors import PlatformError
from kangyun.database.jobs import Jobs
from kangyun.database.jobs import work as work_on_jobs
from kangyun.store import feed
from kangyun.store.building import JOB, ParameterWatch, builder
from kangyun.store.reindex import Reindexer
from kangyun.store.writer import Writer
from kangyun.testing.sequencing import give_positions

EYE_COLOUR = {
    "resourceType": "SearchParameter",
    "url": "urn:region:eye-colour",
    "name": "eye-colour",
    "status": "active",
    "description": "eye colour",
    "code": "eye-colour",
    "base": ["Patient"],
    "type": "token",
    "expression": "Patient.extension('urn:region:eye-colour').value",
}

STRICT = {"prefer": "handling=strict"}


def patient(colour, **more):
    return {"resourceType": "Patient", "extension": [{"url": "urn:region:eye-colour", "valueCode": colour}], **more}


@pytest.fixture
def notice(platform):
    """Lets what is in the feed become parameters and jobs, as the background work does."""
    store = platform.gate.store
    watch = ParameterWatch(platform.pool, store.reader, store.registry, Jobs(platform.pool))

    async def run():
        async with platform.pool.connection() as connection:
            await give_positions(connection)
            events, _ = await feed.read(connection, feed.Place(1, 0))
        await watch.handle(events)

    return run


@pytest.fixture
def build(platform):
    """Carries out the waiting reindexing."""
    store = platform.gate.store

    async def run():
        stop = asyncio.Event()
        handlers = {JOB: builder(platform.pool, store.reindexer, store.registry)}
        working = asyncio.ensure_future(work_on_jobs(platform.pool, handlers, stop))
        async with platform.pool.connection() as connection:
            while await connection.fetchval("SELECT count(*) FROM job WHERE ended IS NULL"):
                await asyncio.sleep(0.05)
        stop.set()
        await working

    return run


async def found(client, search):
    answer = (await client.get(search)).json()
    return sorted(entry["resource"]["id"] for entry in answer.get("entry", ()) if entry["search"]["mode"] == "match")


async def test_a_parameter_is_refused_while_it_is_built_and_finds_everything_after(client, notice, build):
    old = (await client.post("Patient", json=patient("green"))).json()["id"]
    await client.post("Patient", json=patient("brown"))
    await client.post("SearchParameter", json=EYE_COLOUR)
    await notice()

    refused = await client.get("Patient?eye-colour=green", headers={"prefer": "handling=strict"})
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "fhir.search.building"
    meanwhile = (await client.post("Patient", json=patient("green"))).json()["id"]

    await build()
    assert await found(client, "Patient?eye-colour=green") == sorted([old, meanwhile])
    assert await found(client, "Patient?eye-colour:missing=true") == []


async def test_reindexing_makes_no_version_and_keeps_every_other_search(client, notice, build):
    made = (await client.post("Patient", json=patient("green", gender="male", birthDate="1970-02-03"))).json()
    await client.post("SearchParameter", json=EYE_COLOUR)
    await notice()
    await build()
    assert (await client.get(f"Patient/{made['id']}")).json() == made
    assert await found(client, "Patient?gender=male&birthdate=1970-02-03&eye-colour=green") == [made["id"]]


async def test_a_retired_parameter_is_unknown_again(client, notice, build):
    parameter = (await client.post("SearchParameter", json=EYE_COLOUR)).json()
    await notice()
    await build()
    await client.delete(f"SearchParameter/{parameter['id']}")
    await notice()
    strict = await client.get("Patient?eye-colour=green", headers={"prefer": "handling=strict"})
    assert strict.json()["issue"][0]["details"]["coding"][0]["code"] == "fhir.search.unknown"


async def test_a_parameter_that_nobody_could_index_is_not_added(client, notice):
    await client.post("SearchParameter", json=EYE_COLOUR | {"expression": "Patient.where("})
    with pytest.raises(PlatformError):  # The reader parks it.
        await notice()
    strict = await client.get("Patient?eye-colour=green", headers={"prefer": "handling=strict"})
    assert strict.json()["issue"][0]["details"]["coding"][0]["code"] == "fhir.search.unknown"


UNUSABLE = (
    *({"code": code} for code in ("a.b", "a:b", "_count", "_own", "a b", "a&b", "a=b", "a,b")),
    *(
        {"expression": expression, "type": "string"}
        for expression in (
            "Patient.nope", "nope", "Patient.name.nope", "Patient.name.where(nope='x').family", "Patient.nope.exists()",
            "Patient.name.family | Patient.nope", "(Patient.deceased as Quantity).value", "Patient.name.first().nope",
        )
    ),
)  # fmt: skip


@pytest.mark.parametrize("change", UNUSABLE)
async def test_a_name_that_no_search_can_use_and_an_element_that_is_not_there_are_parked(client, notice, change):
    await client.post("SearchParameter", json=EYE_COLOUR | change)
    with pytest.raises(PlatformError, match=r"parameter-code|no-element|unknown-member"):
        await notice()


@pytest.mark.parametrize(
    "expression", ["Patient.contact.name.family", "name.family", "Patient.extension('urn:x').value"]
)
async def test_elements_that_are_there_are_taken_as_they_are_named(client, notice, expression):
    await client.post(
        "SearchParameter", json=EYE_COLOUR | {"code": "眼色-2", "expression": expression, "type": "string"}
    )
    await notice()
    building = await client.get("Patient?眼色-2=x", headers={"prefer": "handling=strict"})
    assert building.json()["issue"][0]["details"]["coding"][0]["code"] == "fhir.search.building"


async def test_what_the_specification_defines_is_not_ours(client, notice):
    for name, code, expression in (
        ("Resource-id", "_id", "Resource.id"),
        ("individual-gender", "gender", "Patient.gender"),
    ):
        url = f"http://hl7.org/fhir/SearchParameter/{name}"
        base = [expression.partition(".")[0]]
        official = EYE_COLOUR | {"url": url, "code": code, "expression": expression, "base": base}
        assert (await client.post("SearchParameter", json=official)).status_code == 201
    await notice()
    assert (await client.get("Patient?_id=x&gender=male", headers={"prefer": "handling=strict"})).status_code == 200


async def test_only_what_an_older_edition_indexed_is_indexed_from_the_ground(client, platform, monkeypatch):
    """A new resource whose name was known has nothing to remove: looking for it costs more than writing it."""
    seen, prepare = [], Writer.prepare

    async def spied(writer, connection, changes, *rest):
        seen.extend((change.id, change.reindexed) for change in changes)
        return await prepare(writer, connection, changes, *rest)

    monkeypatch.setattr(Writer, "prepare", spied)
    await client.put(
        "Patient/zhang",
        json=patient("green", id="zhang", link=[{"other": {"reference": "Patient/li"}, "type": "seealso"}]),
    )
    await client.put("Patient/li", json=patient("green", id="li"))
    async with platform.pool.connection() as connection:
        await platform.gate.store.registry.make_anew(connection)
    await client.put("Patient/li", json=patient("brown", id="li"))
    assert dict(seen[:2]) == {"zhang": False, "li": False}
    assert seen[-1] == ("li", True)


@pytest.mark.parametrize(
    "expression", ["Patient.name.nonsense()", "%nobody.name", "Patient.name.given.substring(1, 2, 3)"]
)
async def test_what_nobody_could_evaluate_is_not_added_and_stops_no_write(client, notice, expression):
    await client.post("SearchParameter", json=EYE_COLOUR | {"type": "string", "expression": expression})
    with pytest.raises(PlatformError):
        await notice()
    assert (await client.post("Patient", json=patient("green", name=[{"given": ["A", "B"]}]))).status_code == 201


async def test_what_cannot_be_evaluated_for_one_resource_has_no_value_there(client, notice, build):
    single = EYE_COLOUR | {"type": "string", "expression": "Patient.name.given.single().lower()"}
    await client.post("SearchParameter", json=single)
    await notice()
    assert (await client.post("Patient", json=patient("green", name=[{"given": ["A", "B"]}]))).status_code == 201
    one = (await client.post("Patient", json=patient("green", name=[{"given": ["Anna"]}]))).json()["id"]
    await build()
    assert await found(client, "Patient?eye-colour=anna") == [one]


async def test_what_is_defined_anew_while_it_is_built_answers_when_that_is_built(
    client, platform, notice, build, monkeypatch
):
    old = (await client.post("Patient", json=patient("green", gender="male"))).json()["id"]
    made = (await client.post("SearchParameter", json=EYE_COLOUR)).json()
    await notice()
    run, answers = Reindexer.run, []

    async def first(*arguments):
        done = await run(*arguments)
        await client.put(f"SearchParameter/{made['id']}", json=made | {"expression": "Patient.gender"})
        await notice()
        monkeypatch.setattr(Reindexer, "run", second)
        return done

    async def second(*arguments):
        answers.append((await client.get("Patient?eye-colour=male", headers=STRICT)).status_code)
        return await run(*arguments)

    monkeypatch.setattr(Reindexer, "run", first)
    await build()
    assert answers[0] == 400
    assert await found(client, "Patient?eye-colour=male") == [old]
