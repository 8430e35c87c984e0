"""Writes and what guards them: conditions, versions, patches, and what an answer shows; history, XML and gzip.

Source: https://hl7.org/fhir/R4/http.html
"""

import gzip

import pytest

ZHANG = {"resourceType": "Patient", "id": "zhang", "name": [{"family": "张"}], "gender": "male"}
JSON, XML = "application/fhir+json", "application/fhir+xml"


@pytest.fixture
async def zhang(client):
    (await client.put("Patient/zhang", json=ZHANG)).raise_for_status()
    return client


async def test_xml_goes_in_and_out_of_every_interaction(client):
    xml = {"content-type": XML, "accept": XML}
    body = (
        b'<Patient xmlns="http://hl7.org/fhir"><id value="zhang"/><name><family value="\xe5\xbc\xa0"/></name></Patient>'
    )
    answers = [
        await client.put("Patient/zhang", content=body, headers=xml),
        await client.get("Patient/zhang", headers=xml),
        await client.post("Patient", content=body, headers=xml),
        await client.get("Patient?name=张", headers=xml),
        await client.get("Patient/zhang/_history", headers=xml),
        await client.get("Patient/zhang/_history/1", headers=xml),
        await client.post("Patient/$validate", content=body, headers=xml),
        await client.get("Patient/zhang/$everything", headers=xml),
        await client.get("Patient/nobody", headers=xml),
        await client.get("metadata", headers=xml),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 201, 200, 200, 200, 200, 200, 404, 200]
    assert all(answer.headers["content-type"].startswith(XML) for answer in answers)
    assert all(b'xmlns="http://hl7.org/fhir"' in answer.content for answer in answers)
    assert (await client.get("Patient/zhang")).json()["name"] == [{"family": "张"}]


