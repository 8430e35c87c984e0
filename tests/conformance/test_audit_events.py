"""The audit trail as AuditEvents: what a row becomes, what can be asked, who may ask, and that nobody changes any."""

import asyncpg
import pytest

from kangyun.access.actor import Actor
from kangyun.fhir.validation import validator
from kangyun.testing.people import know

PATIENT = {"resourceType": "Patient", "id": "li", "name": [{"text": "李小明"}]}
OTHER = {"resourceType": "Patient", "id": "wang", "name": [{"text": "王芳"}]}
OBSERVATION = {
    "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"},
    "subject": {"reference": "Patient/li"},
}  # fmt: skip
DOCTOR = {"resourceType": "Practitioner", "id": "li-yi", "name": [{"text": "李医生"}]}
ACTORS = {
    "admin": Actor("Device/administrator", "管理员", "Organization/county", "SYSADMIN", administrator=True),
    "auditor": Actor("Practitioner/audit", "审计", "Organization/platform", "SYSADMIN", role="audit-administrator"),
    "doctor": Actor("Practitioner/li-yi", "李医生", "Organization/county", "TREAT", role="doctor"),
    "resident": Actor("Patient/li", "李小明", "Organization/platform", "PATRQT", role="resident", patients=("li",)),
    "guardian": Actor("Patient/x", "王母", "Organization/platform", "FAMRQT", role="guardian", patients=("wang",)),
    "nobodys": Actor("Patient/y", "谁", "Organization/platform", "PATRQT", role="resident"),
    "his": Actor("Device/his", "HIS", "Organization/county", "TREAT", role="application", client="Device/his"),
    "app": Actor(
        "Patient/li", "李小明", "Organization/platform", "PATRQT", role="resident", patients=("li",),
        scopes=("patient/Observation.rs",), client="Device/app",
    ),
}  # fmt: skip
SENT = {
    "resourceType": "AuditEvent",
    "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
    "action": "R",
    "recorded": "2026-11-22T06:03:00Z",
    "outcome": "0",
    "agent": [{"who": {"reference": "Practitioner/li-yi"}, "requestor": True, "name": "李医生"}],
    "source": {"observer": {"reference": "Device/his"}},
    "entity": [{"what": {"reference": "Observation/o1"}, "name": "李小明的血常规"}],
}


@pytest.fixture
def sign_in(open_client, monkeypatch):
    """Opens clients of people: `await sign_in("doctor")`."""
    know(monkeypatch, ACTORS)
    return lambda name: open_client(token=name)


@pytest.fixture
async def people(sign_in):
    """A client of each of them, on a record with something in it."""
    clients = {name: await sign_in(name) for name in ACTORS}
    for one in (PATIENT, OTHER, DOCTOR, OBSERVATION):
        answer = await clients["admin"].put(f"{one['resourceType']}/{one['id']}", json=one)
        assert answer.status_code == 201, answer.text
    await clients["doctor"].get("Observation/o1")
    await clients["doctor"].get("Patient/wang")
    await clients["doctor"].get("Patient/none")
    await clients["doctor"].get("Patient?birthdate=x")
    return clients


async def events(client, query=""):
    answer = await client.get(f"AuditEvent?{query}")
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", ()) if entry["search"]["mode"] == "match"]


def agent_of(event):
    return event["agent"][0]["who"]["reference"]


