"""Resources, bundles and patches that are nearly right, or not at all: each is answered, and none by a defect."""

import gzip
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kangyun.fhir import json as fhir_json
from kangyun.fhir import xml as fhir_xml
from kangyun.testing.oddities import RICH, TEXTS, as_json, fuzzed, resources, spoilt, spoilt_bytes, values, walk

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON, XML = (b"content-type", b"application/fhir+json"), (b"content-type", b"application/fhir+xml")
JSON_PATCH = (b"content-type", b"application/json-patch+json")
PATIENT = {"resourceType": "Patient", "id": "patched", "name": [{"family": "a", "given": ["b", "c"]}], "active": True}
PIECES_OF_JSON = (
    b"{",
    b"]",
    b'"',
    b",",
    b"\\u0000",
    b"\\ud800",
    b"\0",
    b"\xff",
    b"1e9",
    b"null",
    b"[" * 50,
    b"\xef\xbb\xbf",
)
PIECES_OF_XML = (
    *(b"<a>", b"</a>", b"&x;", b"\0", b"<!--", b"-->", b"<?x y?>", b"]]>", b"<![CDATA[", b"&#0;", b"&#xD800;", b"\xff"),
    *(b'"', b" value='x'", b" xmlns='a'", b"<extension url='x'><valueString value='y'/></extension>", b"\xef\xbb\xbf"),
)  # fmt: skip
# What makes a batch or a transaction more than a list of resources.
REQUESTS = [
    {"method": "POST", "url": "{type}"},
    {"method": "PUT", "url": "{type}/a"},
    {"method": "PUT", "url": "{type}?identifier=a"},
    {"method": "POST", "url": "{type}", "ifNoneExist": "identifier=b"},
    {"method": "PATCH", "url": "{type}/a"},
    {"method": "DELETE", "url": "{type}/a", "ifMatch": 'W/"1"'},
    {"method": "DELETE", "url": "{type}?_id=a"},
    {"method": "GET", "url": "{type}?_id=a&_include=*"},
    {"method": "GET", "url": "{type}/a/_history/1"},
    {"method": "POST", "url": "{type}/$validate"},
    {"method": "POST", "url": "$meta"},
]
URNS = [f"urn:uuid:00000000-0000-4000-8000-00000000000{number}" for number in range(3)]


def sound_bundles():
    """Batches and transactions whose entries refer to one another, in circles too."""
    entry = st.builds(
        lambda resource, request, own, other: {
            "fullUrl": own,
            "resource": resource | {"subject": {"reference": other}, "link": [{"other": {"reference": other}}]},
            "request": {name: text.format(type=resource["resourceType"]) for name, text in request.items()},
        },
        resources(),
        st.sampled_from(REQUESTS),
        st.sampled_from(URNS),
        st.sampled_from(URNS),
    )
    return st.builds(
        lambda kind, entries: {"resourceType": "Bundle", "type": kind, "entry": entries},
        st.sampled_from(["batch", "transaction"]),
        st.lists(entry, max_size=4),
    )


def json_patches():
    """JSON Patches of a Patient."""
    places = ["/" + "/".join(map(str, path)) for path in walk(PATIENT)]
    place = st.sampled_from(places) | st.sampled_from(
        ["/name/-", "/name/99999999999", "/name/٣", "/~2", "x", "/name/-1"]
    )
    return st.lists(
        st.fixed_dictionaries(
            {
                "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]),
                "path": place,
                "from": place,
                "value": values(),
            }
        ),
        max_size=4,
    )


def fhirpath_patches():
    """FHIRPath Patches of a Patient."""
    named = st.sampled_from([{"name": "name", "valueString": "name"}, {"name": "name", "valueString": "extension"}])
    path = st.sampled_from(["Patient", "Patient.name", "Patient.name[0].given", "Patient.id", "Patient.active", *TEXTS])
    index = st.sampled_from(["index", "source", "destination"])
    part = (
        st.builds(lambda text: {"name": "path", "valueString": text}, path)
        | named
        | st.builds(lambda name, number: {"name": name, "valueInteger": number}, index, st.integers(-2, 2**33))
        | st.builds(lambda value: {"name": "value", "valueString": value}, values())
        | st.builds(lambda value: {"name": "value", "part": [{"name": "family", "valueString": value}]}, values())
    )
    kind = st.builds(
        lambda text: {"name": "type", "valueCode": text},
        st.sampled_from(["add", "insert", "delete", "replace", "move", "x"]),
    )
    step = st.builds(lambda one, parts: {"name": "operation", "part": [one, *parts]}, kind, st.lists(part, max_size=4))
    return st.builds(
        lambda steps: {"resourceType": "Parameters", "parameter": steps}, st.lists(step, min_size=1, max_size=3)
    )


