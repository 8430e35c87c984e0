"""What an application was given: never more than its user may, never more than its scopes say."""

import pytest

from kangyun.base.errors import Forbidden, NotFound

ICD = "http://hl7.org/fhir/sid/icd-10"


def observation(id_, patient, category):
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "x"},
        "category": [{"coding": [{"system": "urn:category", "code": category}]}],
        "subject": {"reference": f"Patient/{patient}"},
    }  # fmt: skip


@pytest.fixture
async def record_of_two(written):
    """Two patients with a result of the laboratory and a sign each; a doctor."""
    for id_ in ("zhang", "li"):
        await written({"resourceType": "Patient", "id": id_}, "Organization/a")
        await written(observation(f"{id_}-lab", id_, "laboratory"), "Organization/a")
        await written(observation(f"{id_}-sign", id_, "vital-signs"), "Organization/a")
    await written({"resourceType": "Practitioner", "id": "wang"}, "Organization/a")


async def seen(record, type_="Observation"):
    page = await record.search(await record.read_query(type_, [("_count", "50")]))
    return sorted(one.id for one in page.matches)


async def test_scopes_narrow_what_the_user_may(record_of_two, opened):
    assert len(await seen(await opened("doctor"))) == 4
    record = await opened("doctor", scopes=("user/Observation.rs",))
    assert len(await seen(record)) == 4
    with pytest.raises(Forbidden):
        await seen(record, "Patient")
    record = await opened("doctor", scopes=("user/Observation.s",))
    assert len(await seen(record)) == 4
    with pytest.raises(Forbidden):
        await record.read("Observation", "li-lab")
    for scopes in ((), ("openid", "launch"), ("patient/Observation.rs",)):
        record = await opened("doctor", scopes=scopes)
        with pytest.raises(Forbidden) if not any("/" in one for one in scopes) else pytest.raises(NotFound):
            await record.read("Observation", "li-lab")


async def test_a_launched_application_sees_the_one_patient(record_of_two, opened):
    record = await opened("doctor", scopes=("patient/*.rs",), patient="zhang")
    assert await seen(record) == ["zhang-lab", "zhang-sign"]
    assert await seen(record, "Patient") == ["zhang"]
    assert await seen(record, "Practitioner") == ["wang"]
    with pytest.raises(NotFound):
        await record.read("Patient", "li")


async def test_a_granular_scope_is_a_part_of_the_type(record_of_two, opened):
    lab, sign = (f"user/Observation.rs?category=urn:category|{code}" for code in ("laboratory", "vital-signs"))
    assert await seen(await opened("doctor", scopes=(lab,))) == ["li-lab", "zhang-lab"]
    assert len(await seen(await opened("doctor", scopes=(lab, sign)))) == 4
    assert len(await seen(await opened("doctor", scopes=(lab, "user/*.rs")))) == 4
    assert await seen(await opened("doctor", scopes=("user/Observation.rs?category=laboratory",))) == [
        "li-lab",
        "zhang-lab",
    ]
    for nothing in ("user/Observation.rs?code:text=x", "user/Observation.rs?category=none"):
        assert await seen(await opened("doctor", scopes=(nothing,))) == []
    record = await opened("doctor", scopes=(lab,))
    with pytest.raises(NotFound):
        await record.read("Observation", "li-sign")


async def test_writing_takes_its_own_letters(record_of_two, opened):
    async def write(record, method, id_):
        resource = None if method == "delete" else observation(id_, "zhang", "laboratory") | {"status": "amended"}
        await record.commit([record.operation(method, "Observation", id=id_, resource=resource)], method)

    for scopes, allowed in (
        (("user/Observation.rs",), ""), (("user/Observation.c",), "create"),
        (("user/Observation.rud",), "update delete"),
        (("user/*.write",), "create update delete"), (("user/*.read",), ""),
    ):  # fmt: skip
        record = await opened("doctor", scopes=scopes)
        for method in ("create", "update", "delete"):
            if method not in allowed:
                with pytest.raises(Forbidden):
                    await write(record, method, "zhang-sign")
    await write(await opened("doctor", scopes=("user/Observation.u",)), "update", "zhang-sign")


@pytest.mark.parametrize("method", ["create", "update", "delete"])
async def test_by_a_granular_scope_nothing_is_written(record_of_two, opened, method):
    lab = "user/Observation.cruds?category=urn:category|laboratory"
    resource = None if method == "delete" else observation("zhang-lab", "zhang", "laboratory")
    record = await opened("doctor", scopes=(lab,))
    with pytest.raises(Forbidden):
        await record.commit([record.operation(method, "Observation", id="zhang-lab", resource=resource)], method)


async def test_of_a_granular_scope_reading_and_searching_are_bound_each(record_of_two, opened):
    lab = "user/Observation.s?category=urn:category|laboratory"
    assert await seen(await opened("doctor", scopes=("user/Observation.r", lab))) == ["li-lab", "zhang-lab"]


async def test_a_granular_scope_opens_no_older_version(record_of_two, opened, written):
    await written(observation("zhang-sign", "zhang", "laboratory"))
    record = await opened("doctor", scopes=("user/Observation.rs?category=urn:category|laboratory",))
    assert (await record.read("Observation", "zhang-sign")).version == 2
    with pytest.raises(NotFound):
        await record.vread("Observation", "zhang-sign", 1)
    page = await record.history("Observation", "zhang-sign", count=10, since=None, during=None, place=None)
    assert [one.version for one in page.entries] == [2]


async def test_nobody_changes_what_another_institution_wrote(record_of_two, opened, written):
    doctor = await opened("doctor", "Organization/b")
    await written({"resourceType": "Patient", "id": "b-chen"}, "Organization/b")
    changed = observation("zhang-lab", "b-chen", "laboratory")
    for id_ in ("zhang-lab", "a-new", "anything"):
        with pytest.raises(Forbidden) as caught:
            operation = doctor.operation("update", "Observation", id=id_, resource=changed | {"id": id_})
            await doctor.commit([operation], "update")
        assert caught.value.issues[0].text == "store.not-yours"
    for id_ in ("b-1", "5d3b9d5e-6a39-4a3c-9d3c-0c0c0c0c0c0c"):
        operation = doctor.operation("update", "Observation", id=id_, resource=changed | {"id": id_})
        (done,) = await doctor.commit([operation], "update")
        assert done.status == "created"


async def test_a_conditional_create_that_meets_what_is_hidden_creates(record_of_two, opened, written):
    identifier = [{"system": "urn:id", "value": "1"}]
    await written({"resourceType": "Patient", "identifier": identifier}, "Organization/a")
    for institution, status in (
        ("Organization/a", "matched"),
        ("Organization/b", "created"),
        ("Organization/b", "matched"),
    ):
        doctor = await opened("doctor", institution)
        resource = {"resourceType": "Patient", "identifier": identifier}
        operation = doctor.operation("create", "Patient", resource=resource, condition="identifier=urn:id|1")
        (done,) = await doctor.commit([operation], "create")
        assert done.status == status
