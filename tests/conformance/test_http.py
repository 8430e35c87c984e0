"""How requests and answers look: formats, compression, headers, wishes, and statuses of what is refused.

Source: https://hl7.org/fhir/R4/http.html
"""

import gzip
from email.utils import parsedate_to_datetime

import pytest

from kangyun.fhir import xml as fhir_xml

pytestmark = pytest.mark.asyncio(loop_scope="module")

ZHANG = {"resourceType": "Patient", "id": "zhang", "name": [{"family": "张"}], "gender": "male"}
STOCK = (ZHANG,)
JSON, XML = "application/fhir+json", "application/fhir+xml"


@pytest.mark.parametrize(
    ("accept", "query", "given"),
    [
        ("", "", JSON),
        ("*/*", "", JSON),
        (JSON, "", JSON),
        (XML, "", XML),
        ("application/xml", "", XML),
        ("text/xml", "", XML),
        ("application/json", "", JSON),
        (f"{JSON};q=0.1, {XML};q=0.9", "", XML),
        (f"{JSON}, {XML}", "", JSON),
        (f"text/css, {XML};q=0.5", "", XML),
        (f"{XML};q=0, */*;q=0.1", "", JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", JSON),
        (f"{XML}; fhirVersion=4.0", "", XML),
        (f"{XML}; fhirVersion=3.0, {JSON}", "", JSON),
        (JSON, "_format=xml", XML),
        (XML, "_format=json", JSON),
        ("", "_format=application/fhir%2Bxml", XML),
        ("", "_format=application/fhir+xml", XML),
        ("text/css", "_format=text/xml", XML),
        ("", "_format=xml&_format=2020", XML),  # the first of several
    ],
)
async def test_the_format_is_the_one_that_is_asked_for(stocked, accept, query, given):
    form = {"content-type": "application/x-www-form-urlencoded"}
    for answer in (
        await stocked.get(f"Patient/zhang?{query}", headers={"accept": accept}),
        await stocked.post("Patient/_search", content=query, headers={"accept": accept} | form),
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{given};charset=utf-8"


async def test_a_format_of_the_query_stands_before_the_forms(stocked):
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await stocked.post("Patient/_search?_format=xml", content="_format=json", headers=form)
    assert answer.headers["content-type"] == f"{XML};charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "query"), [("text/css", ""), (f"{JSON}; fhirVersion=3.0", ""), ("", "_format=ttl"), (f"{JSON};q=0", "")]
)
async def test_a_format_that_is_not_to_be_had(stocked, accept, query):
    answer = await stocked.get(f"Patient/zhang?{query}", headers={"accept": accept})
    assert answer.status_code == 406
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "type_", ["text/plain", "text/html", "*/*", f"{JSON}; fhirVersion=5.0", "image/png", f"{JSON}; charset=GBK"]
)
async def test_a_body_of_another_kind(stocked, type_):
    answer = await stocked.post("Patient", content=b"{}", headers={"content-type": type_})
    assert answer.status_code == 415


async def test_pretty_xml_is_readable_and_the_same(stocked):
    plain, pretty = [await stocked.get(f"Patient/zhang?_format=xml{more}") for more in ("", "&_pretty=true")]
    assert b"\n    <family" in pretty.content and b"\n" not in plain.content.strip()
    assert fhir_xml.decode(plain.content) == fhir_xml.decode(pretty.content)


async def test_pretty_is_readable_and_the_same(stocked):
    plain, pretty = await stocked.get("Patient/zhang"), await stocked.get("Patient/zhang?_pretty=true")
    assert plain.json() == pretty.json()
    assert b"\n  " in pretty.content and b"\n" not in plain.content


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [("gzip", b"{}", 400), ("gzip", gzip.compress(b"{}", mtime=0)[:-5], 400), ("br", b"{}", 415), ("gzip", b"", 400)],
)
async def test_what_cannot_be_unpacked(stocked, coding, body, status):
    answer = await stocked.post("Patient", content=body, headers={"content-type": JSON, "content-encoding": coding})
    assert answer.status_code == status


