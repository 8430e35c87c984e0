"""FHIR operations, bulk requests, subscriptions, sign-in and websockets, called as nobody should."""

import asyncio
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kangyun.access.subscriptions import sockets
from kangyun.catalog import catalog
from kangyun.testing.oddities import RICH, TEXTS, as_json, as_query, fuzzed, spoilt, texts, values
from kangyun.testing.plugin import ADMIN_TOKEN

pytestmark = pytest.mark.asyncio(loop_scope="module")

FHIR_JSON, JSON = (b"content-type", b"application/fhir+json"), (b"content-type", b"application/json")
PLACES = {"system": "", "type": "{type}/", "instance": "{type}/a/"}
# What has meaning to one operation or another, besides what is odd.
GIVEN = [
    *("urn:s", "urn:v", "urn:m", "urn:t", "urn:sd", "a", "b", "http://loinc.org", "http://snomed.info/sct", "2020"),
    *("http://hl7.org/fhir/ValueSet/administrative-gender", "http://hl7.org/fhir/administrative-gender", "male", "10"),
    *("true", "-1"),
    *("http://hl7.org/fhir/StructureDefinition/Patient", "create", "delete", "zh", "Patient", "99999999999", "false"),
]  # fmt: skip
KINDS = ["String", "Uri", "Code", "Boolean", "Integer", "Coding", "CodeableConcept", "Meta", "Canonical", "Date", ""]
EXPORTED = [
    "_since",
    "_type",
    "_typeFilter",
    "_outputFormat",
    "_elements",
    "patient",
    "_until",
    "includeAssociatedData",
    "x",
]


def addresses():
    """An operation, on a level, with a type."""
    found = [
        (PLACES[level].format(type=type_) + f"${one.name}", one)
        for one in catalog().operations
        for level in one.levels
        for type_ in sorted(one.types or ["Patient", "ValueSet", "Bundle"])
    ]
    return st.sampled_from(sorted(set(found), key=lambda one: one[0]))


@st.composite
def calls(draw):
    """The address of an operation and parameters of its own."""
    path, operation = draw(addresses())
    name = st.sampled_from([one.name for one in operation.inputs] or ["x"]) | st.just("x")
    value = st.sampled_from(GIVEN) | texts()
    pairs = draw(st.lists(st.tuples(name, value), max_size=4))
    some = st.builds(
        lambda name, kind, value: {"name": name, f"value{kind}": value},
        name,
        st.sampled_from(KINDS),
        value | values() | st.just({"system": "urn:s", "code": "a"}) | st.just({"coding": [{"system": "urn:s"}]}),
    )
    whole = st.builds(lambda name, resource: {"name": name, "resource": resource}, name, spoilt(st.sampled_from(RICH)))
    sent = draw(st.lists(some | whole, max_size=4))
    return path, pairs, {"resourceType": "Parameters", "parameter": sent}


def manifests():
    """What `$import` takes, or nearly."""
    one = {"url": "file:///a.ndjson", "type": "Patient"}
    plain = {"inputFormat": "application/fhir+ndjson", "inputSource": "urn:a", "input": [one]}
    parts = [{"name": "url", "valueUrl": "https://192.0.2.1/a"}, {"name": "type", "valueCode": "Patient"}]
    listed = {"resourceType": "Parameters", "parameter": [{"name": "input", "part": parts}]}
    return spoilt(st.sampled_from([plain, listed]))


async def is_sound(call, *request, **options):
    answered = await call(*request, **options)
    assert answered.is_sound, (request, options, answered.status, answered.body[:500])
    return answered


@fuzzed(250)
@given(calls())
async def test_operations(shared_call, call):
    path, pairs, sent = call
    await is_sound(shared_call, "GET", path, as_query(pairs))
    await is_sound(shared_call, "POST", path, as_query(pairs), FHIR_JSON, body=as_json(sent))


