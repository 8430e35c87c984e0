"""What a Consent says binds, or is refused: no denial is taken that would bind nobody."""

import asyncio
from datetime import UTC, datetime

import pytest

from kangyun.access.consent.rows import replay
from kangyun.access.ledger import Entry
from kangyun.access.policy import ANY_PURPOSE
from kangyun.access.policy.sights import party
from kangyun.base.errors import NotFound, RuleBroken
from kangyun.testing.linking import link

B = "Organization/b"
ACTIONS = "http://terminology.hl7.org/CodeSystem/consentaction"


def consent(id_="b-consent", patient=None, **provision):
    return {
        "resourceType": "Consent", "id": id_, "status": "active", "scope": {"text": "privacy"},
        "category": [{"text": "privacy"}], "policyRule": {"text": "regional"},
        "patient": patient or {"reference": "Patient/b-zhang"}, "provision": provision,
    }  # fmt: skip


def actor(reference):
    return [{"role": {"text": "recipient"}, "reference": {"reference": reference}}]


def action(*codes, system=ACTIONS):
    return [{"coding": [{"system": system, "code": code}]} for code in codes]


@pytest.fixture
async def zhang(written):
    """A patient of hospital B, its department, and a post of its doctor."""
    await written({"resourceType": "Patient", "id": "b-zhang"}, B)
    for id_, above in (("b", None), ("b-medicine", B), ("b-lungs", "Organization/b-medicine")):
        part = {"partOf": {"reference": above}} if above else {}
        await written({"resourceType": "Organization", "id": id_, "name": id_} | part, B)
    post = {"practitioner": {"reference": "Practitioner/wang"}, "organization": {"reference": B}}
    await written({"resourceType": "PractitionerRole", "id": "b-post"} | post, B)
    await written({"resourceType": "PractitionerRole", "id": "b-vacant", "organization": {"reference": B}}, B)


@pytest.fixture
def seen(opened):
    """Whether a doctor of B sees the patient of B: `await seen("Practitioner/wang")`."""

    async def look(reference="Practitioner/wang"):
        record = await opened("doctor", B, reference)
        try:
            await record.read("Patient", "b-zhang")
        except NotFound:
            return False
        return True

    return look


async def test_a_denial_of_a_post_binds_who_has_it(zhang, written, seen):
    await written(consent(type="deny", actor=actor("PractitionerRole/b-post")), B)
    assert not await seen()
    assert await seen("Practitioner/li")


@pytest.mark.parametrize("post", ["b-vacant", "b-nobody"])
async def test_a_denial_of_a_post_that_is_nobody_s_binds_everybody(zhang, written, seen, post):
    await written(consent(type="deny", actor=actor(f"PractitionerRole/{post}")), B)
    assert not await seen("Practitioner/li")


async def test_who_is_left_out_of_a_denial_by_a_post_is_not(zhang, written, seen):
    besides = {"type": "permit", "actor": actor("PractitionerRole/b-post")}
    await written(consent(type="deny", actor=actor(B), provision=[besides]), B)
    assert not await seen()


@pytest.mark.parametrize("department", ["b-medicine", "b-lungs"])
async def test_a_denial_of_a_department_binds_its_hospital(zhang, written, seen, department):
    assert await seen()
    await written(consent(type="deny", actor=actor(f"Organization/{department}")), B)
    assert not await seen()


async def test_a_denial_of_a_house_that_people_act_for_does_not_bind_the_one_above_it(zhang, written, opened, seen):
    await opened("doctor", "Organization/b-medicine")
    await written(consent(type="deny", actor=actor("Organization/b-lungs")), B)
    assert await seen()


@pytest.mark.parametrize(
    "given",
    [
        action("view", system="urn:local"), action("access", system="urn:local"), action("look"), [{"text": "查阅"}],
        action("collect") + action("view", system="urn:local"), action("collect", "use"),
    ],
)  # fmt: skip
async def test_a_denial_of_an_action_that_nobody_knows_is_one_of_reading(zhang, written, seen, given):
    await written(consent(type="deny", actor=actor(B), action=given), B)
    assert not await seen()


