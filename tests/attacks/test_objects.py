"""What may not be seen does not exist: every address and operation, asked of a hidden resource and of one that there is
not, answers the same to the letter (but for ids and instants), for every role; and each request leaves its row.

Addresses come from the CapabilityStatement and the table of operations, so that a new one is tried as soon as it is
there. Hidden and absent ids are as long as each other, of one form.
"""

import json
import re

import pytest

from kangyun.catalog import catalog

from .conftest import A, B, about, condition, patient

# Hidden at hospital A, and what there is not: ids of the institution's own choice, and ids that the platform gave.
TYPES = ("Patient", "Condition", "Binary", "Encounter", "Subscription", "Consent")
PARAMETERS = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "look around a bit"}]}
# Who sees all registrations, or all of a part, by the policy: what is hidden to them is of other types.
SEES = {"steward": {"Patient"}}
# Officers whose business it is that a registration is there. Each leaves a row.
BY_OFFICE = {
    ("security-administrator", "erase"), ("audit-administrator", "who-looked"), ("doctor", "break-glass"),
    ("nurse", "break-glass"), ("family-doctor", "break-glass"),
}  # fmt: skip
ROLES = (
    "doctor", "nurse", "pharmacist", "family-doctor", "public-health", "insurance", "registrar", "steward",
    "researcher",
    "resident", "guardian", "device", "system-administrator", "security-administrator", "audit-administrator",
)  # fmt: skip


def hidden(type_, id_=None):
    """Returns what stands at A; with an id, what somebody sends of that form, about someone."""
    whom = "a-hidden" if id_ is None else "a-someone"
    data = "c2VjcmV0" if id_ is None else "b3Blbg=="
    made = {
        "Patient": patient(whom),
        "Condition": condition(whom, whom),
        "Binary": {"contentType": "text/plain", "data": data, "securityContext": about(whom)},
        "Encounter": {"status": "finished", "class": {"code": "AMB"}, "subject": about(whom)},
        "Subscription": {"status": "off", "reason": "x", "criteria": "Patient", "channel": {"type": "websocket"}},
        "Consent": {
            "status": "inactive", "scope": {"text": "x"}, "category": [{"text": "x"}], "policyRule": {"text": "x"},
            "patient": about(whom),
        },
    }[type_]  # fmt: skip
    return {"resourceType": type_} | made | {"id": id_ or "a-hidden"}


def plain(answer, id_):
    """What an answer says, without what differs between any two."""
    text = answer.text.replace(id_, "[id]")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", "[instant]", text)
    text = re.sub(r'"(value|id|fullUrl|location|_cursor)":"[^"]*"', "", text)
    text = re.sub(r"_cursor=[^\"&]*", "", text)
    kept = {k: v.replace(id_, "[id]") for k, v in answer.headers.items() if k not in _OWN}
    return answer.status_code, kept, text


_OWN = {"x-request-id", "date", "last-modified", "location", "content-location", "content-length"}


def of_instance(type_, id_):
    """Gives each way to ask for one resource: (method, path, body or None, headers)."""
    base = f"{type_}/{id_}"
    for path in (base, f"{base}?_elements=id", f"{base}?_summary=text", f"{base}/_history", f"{base}/_history/1",
                 f"{base}/_history/2", f"{base}/_history?_since=2020-01-01"):  # fmt: skip
        yield "GET", path, None, {}
    yield "HEAD", base, None, {}
    yield "GET", base, None, {"if-none-match": 'W/"1"'}
    yield "GET", base, None, {"accept": "text/plain, application/fhir+json"}
    sent = hidden(type_, id_)
    yield "PUT", base, sent, {}
    yield "PUT", base, sent, {"if-match": 'W/"1"'}
    yield "PUT", base, sent, {"if-none-match": "*"}
    patch = [{"op": "test", "path": "/id", "value": id_}]
    yield "PATCH", base, patch, {"content-type": "application/json-patch+json"}
    yield "DELETE", base, None, {}
    yield "DELETE", base, None, {"if-match": 'W/"1"'}
    yield "DELETE", f"{type_}?_id={id_}", None, {}
    yield "PUT", f"{type_}?_id={id_}", {k: v for k, v in sent.items() if k != "id"}, {}
    yield "PATCH", f"{type_}?_id={id_}", patch, {"content-type": "application/json-patch+json"}
    if type_ in ("Patient", "Encounter"):
        for wanted in ("Condition", "*", "AuditEvent", "Observation?_total=accurate"):
            yield "GET", f"{base}/{wanted}", None, {}
    for more in (f"_id={id_}", f"_id={id_}&_total=accurate&_summary=count", f"_id={id_}&_sort=-_lastUpdated"):
        yield "GET", f"{type_}?{more}", None, {}
    yield "GET", f"?_type={type_}&_id={id_}", None, {}
    yield "POST", f"{type_}/_search?_id={id_}", None, {}


