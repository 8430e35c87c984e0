"""Nobody makes himself a reason to see: what somebody writes opens nothing to himself, or to his own house."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from kangyun.access.identities.model import Proxy
from kangyun.access.relations.derived import DUTY, FAMILY_DOCTOR
from kangyun.access.residents.bindings import A_DAY
from kangyun.testing.provider import PASSWORD

from .conftest import A, B, _person, about, condition, patient

ME, US = {"reference": "Practitioner/me"}, {"reference": B}


def coded(system, code):
    return {"coding": [{"system": system, "code": code}]}


def referral(to, subject="a-zhang"):
    return {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": about(subject),
        "category": [coded("urn:kangyun:service-request", "referral")], "performer": [to],
    }  # fmt: skip


def duty(to, subject="a-zhang"):
    return {
        "resourceType": "Task", "status": "requested", "intent": "order", "code": coded(*DUTY),
        "for": about(subject), "owner": to,
    }  # fmt: skip


def contract(to, subject="a-zhang"):
    return {
        "resourceType": "CareTeam", "status": "active", "subject": about(subject),
        "category": [coded(*FAMILY_DOCTOR)], "participant": [{"member": to}],
    }  # fmt: skip


def visit(to, subject="a-zhang"):
    return {
        "resourceType": "Encounter", "status": "in-progress", "class": {"code": "AMB"}, "subject": about(subject),
        "serviceProvider": to,
    }  # fmt: skip


def consent(to, subject="a-zhang", type_="permit"):
    return {
        "resourceType": "Consent", "status": "active", "scope": {"text": "x"}, "category": [{"text": "x"}],
        "patient": about(subject), "policyRule": {"text": "x"},
        "provision": {"type": type_, "actor": [{"role": {"text": "recipient"}, "reference": to}]},
    }  # fmt: skip


MADE = {"referral": referral, "duty": duty, "contract": contract, "visit": visit, "consent": consent}


@pytest.fixture
async def hospital_a(put):
    await put(patient("a-zhang"))
    await put(condition("a-pneumonia"))
    await put(condition("a-psychosis", code="F20.0"))


async def dealt_with(put, sign_in):
    """Waits until the relations of all that was written are there: one that is written last, and opens, does."""
    await put(patient("b-last"))
    await put(condition("a-last", "b-last"))
    other = await sign_in("doctor", "Organization/c", "last")
    await put(visit(US, "b-last") | {"id": "a-v"}, A)
    await put(contract({"reference": "Practitioner/last"}, "b-last"), A)
    async with asyncio.timeout(60):
        while not (await other("GET", "Condition")).json().get("entry"):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("about_whom", ["a-zhang", "b-zhang"])
@pytest.mark.parametrize("role", ["doctor", "nurse", "pharmacist", "insurance", "family-doctor", "registrar"])
async def test_what_one_writes_oneself_opens_nothing(
    hospital_a, put, platform, sign_in, start_background, audited, role, about_whom
):
    """About a stranger's registration; and about one's own house's of the same resident, for oneself."""
    from kangyun.testing.linking import link

    start_background()
    own, home = await put(patient("b-zhang"), B), await put(patient("a-zhang"))
    async with platform.pool.connection() as connection:
        await link(connection, own.res, home.res)
        await link(connection, home.res, home.res)
    person = await sign_in(role, reference="Practitioner/me")
    colleague = await sign_in("doctor", name="colleague", reference="Practitioner/colleague")
    for name, make in MADE.items():
        if about_whom == "b-zhang" and (role, name) in {("registrar", "visit"), ("registrar", "contract"),
                                                        ("registrar", "consent")}:  # fmt: skip
            continue  # A registrar is who says that somebody has come, or has signed, at the desk.
        for to in (ME, US, {"reference": "Practitioner/colleague"} if about_whom == "a-zhang" else ME):
            made = make(to, about_whom)
            await person("POST", made["resourceType"], json=made)
    await dealt_with(put, sign_in)
    for one in (person, colleague):
        for path in ("Condition/a-pneumonia", "Condition/a-psychosis", "Patient/a-zhang"):
            assert (await one("GET", path)).status_code in (403, 404), (role, path)
    await audited(person)