@pytest.mark.soak
@fuzzed(20_000, at_random=True)
@given(calls(), st.data())
async def test_operations_for_long(shared_call, call, data):
    path, pairs, sent = call
    await is_sound(shared_call, "GET", path, as_query(pairs))
    body = as_json(data.draw(spoilt(st.just(sent), 5)))
    await is_sound(shared_call, "POST", path, b"", FHIR_JSON, body=body)


@fuzzed(200)
@given(st.lists(st.tuples(st.sampled_from(EXPORTED), st.sampled_from(GIVEN) | texts()), max_size=3))
@example([("_typeFilter", "Patient?name=a"), ("_type", "Patient")])
@example([("_typeFilter", "Patient?name=\0")])
async def test_exports(shared_call, pairs):
    for path in ("$export", "Patient/$export", "Group/a/$export"):
        await is_sound(shared_call, "GET", path, as_query(pairs))


@fuzzed(200)
@given(manifests())
@example({"input": [{"url": "file:///a", "type": ["Patient"]}]})
@example({"resourceType": "Parameters", "parameter": [{"name": "input", "part": [{"name": []}]}]})
async def test_imports(shared_call, sent):
    for header in (JSON, FHIR_JSON):
        await is_sound(shared_call, "POST", "$import", b"", header, body=as_json(sent))


@fuzzed(200)
@given(spoilt(st.just(next(one for one in RICH if one["resourceType"] == "Subscription"))), texts())
async def test_subscriptions(shared_call, resource, criteria):
    await is_sound(shared_call, "POST", "Subscription", b"", FHIR_JSON, body=as_json(resource))
    if isinstance(resource, dict):
        body = as_json(resource | {"criteria": f"Patient?name={criteria}"})
        await is_sound(shared_call, "POST", "Subscription", b"", FHIR_JSON, body=body)


@fuzzed(100)
@given(spoilt(st.just({"user": "a", "password": "b"})) | texts())
@example({"user": "\ud800", "password": "a"})
@example({"user": "a", "password": "\ud800"})
async def test_sign_in(stranger, sent):
    answer = await stranger.post("sign-in", content=as_json(sent))
    assert answer.status_code in (400, 401, 413, 429), answer.text


async def heard(application, path, query, sent, token=ADMIN_TOKEN):
    """What an application answers a websocket that sends so much and goes."""
    messages = [{"type": "websocket.connect"}, *sent, {"type": "websocket.disconnect"}]
    answered = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        answered.append(message)

    headers = [(b"authorization", b"Bearer " + token.encode("utf-8", "replace"))] if token else []
    scope = {"type": "websocket", "path": path, "query_string": query, "headers": headers, "client": None}
    async with asyncio.timeout(60):
        await application(scope, receive, send)
    return [message.get("text") or message.get("code") for message in answered]


@fuzzed(100)
@given(sent=st.lists(texts() | texts().map("bind {}".format) | st.just("bind none"), max_size=3))
async def test_websockets(monkeypatch, shared_call, sent):
    monkeypatch.setattr(sockets, "APPEARS_WITHIN", 0.0)  # None is on its way here.
    messages = [{"type": "websocket.receive", "text": text} for text in sent]
    messages += [{"type": "websocket.receive", "bytes": b"\xff"}]
    said = await heard(shared_call.application, "/fhir/websocket", b"", messages)
    assert all(one in (None, 4404) for one in said), said


@pytest.mark.parametrize("query", [b"", b"token=%ff", b"token=a", b"token=%00", b"token=" + b"a" * 70_000, b"=&=&&"])
async def test_websockets_of_nobody(shared_call, query):
    assert 4401 in await heard(shared_call.application, "/fhir/websocket", query, [], token="")


@pytest.mark.parametrize("text", [*TEXTS, json.dumps({"alg": "none"}), "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_tokens_that_nobody_gave(stranger, text):
    token = b"Bearer " + text.encode("utf-8", "surrogatepass").translate(None, b"\0\r\n\x01")
    answer = await stranger.get("fhir/Patient", headers={"authorization": token})
    assert answer.status_code == 401
