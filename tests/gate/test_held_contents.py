"""Contents are whose they are named for and have the labels of what holds them, however and whenever these come."""

import asyncio

import pytest

from kangyun.access.labels import read_labels, shipped
from kangyun.access.labels.following import Following, begun, keep_labelled
from kangyun.base.errors import NotFound, RuleBroken
from kangyun.store.holders import missing
from kangyun.store.relabel import Relabeller
from kangyun.store.types import TYPE_NUMBERS

ICD = "http://hl7.org/fhir/sid/icd-10"
PDF = {"resourceType": "Binary", "id": "a-pdf", "contentType": "application/pdf", "data": "c3VtbWFyeQ=="}
BY_HAND = {"meta": {"security": [{"system": "urn:kangyun:label", "code": "withheld"}]}}
RESTRICTED_PNEUMONIA = """
[[rules]]
label = "restricted"
system = "icd-10"
codes = ["J18"]
source = "test"
[[rules]]
"""


def report(id_="a-report", code="J18.9", url="Binary/a-pdf", **more):
    return {
        "resourceType": "DiagnosticReport", "id": id_, "status": "final", "code": {"coding": [
            {"system": ICD, "code": code}]}, "subject": {"reference": "Patient/a-zhang"},
        "presentedForm": [{"url": url}],
    } | more  # fmt: skip


@pytest.fixture
def labels(platform):
    async def names(id_="a-pdf", type_="Binary"):
        store = platform.gate.store
        async with platform.pool.connection() as connection:
            found = (await store.reader.names(connection, [(type_, id_)]))[type_, id_]
            return set(shipped().names(await connection.fetchval("SELECT labels FROM resource WHERE res = $1", found)))

    return names


@pytest.fixture
async def stored(written):
    await written({"resourceType": "Patient", "id": "a-zhang"})
    await written(PDF)
    return await written(report())


@pytest.fixture
def stricter(platform, stored):
    """Rules by which pneumonia is restricted, in force from now on."""
    from importlib.resources import files

    shipped_text = files("kangyun.access.labels").joinpath("data", "labels.toml").read_text("utf-8")
    rules = read_labels(shipped_text.replace("[[rules]]", RESTRICTED_PNEUMONIA, 1))
    platform.gate.store.indexer.labelling = rules
    return rules


async def test_new_rules_reach_the_content_with_what_holds_it(stored, labels, platform, stricter):
    assert "restricted" not in await labels()
    relabeller = Relabeller(platform.pool, platform.gate.store.indexer)
    assert await begun(platform.pool, relabeller, stricter)
    await relabeller.run()
    assert await labels() >= {"restricted", "level-5"}


async def test_and_close_it_from_the_first_request_on(stored, labels, opened, platform, request):
    async def guardian():
        mine = {"patients": ("a-zhang",), "hidden": shipped().mask("restricted")}
        return await opened("guardian", "Organization/platform", "RelatedPerson/ma", "FAMRQT", **mine)

    assert (await (await guardian()).read("Binary", "a-pdf")).id == "a-pdf"
    rules = request.getfixturevalue("stricter")
    following = Following(platform.pool, platform.gate.store.indexer, rules, platform.gate.sights.by_rule)
    await following.start()
    assert "restricted" not in await labels()
    with pytest.raises(NotFound):
        await (await guardian()).read("Binary", "a-pdf")
    await keep_labelled(platform.pool, platform.gate.store.indexer, rules, asyncio.Event())
    assert "restricted" in await labels()
    await following.close()


async def test_what_is_withheld_by_one_of_two_is_withheld_until_neither_does(stored, written, labels):
    await written(report("a-second") | BY_HAND)
    assert "withheld" in await labels()
    await written(report(conclusion="said anew"))
    assert "withheld" in await labels()
    await written(report("a-second"))
    assert "withheld" not in await labels()


async def test_a_medication_that_becomes_sensitive_reaches_the_content_of_what_refers_to_it(stored, written, labels):
    drug = {"resourceType": "Medication", "id": "a-drug", "code": {"text": "x"}}
    await written(drug)
    form = {"extension": [{"url": "urn:test", "valueAttachment": {"url": "Binary/a-pdf"}}]}
    about = {"subject": {"reference": "Patient/a-zhang"}, "medicationReference": {"reference": "Medication/a-drug"}}
    await written({"resourceType": "MedicationStatement", "id": "a-taken", "status": "active"} | about | form)
    assert "hiv" not in await labels()
    await written(drug | {"code": {"text": "抗逆转录病毒药"}})
    assert "hiv" in await labels()


async def test_a_reindexing_finds_what_holds_contents_from_before(stored, written, labels, platform):
    async with platform.pool.connection() as connection:
        await connection.execute("DELETE FROM held_content")
        await connection.execute("UPDATE resource SET edition = edition - 1")
        await connection.execute(
            "UPDATE resource SET labels = labels | $1 WHERE type = $2",
            *(shipped().mask("psychiatry"), TYPE_NUMBERS["DiagnosticReport"]),
        )

    async def tell(progress):
        pass

    assert await platform.gate.store.reindexer.run(["DiagnosticReport"], tell) == 1
    assert "psychiatry" in await labels()
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM held_content") == 1


# --- who brings in a whole record names content before it comes


@pytest.fixture
async def named(written):
    """A report of something sensitive that names content which is not there; the patient is not there either."""
    return await written(report(code="B20"))


async def test_content_that_comes_later_is_whose_it_was_named_for(named, written, labels, opened, platform):
    async with platform.pool.connection() as connection:
        assert await missing(connection) == 1
    stored = await written(PDF)
    assert stored.resource["securityContext"] == {"reference": "Patient/a-zhang"}
    assert stored.patient == named.patient
    assert await labels() >= {"hiv", "level-5"}
    async with platform.pool.connection() as connection:
        assert await missing(connection) == 0


async def test_it_comes_to_nobody_else(named, written):
    with pytest.raises(RuleBroken, match="content-whose"):
        await written(PDF | {"securityContext": {"reference": "Patient/a-li"}})


async def test_it_is_not_named_for_two(named, written):
    with pytest.raises(RuleBroken, match="content-whose"):
        await written(report("a-other", subject={"reference": "Patient/a-li"}))


async def test_nothing_comes_under_an_id_that_the_server_gives(named, written, platform):
    with pytest.raises(RuleBroken, match="content-whose"):
        await written(report("a-other", url=f"Binary/{platform.gate.store.ids.id_of(1 << 30)}"))