async def test_a_read_says_who_whom_what_why_and_from_where(people):
    (event,) = await events(people["auditor"], "patient=Patient/li&action=R")
    assert [issue for issue in validator().validate(event) if issue.severity in ("error", "fatal")] == []
    assert event["type"]["code"] == "rest"
    assert event["subtype"][0]["code"] == "read"
    assert (event["action"], event["outcome"]) == ("R", "0")
    who, institution = event["agent"]
    assert who["who"] == {"reference": "Practitioner/li-yi", "display": "李医生"}
    assert who["role"][0]["coding"][0]["code"] == "doctor"
    assert who["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"
    assert who["network"]["address"] == "127.0.0.1"
    assert institution["who"] == {"reference": "Organization/county"}
    named = [entity["what"].get("reference") for entity in event["entity"] if "what" in entity]
    assert "Patient/li" in named
    assert "GET /Observation/[id]" in [entity.get("description") for entity in event["entity"]]


async def test_a_write_names_what_was_written(people):
    (event,) = await events(people["auditor"], "entity=Observation/o1&action=U")
    assert {"Patient/li", "Observation/o1"} <= {entity.get("what", {}).get("reference") for entity in event["entity"]}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("patient=Patient/li", 3), ("patient=li", 3), ("patient=Patient/wang", 2), ("patient=Patient/none", 0),
        ("agent=Practitioner/li-yi", 4), ("agent=li-yi", 4), ("agent:Practitioner=li-yi", 4),
        ("agent=Organization/county", 8), ("agent-name=李医生", 4), ("agent-name=nobody", 0), ("agent-role=doctor", 4),
        ("agent=Practitioner/li-yi&outcome=4", 2), ("agent=li-yi&outcome:not=4", 2), ("outcome=8", 0),
        ("outcome=12", 0), ("action=R&agent=li-yi", 4), ("action=U", 4), ("action=D", 0), ("action=R,U", 8),
        ("subtype=update", 4),
        ("subtype=read", 3), ("subtype=search-type", 1), ("subtype=history-instance", 0), ("type=rest&action=U", 4),
        ("type=http://dicom.nema.org/resources/ontology/DCM|110114", 0), ("date=lt2020-01-01", 0),
        ("date=ge2020-01-01&action=U", 4), ("_lastUpdated=gt2020-01-01&action=U", 4), ("address=127.0&action=U", 4),
        ("entity=Patient/wang", 2), ("source=Device/his", 0), ("_id=0", 0), ("_id=x", 0),
        ("action=U&_id:not=0", 4), ("agent-role=nurse", 0),
    ],
)  # fmt: skip
async def test_what_can_be_asked(people, query, count):
    assert len(await events(people["auditor"], query)) == count


@pytest.mark.parametrize(
    "query", ["altid=x", "_has:Patient:x:y=1", "_sort=agent", "date:missing=true", "_include=*", "_text=x"]
)
async def test_what_cannot_be_asked_is_refused_by_name(people, query):
    answer = await people["auditor"].get(f"AuditEvent?{query}", headers={"prefer": "handling=strict"})
    assert answer.status_code == 400, answer.text


async def test_pages_follow_each_other_in_both_orders(people):
    auditor = people["auditor"]
    for sort in ("-date", "date"):
        found, url = [], f"AuditEvent?action=U,R&agent=Practitioner/li-yi,Device/administrator&_sort={sort}&_count=3"
        while url:
            page = (await auditor.get(url)).json()
            found += [entry["resource"] for entry in page["entry"]]
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        keys = [(one["recorded"], int(one["id"])) for one in found]
        assert len(keys) == len(set(keys)) == 8
        assert [one[0] for one in keys] == sorted((one[0] for one in keys), reverse=sort == "-date")


async def test_a_cursor_is_for_who_drew_it(people):
    page = (await people["auditor"].get("AuditEvent?_count=1")).json()
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert (await people["admin"].get(following)).status_code == 400


async def test_counts(people):
    assert (await people["auditor"].get("AuditEvent?action=U&_summary=count")).json()["total"] == 4
    page = (await people["auditor"].get("AuditEvent?action=U&_count=2&_total=accurate")).json()
    assert (page["total"], len(page["entry"])) == (4, 2)
    assert (await people["resident"].get("AuditEvent?action=U&_summary=count")).json()["total"] == 2


async def test_parts_and_xml(people):
    (event,) = await events(people["auditor"], "patient=Patient/li&action=R&_elements=recorded")
    assert "entity" not in event
    answer = await people["auditor"].get("AuditEvent?patient=Patient/li&_format=xml")
    assert answer.status_code == 200
    assert "<AuditEvent" in answer.text


async def test_one_by_its_id(people):
    (event,) = await events(people["auditor"], "patient=Patient/li&action=R")
    assert (await people["auditor"].get(f"AuditEvent/{event['id']}")).json()["recorded"] == event["recorded"]
    assert (await people["resident"].get(f"AuditEvent/{event['id']}")).status_code == 200
    for path in ("AuditEvent/0", "AuditEvent/x", "AuditEvent/99999999999999999999"):
        assert (await people["auditor"].get(path)).status_code == 404


async def test_by_post_and_in_a_compartment(people):
    found = (await people["auditor"].post("AuditEvent/_search", data={"patient": "Patient/li", "action": "R"})).json()
    assert len(found["entry"]) == 1
    page = (await people["auditor"].get("Patient/li/AuditEvent?action=R,U&_count=1")).json()
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert "patient=" not in following
    assert len((await people["auditor"].get(following)).json()["entry"]) == 1


# --- who may