async def test_a_denial_to_collect_and_correct_leaves_reading_as_it_is(zhang, written, seen):
    await written(consent(type="deny", actor=actor(B), action=action("collect", "correct")), B)
    assert await seen()


@pytest.mark.parametrize("given", [action("access", system="urn:local"), [{"text": "查阅"}], action("collect")])
async def test_a_permission_of_an_action_that_nobody_knows_opens_nothing(zhang, written, opened, given):
    await written(consent(type="permit", actor=actor("Organization/c"), action=given), B)
    record = await opened("doctor", "Organization/c")
    with pytest.raises(NotFound):
        await record.read("Patient", "b-zhang")
    await written(consent(type="permit", actor=actor("Organization/c"), action=action("access")), B)
    assert (await record.read("Patient", "b-zhang")).id == "b-zhang"


@pytest.mark.parametrize(
    "patient",
    [
        {"identifier": {"system": "urn:test", "value": "b-zhang"}}, {"display": "Zhang"},
        {"reference": "http://elsewhere.example/fhir/Patient/b-zhang"}, {"reference": "#zhang"},
    ],
)  # fmt: skip
async def test_whose_it_is_is_said_by_a_reference(zhang, written, seen, patient):
    said = consent(patient=patient, type="deny", actor=actor(B))
    if patient.get("reference", "").startswith("#"):
        said["contained"] = [{"resourceType": "Patient", "id": "zhang"}]
    with pytest.raises(RuleBroken) as caught:
        await written(said, B)
    assert [(issue.text, issue.at) for issue in caught.value.issues] == [("access.whose-consent", "Consent.patient")]
    assert await seen()
    assert (await written(said | {"status": "draft"}, B)).version == 1


@pytest.mark.parametrize("whom", [
    actor("RelatedPerson/ma"), actor("Patient/b-other"),
    [{"role": {"text": "recipient"}, "reference": {"identifier": {"system": "urn:kangyun:role", "value": "guardian"}}}],
])  # fmt: skip
async def test_a_denial_of_a_guardian_is_told_where_it_is_ended(zhang, written, whom):
    """Taken, it would bind nobody: a guardian acts in the resident's place."""
    with pytest.raises(RuleBroken) as refused:
        await written(consent(type="deny", actor=whom))
    assert refused.value.at == "Consent.provision.actor"


async def test_a_consent_that_says_nothing_may_be_nobody_s(written):
    said = consent()
    del said["patient"], said["provision"]
    assert (await written(said, B)).version == 1


# --- what is nested in what is not taken, and what the rule says of everything else

ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CLASS = {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}]}
UNSAID = [
    CLASS, {"code": [{"text": "x"}]}, {"dataPeriod": {"start": "2000"}}, {"actor": actor("CareTeam/b-team")},
    {"data": [{"meaning": "instance", "reference": {"reference": "Condition/b-x"}}]},
    {"purpose": [{"system": "urn:local", "code": "FOO"}]}, {"securityLabel": [{"system": "urn:local", "code": "FOO"}]},
    {"action": action("collect")}, {"action": action("look")},
]  # fmt: skip


def by_rule(rule, **provision):
    return consent(**provision) | {"policyRule": {"coding": [{"system": ACTIVITY, "code": rule}]}}


@pytest.fixture
def seen_by(opened):
    """Whether a doctor of a hospital sees the patient of B: `await seen_by("Organization/c")`."""

    async def look(institution):
        record = await opened("doctor", institution)
        return bool((await record.search(await record.read_query("Patient", [("_id", "b-zhang")]))).matches)

    return look


@pytest.mark.parametrize("unsaid", UNSAID, ids=lambda unsaid: next(iter(unsaid)))
async def test_a_denial_within_what_a_box_cannot_say_binds(zhang, written, seen, unsaid):
    denial = {"type": "deny", "actor": actor(B)}
    for said in (
        consent(type="permit", provision=[denial], **unsaid),
        by_rule("OPTIN", provision=[denial], **unsaid),
        consent(type="deny", actor=actor("Organization/c"), provision=[
            {"type": "permit", "provision": [denial], **unsaid}]),
        consent(type="permit", provision=[{"provision": [denial], **unsaid}]),
    ):  # fmt: skip
        await written(said, B)
        assert not await seen()
        await written(said | {"status": "inactive"}, B)
        assert await seen()