async def test_colleagues_give_each_other_no_duty(hospital_a, put, platform, sign_in, start_background):
    """A duty is over what the resident has denied: it is not given within a house."""
    from kangyun.testing.linking import link

    start_background()
    own, home = await put(patient("b-zhang"), B), await put(patient("a-zhang"))
    async with platform.pool.connection() as connection:
        await link(connection, own.res, home.res)
        await link(connection, home.res, home.res)
    colleague = await sign_in("public-health", name="colleague", reference="Practitioner/colleague")
    other = await sign_in("public-health", "Organization/c", "other", reference="Practitioner/other")
    doctor = await sign_in("doctor", reference="Practitioner/me")
    for to in ("colleague", "other"):
        made = await doctor("POST", "Task", json=duty({"reference": f"Practitioner/{to}"}, "b-zhang"))
        assert made.status_code == 201, made.text
    async with asyncio.timeout(60):
        while (await other("GET", "Condition/a-pneumonia")).status_code != 200:
            await asyncio.sleep(0.05)
    assert (await colleague("GET", "Condition/a-pneumonia")).status_code == 404


@pytest.mark.parametrize("made", ["referral", "duty"])
async def test_who_works_in_both_houses_gives_himself_no_reason(
    made, hospital_a, put, platform, region, client, sign_in, start_background
):
    from kangyun.testing.linking import link

    start_background()
    elsewhere, home = await put(patient("c-zhang"), "Organization/c"), await put(patient("a-zhang"))
    async with platform.pool.connection() as connection:
        await link(connection, elsewhere.res, home.res)
        await link(connection, home.res, home.res)
    me = await region.admit("me", "staff", ("doctor",), "Organization/c", reference="Practitioner/me")
    await region.sign_in.identities.give_role(me, "public-health", B, "Practitioner/security")
    there = _person(client, await region.sign_in.sign_in("me", PASSWORD, "doctor"), "there")
    here = _person(client, await region.sign_in.sign_in("me", PASSWORD, "public-health"), "here")
    body = MADE[made](US, "c-zhang")
    assert (await there("POST", body["resourceType"], json=body)).status_code == 201
    await dealt_with(put, sign_in)
    assert (await here("GET", "Condition/a-pneumonia")).status_code == 404


async def test_a_guardian_opens_to_nobody_what_his_proxy_leaves_out(hospital_a, put, platform, sign_in):
    await put(condition("a-depression", code="F32.1"))
    left_out = ~platform.gate.labels.mask("psychiatry")
    guardian = await sign_in(
        "guardian", name="ma", reference="RelatedPerson/ma", proxies=(Proxy("a-zhang", "GUARD", left_out),)
    )
    friend = await sign_in("doctor", name="friend", reference="Practitioner/friend")
    said = consent({"reference": "Practitioner/friend"})
    said["provision"]["securityLabel"] = [{"system": "urn:kangyun:label", "code": "psychiatry"}]
    for body in (said, consent({"reference": "Practitioner/friend"})):
        assert (await guardian("POST", "Consent", json=body)).status_code == 201
    seen = [(await friend("GET", f"Condition/{id_}")).status_code for id_ in ("a-pneumonia", "a-depression")]
    assert seen == [200, 404]
    assert (
        await guardian("POST", "Patient/a-zhang/$show-code", json={"resourceType": "Parameters"})
    ).status_code == 403


async def test_a_consent_is_taken_from_a_desk_for_its_own_registrations_only(hospital_a, put, sign_in):
    registrar = await sign_in("registrar")
    await put(patient("b-li"), B)
    answers = [await registrar("POST", "Consent", json=consent(US, id_)) for id_ in ("b-li", "a-zhang", "a-nobody")]
    assert [answer.status_code for answer in answers] == [201, 403, 403]
    refused = [answer.json()["issue"][0]["details"] for answer in answers[1:]]
    assert refused[0] == refused[1]  # Whether there is such a registration is not told.


async def test_a_referral_to_another_house_opens_what_the_referring_one_has(hospital_a, put, sign_in, start_background):
    start_background()
    doctor = await sign_in("doctor")
    await put(referral(US), A)
    async with asyncio.timeout(60):
        while (await doctor("GET", "Condition/a-pneumonia")).status_code != 200:
            await asyncio.sleep(0.05)
    assert (await doctor("GET", "Condition/a-psychosis")).status_code == 404


async def test_the_glass_tells_nobody_who_may_not_break_it_who_there_is(hospital_a, sign_in, itself, audited):
    for person in [await sign_in(role) for role in ("researcher", "insurance", "registrar", "pharmacist")]:
        asked = [
            await person("POST", path, json={"resourceType": "Parameters", "parameter": [
                {"name": "reason", "valueString": "look around"}, *more
            ]})
            for path, more in (
                ("Patient/a-zhang/$break-glass", []), ("Patient/a-wangg/$break-glass", []),
                ("Patient/$break-glass", [{"name": "identifier", "valueString": "urn:test|a-zhang"}]),
                ("Patient/$break-glass", [{"name": "identifier", "valueString": "urn:test|a-wangg"}]),
            )
        ]  # fmt: skip
        assert {answer.status_code for answer in asked} == {403}
        await audited(person, "a-zhang", "a-wangg")


