"""Real input over HTTP: the official examples, and Synthea's patients, are taken and read back equal.

Equal is: as canonical JSON, digits kept, but for id, version, instant and rewritten references.
`-m soak` takes all of it, the rest a sample of every resource type.
"""

import tarfile
from collections.abc import Iterator
from functools import cache

import pytest

from kangyun.fhir.json import canonical, decode, encode
from kangyun.fhir.validation import validator

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/fhir+json"}
OFFICIAL_AND_VALID = 5272
"""Examples that break no rule of the specification; fhir/validation/tests lists the other 26, and why."""
OFFICIAL_TYPES = 140
OF_EACH_TYPE = 6


def bare(resource):
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    return canonical(rest | ({"meta": meta} if meta else {}))


def valid(resources):
    return [resource for resource in resources if not validator().validate(resource)]


@cache
def examples(archive):
    """The official examples, by type."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in sorted(tar, key=lambda one: one.name):
            resource = decode(tar.extractfile(member).read()) if member.isfile() else {}
            if "resourceType" in resource:
                found.setdefault(resource["resourceType"], []).append(resource)
    return found


async def written_as(client, resource, content, headers):
    """Writes a resource under its id, or a new one where it has none or is an AuditEvent: that is only ever added."""
    type_ = resource["resourceType"]
    if "id" in resource and type_ != "AuditEvent":
        return await client.put(f"{type_}/{resource['id']}", content=content, headers=headers)
    return await client.post(type_, content=content, headers=headers)


async def taken_and_read_back(client, resource):
    """Writes a resource and reads it; returns what was read."""
    type_ = resource["resourceType"]
    written = await written_as(client, resource, encode(resource), JSON)
    assert written.status_code in (200, 201), (type_, resource.get("id"), written.text)
    read = await client.get(f"{type_}/{decode(written.content)['id']}")
    assert read.status_code == 200
    return decode(read.content)


async def test_examples_of_every_type_are_taken_and_read_back_equal(shared_client, shared):
    by_type = examples(shared / "data/fhir/r4-examples.tar.xz")
    assert len(by_type) == OFFICIAL_TYPES
    for resources in by_type.values():
        for resource in valid(resources[:: max(len(resources) // OF_EACH_TYPE, 1)][:OF_EACH_TYPE]):
            assert bare(await taken_and_read_back(shared_client, resource)) == bare(resource)


@pytest.mark.soak
async def test_all_examples_are_taken_and_read_back_equal(shared_client, shared):
    by_type = examples(shared / "data/fhir/r4-examples.tar.xz")
    everything = [resource for resources in by_type.values() for resource in valid(resources)]
    assert len(everything) == OFFICIAL_AND_VALID
    for resource in everything:
        assert bare(await taken_and_read_back(shared_client, resource)) == bare(resource)


async def test_examples_go_through_xml_unchanged(shared_client, shared):
    xml = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
    for resources in examples(shared / "data/fhir/r4-examples.tar.xz").values():
        for resource in valid(resources[-5:])[-1:]:
            resource = resource | {"id": "in-xml"}
            written = decode((await written_as(shared_client, resource, encode(resource), JSON)).content)
            address = f"{resource['resourceType']}/{written['id']}"
            read = await shared_client.get(address, headers=xml)
            assert read.headers["content-type"].startswith("application/fhir+xml")
            again = await written_as(shared_client, resource, read.content, xml)
            if resource["resourceType"] == "AuditEvent":
                added = await shared_client.get(f"AuditEvent/{again.headers['location'].split('/')[-1]}")
                assert (again.status_code, bare(decode(added.content))) == (201, bare(written))
            else:
                assert (again.status_code, again.headers["etag"]) == (200, 'W/"1"'), (address, again.text)


def synthea(archive) -> Iterator[bytes]:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.endswith(".json"):
                yield tar.extractfile(member).read()


def with_references(node, mapping):
    """A copy in which full URLs are replaced by what they were given."""
    if isinstance(node, dict):
        return {name: with_references(value, mapping) for name, value in node.items()}
    if isinstance(node, list):
        return [with_references(value, mapping) for value in node]
    return mapping.get(node, node) if isinstance(node, str) else node


async def loaded_and_read_back(client, body):
    """Sends a transaction, reads every resource again, and returns how many there were."""
    sent = decode(body)["entry"]
    answer = await client.post("", content=body, headers=JSON)
    assert answer.status_code == 200, answer.text[:1000]
    places = ["/".join(entry["response"]["location"].split("/")[-4:-2]) for entry in answer.json()["entry"]]
    mapping = {entry["fullUrl"]: place for entry, place in zip(sent, places, strict=True)}
    for start in range(0, len(sent), 200):
        wanted = places[start : start + 200]
        batch = {"resourceType": "Bundle", "type": "batch", "entry": [
            {"request": {"method": "GET", "url": place}} for place in wanted
        ]}  # fmt: skip
        read = decode((await client.post("", json=batch)).content)["entry"]
        for entry, one in zip(sent[start : start + 200], read, strict=True):
            assert bare(one["resource"]) == bare(with_references(entry["resource"], mapping))
    return len(sent)


async def test_synthea_patients_are_loaded_and_read_back_equal(shared_client, shared):
    bundles = synthea(shared / "data/fhir/synthea-r4.tar.xz")
    assert sum([await loaded_and_read_back(shared_client, next(bundles)) for _ in range(3)]) > 300


async def test_everything_of_a_synthea_patient_is_the_bundle(shared_client, shared):
    *_, body = (body for _, body in zip(range(5), synthea(shared / "data/fhir/synthea-r4.tar.xz"), strict=False))
    answer = (await shared_client.post("", content=body, headers=JSON)).json()
    places = {"/".join(entry["response"]["location"].split("/")[-4:-2]) for entry in answer["entry"]}
    (patient,) = [place for place in places if place.startswith("Patient/")]
    whole = (await shared_client.get(f"{patient}/$everything")).json()
    shown = ["/".join(entry["fullUrl"].split("/")[-2:]) for entry in whole["entry"]]
    assert sorted(shown) == sorted(places)
    url, members = f"{patient}/$everything?_count=50", []
    while url:
        page = (await shared_client.get(url)).json()
        members += [entry["fullUrl"] for entry in page["entry"] if entry["search"]["mode"] == "match"]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    assert len(members) == len(set(members)) == whole["total"]


@pytest.mark.soak
async def test_all_synthea_patients_are_loaded_and_read_back_equal(shared_client, shared):
    loaded = [
        await loaded_and_read_back(shared_client, body) for body in synthea(shared / "data/fhir/synthea-r4.tar.xz")
    ]
    assert len(loaded) == 294