@pytest.mark.parametrize("who", ["doctor", "his", "nobodys", "app"])
async def test_others_are_refused(people, who):
    event = (await events(people["auditor"], "patient=Patient/li"))[0]
    for path in ("AuditEvent", "AuditEvent?patient=Patient/li", f"AuditEvent/{event['id']}", "Patient/li/AuditEvent"):
        assert (await people[who].get(path)).status_code == 403, path


async def test_a_resident_sees_the_rows_about_himself_only(people):
    mine = await events(people["resident"])
    assert {agent_of(one) for one in mine} == {"Device/administrator", "Practitioner/li-yi"}
    assert {one["action"] for one in mine} == {"R", "U"}
    assert len(mine) == 3
    assert not any("network" in agent for one in mine for agent in one["agent"])
    assert await events(people["resident"], "patient=Patient/wang") == []
    (theirs,) = await events(people["guardian"], "action=R")
    assert (await people["resident"].get(f"AuditEvent/{theirs['id']}")).status_code == 404


async def test_of_a_row_about_several_a_resident_sees_himself(people, fresh_database):
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(
        "UPDATE audit SET patients = (SELECT array_agg(DISTINCT p) FROM audit AS o, unnest(o.patients) AS p) "
        "WHERE cardinality(patients) = 1 AND actor = 'Practitioner/li-yi'"
    )
    await connection.close()
    for who, own in (("resident", "Patient/li"), ("guardian", "Patient/wang")):
        for one in await events(people[who], "action=R&agent=Practitioner/li-yi"):
            named = {entity.get("what", {}).get("reference") for entity in one["entity"]}
            assert named - {None} == {own}
    assert await events(people["guardian"], "patient=Patient/li") == []
    assert await events(people["guardian"], "entity=Observation/o1") == []


async def test_to_ask_is_audited_as_well(people):
    await events(people["auditor"], "patient=Patient/li")
    found = await events(people["auditor"], "patient=Patient/li&agent=Practitioner/audit")
    assert [one["subtype"][0]["code"] for one in found] == ["search-type"]


# --- what happened elsewhere


async def test_what_happened_elsewhere_is_shown_as_it_was_sent(people, fresh_database):
    answer = await people["his"].post("AuditEvent", json=SENT)
    assert answer.status_code == 201, answer.text
    shown = (await people["auditor"].get(answer.headers["location"])).json()
    assert {name: value for name, value in shown.items() if name not in ("id", "meta")} == SENT
    (found,) = await events(people["auditor"], "source=Device/his&patient=Patient/li&agent=Practitioner/li-yi&action=R")
    assert found["id"] == shown["id"]
    assert [one["id"] for one in await events(people["resident"], "source=Device/his")] == [shown["id"]]
    connection = await asyncpg.connect(fresh_database)
    assert "血常规" not in str(await connection.fetch("SELECT * FROM audit"))
    assert "血常规".encode() not in await connection.fetchval("SELECT detail FROM audit WHERE origin = 'external'")
    await connection.close()


@pytest.mark.parametrize("who", ["doctor", "resident", "auditor"])
async def test_only_applications_and_devices_send(people, who):
    assert (await people[who].post("AuditEvent", json=SENT)).status_code == 403


async def test_what_is_sent_must_be_valid(people):
    assert (await people["his"].post("AuditEvent", json=SENT | {"outcome": "1"})).status_code == 422
    assert (await people["his"].post("AuditEvent", json=PATIENT)).status_code == 400
    long = SENT | {"outcomeDesc": "x" * 300_000}
    assert (await people["his"].post("AuditEvent", json=long)).status_code == 413


# --- nobody changes any

BATCH = {"resourceType": "Bundle", "type": "batch"}


async def test_a_change_of_the_register_says_what_whom_and_to_auditors_why(people, fresh_database):
    identities = people["admin"]._transport.app._platform.sign_in.identities
    number = await identities.admit(
        "staff", "Practitioner/li-yi", "Organization/county", "李医生", roles=["doctor"],
        vouched_by="Practitioner/sec", evidence="工牌",
    )  # fmt: skip
    await identities.suspend(number, "Practitioner/sec", "调查泄露事件")
    (event,) = await events(people["auditor"], "subtype=urn:kangyun:action|identity-suspend")
    assert [issue for issue in validator().validate(event) if issue.severity in ("error", "fatal")] == []
    assert [one["code"] for one in event["subtype"]] == ["operation", "identity-suspend"]
    assert agent_of(event) == "Practitioner/sec"
    whom = event["entity"][0]
    assert whom["what"] == {"reference": "Practitioner/li-yi"}
    assert whom["detail"] == [{"type": "why", "valueString": "调查泄露事件"}]
    # Rows of before events were named say whom.
    connection = await asyncpg.connect(fresh_database)
    try:
        await connection.execute(
            "INSERT INTO audit (instant, institution, outcome, action, actor, purpose, shape, source, request,"
            " patients) SELECT instant, institution, outcome, 'identity-resume', actor, purpose, $1, '', '', '{}'"
            " FROM audit WHERE action = 'identity-suspend'", f"/identity/{number}",
        )  # fmt: skip
    finally:
        await connection.close()
    (older,) = await events(people["auditor"], "subtype=urn:kangyun:action|identity-resume")
    assert older["entity"][0]["what"] == {"reference": "Practitioner/li-yi"}
    assert "detail" not in older["entity"][0]


