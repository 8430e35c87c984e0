"""Whom a resource is about where the compartment does not say it; and that whoever is shown it leaves a trace."""

import asyncio
from copy import deepcopy
from uuid import uuid4

import pytest

from kangyun.access.bulk.exporting import ExportRequest
from kangyun.access.bulk.persons import persons_of
from kangyun.access.operations import Call
from kangyun.access.operations.who_looked import who_looked
from kangyun.base.errors import Forbidden, Invalid, NotFound
from kangyun.testing.linking import link

ZHANG = {"reference": "Patient/b-zhang"}
RESULT = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": ZHANG}
MADE = [
    {"resourceType": "Task", "status": "requested", "intent": "order", "for": ZHANG},
    {"resourceType": "Device", "patient": ZHANG},
    {"resourceType": "GuidanceResponse", "status": "success", "moduleUri": "http://x", "subject": ZHANG},
    {"resourceType": "QuestionnaireResponse", "status": "completed", "source": ZHANG},
    {"resourceType": "Binary", "contentType": "text/plain", "data": "eA==", "securityContext": ZHANG},
    {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": RESULT}, {"resource": {"resourceType": "Organization", "name": "x"}}],
    },
]
COMPOSITION = {
    "resourceType": "Composition", "status": "final", "type": {"text": "x"}, "title": "x", "date": "2026-01-01",
    "subject": ZHANG, "author": [{"display": "x"}],
}  # fmt: skip
HERE, ELSEWHERE = "http://127.0.0.1:8080/fhir", "http://other.example/fhir"
MOTHER = {"reference": "Patient/b-mother"}


