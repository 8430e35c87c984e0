"""The short way to the References of a resource finds what the long way finds."""

import json
import tarfile

import pytest

from kangyun.fhir.references import references


@pytest.fixture(scope="module")
def examples(shared):
    with tarfile.open(shared / "data/fhir/r4-examples.tar.xz") as archive:
        return [archive.extractfile(member).read() for member in archive if member.name.endswith(".json")]


def test_the_short_way_finds_every_reference_of_the_official_examples(examples):
    resources = [(json.loads(text), text) for text in examples]
    resources = [(resource, text) for resource, text in resources if "resourceType" in resource]
    assert len(resources) > 5000
    wrong = [
        resource["resourceType"] + "/" + resource.get("id", "")
        for resource, text in resources
        if sorted(map(id, references(resource, text))) != sorted(map(id, references(resource)))
    ]
    assert wrong == []


def test_references_in_extensions_and_contained_resources_are_found():
    resource = {
        "resourceType": "Patient",
        "extension": [{"url": "urn:x", "valueReference": {"reference": "Patient/a"}}],
        "contained": [{"resourceType": "Observation", "subject": {"reference": "Patient/b"}}],
    }
    found = references(resource, json.dumps(resource).encode())
    assert sorted(one["reference"] for one in found) == ["Patient/a", "Patient/b"]