async def test_versions_and_instants_stand_in_the_headers(stocked):
    read = await stocked.get("Patient/zhang")
    meta = read.json()["meta"]
    assert read.headers["etag"] == 'W/"1"'
    assert parsedate_to_datetime(read.headers["last-modified"]).isoformat()[:19] == meta["lastUpdated"][:19]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": 'W/"1"'}, 304),
        ({"if-none-match": '"1"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": 'W/"7", W/"1"'}, 304),
        ({"if-none-match": 'W/"2"'}, 200),
        ({"if-none-match": '"of-another-server"'}, 200),
        ({"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
        ({"if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-none-match": 'W/"2"', "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
    ],
)
async def test_conditional_read(stocked, headers, status):
    answer = await stocked.get("Patient/zhang", headers=headers)
    assert answer.status_code == status
    assert bool(answer.content) == (status == 200)
    assert answer.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize("address", ["Patient/zhang", "Patient/zhang/_history/1"])
async def test_a_read_with_what_it_does_not_know(stocked, address):
    strict = {"prefer": "handling=strict"}
    assert (await stocked.get(f"{address}?nope=1")).status_code == 200
    refused = await stocked.get(f"{address}?_pretty=true&nope=1", headers=strict)
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["code"] == "not-supported"
    known = await stocked.get(f"{address}?_pretty=true&_format=json&_summary=true&_elements=name", headers=strict)
    assert known.status_code == 200


async def test_head_has_the_headers_and_no_body(stocked):
    for address in (
        "Patient/zhang",
        "Patient?name=张",
        "Patient/zhang/_history",
        "Patient/zhang/_history/1",
        "metadata",
    ):
        got, head = await stocked.get(address), await stocked.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
    assert (await stocked.head("Patient/nobody")).status_code == 404


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "Nothing", 404),
        ("GET", "Nothing/1", 404),
        ("GET", "Patient/nobody", 404),
        ("GET", "Patient/zhang/_history/7", 404),
        ("GET", "Patient/zhang/_history/x", 404),
        ("GET", "Patient/nobody/_history", 404),
        ("GET", "Patient/" + "x" * 65, 404),
        ("GET", "Patient/a_b", 404),
        ("GET", "Patient/zhang/Nothing", 404),
        ("GET", "Patient/zhang/Observation/1", 404),
        ("GET", "Medication/1/Observation", 404),
        ("GET", "Patient/zhang?_summary=odd", 400),
        ("POST", "Patient/zhang", 405),
        ("DELETE", "Patient/_history", 405),
        ("PUT", "Patient/zhang/_history/1", 405),
        ("PUT", "", 405),
        ("PUT", "Patient/_search", 405),
        ("POST", "Patient/zhang/Observation", 405),
        ("OPTIONS", "Patient", 405),
        ("DELETE", "Patient/nobody", 204),
    ],
)
async def test_statuses_of_addresses(stocked, method, address, status):
    answer = await stocked.request(method, address)
    assert answer.status_code == status, answer.text
    assert ("allow" in answer.headers) == (status == 405)
    assert not answer.content or answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ('{"resourceType":"Observation","id":"zhang"}', 400),
        ('{"resourceType":"Patient"}', 400),
        ('{"resourceType":"Patient","id":"other"}', 400),
        ('{"resourceType":"Patient","id":"zhang","gender":"odd"}', 422),
        ('{"resourceType":"Patient","id":"zhang","birthDate":"1970-02-30"}', 422),
        ('{"resourceType":"Patient","id":"zhang","surprise":1}', 422),
    ],
)
async def test_statuses_of_bodies(stocked, body, status):
    answer = await stocked.put("Patient/zhang", content=body, headers={"content-type": JSON})
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.json()["issue"][0]["severity"] in ("error", "fatal")


async def test_errors_speak_the_clients_language(stocked):
    english = await stocked.get("Patient/nobody", headers={"accept-language": "en-GB,en;q=0.9"})
    chinese = await stocked.get("Patient/nobody", headers={"accept-language": "zh-CN"})
    texts = [answer.json()["issue"][0]["details"]["text"] for answer in (english, chinese)]
    assert texts[0].isascii() and not texts[1].isascii()


async def test_a_request_id_comes_back(stocked):
    answer = await stocked.get("Patient/nobody", headers={"x-request-id": "abc-123"})
    assert answer.headers["x-request-id"] == "abc-123"
    assert answer.json()["id"] == "abc-123"