async def test_gzip_in_both_directions(client):
    packed = gzip.compress(b'{"resourceType":"Basic","id":"b","code":{"text":"%s"}}' % (b"x" * 3000))
    headers = {"content-type": JSON, "content-encoding": "gzip"}
    assert (await client.put("Basic/b", content=packed, headers=headers)).status_code == 201
    answer = await client.get("Basic/b", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 300
    assert answer.json()["code"]["text"] == "x" * 3000
    for wish in ("identity", "gzip;q=0", "br"):
        assert "content-encoding" not in (await client.get("Basic/b", headers={"accept-encoding": wish})).headers
    halves = gzip.compress(b'{"resourceType":"Basic","id":"b",') + gzip.compress(b'"code":{"text":"y"}}')
    assert (await client.put("Basic/b", content=halves, headers=headers)).status_code == 200


async def test_a_body_over_the_limit(open_client):
    client = await open_client(body_limit=1000)
    large = b'{"resourceType":"Basic","code":{"text":"%s"}}' % (b"x" * 1000)
    assert (await client.post("Basic", content=large, headers={"content-type": JSON})).status_code == 413
    headers = {"content-type": JSON, "content-encoding": "gzip"}
    assert (await client.post("Basic", content=gzip.compress(large), headers=headers)).status_code == 413


async def test_history_pages_and_bounds(client):
    for active in (True, False, True):
        await client.put("Patient/zhang", json=ZHANG | {"active": active})
    await client.delete("Patient/zhang")
    history = (await client.get("Patient/zhang/_history")).json()
    assert history["type"] == "history" and history["total"] == 4
    assert [one["request"]["method"] for one in history["entry"]] == ["DELETE", "PUT", "PUT", "POST"]
    assert "resource" not in history["entry"][0]
    url, seen = "Patient/_history?_count=3", []
    while url:
        page = (await client.get(url)).json()
        seen += [one["response"]["etag"] for one in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    assert seen == ['W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']
    third = history["entry"][1]["response"]["lastModified"]
    later = (await client.get(f"Patient/zhang/_history?_since={third}")).json()["entry"]
    assert [one["response"]["etag"] for one in later] == ['W/"4"', 'W/"3"']
    for address in ("Patient/zhang/_history", "Patient/_history", "_history"):
        then = (await client.get(f"{address}?_at={third}")).json()["entry"]
        assert [one["response"]["etag"] for one in then] == ['W/"3"']
        today = (await client.get(f"{address}?_at={third[:4]}")).json()["entry"]
        assert len(today) == 4
    strict = {"prefer": "handling=strict"}
    assert (await client.get("_history?_sort=x", headers=strict)).status_code == 400
    assert (await client.get("_history?_since=2999-01-01")).json().get("entry") is None
    none = (await client.get("Patient/zhang/_history?_count=0")).json()
    assert none["total"] == 4 and "entry" not in none
    for wrong in ("_count=x", "_since=x", "_at=x"):
        assert (await client.get(f"_history?{wrong}")).status_code == 400


# --- writing


async def test_a_history_shows_the_part_that_is_asked_for_and_drops_nothing_in_silence(zhang):
    answer = await zhang.get("Patient/zhang/_history?_elements=gender")
    (entry,) = answer.json()["entry"]
    assert set(entry["resource"]) == {"resourceType", "id", "meta", "gender"}
    assert "_elements=gender" in answer.json()["link"][0]["url"]
    (entry,) = (await zhang.get("_history?_summary=text")).json()["entry"]
    assert "gender" not in entry["resource"]
    for wrong in ("_sort=_lastUpdated", "gender=male", "_elements=gendre", "_summary=odd"):
        assert (await zhang.get(f"Patient/zhang/_history?{wrong}")).status_code == 400


async def test_what_a_write_shows_is_asked_for(client):
    async def put(wish, active):
        return await client.put(
            "Patient/zhang", json=ZHANG | {"active": active}, headers={"prefer": f"return={wish}, handling=strict"}
        )  # fmt: skip

    minimal, whole, said = (
        await put("minimal", True),
        await put("representation", False),
        await put("OperationOutcome", True),
    )
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert minimal.headers["location"] == "http://127.0.0.1:8080/fhir/Patient/zhang/_history/1"
    assert "content-location" not in minimal.headers
    assert whole.headers["content-location"] == "http://127.0.0.1:8080/fhir/Patient/zhang/_history/2"
    assert whole.json()["meta"]["versionId"] == "2"
    assert said.json()["resourceType"] == "OperationOutcome"
    gone = await client.delete("Patient/zhang", headers={"prefer": "return=OperationOutcome"})
    assert (gone.status_code, gone.json()["issue"][0]["severity"]) == (200, "information")


async def test_an_id_that_is_sent_with_a_creation_is_not_taken(client):
    made = await client.post(
        "Patient", json=ZHANG | {"meta": {"versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z"}}
    )
    assert made.status_code == 201
    assert made.json()["id"] != "zhang"
    assert made.json()["meta"]["versionId"] == "1"
    assert made.headers["location"].endswith(f"/Patient/{made.json()['id']}/_history/1")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("*", 200),
        ('W/"1"', 200),
        ('"1"', 200),
        ('W/"2"', 412),
        ('"of-another-server"', 412),
        ("odd", 400),
        ('W/"1", W/"2"', 400),
    ],
)
async def test_if_match_guards_every_change(zhang, method, header, status):
    bodies = {
        "PUT": (ZHANG | {"active": True}, JSON),
        "PATCH": ([{"op": "remove", "path": "/gender"}], "application/json-patch+json"),
    }
    body, type_ = bodies.get(method, (None, JSON))
    answer = await zhang.request(
        method, "Patient/zhang", json=body, headers={"if-match": header, "content-type": type_}
    )
    assert answer.status_code == {("DELETE", 200): 204}.get((method, status), status)


async def test_if_match_with_a_star_asks_that_there_is_one(zhang):
    star = {"if-match": "*"}
    assert (await zhang.put("Patient/new", json=ZHANG | {"id": "new"}, headers=star)).status_code == 412
    assert (await zhang.delete("Patient/nobody", headers=star)).status_code == 412


async def test_if_none_match_guards_a_new_id(zhang):
    star = {"if-none-match": "*"}
    assert (await zhang.put("Patient/zhang", json=ZHANG, headers=star)).status_code == 412
    assert (await zhang.put("Patient/new", json=ZHANG | {"id": "new"}, headers=star)).status_code == 201