def document(*resources):
    about = {"type": "document", "timestamp": "2026-01-01T00:00:00Z", "identifier": {"system": "urn:x", "value": "1"}}
    entry = [{"fullUrl": f"urn:uuid:{uuid4()}", "resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "entry": entry} | about


def collection(*entries):
    entry = [{"fullUrl": url, "resource": resource} for url, resource in entries]
    return {"resourceType": "Bundle", "type": "collection", "entry": entry}


@pytest.fixture
async def zhang(written):
    stored = await written({"resourceType": "Patient", "id": "b-zhang"}, "Organization/b")
    await written(
        {
            "resourceType": "Consent", "id": "no", "status": "active", "patient": ZHANG,
            "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"text": "x"}],
            "policyRule": {"text": "x"},
            "provision": {"type": "deny", "actor": [{
                "role": {"text": "x"}, "reference": {"reference": "Organization/b"}}]},
        }, "Organization/b",
    )  # fmt: skip
    return stored.res


@pytest.mark.parametrize("made", MADE, ids=lambda made: made["resourceType"])
async def test_it_is_the_resident_s_and_consent_binds_it(zhang, platform, written, opened, made):
    stored = await written(made | {"id": "b-one"}, "Organization/b")
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT patient FROM resource WHERE res = $1", stored.res) == zhang
    doctor = await opened("doctor", "Organization/b")
    with pytest.raises(NotFound):
        await doctor.read(made["resourceType"], "b-one")
    resident = await opened("resident", "", "Patient/b-zhang", purpose="PATRQT", patients=("b-zhang",))
    assert (await resident.read(made["resourceType"], "b-one")).res == stored.res


@pytest.mark.parametrize(
    ("bundle", "about"),
    [
        (document(COMPOSITION, RESULT), "b-zhang"),
        (document(COMPOSITION, RESULT | {"subject": MOTHER}), "b-zhang"),
        (document(COMPOSITION | {"subject": {"reference": "urn:uuid:1"}}, RESULT | {"subject": MOTHER}), None),
        (collection((f"{HERE}/Patient/b-zhang", {"resourceType": "Patient", "id": "b-zhang"})), "b-zhang"),
        (collection(("urn:uuid:2", RESULT), ("urn:uuid:3", RESULT)), "b-zhang"),
        (collection(("urn:uuid:2", RESULT), ("urn:uuid:3", RESULT | {"subject": MOTHER})), None),
        (collection(("urn:uuid:2", document(COMPOSITION))), "b-zhang"),
        (collection((f"{HERE}/Observation/1", RESULT | {
            "id": "1", "subject": {"reference": f"{HERE}/Patient/b-zhang"}})), "b-zhang"),
        (collection((f"{ELSEWHERE}/Observation/1", RESULT | {"id": "1"})), None),
        (collection((f"{ELSEWHERE}/Patient/b-zhang", {"resourceType": "Patient", "id": "b-zhang"})), None),
        (collection(("urn:uuid:4", {"resourceType": "Patient", "id": "b-zhang"})), None),
    ],
)  # fmt: skip
async def test_whom_a_bundle_is_about(zhang, platform, written, bundle, about):
    mother = await written({"resourceType": "Patient", "id": "b-mother"}, "Organization/b")
    numbers = {"b-zhang": zhang, "b-mother": mother.res, None: None}
    stored = await written(deepcopy(bundle) | {"id": "b-bundle"}, "Organization/b")
    async with platform.pool.connection() as connection:
        found = await connection.fetchval("SELECT patient FROM resource WHERE res = $1", stored.res)
        assert found == numbers[about]
        await platform.gate.store.registry.make_anew(connection)
    await platform.gate.store.reindexer.run(["Bundle"], lambda progress: asyncio.sleep(0))
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT patient FROM resource WHERE res = $1", stored.res) == found


async def test_a_bundle_about_a_resident_whom_the_writer_does_not_see_is_not_written(zhang, opened):
    doctor = await opened("doctor")
    alone = collection((f"{HERE}/Patient/b-zhang", {"resourceType": "Patient", "id": "b-zhang"}))
    for bundle in (document(COMPOSITION), alone):
        with pytest.raises(Forbidden, match="stranger"):
            await doctor.commit([doctor.operation("create", "Bundle", resource=deepcopy(bundle))], "create")


@pytest.mark.parametrize("method", ["create", "update"])
async def test_what_is_met_as_it_stands_names_its_resident_in_the_trail(platform, written, opened, method):
    patient = await written({"resourceType": "Patient", "id": "b-zhang"}, "Organization/b")
    stored = await written(RESULT | {"id": "b-one"}, "Organization/b")
    doctor = await opened("doctor", "Organization/b")
    resource, rest = RESULT, {"condition": "_id=b-one"}
    if method == "update":
        resource, rest = RESULT | {"id": "b-one"}, {"id": "b-one"}
    (done,) = await doctor.commit([doctor.operation(method, "Observation", resource=dict(resource), **rest)], method)
    assert done.stored.res == stored.res
    async with platform.pool.connection() as connection:
        row = await connection.fetchrow("SELECT action, patients, about FROM audit ORDER BY id DESC LIMIT 1")
    assert tuple(row) == (method, [patient.res], stored.res)


@pytest.mark.parametrize(
    ("types", "persons"),
    [(("Observation",), 3), (("Task",), 1), (("Patient",), 4), (("Organization",), 0), (("Person",), 2), ((), 6)],
)
async def test_an_export_counts_whom_what_it_has_is_about(written, opened, types, persons):
    for number in range(4):
        await written({"resourceType": "Patient", "id": f"b-{number}"}, "Organization/b")
    for number in (0, 1, 2, 2):
        await written(RESULT | {"subject": {"reference": f"Patient/b-{number}"}}, "Organization/b")
    await written(MADE[0] | {"for": {"reference": "Patient/b-3"}}, "Organization/b")
    await written({"resourceType": "Organization", "name": "x"}, "Organization/b")
    for _ in range(2):
        await written({"resourceType": "Person"}, "Organization/b")
    scopes = tuple(f"system/{type_}.rs" for type_ in types) or ("system/*.rs",)
    record = await opened("application", "Organization/b", "Device/lab", scopes=scopes, client="lab")
    asked = ExportRequest("http://x", "system", record.actor, record.circumstances, types=types)
    assert len(await persons_of(record, asked)) == persons


async def test_a_resident_learns_who_looked_at_each_of_his_registrations(platform, written, opened):
    one = await written({"resourceType": "Patient", "id": "a-zhang"})
    other = await written({"resourceType": "Patient", "id": "b-zhang"}, "Organization/b")
    await (await opened("doctor")).read("Patient", "a-zhang")

    async def looks():
        resident = await opened("resident", "", "Patient/b-zhang", purpose="PATRQT", patients=("b-zhang",))
        told = await who_looked(resident, Call("Patient", "a-zhang", {"resourceType": "Parameters"}))
        return [part for part in told.get("parameter", ()) if "Practitioner/li" in str(part)]

    with pytest.raises(Forbidden):
        await looks()
    async with platform.pool.connection() as connection:
        for res in (one.res, other.res):
            await link(connection, res, one.res)
    assert await looks()
    async with platform.pool.connection() as connection:
        left = "SELECT patients FROM audit WHERE action = 'who-looked' ORDER BY id DESC LIMIT 1"
        named = await connection.fetchval(left)
    assert set(named) == {one.res, other.res}


@pytest.mark.parametrize(
    "reference",
    [
        "./Patient/b-zhang",
        "/Patient/b-zhang",
        "Patient/b-zhang/",
        "Patient/b-zhang#x",
        "patient/b-zhang",
        " Patient/b-zhang",
    ],
)
async def test_a_patient_who_is_named_in_no_form_of_fhir_is_not_passed_over(written, reference):
    """It would be about nobody: what he has denied would be shown."""
    await written({"resourceType": "Patient", "id": "b-zhang"}, "Organization/b")
    with pytest.raises(Invalid):
        await written(RESULT | {"subject": {"reference": reference}}, "Organization/b")


@pytest.mark.parametrize(
    "reference", ["urn:uuid:0190f3e2-7c1b-7d40-9a55-000000000001", "http://other.example/fhir/Patient/1", "#p"]
)
async def test_a_patient_elsewhere_may_be_named(written, reference):
    assert (await written(RESULT | {"subject": {"reference": reference}}, "Organization/b")).patient is None


async def test_our_own_address_may_be_written_in_capitals(written, platform):
    await written({"resourceType": "Patient", "id": "b-zhang"}, "Organization/b")
    reference = platform.base.replace("http://", "HTTP://") + "/Patient/b-zhang"
    made = await written(RESULT | {"subject": {"reference": reference}}, "Organization/b")
    assert made.resource["subject"] == ZHANG