def stated(**values):
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": value} for name, value in values.items()],
    }


@pytest.fixture
async def named(fresh_database):
    """What was refused about whom, by the rows: `await named()` gives [(action, outcome, patients)], oldest first."""

    async def read():
        connection = await asyncpg.connect(fresh_database)
        try:
            found = await connection.fetch(
                "SELECT action, outcome, patients FROM audit WHERE outcome >= 400 ORDER BY id"
            )
            return [tuple(row) for row in found]
        finally:
            await connection.close()

    return read


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("break-glass", {"reason": "x"}), ("break-glass", {"reason": "。。。。。。"}), ("break-glass", {}),
        ("break-glass", {"reason": "look around", "colour": "red"}), ("open", {"reason": "x"}),
        ("open", {"reason": "visit"}), ("ask-word", {"phone": "1"}), ("ask-word", {"phone": "13800000009"}),
        ("ask-word", {"channel": "post"}), ("open-record", {"code": "12345678"}),
        ("open-record", {"code": "none.12345678"}), ("open-record", {}), ("open-record", {"reader": "r 1"}),
        ("open-record", {"word": "123456", "challenge": "none"}),
    ],
)  # fmt: skip
async def test_what_is_stated_badly_tells_nobody_who_there_is(hospital_a, sign_in, audited, operation, given):
    doctor = await sign_in("doctor")

    async def told(path, **more):
        answer = await doctor("POST", path, json=stated(**given, **more))
        return answer.status_code, answer.json()["issue"][0]["details"]

    assert await told(f"Patient/a-zhang/${operation}") == await told(f"Patient/a-wangg/${operation}")
    there, absent = [
        await told(f"Patient/${operation}", identifier=f"urn:test|{id_}") for id_ in ("a-zhang", "a-wangg")
    ]
    assert there == absent
    await audited(doctor)


async def test_a_telephone_that_is_said_counts_whoever_it_is_said_of(hospital_a, sign_in):
    doctor = await sign_in("doctor")

    async def asked(id_, phone):
        answer = await doctor("POST", f"Patient/{id_}/$ask-word", json=stated(phone=phone))
        return answer.status_code

    there = [await asked("a-zhang", "13800000008") for _ in range(A_DAY + 1)]
    assert there == [await asked("a-wangg", "13800000009") for _ in range(A_DAY + 1)]
    assert there[-1] == 429


async def test_whose_record_was_not_opened_is_named_by_the_row(put, sign_in, named):
    zhang = (await put(patient("a-zhang"))).res
    gone = (await put(patient("a-gone"))).res
    await put({"resourceType": "Patient", "id": "a-gone"}, A, "delete")
    doctor = await sign_in("doctor")
    for path, given in (
        ("Patient/a-gone/$break-glass", {"reason": "look around"}), ("Patient/a-zhang/$open", {"reason": "visit"}),
        ("Patient/a-zhang/$ask-word", {}), ("Patient/a-zhang/$open-record", {"code": "12345678"}),
    ):  # fmt: skip
        await doctor("POST", path, json=stated(**given))
    assert await named() == [
        ("break-glass", 404, [gone]), ("open", 404, [zhang]), ("ask-word", 422, [zhang]), ("open-record", 403, [zhang]),
    ]  # fmt: skip


@pytest.mark.parametrize("way", ["break-glass", "open-record"])
async def test_a_record_is_opened_to_who_asks_in_the_role_in_which_he_asks(hospital_a, sign_in, region, client, way):
    """Roles that the ground does not name get nothing of it, nor does another that it names."""
    resident = await sign_in("resident", reference="Patient/a-zhang")
    roles = ("doctor", "nurse", "pharmacist", "public-health", "insurance")
    await region.admit("two", "staff", roles, B)
    in_role = {role: _person(client, await region.sign_in.sign_in("two", PASSWORD, role), role) for role in roles}
    shown = await resident("POST", "Patient/a-zhang/$show-code", json=stated())
    code = shown.json()["parameter"][0]["valueString"]
    given = {"break-glass": stated(reason="look around"), "open-record": stated(code=code)}[way]
    assert (await in_role["doctor"]("POST", f"Patient/a-zhang/${way}", json=given)).status_code == 200
    seen = {
        role: [(await person("GET", path)).status_code for path in ("Patient/a-zhang", "Condition/a-pneumonia")]
        for role, person in in_role.items()
    }
    assert seen.pop("doctor") == [200, 200]
    assert not any(200 in statuses for statuses in seen.values()), seen