async def test_our_own_words_for_acts_are_for_auditors(people, fresh_database):
    connection = await asyncpg.connect(fresh_database)
    try:
        await connection.execute("UPDATE audit SET action = 'open-record' WHERE action = 'read' AND outcome = 200")
    finally:
        await connection.close()
    asked = "subtype=urn:kangyun:action|open-record"
    (one, *_) = await events(people["auditor"], asked)
    assert [coding["code"] for coding in one["subtype"]] == ["operation", "open-record"]
    shown = await events(people["resident"])
    assert "operation" in [one["subtype"][0]["code"] for one in shown]
    assert all(len(one["subtype"]) == 1 for one in shown)
    assert await events(people["resident"], asked) == []


async def test_nothing_changes_or_removes_a_row(people, fresh_database):
    connection = await asyncpg.connect(fresh_database)
    before = await connection.fetch("SELECT * FROM audit ORDER BY id")
    one = before[0]["id"]
    changed = SENT | {"id": str(one)}
    patch = {"content": b'[{"op":"replace","path":"/outcome","value":"8"}]'}
    patch["headers"] = {"content-type": "application/json-patch+json"}
    merge = {
        "json": {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "b"}]}}]}
    }
    tried = [
        ("PUT", f"AuditEvent/{one}", {"json": changed}), ("PATCH", f"AuditEvent/{one}", patch),
        ("DELETE", f"AuditEvent/{one}", {}), ("DELETE", "AuditEvent?action=R", {}), ("DELETE", "AuditEvent", {}),
        ("PUT", "AuditEvent?action=R", {"json": changed}), ("PATCH", "AuditEvent?action=R", patch),
        ("POST", f"AuditEvent/{one}", {"json": changed}), ("POST", f"AuditEvent/{one}/$meta-add", merge),
        ("POST", f"AuditEvent/{one}/$meta-delete", merge), ("GET", f"AuditEvent/{one}/_history", {}),
        ("GET", f"AuditEvent/{one}/_history/1", {}), ("GET", "AuditEvent/_history", {}),
        ("POST", f"AuditEvent/{one}/$expunge", {"json": {"resourceType": "Parameters", "parameter": [
            {"name": "expungeEverything", "valueBoolean": True}]}}),
    ]  # fmt: skip
    for who in ("admin", "auditor"):
        for method, path, options in tried:
            answer = await people[who].request(method, path, **options)
            assert answer.status_code in (400, 403, 404, 405, 422), (who, method, path, answer.text)
        for method in ("PUT", "POST", "DELETE", "PATCH"):
            for url in (f"AuditEvent/{one}", "AuditEvent?action=R", "AuditEvent"):
                entry = {"request": {"method": method, "url": url}, "resource": changed}
                for kind in ("batch", "transaction"):
                    answer = await people[who].post("", json=BATCH | {"type": kind, "entry": [entry]})
                    assert answer.status_code < 500, answer.text
        for path in ("$expunge", "AuditEvent/$expunge"):
            wish = {
                "resourceType": "Parameters",
                "parameter": [{"name": "expungeDeletedResources", "valueBoolean": True}],
            }
            await people[who].post(path, json=wish)
    after = await connection.fetch("SELECT * FROM audit WHERE id <= $1 ORDER BY id", before[-1]["id"])
    await connection.close()
    assert [tuple(row) for row in after] == [tuple(row) for row in before]


async def test_the_statement_tells_what_there_is(people):
    statement = (await people["doctor"].get("metadata")).json()
    told = next(one for one in statement["rest"][0]["resource"] if one["type"] == "AuditEvent")
    assert [one["code"] for one in told["interaction"]] == ["read", "search-type", "create"]
    assert "updateCreate" in told and not told["updateCreate"]
    assert {"date", "patient", "agent"} <= {one["name"] for one in told["searchParam"]}
