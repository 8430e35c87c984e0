"""What the server says of itself: capabilities, terminology, OpenAPI; and calls from pages of other origins.

Source: https://hl7.org/fhir/R4/http.html#capabilities
"""

import pytest

from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import decode
from kangyun.fhir.validation import validator


async def test_the_capability_statement_is_valid_and_says_what_is_there(open_client):
    client = await open_client(token=None)
    answer = await client.get("metadata")
    assert answer.status_code == 200
    assert validator().validate(decode(answer.content)) == []
    (rest,) = answer.json()["rest"]
    types = {resource["type"]: resource for resource in rest["resource"]}
    assert types.keys() == definitions().resource_types
    assert {one["name"] for one in types["Patient"]["operation"]} >= {"everything", "validate", "meta", "meta-add"}
    assert {one["name"] for one in types["ValueSet"]["operation"]} >= {"expand", "validate-code"}
    assert {one["code"] for one in rest["interaction"]} >= {"transaction", "batch", "search-system", "history-system"}
    assert "Observation:patient" in types["Patient"]["searchRevInclude"]
    assert "Observation:subject" in types["Observation"]["searchInclude"]
    assert rest["security"]["cors"] is False


async def test_every_search_parameter_it_names_is_taken(client):
    (rest,) = (await client.get("metadata")).json()["rest"]
    values = {
        "number": "1",
        "date": "2024",
        "quantity": "1",
        "reference": "x",
        "token": "x",
        "string": "x",
        "uri": "urn:x",
    }
    by_type = {resource["type"]: resource["searchParam"] for resource in rest["resource"]}
    for type_ in ("Observation", "Patient", "ValueSet", "Encounter", "RiskAssessment"):
        for one in by_type[type_]:
            value = values.get(one["type"])
            if value is not None and one["name"] not in ("_has", "_filter"):
                answer = await client.get(f"{type_}?{one['name']}={value}", headers={"prefer": "handling=strict"})
                assert answer.status_code == 200, (type_, one, answer.text)


@pytest.mark.parametrize(
    ("mode", "type_"), [("full", "CapabilityStatement"), ("terminology", "TerminologyCapabilities")]
)
async def test_modes_of_the_metadata(client, mode, type_):
    answer = await client.get(f"metadata?mode={mode}")
    assert answer.json()["resourceType"] == type_
    assert validator().validate(decode(answer.content)) == []


async def test_terminology_capabilities_name_the_sites_own_systems(client):
    system = {"resourceType": "CodeSystem", "id": "own", "url": "urn:test:own", "version": "3", "status": "active",
              "content": "complete"}  # fmt: skip
    await client.put("CodeSystem/own", json=system)
    listed = (await client.get("metadata?mode=terminology")).json()["codeSystem"]
    assert {"uri": "urn:test:own", "version": [{"code": "3", "isDefault": True}]} in listed
    assert {"uri": "http://hl7.org/fhir/administrative-gender"} in listed


@pytest.mark.parametrize(
    ("method", "query", "status"), [("GET", "?mode=odd", 400), ("POST", "", 405), ("DELETE", "", 405)]
)
async def test_what_the_metadata_are_not_asked(client, method, query, status):
    assert (await client.request(method, f"metadata{query}")).status_code == status