async def test_an_application_breaks_no_glass_and_does_nothing_an_officer_does_in_person(
    hospital_a, by_application, region, audited
):
    doctor = await by_application("doctor", "user/Observation.rs")
    said = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "look around"}]}
    assert (await doctor("POST", "Patient/a-zhang/$break-glass", json=said)).status_code == 403
    await audited(doctor)
    officer = await by_application("security-administrator", "user/*.cruds")
    for path, body in (
        ("$factors/$permit", {"reference": "Practitioner/u-doctor"}),
        ("$factors/$remove", {"reference": "Practitioner/u-doctor"}),
        ("$factors/$enrol", {"kind": "totp"}),
        ("$staff-import", {}),
        ("$approvals/1/$confirm", {"resourceType": "Parameters"}),
        ("$broken-glass", {"resourceType": "Parameters"}),
        ("Patient/a-zhang/$erase", said),
    ):
        assert (await officer("POST", path, json=body)).status_code == 403, path
    await audited(officer)


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        ("openid fhirUser", False), ("user/Observation.rs", False), ("user/Patient.cus", False),
        ("patient/Patient.rs launch/patient", False), ("user/Patient.rs?gender=female", False),
        ("user/Patient.r", True), ("user/*.rs", True),
    ],
)  # fmt: skip
async def test_an_application_opens_records_that_may_read_patients(
    hospital_a, put, by_application, region, sign_in, audited, scope, opens
):
    await put(patient("b-one"), B)
    zhang = await sign_in("resident", reference="Patient/a-zhang")
    shown = await zhang("POST", "Patient/a-zhang/$show-code", json={"resourceType": "Parameters"})
    app = await by_application("doctor", scope, "b-one" if "launch" in scope else "")
    said = [{"name": "code", "valueString": shown.json()["parameter"][0]["valueString"]}]
    answer = await app("POST", "Patient/$open-record", json={"resourceType": "Parameters", "parameter": said})
    assert answer.status_code == (200 if opens else 403)
    asked = [
        await app("POST", "Patient/$ask-word", json={"resourceType": "Parameters", "parameter": [
            {"name": "identifier", "valueString": f"urn:test|{id_}"}
        ]})
        for id_ in ("a-zhang", "a-nobody")
    ]  # fmt: skip
    assert {one.status_code for one in asked} == ({422} if opens else {403})
    assert asked[0].json()["issue"] == asked[1].json()["issue"]
    await audited(app, "a-zhang", "a-nobody")


async def test_system_search_needs_the_scope_to_search(hospital_a, itself, put):
    await put(condition("b-one", "b-li"), B)
    robot = await itself("system/Condition.r")
    assert (await robot("GET", "Condition/b-one")).status_code == 200
    assert (await robot("GET", "Condition")).status_code == 403
    assert (await robot("GET", "?_type=Condition")).status_code == 403
    both = await robot("GET", "?_type=Condition,Patient")
    assert both.status_code == 403 or not both.json().get("entry")


async def test_what_a_system_tells_the_trail_is_about_whom_it_may_write_about(hospital_a, put, itself, fresh_database):
    """Of others it makes no look, and learns nothing: the answers are the same."""
    at_home = await put(patient("b-li"), B)
    result = await put(condition("b-cough", "b-li"), B)
    robot = await itself("system/AuditEvent.c")
    told = []
    for reference in (
        "Patient/a-zhang",
        "Condition/a-pneumonia",
        "Patient/a-nobody",
        "Patient/b-li",
        "Condition/b-cough",
    ):
        event = {
            "resourceType": "AuditEvent", "recorded": "2026-01-01T00:00:00Z", "outcome": "0", "action": "R",
            "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
            "agent": [{"who": {"reference": "Practitioner/innocent"}, "requestor": True}],
            "source": {"observer": {"display": "x"}}, "entity": [{"what": {"reference": reference}}],
        }  # fmt: skip
        told.append(await robot("POST", "AuditEvent", json=event))
    assert [answer.status_code for answer in told] == [201] * 5
    connection = await asyncpg.connect(fresh_database)
    try:
        sql = "SELECT patients FROM audit WHERE actor = 'Practitioner/innocent' ORDER BY id"
        about = [list(row["patients"]) for row in await connection.fetch(sql)]
    finally:
        await connection.close()
    assert about == [[], [], [], [at_home.res], [at_home.res]]
    assert result.patient == at_home.res