def of_operations(role, type_, id_):
    """Gives each operation on one resource."""
    for one in catalog().operations:
        if "instance" not in one.levels or (one.types is not None and type_ not in one.types):
            continue
        if (role, one.name) in BY_OFFICE:
            continue
        for path in [f"{type_}/{id_}/${one.name}"] + [f"{type_}/{id_}/_history/1/${one.name}"] * one.on_versions:
            yield "POST", path, PARAMETERS, {}
            yield "POST", path, {"resourceType": "Parameters"}, {}
            if not one.affects_state:
                yield "GET", path, None, {}
    meta = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}]}
    yield "POST", f"{type_}/{id_}/$meta-add", meta, {}
    yield "POST", f"{type_}/{id_}/$meta-delete", meta, {}
    yield "GET", f"{type_}/{id_}/$export", None, {}


def of_bundles(type_, id_):
    """Gives the same within a batch and a transaction."""
    base = f"{type_}/{id_}"
    entries = [
        {"request": {"method": "GET", "url": base}},
        {"request": {"method": "GET", "url": f"{base}/_history"}},
        {"request": {"method": "GET", "url": f"{type_}?_id={id_}"}},
        {"request": {"method": "PUT", "url": base}, "resource": hidden(type_, id_)},
        {"request": {"method": "DELETE", "url": base}},
        {"request": {"method": "DELETE", "url": f"{type_}?_id={id_}"}},
        {"request": {"method": "POST", "url": f"{base}/$meta"}, "resource": {"resourceType": "Parameters"}},
    ]
    for entry in entries:
        for kind in ("batch", "transaction"):
            yield "POST", "", {"resourceType": "Bundle", "type": kind, "entry": [entry]}, {}


def about_the_hidden(id_):
    """Gives ways to learn of a resource by way of others: searches, chains, includes, conditions, references."""
    token, name = f"http://hl7.org/fhir/sid/icd-10|J18.9&_id={id_}", f"urn:test|{id_}"
    for path in (
        f"Condition?subject=Patient/{id_}", f"Condition?subject:Patient.identifier={name}",
        f"Condition?patient._id={id_}", f"Condition?subject:missing=false&patient={id_}",
        f"Patient?_has:Condition:subject:code={token}", f"Patient?_has:Condition:patient:_id={id_}",
        f"Practitioner?_has:Patient:general-practitioner:_id={id_}", f"Patient?identifier={name}",
        f"Patient?identifier:not={name}&_total=accurate&_summary=count", f"Patient?_filter=identifier eq {name}",
        f"Condition?_id={id_}&_include=Condition:subject", f"Patient?_id={id_}&_revinclude=Condition:subject",
        f"Condition?_list={id_}", f"Observation?code:in=ValueSet/{id_}", f"AuditEvent?patient={id_}",
        f"AuditEvent?entity=Condition/{id_}", f"Provenance?target=Condition/{id_}",
        f"?_type=Condition,Patient&_id={id_}", f"Condition?encounter._id={id_}&_sort=-onset-date",
    ):  # fmt: skip
        yield "GET", path, None, {}
    for reason in ("ServiceRequest", "Observation"):
        sent = {"resourceType": reason, "status": "final", "intent": "order", "code": {"text": "x"}}
        sent = {k: v for k, v in sent.items() if reason != "Observation" or k != "intent"}
        if reason == "ServiceRequest":
            sent["status"] = "active"
        yield "POST", reason, sent | {"subject": about(id_)}, {"if-none-exist": f"patient={id_}"}
        entry = {
            "request": {"method": "POST", "url": reason},
            "resource": sent | {"subject": {"reference": f"Patient?identifier={name}"}},
        }
        yield "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}, {}
    yield "POST", "Patient/$validate", {"resourceType": "Parameters", "parameter": [
        {"name": "mode", "valueCode": "update"}, {"name": "resource", "resource": hidden("Patient", id_)}
    ]}, {}  # fmt: skip
    yield "POST", "Patient/$break-glass", {"resourceType": "Parameters", "parameter": [
        {"name": "reason", "valueString": "look"}, {"name": "identifier", "valueString": name}
    ]}, {}  # fmt: skip


