"""Nobody writes about a resident whose registration he does not see, nor learns of it by trying."""

from datetime import UTC, datetime, timedelta

import pytest

from kangyun.access.operations import Call, find
from kangyun.access.operations.everything import everything
from kangyun.access.policy import ANY_PURPOSE
from kangyun.access.policy.sights import party
from kangyun.base.errors import Forbidden, Gone, NotFound

UUID = "5d3b9d5e-6a39-4a3c-9d3c-0c0c0c0c0c0c"


def result(patient, **rest):
    subject = {"reference": f"Patient/{patient}"}
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject} | rest


def patient(id_):
    return {"resourceType": "Patient", "id": id_, "name": [{"family": "张"}]}


@pytest.fixture
async def li(written):
    """A patient of hospital A, and one of hospital B."""
    await written(patient("b-wang"), "Organization/b")
    return (await written(patient("a-li"))).res


@pytest.fixture
def write(opened):
    """Writes at hospital B: `await write(resource)`."""

    async def write_(resource, role="doctor", method=None):
        record = await opened(role, "Organization/b")
        method = method or ("update" if "id" in resource else "create")
        content = None if method == "delete" else resource
        operation = record.operation(method, resource["resourceType"], id=resource.get("id"), resource=content)
        (done,) = await record.commit([operation], method)
        return done

    return write_


@pytest.fixture
async def erased(platform, opened, written):
    """Erases a patient of hospital A."""
    await written(patient("a-gone"))
    ask = find("erase", "Patient", "instance").carry_out

    async def by(officer, *given):
        record = await opened("", "Organization/platform", officer, purpose="SYSADMIN", administrator=True)
        return await ask(record, Call("Patient", "a-gone", {"resourceType": "Parameters", "parameter": list(given)}))

    asked = await by("Device/one", {"name": "reason", "valueString": "本人书面申请抹除全部数据，已核验身份"})
    number = next(one["valueInteger"] for one in asked["parameter"] if one["name"] == "request")
    await by("Device/two", {"name": "request", "valueInteger": number}, {"name": "confirm", "valueBoolean": True})


async def test_the_words_are_the_same_whether_there_is_such_a_resident_or_not(li, erased, write):
    for id_ in ("a-li", "a-nobody", "a-gone", "somebody"):
        with pytest.raises(Forbidden) as caught:
            await write(result(id_))
        assert [issue.text for issue in caught.value.issues] == ["store.stranger"]


async def test_those_registered_here_and_those_still_to_come_may_be_written_about(li, write):
    for id_ in ("b-wang", "b-later", UUID):
        assert (await write(result(id_))).status == "created"


async def test_a_relation_is_enough_and_what_was_written_in_it_may_be_put_right_later(li, write, platform):
    async with platform.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO disclosure VALUES ($1, $2, $3, 0, $4, $5, $1, false, true, 'test', 'test')",
            li, party(platform.gate.store.keys.hasher, "Organization/b"), ANY_PURPOSE,
            datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1),
        )  # fmt: skip
    assert (await write(result("a-li", id="b-1"))).status == "created"
    async with platform.pool.connection() as connection:
        await connection.execute("DELETE FROM disclosure")
    with pytest.raises(Forbidden):
        await write(result("a-li", id="b-2"))
    assert (await write(result("a-li", id="b-1", status="amended"))).status == "updated"
    assert (await write(result("a-li", id="b-1"), method="delete")).status == "deleted"


async def test_what_is_about_one_does_not_come_to_be_about_a_stranger(li, write):
    await write(result("b-wang", id="b-1"))
    with pytest.raises(Forbidden):
        await write(result("a-li", id="b-1"))


async def test_a_device_measures_whoever_wears_it(li, write):
    assert (await write(result("a-li"), role="device")).status == "created"


async def test_a_transaction_that_registers_somebody_writes_about_him(li, opened):
    record = await opened("doctor", "Organization/b")
    url = f"urn:uuid:{UUID}"
    subject = {"subject": {"reference": url}}
    done = await record.commit(
        [
            record.operation("create", "Patient", resource={"resourceType": "Patient"}, full_url=url),
            record.operation("create", "Observation", resource=result("x") | subject, full_url="urn:uuid:x"),
        ],
        "transaction",
    )
    assert [one.status for one in done] == ["created", "created"]


async def test_only_who_may_choose_an_id_is_told_that_it_was_erased(erased, opened):
    for institution, error in (("Organization/a", Gone), ("Organization/b", NotFound)):
        record = await opened("doctor", institution)
        call = Call("Patient", "a-gone", {"resourceType": "Parameters"})
        for asked in (
            record.read("Patient", "a-gone"),
            record.vread("Patient", "a-gone", 1),
            record.history("Patient", "a-gone", count=10, since=None, during=None, place=None),
            everything(record, call),
        ):
            with pytest.raises(error):
                await asked
    record = await opened("doctor", "Organization/b")
    for id_ in ("a-gone", "a-nobody"):
        operation = record.operation("update", "Patient", id=id_, resource=patient(id_))
        with pytest.raises(Forbidden) as caught:
            await record.commit([operation], "update")
        assert caught.value.issues[0].text == "store.not-yours"


async def test_what_only_refers_to_a_stranger_does_not_come_to_be_about_him(li, write):
    """In another element than the subject, or in an extension: to be named is no leave to be written about."""
    elsewhere = {"reference": "Patient/a-li"}
    without = {name: value for name, value in result("a-li", id="b-1").items() if name != "subject"}
    for number, more in enumerate(
        ({"focus": [elsewhere]}, {"extension": [{"url": "urn:x", "valueReference": elsewhere}]})
    ):
        await write(without | {"id": f"b-{number}"} | more)
        with pytest.raises(Forbidden):
            await write(result("a-li", id=f"b-{number}", **more))


async def test_the_row_names_whose_record_was_not_shown(li, opened, platform):
    """Of each way to ask for it, so that he may know; of who is not there it names nobody."""
    record = await opened("doctor", "Organization/b", "Practitioner/curious")
    for id_ in ("a-li", "a-nobody"):
        for asked in (
            record.read("Patient", id_),
            record.vread("Patient", id_, 1),
            record.history("Patient", id_, count=10, since=None, during=None, place=None),
            everything(record, Call("Patient", id_, {"resourceType": "Parameters"})),
        ):
            with pytest.raises(NotFound):
                await asked
    async with platform.pool.connection() as connection:
        rows = await connection.fetch("SELECT patients FROM audit WHERE actor = 'Practitioner/curious' ORDER BY id")
    assert [list(row["patients"]) for row in rows] == [[li]] * 4 + [[]] * 4