JSON_PATCH = {"content-type": "application/json-patch+json", "prefer": "return=representation"}
EMPTY = {"resourceType": "Parameters"}


def bundle(kind, method, url, resource, **asked):
    entry = {"resource": resource, "request": {"method": method, "url": url} | asked}
    return {"resourceType": "Bundle", "type": kind, "entry": [entry]}


@pytest.fixture
async def writing_only(put, by_application):
    """An application that may write Conditions of its house and read none."""
    await put(patient("b-zhang"), B)
    await put(condition("b-pneumonia", "b-zhang"), B)
    app = await by_application("doctor", "user/Condition.cuds")
    assert (await app("GET", "Condition/b-pneumonia")).status_code == 403
    return app


@pytest.mark.parametrize("wish", ["return=representation", "return=OperationOutcome", ""])
async def test_who_may_not_read_is_shown_nothing_by_what_he_writes(writing_only, put, wish):
    same, headers = condition("b-pneumonia", "b-zhang"), {"prefer": wish}
    new = {name: value for name, value in same.items() if name != "id"}
    met = "patient=Patient/b-zhang&code=J18.9"
    answers = [
        await writing_only("PUT", "Condition/b-pneumonia", json=same, headers=headers),
        await writing_only("POST", "Condition", json=new, headers=headers | {"if-none-exist": met}),
        await writing_only("PUT", "Condition/b-pneumonia", json=same | {"note": [{"text": "x"}]}, headers=headers),
        await writing_only("POST", "Condition", json=new, headers=headers),
    ]
    assert [(one.status_code, one.content) for one in answers] == [(200, b""), (200, b""), (200, b""), (201, b"")]
    for kind in ("batch", "transaction"):
        for written in (
            bundle(kind, "PUT", "Condition/b-pneumonia", same),
            bundle(kind, "POST", "Condition", new),
            bundle(kind, "POST", "Condition", new, ifNoneExist="_id=b-pneumonia"),
        ):
            answer = await writing_only("POST", "", json=written, headers=headers)
            (entry,) = answer.json()["entry"]
            assert entry["response"]["status"][:3] in ("200", "201")
            assert "resource" not in entry
            assert "J18.9" not in answer.text


async def test_who_may_not_read_does_not_patch(writing_only):
    tests = [{"op": "test", "path": "/code/coding/0/code", "value": code} for code in ("J18.9", "X")]
    for patch in ([], *([one] for one in tests)):
        for url in ("Condition/b-pneumonia", "Condition?_id=b-pneumonia"):
            answer = await writing_only("PATCH", url, json=patch, headers=JSON_PATCH)
            assert (answer.status_code, "J18.9" in answer.text) == (403, False)
    tag = EMPTY | {"parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}]}
    assert (await writing_only("POST", "Condition/b-pneumonia/$meta-add", json=tag)).status_code == 403
    batch = await writing_only("POST", "", json=bundle("batch", "PATCH", "Condition/b-pneumonia", EMPTY))
    assert batch.json()["entry"][0]["response"]["status"].startswith("403")
    whole = await writing_only("POST", "", json=bundle("transaction", "PATCH", "Condition/b-pneumonia", EMPTY))
    assert whole.status_code == 403


@pytest.mark.parametrize("role", ["resident", "guardian"])
async def test_what_the_platform_has_written_is_nobodys_to_change_whom_it_is_about(hospital_a, put, sign_in, role):
    """The notice of broken glass, above all: a doctor who is the ward's guardian took it away."""
    notice = {
        "resourceType": "Communication", "id": str(uuid4()), "status": "completed", "subject": about("a-zhang"),
        "recipient": [about("a-zhang")], "payload": [{"contentString": "您的档案被打开"}],
    }  # fmt: skip
    await put(notice, "Organization/platform")
    relation = "ONESELF" if role == "resident" else "GUARD"
    person = await sign_in(role, name="ma", reference="RelatedPerson/ma", proxies=(Proxy("a-zhang", relation),))
    path = f"Communication/{notice['id']}"
    assert (await person("GET", path)).status_code == 200
    falsified = notice | {"payload": [{"contentString": "无"}]}
    assert (await person("PUT", path, json=falsified)).status_code == 403
    assert (await person("DELETE", path)).status_code == 403
    own = (
        await person("POST", "Communication", json={key: value for key, value in notice.items() if key != "id"})
    ).json()
    assert (await person("DELETE", f"Communication/{own['id']}")).status_code == 204