async def is_sound(call, method, path, *headers, body):
    answered = await call(method, path, b"", *headers, body=body)
    assert answered.is_sound, (answered.status, answered.body[:500])
    # A batch says of each entry what became of it, and a defect is one there, too.
    assert b'"base.internal"' not in answered.body, answered.body[-1000:]
    return answered


async def write(call, resource):
    body, type_, id_ = as_json(resource), "Patient", "odd"
    if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
        type_ = resource["resourceType"][:60].encode("ascii", "replace").decode() or "Patient"
    await is_sound(call, "POST", type_, JSON, body=body)
    await is_sound(call, "PUT", f"{type_}/{id_}", JSON, body=body)
    await is_sound(call, "POST", f"{type_}/$validate", JSON, body=body)


async def bundle(call, sent):
    await is_sound(call, "POST", "", JSON, body=as_json(sent))


async def patch(call, header, sent):
    await call("PUT", "Patient/patched", b"", JSON, body=as_json(PATIENT))
    await is_sound(call, "PATCH", "Patient/patched", header, body=as_json(sent))


@fuzzed(200)
@given(spoilt(resources()))
async def test_spoilt_resources(shared_call, resource):
    await write(shared_call, resource)


@pytest.mark.soak
@fuzzed(20_000, at_random=True)
@given(spoilt(resources(), 6))
async def test_spoilt_resources_for_long(shared_call, resource):
    await write(shared_call, resource)


@fuzzed(250)
@given(spoilt_bytes(st.sampled_from(RICH).map(as_json), PIECES_OF_JSON))
async def test_spoilt_json(shared_call, body):
    await is_sound(shared_call, "POST", "Patient", JSON, body=body)
    await is_sound(shared_call, "POST", "", JSON, body=body)


@fuzzed(250)
@given(
    spoilt_bytes(st.sampled_from(RICH).map(lambda one: fhir_xml.encode(fhir_json.decode(as_json(one)))), PIECES_OF_XML)
)
async def test_spoilt_xml(shared_call, body):
    await is_sound(shared_call, "POST", "Patient", XML, body=body)
    await is_sound(shared_call, "POST", "", XML, body=body)


@fuzzed(250)
@given(sound_bundles())
async def test_bundles_of_any_requests(shared_call, sent):
    await bundle(shared_call, sent)


@fuzzed(250)
@given(spoilt(sound_bundles()))
async def test_spoilt_bundles(shared_call, sent):
    await bundle(shared_call, sent)


@pytest.mark.soak
@fuzzed(20_000, at_random=True)
@given(spoilt(sound_bundles(), 6))
async def test_spoilt_bundles_for_long(shared_call, sent):
    await bundle(shared_call, sent)


@fuzzed(250)
@given(json_patches() | spoilt(json_patches()))
async def test_json_patches(shared_call, sent):
    await patch(shared_call, JSON_PATCH, sent)


@fuzzed(250)
@given(fhirpath_patches() | spoilt(fhirpath_patches()))
async def test_fhirpath_patches(shared_call, sent):
    await patch(shared_call, JSON, sent)


@fuzzed(150)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=6), st.booleans())
@example([b'{"resourceType":', b'"Patient"}'], False)
@example([b'{"resourceType":', b'"Patient"}'], True)
async def test_bodies_in_parts_and_cut_off(shared_call, parts, cut):
    answered = await shared_call("POST", "Patient", b"", JSON, body=parts, cut=cut)
    assert answered.status in ((400,) if cut else (400, 201)), answered.body


PACKED = gzip.compress(as_json(PATIENT))


@fuzzed(150)
@given(spoilt_bytes(st.just(PACKED), (b"\x1f\x8b", b"\0" * 20, PACKED, gzip.compress(b""), zlib.compress(b"{}"))))
async def test_spoilt_gzip(shared_call, body):
    await is_sound(shared_call, "POST", "Patient", JSON, (b"content-encoding", b"gzip"), body=body)


async def test_it_still_works_after_all_that(shared_call):
    """A definition that was let in must not be in anybody's way."""
    for resource in RICH:
        answered = await shared_call("POST", resource["resourceType"], b"", JSON, body=as_json(resource))
        assert answered.status == 201, answered.body
    found = await shared_call("GET", "Patient", "name=%E5%BC%A0&_total=accurate")
    assert (found.status, found.json["total"] > 0) == (200, True)