@pytest.mark.parametrize("to", ["CareTeam/b-team", "Organization/b-lungs"])
async def test_a_denial_within_a_permission_is_of_whom_that_may_mean(zhang, written, seen, to):
    await written(consent(type="permit", actor=actor(to), provision=[{"type": "deny"}]), B)
    assert not await seen()


@pytest.mark.parametrize("unsaid", UNSAID, ids=lambda unsaid: next(iter(unsaid)))
@pytest.mark.parametrize("kind", ["deny", "permit", None])
async def test_a_permission_within_what_a_box_cannot_say_opens_nothing(zhang, written, seen_by, kind, unsaid):
    permission = {"type": "permit", "actor": actor("Organization/c")}
    said = {"type": kind} if kind else {}
    await written(consent(provision=[permission], **said, **unsaid), B)
    assert not await seen_by("Organization/c")
    await written(consent(provision=[permission]), B)
    assert await seen_by("Organization/c")


@pytest.mark.parametrize("code", ["OPTOUT", "OPTOUTE", "NOPP", "NODSCLCD"])
async def test_who_opted_out_permits_by_exception(zhang, written, seen_by, code):
    await written(by_rule(code, type="permit", actor=actor("Organization/c")), B)
    assert not await seen_by(B)
    assert await seen_by("Organization/c")
    await written(by_rule(code, type="permit", actor=actor("Organization/c"), **CLASS), B)
    assert not await seen_by("Organization/c")


async def test_of_two_rules_the_stricter_holds(zhang, written, seen_by):
    said = by_rule("OPTIN")
    said["policyRule"]["coding"].append({"system": ACTIVITY, "code": "OPTOUT"})
    await written(said, B)
    assert not await seen_by(B)


async def test_who_opted_in_denies_by_exception(zhang, written, seen_by):
    assert not await seen_by("Organization/c")
    await written(by_rule("OPTIN", type="deny", actor=actor("Organization/c")), B)
    assert await seen_by(B)


# --- whom nobody knows


@pytest.mark.parametrize("house", ["b-psychiatry", "unknown", "b-astray"])
async def test_a_denial_of_a_house_that_nobody_acts_for_binds_everybody(zhang, written, seen, house):
    await written({"resourceType": "Organization", "id": "b-psychiatry", "name": "x"}, B)
    astray = {"partOf": {"reference": "Organization/nowhere"}}
    await written({"resourceType": "Organization", "id": "b-astray", "name": "x"} | astray, B)
    for said in (
        consent(type="deny", actor=actor(f"Organization/{house}")),
        consent(type="permit", actor=actor("Organization/c"), provision=[
            {"type": "deny", "actor": actor(f"Organization/{house}")}]),
    ):  # fmt: skip
        await written(said, B)
        assert not await seen()


async def test_a_denial_of_a_house_binds_who_acts_for_what_is_below_it(zhang, written, seen_by, platform):
    """Also for what is put below it after the word was said."""
    c = "Organization/c"
    for id_, above in (("c", None), ("c-branch", c), ("c-ward", "Organization/c-branch"), ("c-other", None)):
        part = {"partOf": {"reference": above}} if above else {}
        await written({"resourceType": "Organization", "id": id_, "name": id_} | part, c)
    houses = (c, "Organization/c-branch", "Organization/c-ward", "Organization/c-other")
    permission = consent(type="permit", actor=[one for house in houses for one in actor(house)])
    await written(permission | {"id": "b-permits"}, B)
    assert [await seen_by(house) for house in houses] == [True] * 4
    await written(consent(type="deny", actor=actor("Organization/c-branch")), B)
    assert [await seen_by(house) for house in houses] == [True, False, False, True]
    await written(consent(type="deny", actor=actor(c)), B)
    assert [await seen_by(house) for house in houses] == [False, False, False, True]
    later = {"resourceType": "Organization", "id": "c-other", "name": "x", "partOf": {"reference": c}}
    await written(later, c)
    platform.gate.named_alike.clear()  # A minute later.
    assert [await seen_by(house) for house in (*houses, B)] == [False, False, False, False, True]