async def test_openapi_describes_every_address(client):
    document = (await client.get("openapi.json")).json()
    assert document == (await client.get("http://127.0.0.1:8080/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    assert {
        "/",
        "/metadata",
        "/{type}/{id}",
        "/Patient",
        "/Patient/$everything",
        "/{type}/{id}/$validate",
        "/$exam",
    } <= paths.keys()
    names = {parameter.get("name") for parameter in paths["/Observation"]["get"]["parameters"]}
    assert {"code", "patient", "value-quantity", "component-code-value-quantity"} <= names
    identifiers = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(identifiers) == len(set(identifiers))
    for reference in _references(document):
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


async def test_openapi_names_the_statuses_that_there_are(client):
    document = (await client.get("openapi.json")).json()
    paths, described = document["paths"], document["components"]["responses"]
    person, identified = {"resourceType": "Patient"}, {"resourceType": "Patient", "identifier": [{"value": "1"}]}
    patch = [{"op": "add", "path": "/active", "value": True}]
    json_patch = {"content-type": "application/json-patch+json"}
    minimal, outcome = {"prefer": "return=minimal"}, {"prefer": "return=OperationOutcome"}
    asked = [
        ("/Patient", "POST", "Patient", identified, minimal),
        ("/Patient", "POST", "Patient", person, outcome | {"if-none-exist": "identifier=1"}),
        ("/Patient", "PUT", "Patient?identifier=2", person, {}),
        ("/Patient", "PUT", "Patient?identifier=1", identified | {"active": False}, minimal),
        ("/Patient", "PATCH", "Patient?identifier=1", patch, minimal | json_patch),
        ("/Patient", "DELETE", "Patient?identifier=1", None, outcome),
        ("/Patient", "DELETE", "Patient?identifier=1", None, {}),
        ("/{type}/{id}", "PUT", "Patient/p", person | {"id": "p"}, {}),
        ("/{type}/{id}", "PUT", "Patient/p", person | {"id": "p"}, minimal),
        ("/{type}/{id}", "PATCH", "Patient/p", patch, json_patch),
        ("/{type}/{id}", "GET", "Patient/p", None, {}),
        ("/{type}/{id}", "GET", "Patient/p", None, {"if-none-match": "*"}),
        ("/{type}/{id}", "DELETE", "Patient/p", None, outcome),
        ("/{type}/{id}", "DELETE", "Patient/p", None, {}),
    ]
    answered = {}
    for path, method, address, body, headers in asked:
        answer = await client.request(method, address, json=body, headers=headers)
        _, _, name = paths[path][method.lower()]["responses"][str(answer.status_code)]["$ref"].rpartition("/")
        versioned = {header for header in ("ETag", "Last-Modified", "Location") if header in answer.headers}
        assert versioned <= described[name]["headers"].keys()
        answered.setdefault((path, method.lower()), set()).add(str(answer.status_code))
    for (path, method), statuses in answered.items():
        assert {status for status in paths[path][method]["responses"] if status[0] in "23"} == statuses


def _references(node):
    pending = [node]
    while pending:
        one = pending.pop()
        items = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, value in items:
            if key == "$ref":
                yield value
            pending.append(value)


async def test_the_examples_of_openapi_are_taken(client):
    paths = (await client.get("openapi.json")).json()["paths"]
    examples = {
        path: content["examples"]["least"]["value"]
        for path, item in paths.items()
        if (content := item.get("post", {}).get("requestBody", {}).get("content", {}).get("application/fhir+json", {}))
        and path.strip("/") in definitions().resource_types
        and "examples" in content
    }
    assert len(examples) > 130
    event = examples.pop("/AuditEvent")  # Of no transaction: it is appended to the audit trail.
    assert (await client.post("AuditEvent", json=event)).status_code == 201
    entries = [{"resource": one, "request": {"method": "POST", "url": path[1:]}} for path, one in examples.items()]
    answer = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200, answer.text


# --- other origins

ORIGIN = "https://app.example"


async def test_pages_of_a_named_origin_may_call(open_client):
    client = await open_client(cors_origins=f"https://other.example, {ORIGIN}/")
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization",
    }
    preflight = await client.options("Patient/1", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    answer = await client.get("Patient", headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "ETag" in answer.headers["access-control-expose-headers"]
    (rest,) = (await client.get("metadata")).json()["rest"]
    assert rest["security"]["cors"] is True


async def test_pages_of_other_origins_may_not(open_client):
    client = await open_client(cors_origins=ORIGIN)
    stranger = {"origin": "https://evil.example", "access-control-request-method": "GET"}
    assert (await client.options("Patient", headers=stranger)).status_code == 400
    assert "access-control-allow-origin" not in (await client.get("Patient", headers=stranger)).headers
    closed = await open_client()
    assert "access-control-allow-origin" not in (await closed.get("Patient", headers={"origin": ORIGIN})).headers
    assert (await closed.options("Patient", headers=stranger)).status_code == 405
