"""Reasons to see a resident: an encounter, a contract, a referral, a duty, an emergency; each opens, and each ends."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kangyun.access import replaying
from kangyun.access.consent import rows as consents
from kangyun.access.identities import revoked_again
from kangyun.access.identities.register import KIND
from kangyun.access.opened import opened_to
from kangyun.access.operations import Call, find
from kangyun.access.policy.sights import party
from kangyun.access.relations import emergency, rows
from kangyun.base.errors import Conflict, Forbidden, Invalid, NotFound, RuleBroken
from kangyun.testing.linking import link

ICD = "http://hl7.org/fhir/sid/icd-10"
PATIENCE = 10.0  # seconds


def patient(id_):
    identifier = [{"system": "urn:test", "value": id_}]
    return {"resourceType": "Patient", "id": id_, "name": [{"family": "Zhang"}], "identifier": identifier}


def condition(id_, subject, code="J18.9"):
    coded = {"coding": [{"system": ICD, "code": code}]}
    return {"resourceType": "Condition", "id": id_, "code": coded, "subject": {"reference": f"Patient/{subject}"}}


def encounter(status="in-progress", class_="AMB", subject="b-zhang"):
    return {
        "resourceType": "Encounter", "id": "b-visit", "status": status, "class": {"code": class_},
        "subject": {"reference": f"Patient/{subject}"},
    }  # fmt: skip


def contract(status="active", **period):
    return {
        "resourceType": "CareTeam", "id": "team", "status": status, "subject": {"reference": "Patient/a-zhang"},
        "category": [{"coding": [{"system": "urn:kangyun:care-team", "code": "family-doctor"}]}],
        "participant": [{"member": {"reference": "Practitioner/wang"}}], "period": period,
    }  # fmt: skip


@pytest.fixture
async def zhang(platform, written):
    """One person, registered at two hospitals, who has a pneumonia and a psychosis known at the first."""
    one, other = await written(patient("a-zhang")), await written(patient("b-zhang"), "Organization/b")
    await written(condition("a-pneumonia", "a-zhang"))
    await written(condition("a-psychosis", "a-zhang", "F20.0"))
    async with platform.pool.connection() as connection:
        await link(connection, one.res, one.res)
        await link(connection, other.res, one.res)
    return one.res, other.res


async def seen(record):
    page = await record.search(await record.read_query("Condition", []))
    return sorted(one.id for one in page.matches)


async def until(answer, wanted):
    async with asyncio.timeout(PATIENCE):
        while await answer() != wanted:
            await asyncio.sleep(0.05)


async def test_an_open_encounter_shows_the_region_s_record_of_the_resident(zhang, opened, written, start_background):
    start_background()
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    assert await seen(doctor) == []
    await written(encounter(), "Organization/b")
    await until(lambda: seen(doctor), ["a-pneumonia"])
    assert await seen(await opened("public-health", "Organization/b", purpose="PUBHLTH")) == []
    await written(encounter("finished"), "Organization/b")
    await until(lambda: seen(doctor), [])


async def test_a_statutory_duty_shows_the_record_to_the_officer_it_was_given_to(
    zhang, opened, written, start_background
):
    start_background()
    officer = await opened("public-health", "Organization/b", "Practitioner/wang", purpose="PUBHLTH")
    assert await seen(officer) == []
    await written(
        {
            "resourceType": "Task", "id": "b-duty", "status": "requested", "intent": "order",
            "for": {"reference": "Patient/b-zhang"}, "owner": {"reference": "Practitioner/wang"},
            "code": {"coding": [{"system": "urn:kangyun:task", "code": "statutory-duty"}]},
        },
        "Organization/b",
    )  # fmt: skip
    await until(lambda: seen(officer), ["a-pneumonia"])
    assert await seen(await opened("public-health", "Organization/b", "Practitioner/li", purpose="PUBHLTH")) == []


async def test_an_encounter_lasts_four_hours_and_a_stay_until_discharge(zhang, platform, written, start_background):
    start_background()

    async def hours():
        async with platform.pool.connection() as connection:
            found = await connection.fetch("SELECT ground, high - low AS time FROM disclosure WHERE about = patient")
        return {(row["ground"], row["time"] / timedelta(hours=1)) for row in found}

    await written(encounter(), "Organization/b")
    await until(hours, {("encounter", 4)})
    await written(encounter(class_="IMP"), "Organization/b")
    await until(hours, {("stay", 2160)})


async def test_an_encounter_about_another_hospital_s_registration_opens_nothing(
    zhang, platform, opened, written, start_background
):
    start_background()
    await written(encounter(subject="a-zhang"), "Organization/b")
    await written(contract())
    family = await opened("family-doctor", "Organization/c", "Practitioner/wang")
    await until(lambda: seen(family), ["a-pneumonia"])  # What came later was dealt with.
    assert await seen(await opened("doctor", "Organization/b")) == []


async def test_a_doctor_makes_no_relation_himself(zhang, opened):
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    for resource in (encounter(), contract()):
        operation = doctor.operation("create", resource["resourceType"], resource=resource)
        with pytest.raises(Forbidden):
            await doctor.commit([operation], "create")


async def test_a_contract_lasts_for_its_term(zhang, opened, written, start_background):
    start_background()
    family = await opened("family-doctor", "Organization/c", "Practitioner/wang")
    await written(contract(end="2020-01-01"))
    await written(contract(start="2020-01-01"))
    await until(lambda: seen(family), ["a-pneumonia"])
    assert await seen(await opened("family-doctor", "Organization/c", "Practitioner/other")) == []
    await written(contract("inactive"))
    await until(lambda: seen(family), [])


async def test_what_was_said_of_one_registration_counts_for_all_and_no_longer_than_they_are_linked(
    zhang, platform, opened
):
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    ground = platform.gate.sights.policy.grounds["card"]
    now = datetime.now(UTC)
    async with platform.pool.connection() as connection:
        whom = [party(platform.gate.store.keys.hasher, "Practitioner/wang")]
        await rows.disclose(connection, zhang[1], whom, ground, 0, now, now + timedelta(hours=2), "test")
        assert await seen(doctor) == ["a-pneumonia"]
        await link(connection, zhang[0], None)
        assert await seen(doctor) == []
        await link(connection, zhang[0], zhang[1])
        assert await seen(doctor) == []  # The other one is its own resident now.
        await link(connection, zhang[1], zhang[1])
        assert await seen(doctor) == ["a-pneumonia"]


async def test_consent_is_asked_at_the_next_request(zhang, platform, opened, written):
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    resident = await opened("resident", "Organization/platform", "Patient/a-zhang", "PATRQT", patients=("a-zhang",))
    now = datetime.now(UTC)
    async with platform.pool.connection() as connection:
        whom = [party(platform.gate.store.keys.hasher, "Practitioner/wang")]
        ground = platform.gate.sights.policy.grounds["card"]
        await rows.disclose(connection, zhang[1], whom, ground, 0, now, now + timedelta(hours=2), "test")
    assert await seen(doctor) == ["a-pneumonia"]
    consent = {
        "resourceType": "Consent", "status": "active", "scope": {"text": "privacy"}, "category": [{"text": "privacy"}],
        "patient": {"reference": "Patient/a-zhang"}, "policyRule": {"text": "regional"},
        "provision": {"type": "deny", "actor": [
            {"role": {"text": "recipient"}, "reference": {"reference": "Organization/b"}}
        ]},
    }  # fmt: skip
    (done,) = await resident.commit([resident.operation("create", "Consent", resource=consent)], "create")
    assert await seen(doctor) == []
    assert await seen(resident) == ["a-pneumonia", "a-psychosis"]
    withdrawn = consent | {"status": "inactive", "id": done.stored.id}
    await resident.commit([resident.operation("update", "Consent", id=done.stored.id, resource=withdrawn)], "update")
    assert await seen(doctor) == ["a-pneumonia"]


async def test_a_resident_writes_only_about_himself(zhang, written, opened):
    await written(patient("a-li"))
    resident = await opened("resident", "Organization/platform", "Patient/a-zhang", "PATRQT", patients=("a-zhang",))
    for about in ("Patient/a-li", "Patient/b-zhang", "Patient/nobody"):
        consent = {
            "resourceType": "Consent", "status": "active", "scope": {"text": "x"}, "category": [{"text": "x"}],
            "patient": {"reference": about}, "policyRule": {"text": "x"},
        }  # fmt: skip
        with pytest.raises(Forbidden):
            await resident.commit([resident.operation("create", "Consent", resource=consent)], "create")


# --- emergencies


def call(**given):
    parameters = [{"name": name, "valueString": value} for name, value in given.items()]
    return Call("Patient", None, {"resourceType": "Parameters", "parameter": parameters})


async def carried_out(record, name, **given):
    operation = find(name, "Patient", "type") or find(name, None, "system")
    return await operation.carry_out(record, call(**given))


@pytest.fixture
async def nobody_may(zhang, written):
    """Zhang has denied everybody everything."""
    consent = {
        "resourceType": "Consent", "status": "active", "scope": {"text": "x"}, "category": [{"text": "x"}],
        "policyRule": {"text": "x"},
        "patient": {"reference": "Patient/a-zhang"}, "provision": {"type": "deny"},
    }  # fmt: skip
    await written(consent, "Organization/platform")


async def test_the_glass_is_broken_for_a_time_told_and_reviewed(
    nobody_may, zhang, platform, opened, start_background, written
):
    start_background()
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    await carried_out(doctor, "break-glass", identifier="urn:test|a-zhang", reason="昏迷，需了解用药史")
    assert await seen(doctor) == ["a-pneumonia", "a-psychosis"]
    assert await seen(await opened("doctor", "Organization/b", "Practitioner/other")) == []
    resident = await opened("resident", "Organization/platform", "Patient/a-zhang", "PATRQT", patients=("a-zhang",))

    async def told():
        page = await resident.search(await resident.read_query("Communication", []))
        return [one.resource["payload"][0]["contentString"] for one in page.matches]

    async with asyncio.timeout(PATIENCE):
        while not await told():
            await asyncio.sleep(0.05)
    (text,) = await told()
    assert "Practitioner/wang" in text
    assert "昏迷，需了解用药史" in text

    officer = await opened("security-administrator", "Organization/platform", "Device/officer", "SYSADMIN")
    listed = await carried_out(officer, "broken-glass")
    assert len(listed["parameter"]) == 1
    number = listed["parameter"][0]["part"][0]["valueInteger"]
    operation = find("review-glass", None, "system")
    given = [{"name": "id", "valueInteger": number}, {"name": "justified", "valueBoolean": True}]
    review = Call(None, None, {"resourceType": "Parameters", "parameter": given})
    with pytest.raises(Forbidden):
        await operation.carry_out(doctor, review)
    await operation.carry_out(officer, review)
    assert (await carried_out(officer, "broken-glass")).get("parameter", []) == []
    async with platform.pool.connection() as connection:
        await connection.execute("UPDATE disclosure SET high = now()")
    assert await seen(doctor) == []


async def test_nobody_keeps_a_resident_from_being_told(nobody_may, zhang, opened, written, start_background):
    """Whoever writes that he was told already: what the platform says is known by what nobody else can write."""
    said = {
        "resourceType": "Communication", "status": "completed", "payload": [{"contentString": "."}],
        "category": [{"coding": [{"system": "urn:kangyun:communication", "code": "break-glass"}]}],
        "identifier": [{"system": "urn:kangyun:broken-glass", "value": str(number)} for number in range(1, 50)],
    }  # fmt: skip
    nurse = await opened("nurse", "Organization/b", "Practitioner/wang")
    for _ in range(2):
        await nurse.commit([nurse.operation("create", "Communication", resource=said)], "create")
    start_background()
    for whom, reference in (("a-zhang", "Patient/a-zhang"), ("b-zhang", "Patient/b-zhang")):
        doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
        await carried_out(doctor, "break-glass", identifier=f"urn:test|{whom}", reason="昏迷，需了解用药史")
        resident = await opened("resident", "Organization/platform", reference, "PATRQT", patients=(whom,))

        async def told(resident=resident, reference=reference):
            page = await resident.search(await resident.read_query("Communication", [("recipient", reference)]))
            return [one.resource["payload"][0]["contentString"] for one in page.matches]

        async with asyncio.timeout(PATIENCE):
            while not await told():
                await asyncio.sleep(0.05)
        assert "Practitioner/wang" in (await told())[0]


async def test_a_number_opens_each_registration_that_has_it(nobody_may, zhang, platform, opened, written):
    """Who lies there was registered by another hospital as well, with the same number; nobody has linked the two."""
    await written(patient("c-zhang") | {"identifier": [{"system": "urn:test", "value": "a-zhang"}]}, "Organization/c")
    await written(condition("c-stroke", "c-zhang", "I63"), "Organization/c")
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    answer = await carried_out(doctor, "break-glass", identifier="urn:test|a-zhang", reason="昏迷，需了解用药史")
    whose = [one["valueReference"]["reference"] for one in answer["parameter"] if one["name"] == "patient"]
    assert sorted(whose) == ["Patient/a-zhang", "Patient/c-zhang"]
    assert await seen(doctor) == ["a-pneumonia", "a-psychosis", "c-stroke"]
    officer = await opened("security-administrator", "Organization/platform", "Device/officer", "SYSADMIN")
    assert len((await carried_out(officer, "broken-glass"))["parameter"]) == 2


async def test_an_emergency_that_was_none_ends_at_once_and_after_a_restore_again(nobody_may, zhang, platform, opened):
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    await carried_out(doctor, "break-glass", identifier="urn:test|a-zhang", reason="昏迷，需了解用药史")
    async with platform.pool.connection() as connection:
        kept = [await connection.fetch(f"SELECT * FROM {table}") for table in ("broken_glass", "disclosure", "opened")]
        assert await opened_to(connection, doctor.actor, [zhang[0]]) == {zhang[0]}
    officer = await opened("security-administrator", "Organization/platform", "Device/officer", "SYSADMIN")
    (access,) = (await carried_out(officer, "broken-glass"))["parameter"]
    parts = {part["name"]: part for part in access["part"]}
    assert parts["patient"]["valueReference"] == {"reference": "Patient/a-zhang"}
    assert await seen(doctor) == ["a-pneumonia", "a-psychosis"]
    await reviewed(officer, parts["id"]["valueInteger"], justified=False, remark="并无急救")
    assert await seen(doctor) == []
    async with platform.pool.connection() as connection:
        assert await opened_to(connection, doctor.actor, [zhang[0]]) == set()

    other = await opened("audit-administrator", "Organization/platform", "Device/other", "SYSADMIN")
    with pytest.raises(Conflict) as refused:
        await reviewed(other, parts["id"]["valueInteger"], justified=True, remark="后改")
    assert refused.value.issues[0].parameters == {"by": "Device/officer"}
    (access,) = (await carried_out(other, "broken-glass", all=True))["parameter"]
    parts = {part["name"]: part for part in access["part"]}
    assert (parts["justified"]["valueBoolean"], parts["remark"]["valueString"]) == (False, "并无急救")
    assert parts["reviewedBy"]["valueString"] == "Device/officer"

    replaying.register(consents.KIND, consents.replay)
    replaying.register(KIND, revoked_again.replay)
    async with platform.pool.connection() as connection:
        await put_back(connection, dict(zip(("broken_glass", "disclosure", "opened"), kept, strict=True)))
        assert await seen(doctor) == ["a-pneumonia", "a-psychosis"]
        assert (await replaying.replay(connection, platform.gate.ledger)).get("revocation") == 1
        assert await seen(doctor) == []
        assert await opened_to(connection, doctor.actor, [zhang[0]]) == set()


@pytest.mark.parametrize(
    ("institution", "role", "open_", "closed"),
    [
        ("Organization/b", "doctor", encounter(class_="IMP"), encounter("finished", class_="IMP")),
        ("Organization/a", "family-doctor", contract(start="2020-01-01"), contract("inactive")),
        ("Organization/a", "family-doctor", contract(start="2020-01-01"), contract(end="2020-01-02")),
        ("Organization/a", "family-doctor", contract(start="2020-01-01"), contract() | {"participant": []}),
    ],
)
async def test_what_ended_early_stays_ended_after_a_restore(
    zhang, platform, opened, written, start_background, institution, role, open_, closed
):
    start_background()
    here = institution if role == "doctor" else "Organization/c"
    person = await opened(role, here, "Practitioner/wang")
    await written(open_, institution)
    await until(lambda: seen(person), ["a-pneumonia"])
    async with platform.pool.connection() as connection:
        kept = await connection.fetch("SELECT * FROM disclosure")
    await written(closed, institution)
    await until(lambda: seen(person), [])
    replaying.register(KIND, revoked_again.replay)
    async with platform.pool.connection() as connection:
        await put_back(connection, {"disclosure": kept})
        assert await seen(person) == ["a-pneumonia"]
        assert await replaying.replay(connection, platform.gate.ledger) == {"revocation": 1}
        assert await seen(person) == []


async def test_what_began_anew_is_not_ended_by_a_restore(zhang, platform, opened, written, start_background):
    start_background()
    family = await opened("family-doctor", "Organization/c", "Practitioner/wang")
    for team, wanted in ((contract(), ["a-pneumonia"]), (contract("inactive"), []), (contract(), ["a-pneumonia"])):
        await written(team)
        await until(lambda: seen(family), wanted)
    replaying.register(KIND, revoked_again.replay)
    async with platform.pool.connection() as connection:
        assert await replaying.replay(connection, platform.gate.ledger) == {}
    assert await seen(family) == ["a-pneumonia"]


async def reviewed(record, number, *, justified, remark):
    given = [
        {"name": "id", "valueInteger": number}, {"name": "justified", "valueBoolean": justified},
        {"name": "remark", "valueString": remark},
    ]  # fmt: skip
    parameters = {"resourceType": "Parameters", "parameter": given}
    await find("review-glass", None, "system").carry_out(record, Call(None, None, parameters))


async def put_back(connection, tables):
    """Puts the rows of tables back as they were, as a restore does."""
    for table, kept in tables.items():
        await connection.execute(f"DELETE FROM {table}")
        for row in kept:
            values = ", ".join(f"${number}" for number in range(1, len(row) + 1))
            await connection.execute(
                f"INSERT INTO {table} ({', '.join(row.keys())}) OVERRIDING SYSTEM VALUE VALUES ({values})",
                *row.values(),
            )


async def test_the_glass_is_not_broken_without_a_reason_or_by_just_anybody(nobody_may, opened):
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    for reason in ("x", "。。。。。", "急急急急急", "12345678", "急救。。。。", " \n   急\t\t\t\t"):
        with pytest.raises(Invalid):
            await carried_out(doctor, "break-glass", identifier="urn:test|a-zhang", reason=reason)
    assert await seen_or_none(doctor) == []
    with pytest.raises(NotFound):
        await carried_out(doctor, "break-glass", identifier="urn:test|nobody", reason="昏迷，需了解用药史")
    for role, purpose in (("insurance", "HPAYMT"), ("registrar", "HOPERAT"), ("researcher", "HRESCH")):
        other = await opened(role, "Organization/b", "Practitioner/wang", purpose)
        with pytest.raises(Forbidden):
            await carried_out(other, "break-glass", identifier="urn:test|a-zhang", reason="昏迷，需了解用药史")
        assert await seen_or_none(other) == []


async def test_a_number_that_many_registrations_have_opens_all_of_them(nobody_may, opened, written, monkeypatch):
    """Who was registered again and again is found in an emergency; where there are too many, it is said what to do."""
    twin = [{"system": "urn:test", "value": "twin"}]
    for number in range(21):
        await written(patient(f"a-{number}") | {"identifier": twin})
        await written(condition(f"a-c{number}", f"a-{number}"))
    doctor = await opened("doctor", "Organization/b", "Practitioner/wang")
    monkeypatch.setattr(emergency, "MOST_REGISTRATIONS", 20)
    with pytest.raises(RuleBroken, match="too-many"):
        await carried_out(doctor, "break-glass", identifier="urn:test|twin", reason="昏迷，需了解用药史")
    monkeypatch.undo()
    answer = await carried_out(doctor, "break-glass", identifier="urn:test|twin", reason="昏迷，需了解用药史")
    assert len(answer["parameter"]) == 22
    page = await doctor.search(await doctor.read_query("Condition", [("_count", "50")]))
    assert len(page.matches) == 21


async def seen_or_none(record):
    try:
        return await seen(record)
    except Forbidden:
        return []