async def test_a_denial_of_a_person_binds_him_from_when_he_signs_in_first(zhang, written, seen):
    await written(consent(type="deny", actor=actor("Practitioner/b-later")), B)
    assert await seen()
    assert not await seen("Practitioner/b-later")


# --- what is sensitive takes the resident's own word

HIV = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "B20"}]}
LABELS = [{"system": "urn:kangyun:label", "code": code} for code in ("hiv", "health")]


@pytest.fixture
async def two_houses(zhang, platform, written):
    """The patient of hospital B is known to hospital A, which knows of an HIV and of a broken leg."""
    one = await written({"resourceType": "Patient", "id": "a-zhang"})
    async with platform.pool.connection() as connection:
        for id_ in ("Patient/b-zhang", "Patient/a-zhang"):
            names = await platform.gate.store.reader.names(connection, [tuple(id_.split("/"))])
            await link(connection, names[tuple(id_.split("/"))], one.res)
    for id_, code in (("a-hiv", HIV), ("a-leg", {"text": "broken leg"})):
        subject = {"reference": "Patient/a-zhang"}
        await written({"resourceType": "Condition", "id": id_, "code": code, "subject": subject})


@pytest.fixture
def conditions(opened):
    """The conditions that a doctor of B finds."""

    async def find():
        record = await opened("doctor", B, "Practitioner/wang")
        return sorted(one.id for one in (await record.search(await record.read_query("Condition", []))).matches)

    return find


async def written_by(record, resource):
    operation = record.operation("update", "Consent", id=resource["id"], resource=resource)
    await record.commit([operation], "update")


async def test_a_desk_s_permission_opens_nothing_sensitive_and_its_denial_closes_it(two_houses, opened, conditions):
    desk = await opened("registrar", B, "Practitioner/desk", "PATADMIN")
    assert await conditions() == []
    await written_by(desk, consent(type="permit", actor=actor(B), securityLabel=LABELS[:1]))
    assert await conditions() == []  # Only what is sensitive was named.
    await written_by(desk, consent(type="permit", actor=actor(B), securityLabel=LABELS))
    assert await conditions() == ["a-leg"]
    await written_by(desk, consent("b-denial", type="deny", actor=actor(B), securityLabel=LABELS[1:]))
    assert await conditions() == []


@pytest.mark.parametrize(("role", "purpose"), [("resident", "PATRQT"), ("guardian", "FAMRQT")])
async def test_a_resident_s_own_word_opens_what_it_names_until_a_desk_says_otherwise(
    two_houses, opened, written, conditions, role, purpose
):
    own = await opened(role, "Organization/platform", "Patient/b-zhang", purpose, patients=("b-zhang",))
    said = consent("platform-own", type="permit", actor=actor(B), securityLabel=LABELS)
    await written_by(own, said)
    assert await conditions() == ["a-hiv", "a-leg"]
    desk = await opened("registrar", B, "Practitioner/desk", "PATADMIN")
    await written_by(desk, consent("b-denial", type="deny", actor=actor(B), securityLabel=LABELS[:1]))
    assert await conditions() == ["a-leg"]
    await opened("doctor", "Organization/c")
    await written_by(desk, consent("b-denial", type="deny", actor=actor("Organization/c")))
    assert await conditions() == ["a-hiv", "a-leg"]
    await written(said | {"dateTime": "2026-01-01"}, "Organization/platform")
    assert await conditions() == ["a-leg"]  # Written over by somebody else, it is his own word no more.


@pytest.mark.parametrize(("role", "purpose"), [("resident", "PATRQT"), ("guardian", "FAMRQT")])
async def test_what_an_application_says_for_a_resident_is_not_his_own_word(
    two_houses, opened, conditions, role, purpose
):
    about = {"patients": ("b-zhang",), "patient": "b-zhang", "client": "diary", "scopes": ("patient/*.cruds",)}
    diary = await opened(role, "Organization/platform", "Patient/b-zhang", purpose, **about)
    said = consent("platform-own", type="permit", actor=actor(B), securityLabel=LABELS)
    await written_by(diary, said)
    assert await conditions() == ["a-leg"]
    await written_by(diary, consent("platform-own", type="deny", actor=actor(B)))
    assert await conditions() == []