async def ask(person, asked, id_):
    method, path, body, headers = asked
    sent = {}
    if body is not None:
        sent, headers = {"content": json.dumps(body)}, {"content-type": "application/fhir+json"} | headers
    return plain(await person(method, path, headers=headers, **sent), id_)


async def alike(person, hidden_id, absent_id, ways):
    """Asks each way of a hidden and of an absent id, and holds that the answers are the same."""
    for asked, other in zip(ways(hidden_id), ways(absent_id), strict=True):
        if person.name == "audit-administrator" and "AuditEvent" in asked[1]:
            continue  # The trail is his.
        found, absent = await ask(person, asked, hidden_id), await ask(person, other, absent_id)
        assert found == absent, (person.name, *asked)
        assert "secret" not in found[2] and "c2VjcmV0" not in found[2]


@pytest.fixture
async def stocked(put, platform):
    """Hospital A's record, each resource in two versions, once under an id of its own and once under one of ours.

    Returns pairs by type: (hidden, absent) ids.
    """
    pairs = {}
    for type_ in TYPES:
        first = hidden(type_)
        await put(first, A)
        await put(first | {"language": "zh"}, A)
        given = {k: v for k, v in first.items() if k != "id"}
        stored = await put(given, A)
        ids = platform.gate.store.ids
        pairs[type_] = [("a-hidden", "a-absent"), (stored.id, ids.id_of(stored.res + (1 << 39)))]
    await put(patient("b-own"), B)
    return pairs


@pytest.mark.parametrize("role", ROLES)
async def test_a_hidden_resource_is_one_that_there_is_not(stocked, sign_in, audited, role):
    person = await sign_in(role)
    for type_, pairs in stocked.items():
        if type_ in SEES.get(role, ()):
            continue
        for hidden_id, absent_id in pairs:
            await alike(person, hidden_id, absent_id, lambda id_, t=type_: of_instance(t, id_))
            await alike(person, hidden_id, absent_id, lambda id_, t=type_: of_operations(role, t, id_))
        await alike(person, *pairs[0], lambda id_, t=type_: of_bundles(t, id_))
    if role not in SEES:
        skipped = {"doctor", "nurse", "family-doctor"}
        await alike(person, "a-hidden", "a-absent", lambda id_: [
            one for one in about_the_hidden(id_) if role not in skipped or "$break-glass" not in one[1]
        ])  # fmt: skip
    await audited(person, "a-hidden", "a-absent")


@pytest.mark.parametrize(
    "scope",
    ["system/Observation.r", "system/*.cruds", "system/Condition.cud", "system/Patient.s?identifier=urn:test|x"],
)
async def test_nor_does_an_application_learn_of_it(stocked, itself, audited, scope):
    robot = await itself(scope)
    for type_ in ("Patient", "Condition", "Binary"):
        for hidden_id, absent_id in stocked[type_]:
            await alike(robot, hidden_id, absent_id, lambda id_, t=type_: of_instance(t, id_))
            await alike(robot, hidden_id, absent_id, lambda id_, t=type_: of_operations("application", t, id_))
        await alike(robot, *stocked[type_][0], lambda id_, t=type_: of_bundles(t, id_))
    await alike(robot, "a-hidden", "a-absent", about_the_hidden)
    await audited(robot, "a-hidden", "a-absent")


async def test_every_type_that_is_served_is_refused_or_empty_to_who_sees_nothing(put, sign_in, client, audited):
    """By the CapabilityStatement: a researcher sees registers, and of nobody's record anything."""
    await put(patient("a-zhang"))
    researcher = await sign_in("researcher")
    served = (await client.get("metadata")).json()["rest"][0]["resource"]
    assert len(served) > 140
    for type_ in (one["type"] for one in served):
        answer = await researcher("GET", f"{type_}?_total=accurate")
        if answer.status_code == 200:
            assert answer.json()["total"] == 0, type_
        else:
            assert answer.status_code == 403, type_
    await audited(researcher)
