"""Persons are shown masked to staff until they are opened with a reason: in every way that a resource leaves."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.bulk.exporting import Export, ExportRequest, begun
from kangyun.access.masking.resources import masked
from kangyun.access.operations import Call, find
from kangyun.base.errors import Forbidden, Invalid, NotFound, RuleBroken
from kangyun.fhir.json import encode
from kangyun.testing.linking import link

NAME, NUMBER, PHONE = "欧阳建国", "330106194910010028", "13812341234"
SECRETS = (NAME, NUMBER, PHONE, "1949-10-01", "文三路12号")
MASKED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "MASKED"}


def patient(id_="a-zhang"):
    return {
        "resourceType": "Patient", "id": id_, "name": [{"text": NAME}], "birthDate": "1949-10-01",
        "identifier": [{"system": "urn:test", "value": NUMBER}], "telecom": [{"system": "phone", "value": PHONE}],
        "address": [{"text": "浙江省杭州市西湖区文三路12号"}],
    }  # fmt: skip


def condition(id_="a-pneumonia", subject="a-zhang"):
    coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "J18.9"}]}
    about = {"reference": f"Patient/{subject}", "display": NAME}
    return {"resourceType": "Condition", "id": id_, "code": coded, "subject": about}


@pytest.fixture
async def zhang(written):
    await written(patient())
    await written(condition())


async def searched(record, type_="Patient", **pairs):
    page = await record.search(await record.read_query(type_, list(pairs.items())))
    return [*page.matches, *page.included]


async def history(record, type_=None, id_=None):
    return (await record.history(type_, id_, count=20, since=None, during=None, place=None)).entries


async def everything(record):
    call = Call("Patient", "a-zhang", {"resourceType": "Parameters"})
    excerpt = await find("everything", "Patient", "instance").carry_out(record, call)
    return [*excerpt.matches, *excerpt.included]


async def several(record):
    queries = [await record.read_query(type_, []) for type_ in ("Patient", "Condition")]
    return (await record.search_several(queries)).matches


WAYS = {
    "read": lambda record: as_list(record.read("Patient", "a-zhang")),
    "read of what is about them": lambda record: as_list(record.read("Condition", "a-pneumonia")),
    "version": lambda record: as_list(record.vread("Patient", "a-zhang", 1)),
    "search": searched,
    "search of what is about them": lambda record: searched(record, "Condition"),
    "include": lambda record: searched(record, "Condition", _include="Condition:subject"),
    "reverse include": lambda record: searched(record, _revinclude="Condition:subject"),
    "several types": several,
    "history": history,
    "history of the type": lambda record: history(record, "Patient"),
    "history of one": lambda record: history(record, "Patient", "a-zhang"),
    "everything": everything,
}


async def as_list(one):
    return [await one]


def told(found):
    return "".join(one.json.decode() + encode(one.resource).decode() for one in found)


async def opened_by(record, id_="a-zhang", reason="门诊就诊", type_="Patient"):
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": reason}]}
    return await find("open", type_, "instance").carry_out(record, Call(type_, id_, parameters))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("role", ["doctor", "nurse", "family-doctor"])
async def test_a_person_is_masked_whichever_way_until_opened(zhang, opened, way, role):
    doctor = await opened(role)
    found = await WAYS[way](doctor)
    assert found
    assert [secret for secret in SECRETS if secret in told(found)] == []
    assert "欧阳**" in told(found)
    await opened_by(doctor)
    assert NAME in told(await WAYS[way](doctor))
    other = await opened(role, reference="Practitioner/wang")
    assert NAME not in told(await WAYS[way](other))


@pytest.mark.parametrize(
    ("role", "purpose"),
    [
        ("pharmacist", "TREAT"), ("public-health", "PUBHLTH"), ("registrar", "PATADMIN"), ("insurance", "HPAYMT"),
        ("steward", "RECORDMGT"),
    ],
)  # fmt: skip
async def test_other_staff_sees_persons_masked(zhang, opened, role, purpose):
    found = await searched(await opened(role, purpose=purpose))
    assert found
    assert [secret for secret in SECRETS if secret in told(found)] == []


async def test_a_resident_an_application_and_who_runs_it_see_them_whole(zhang, opened, administrator):
    own = await opened("resident", "Organization/platform", "Patient/a-zhang", "PATRQT", patients=("a-zhang",))
    guardian = await opened("guardian", "Organization/platform", "RelatedPerson/x", "FAMRQT", patients=("a-zhang",))
    feed = await opened("application", reference="Device/feed")
    for record in (own, guardian, feed, await administrator()):
        (found,) = await searched(record)
        assert found.resource["name"] == [{"text": NAME}]


async def test_what_is_masked_keeps_its_version(zhang, opened, administrator):
    masked, whole = await (await opened("doctor")).read("Patient", "a-zhang"), await (await administrator()).read(
        "Patient", "a-zhang"
    )  # fmt: skip
    assert (masked.version, masked.instant, masked.res) == (whole.version, whole.instant, whole.res)
    assert masked.resource["meta"]["versionId"] == "1"
    assert MASKED in masked.resource["meta"]["security"]


async def test_opening_lasts_twelve_hours(zhang, platform, opened):
    doctor = await opened("doctor")
    answer = await opened_by(doctor)
    until = datetime.fromisoformat(answer["parameter"][1]["valueInstant"])
    assert timedelta(hours=11, minutes=59) < until - datetime.now(UTC) <= timedelta(hours=12)
    async with platform.pool.connection() as connection:
        await connection.execute("UPDATE opened SET ends = clock_timestamp()")
    assert NAME not in told(await searched(doctor))


async def test_opening_counts_in_the_role_and_institution_that_it_was_done_in(zhang, opened):
    await opened_by(await opened("doctor"))
    assert NAME in told(await searched(await opened("doctor")))
    assert NAME not in told(await searched(await opened("registrar", purpose="PATADMIN")))


async def test_opening_is_audited_and_its_reason_sealed(zhang, platform, opened):
    await opened_by(await opened("doctor"), reason="门诊复诊")
    async with platform.pool.connection() as connection:
        row = await connection.fetchrow("SELECT actor, outcome, patients FROM audit WHERE action = 'open'")
        kept = await connection.fetchval("SELECT reason FROM opened")
        (res,) = await connection.fetchrow("SELECT patient FROM resource WHERE type = (SELECT max(type) FROM resource)")
    assert (row["actor"], row["outcome"], row["patients"]) == ("Practitioner/li", 200, [res])
    assert "门诊复诊".encode() not in kept


@pytest.mark.parametrize("reason", ["", " ", "x", "y" * 501])
async def test_opening_needs_a_reason(zhang, opened, reason):
    doctor = await opened("doctor")
    with pytest.raises(Invalid):
        await opened_by(doctor, reason=reason)
    assert NAME not in told(await searched(doctor))


async def test_nobody_opens_whom_he_may_not_see(zhang, opened):
    stranger = await opened("doctor", "Organization/b", "Practitioner/wang")
    with pytest.raises(NotFound):
        await opened_by(stranger)
    with pytest.raises(NotFound):
        await opened_by(stranger, "nobody")
    with pytest.raises(Forbidden):
        await opened_by(await opened("researcher", purpose="HRESCH"))


async def test_opening_one_registration_opens_the_others_of_the_resident(zhang, platform, opened, written):
    await written(patient("a-other"))
    third = await written(patient("a-third"))
    doctor = await opened("doctor")
    assert NAME not in told(await as_list(doctor.read("Patient", "a-third")))
    await opened_by(doctor, "a-other")
    assert NAME in told(await as_list(doctor.read("Patient", "a-third")))
    async with platform.pool.connection() as connection:
        await link(connection, third.res, None)
    assert NAME not in told(await as_list(doctor.read("Patient", "a-third")))


async def test_breaking_the_glass_opens_as_well(zhang, opened):
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "昏迷送入急诊"}]}
    await find("break-glass", "Patient", "instance").carry_out(doctor, Call("Patient", "a-zhang", parameters))
    assert NAME in told(await as_list(doctor.read("Patient", "a-zhang")))


async def test_a_person_and_a_practitioner_are_opened_by_themselves(opened, written):
    await written({"resourceType": "Person", "id": "a-person", "name": [{"text": NAME}]})
    card = [{"value": NUMBER}]
    await written({"resourceType": "Practitioner", "id": "a-sun", "name": [{"text": "孙医生"}], "identifier": card})
    steward = await opened("steward", purpose="RECORDMGT")
    for type_, id_, secret in (("Person", "a-person", NAME), ("Practitioner", "a-sun", NUMBER)):
        assert secret not in told(await searched(steward, type_))
        await opened_by(steward, id_, type_=type_)
        assert secret in told(await searched(steward, type_))
    assert "孙医生" in told(await searched(await opened("doctor"), "Practitioner"))


DOCTOR = {
    "resourceType": "Practitioner", "id": "a-sun", "name": [{"text": "孙医生"}], "birthDate": "1949-10-01",
    "identifier": [{"value": NUMBER}], "telecom": [{"system": "phone", "use": "home", "value": PHONE}],
    "address": [{"use": "home", "text": "浙江省杭州市西湖区文三路12号"}],
}  # fmt: skip
ROLES = {
    "doctor": "TREAT", "steward": "RECORDMGT", "researcher": "HRESCH", "resident": "PATRQT", "guardian": "FAMRQT",
    "device": "TREAT", "application": "TREAT", "system-administrator": "SYSADMIN",
    "security-administrator": "SYSADMIN", "audit-administrator": "SYSADMIN",
}  # fmt: skip
KEEPERS = ("application", "system-administrator")


@pytest.mark.parametrize("role", ROLES)
async def test_what_is_private_of_staff_is_masked_for_every_role(opened, written, role):
    await written(DOCTOR)
    record = await opened(role, "Organization/b", "Device/x", ROLES[role])
    for found in (
        await as_list(record.read("Practitioner", "a-sun")), await as_list(record.vread("Practitioner", "a-sun", 1)),
        await searched(record, "Practitioner"), await history(record, "Practitioner"),
    ):  # fmt: skip
        assert "孙医生" in told(found)
        assert [secret for secret in SECRETS if secret in told(found)] == []


@pytest.mark.parametrize("role", ROLES)
async def test_who_keeps_the_register_sees_whole_what_his_institution_wrote_of_staff(opened, written, role):
    await written(DOCTOR)
    record = await opened(role, "Organization/a", "Device/x", ROLES[role])
    found = (await record.read("Practitioner", "a-sun")).resource
    assert (found["identifier"] == DOCTOR["identifier"]) == (role in KEEPERS)


@pytest.mark.parametrize("role", KEEPERS)
async def test_who_keeps_the_register_writes_back_what_he_read(opened, written, role):
    await written(DOCTOR)
    record = await opened(role, "Organization/a", "Device/x", ROLES[role])
    found = (await record.read("Practitioner", "a-sun")).resource
    changed = found | {"active": True}
    (done,) = await record.commit([record.operation("update", "Practitioner", id="a-sun", resource=changed)], "update")
    assert NUMBER in told([done.stored])
    patch = record.operation("patch", "Practitioner", id="a-sun", patch=lambda resource: resource | {"active": False})
    (done,) = await record.commit([patch], "patch")
    assert done.stored.resource["active"] is False


async def test_a_steward_opens_staff_to_write_it_back(opened, written):
    await written(DOCTOR)
    steward = await opened("steward", reference="Practitioner/wu", purpose="RECORDMGT")

    async def written_back():
        found = (await steward.read("Practitioner", "a-sun")).resource | {"active": True}
        change = steward.operation("update", "Practitioner", id="a-sun", resource=found)
        return (await steward.commit([change], "update"))[0].status

    with pytest.raises(RuleBroken):
        await written_back()
    await opened_by(steward, "a-sun", type_="Practitioner")
    assert await written_back() == "updated"


@pytest.mark.parametrize("role", ["doctor", "resident"])
async def test_staff_see_themselves_whole(opened, written, role):
    await written(DOCTOR)
    sun = await opened(role, "Organization/b", "Practitioner/a-sun", ROLES[role])
    assert NUMBER in told(await searched(sun, "Practitioner"))


OPENING = ("doctor", "steward", "researcher", *KEEPERS)


@pytest.mark.parametrize("role", OPENING)
async def test_staff_is_opened_by_staff_and_by_who_keeps_the_register(opened, written, role):
    await written(DOCTOR)
    record = await opened(role, "Organization/b", "Device/x", ROLES[role])
    await opened_by(record, "a-sun", type_="Practitioner")
    assert NUMBER in told(await searched(record, "Practitioner"))


@pytest.mark.parametrize("role", sorted(set(ROLES) - set(OPENING)))
async def test_staff_is_opened_by_nobody_else(opened, written, role):
    await written(DOCTOR)
    record = await opened(role, "Organization/b", "Device/x", ROLES[role])
    with pytest.raises(Forbidden):
        await opened_by(record, "a-sun", type_="Practitioner")
    assert NUMBER not in told(await searched(record, "Practitioner"))


async def test_an_administrators_token_sees_staff_whole(written, administrator):
    await written(DOCTOR)
    assert NUMBER in told(await searched(await administrator(), "Practitioner"))


async def test_what_was_masked_is_not_written_back(zhang, opened, administrator):
    doctor = await opened("doctor")
    masked = (await doctor.read("Condition", "a-pneumonia")).resource
    for record in (doctor, await administrator("Organization/a")):
        with pytest.raises(RuleBroken) as refused:
            await record.commit([record.operation("update", "Condition", id="a-pneumonia", resource=masked)], "update")
        assert refused.value.issues[0].at == "Condition.meta.security"
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": masked}]}
    with pytest.raises(RuleBroken) as refused:
        await doctor.commit([doctor.operation("create", "Bundle", resource=bundle)], "create")
    assert refused.value.issues[0].at == "Bundle.entry[0].resource.meta.security"


async def test_an_answer_to_a_write_shows_no_more_than_a_read(zhang, opened):
    registrar = await opened("registrar", purpose="PATADMIN")
    found = registrar.operation(
        "create", "Patient", resource={"resourceType": "Patient"}, condition=f"identifier=urn:test|{NUMBER}"
    )
    (done,) = await registrar.commit([found], "create")
    assert NAME not in told([done.stored])
    made = patient("a-new")
    (done,) = await registrar.commit([registrar.operation("update", "Patient", id="a-new", resource=made)], "update")
    assert NAME in told([done.stored])  # As it was sent.
    await opened_by(registrar)
    patched = registrar.operation("patch", "Patient", id="a-zhang", patch=lambda resource: resource | {"active": True})
    (done,) = await registrar.commit([patched], "patch")
    assert NAME in told([done.stored])


async def test_what_is_masked_is_not_signed(zhang, opened):
    doctor = await opened("doctor")
    call = Call("Condition", "a-pneumonia", {"resourceType": "Parameters"})
    with pytest.raises(RuleBroken, match="open-first"):
        await find("sign", "Condition", "instance").carry_out(doctor, call)


async def test_meta_is_the_one_that_is_stored(zhang, opened):
    call = Call("Patient", "a-zhang", {"resourceType": "Parameters"})
    answer = await find("meta", "Patient", "instance").carry_out(await opened("doctor"), call)
    assert "MASKED" not in str(answer)


async def test_registers_are_not_masked(opened, written):
    div = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">门诊部</div>'}
    await written({"resourceType": "Organization", "id": "a-clinic", "name": "门诊部", "text": div})
    (found,) = await searched(await opened("doctor"), "Organization")
    assert "MASKED" not in told([found])
    assert found.resource["text"] == div


async def test_two_open_at_once(zhang, opened):
    doctor = await opened("doctor")
    await asyncio.gather(*(opened_by(doctor) for _ in range(5)))
    assert NAME in told(await searched(doctor))


async def test_an_export_is_masked_as_well(zhang, platform, opened, start_background, tmp_path):
    start_background()
    record = await opened("steward", purpose="RECORDMGT")
    about = Circumstances("GET /$export", "", "test")
    asked = ExportRequest("http://example.org/$export", "patients", record.actor, about, types=("Patient",))
    kept = await begun(platform, asked, datetime.now(UTC))

    async def save(kept):
        """Nothing is to be gone on from."""

    await Export(platform, record, asked, kept, tmp_path, save, packed=False).run()
    text = (tmp_path / "Patient.1.ndjson").read_text("utf-8")
    assert "欧阳**" in text
    assert [secret for secret in SECRETS if secret in text] == []


ELSEWHERE = [
    ("Encounter", "identifier", {"system": "urn:oid:2.16.156.10011.1.3", "value": "C-" + NUMBER}),
    ("Coverage", "identifier", {"system": "urn:hospital", "value": NUMBER}),
    ("DocumentReference", "masterIdentifier", {"value": NUMBER}),
    ("Specimen", "accessionIdentifier", {"type": {"coding": [{"code": "NNCHN"}]}, "value": "K-110105194912310"}),
]


@pytest.mark.parametrize(("type_", "element", "identifier"), ELSEWHERE)
@pytest.mark.parametrize("wrapped", [lambda one: [one], lambda one: one])
def test_the_number_of_an_identity_card_is_masked_wherever_it_stands(type_, element, identifier, wrapped):
    shown = masked({"resourceType": type_, element: wrapped(identifier), "input": [{"value": wrapped(identifier)}]})
    assert identifier["value"] not in encode(shown).decode()


def test_other_identifiers_are_shown_as_they_are():
    other = {"resourceType": "Encounter", "identifier": [{"system": "urn:visits", "value": "V-2026-0001"}]}
    assert masked(other) == other