async def test_who_is_permitted_some_labels_sees_what_has_them_and_nothing_else(two_houses, opened, conditions):
    own = await opened("resident", "Organization/platform", "Patient/b-zhang", "PATRQT", patients=("b-zhang",))
    doctor = await opened("doctor", B, "Practitioner/wang")

    async def permitted(*codes):
        labels = [{"system": "urn:kangyun:label", "code": code} for code in codes]
        await written_by(own, consent("platform-own", type="permit", actor=actor(B), securityLabel=labels))
        patients = await doctor.search(await doctor.read_query("Patient", [("_id", "a-zhang")]))
        return [*await conditions(), *(one.id for one in patients.matches)]

    assert await permitted("hiv") == ["a-hiv"]
    assert await permitted("payment") == []
    assert await permitted("personal") == ["a-zhang"]
    assert await permitted("personal", "health") == ["a-leg", "a-zhang"]
    assert await permitted("personal", "hiv") == ["a-hiv", "a-zhang"]


async def test_what_an_older_ledger_says_of_permissions_is_carried_out_as_it_was_meant(
    two_houses, platform, conditions
):
    store, source = platform.gate.store, "Consent/platform-own"
    async with platform.pool.connection() as connection:
        patient = (await store.reader.names(connection, [("Patient", "b-zhang")]))["Patient", "b-zhang"]
        to = party(store.keys.hasher, B)
        said = (patient, to, ANY_PURPOSE, 0, "2026-01-01T00:00:00Z", "2126-01-01T00:00:00Z", True, "consent", source)
        entry = Entry(1, datetime.now(UTC), "withdrawal", source, {"denials": [], "disclosures": [said]}, "")
        assert await replay(connection, entry)
    assert await conditions() == ["a-leg"]


@pytest.mark.parametrize("who", [B, "Practitioner/wang"])
async def test_a_denial_of_a_name_that_has_a_role_besides_binds_both(written, zhang, seen, who):
    nurses = {"system": "urn:kangyun:role", "value": "nurse"}
    named = [{"role": {"text": "recipient"}, "reference": {"reference": who, "identifier": nurses}}]
    await written(consent(type="deny", actor=named), B)
    assert not await seen()


async def test_a_permission_of_a_name_that_has_a_role_besides_opens_nothing_to_the_role(written, zhang, platform):
    doctors = {"system": "urn:kangyun:role", "value": "doctor"}
    named = [{"role": {"text": "recipient"}, "reference": {"reference": "Organization/c", "identifier": doctors}}]
    await written(consent(type="permit", actor=named), B)
    async with platform.pool.connection() as connection:
        assert not await connection.fetchval("SELECT count(*) FROM disclosure")


async def test_exceptions_that_cross_each_other_without_end_are_refused(written, zhang):
    """Each new one would cut all the others again: a process would be busy with one Consent for minutes."""
    purposes = ("TREAT", "ETREAT", "HPAYMT", "PUBHLTH", "HRESCH", "PATRQT", "CAREMGT", "COVERAGE")
    labels = ("personal", "health", "medical", "payment", "public", "hiv", "sexual", "genetics")
    crossing = [
        {
            "type": "permit", "period": {"start": f"2020-{1 + n % 12:02}-{1 + n % 28:02}", "end": f"20{30 + n}-01-01"},
            "purpose": [{"code": code} for bit, code in enumerate(purposes) if (n * 37 + 1) >> bit & 1],
            "securityLabel": [
                {"system": "urn:kangyun:label", "code": code}
                for bit, code in enumerate(labels)
                if (n * 73 + 1) >> bit & 1
            ],
            "actor": actor(f"Organization/o{n}"),
        }
        for n in range(60)
    ]  # fmt: skip
    async with asyncio.timeout(20):
        with pytest.raises(RuleBroken) as refused:
            await written(consent(type="deny", provision=crossing), B)
    assert refused.value.issues[0].text == "access.consent-too-many"


async def test_a_permission_names_a_thousand_at_most(written, zhang):
    named = [one for n in range(1_001) for one in actor(f"Practitioner/p{n}")]
    with pytest.raises(RuleBroken):
        await written(consent(type="permit", provision=[{"type": "permit", "actor": named}]), B)