PATCHES = {
    "application/json-patch+json": '[{"op": "replace", "path": "/gender", "value": "female"}]',
    JSON: '{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},'
    '{"name":"path","valueString":"Patient.gender"},{"name":"value","valueCode":"female"}]}]}',
    XML: '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/>'
    '<valueCode value="replace"/></part><part><name value="path"/><valueString value="Patient.gender"/></part><part>'
    '<name value="value"/><valueCode value="female"/></part></parameter></Parameters>',
}


@pytest.mark.parametrize("type_", PATCHES)
async def test_patches(zhang, type_):
    answer = await zhang.patch("Patient/zhang", content=PATCHES[type_], headers={"content-type": type_})
    assert answer.status_code == 200, answer.text
    assert answer.json()["gender"] == "female"
    assert answer.json()["meta"]["versionId"] == "2"


@pytest.mark.parametrize(
    ("type_", "body", "status"),
    [
        ("application/json-patch+json", "[", 400),
        ("application/json-patch+json", '[{"op":"test","path":"/gender","value":"other"}]', 422),
        ("application/json-patch+json", '[{"op":"replace","path":"/gender","value":"odd"}]', 422),
        ("application/json-patch+json", '[{"op":"replace","path":"/id","value":"other"}]', 400),
        (JSON, '{"resourceType":"Patient"}', 400),
        (JSON, '{"resourceType":"Parameters","parameter":[{"name":"odd"}]}', 400),
        ("application/xml-patch+xml", "<diff/>", 415),
        ("text/plain", "x", 415),
    ],
)
async def test_patches_that_do_not_fit(zhang, type_, body, status):
    answer = await zhang.patch("Patient/zhang", content=body, headers={"content-type": type_})
    assert answer.status_code == status, answer.text
    assert (await zhang.get("Patient/zhang")).json()["meta"]["versionId"] == "1"


# --- conditional interactions: the tables of the specification


def known(id_, value):
    return {"resourceType": "Patient", "id": id_, "identifier": [{"value": value}]}


@pytest.fixture
async def three(client, transaction):
    await client.post("", json=transaction(known("one", "1"), known("a", "2"), known("b", "2")))
    return client


@pytest.mark.parametrize(("value", "status"), [("1", 200), ("2", 412), ("3", 201)])
async def test_conditional_create(three, value, status):
    answer = await three.post("Patient", json=known("x", value), headers={"if-none-exist": f"identifier={value}"})
    assert answer.status_code == status
    assert (await three.get("Patient?_summary=count")).json()["total"] == 3 + (status == 201)


@pytest.mark.parametrize(
    ("value", "body", "status", "id_"),
    [
        ("3", {}, 201, None),
        ("3", {"id": "new"}, 201, "new"),
        ("3", {"id": "one"}, 409, None),
        ("1", {}, 200, "one"),
        ("1", {"id": "one"}, 200, "one"),
        ("1", {"id": "other"}, 400, None),
        ("2", {}, 412, None),
        ("2", {"id": "a"}, 412, None),
    ],
)
async def test_conditional_update(three, value, body, status, id_):
    resource = {"resourceType": "Patient", "identifier": [{"value": value}], "active": True} | body
    answer = await three.put(f"Patient?identifier={value}", json=resource)
    assert answer.status_code == status, answer.text
    assert answer.json().get("id") == id_ or id_ is None


@pytest.mark.parametrize(("value", "status"), [("1", 204), ("2", 412), ("3", 204)])
async def test_conditional_delete(three, value, status):
    assert (await three.delete(f"Patient?identifier={value}")).status_code == status
    assert (await three.get("Patient?_summary=count")).json()["total"] == 3 - (value == "1")


@pytest.mark.parametrize(("value", "status"), [("1", 200), ("2", 412), ("3", 404)])
async def test_conditional_patch(three, value, status):
    patch, headers = '[{"op":"add","path":"/active","value":true}]', {"content-type": "application/json-patch+json"}
    assert (await three.patch(f"Patient?identifier={value}", content=patch, headers=headers)).status_code == status


async def test_a_condition_must_be_understood(three):
    for search in ("", "?", "?surprise=1", "?birthdate=x", "?_count=1"):
        assert (await three.put(f"Patient{search}", json=known("one", "1"))).status_code == 400
        assert (await three.delete(f"Patient{search}")).status_code == 400
    assert (
        await three.post("Patient", json=known("x", "1"), headers={"if-none-exist": "surprise=1"})
    ).status_code == 400
