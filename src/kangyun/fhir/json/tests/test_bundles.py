"""A bundle in slices is the bundle, and no guard is lost between the slices."""

import json
import tarfile
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid, Malformed
from kangyun.fhir.json import decode, decode_bundle

SYNTHEA = Path(__file__).parents[6] / "shared/data/fhir/synthea-r4.tar.xz"


@pytest.fixture(scope="session")
def synthea_bundles():
    if not SYNTHEA.exists():
        pytest.skip(f"the Synthea bundles are not at {SYNTHEA}")
    with tarfile.open(SYNTHEA) as archive:
        files = (file for member in archive if (file := archive.extractfile(member)))
        return [file.read() for file in islice(files, 3)]


def whole(bundle):
    entries = [{**entry.head, "resource": entry.resource()} for entry in bundle.entries]
    return {**bundle.head, "entry": entries}


def test_slices_make_the_whole(synthea_bundles):
    for data in synthea_bundles:
        assert whole(decode_bundle(data)) == decode(data)


def test_heads_are_read_and_resources_wait():
    bundle = decode_bundle(b'{"type":"batch","entry":[{"request":{"url":"Patient/1"}},{"resource":{"a":1,"a":2}}]}')
    assert bundle.head == {"type": "batch"}
    assert bundle.entries[0].head == {"request": {"url": "Patient/1"}}
    assert bundle.entries[0].resource() is None


def test_a_bundle_may_be_without_entries():
    assert decode_bundle(b'{"type":"batch"}').entries == []


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (b'{"a":1,"a":2}', "duplicate-name"),
        (b'{"a":1e999}', "number"),
        (b'{"a":"\\u0000"}', "nul"),
        (b'{"a":"\xff"}', "utf8"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "depth"),
        (b"[]", "not-an-object"),
        (b"null", "not-an-object"),
    ],
)
def test_a_fault_in_a_resource_names_its_entry(resource, text):
    bundle = decode_bundle(b'{"entry":[{},{"resource":' + resource + b"}]}")
    with pytest.raises((Invalid, Malformed), match=rf"fhir\.json\.{text}") as refused:
        bundle.entries[1].resource()
    assert refused.value.at == "Bundle.entry[1].resource"


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"a","type":"b","entry":[]}',
        b'{"entry":[{"resource":{}}],"entry":[]}',
        b'{"entry":[{"fullUrl":"a","fullUrl":"b"}]}',
        b'{"entry":[{"resource":{},"resource":{}}]}',
        b'{"\\u0022":1,"\\u0022\\u0022\\u0022\\u0022":1,"a":"","a":"","entry":[{"resource":{"a":1}}]}',
    ],
)
def test_names_of_the_envelope_stand_once(data):
    with pytest.raises(Invalid, match="duplicate"):
        decode_bundle(data)


def test_a_fault_in_a_head_names_its_entry():
    with pytest.raises(Invalid, match="number") as refused:
        decode_bundle(b'{"type":"batch","entry":[{},{"search":{"score":1e999},"resource":{}}]}')
    assert refused.value.at == "Bundle.entry[1]"


@pytest.mark.parametrize("entry", [b"{}", b"[1]", b"null", b"[[]]"])
def test_entries_are_objects_in_an_array(entry):
    with pytest.raises(Malformed, match="bundle"):
        decode_bundle(b'{"entry":' + entry + b"}")


@given(
    st.lists(st.dictionaries(st.sampled_from(["fullUrl", 'a"', "\\", "resource"]), st.just({"b": 'x"y'})), max_size=4)
)
def test_any_envelope_reads_as_its_whole(entries):
    data = json.dumps({"type": "batch", "entry": entries}).encode()
    read = decode_bundle(data)
    assert [dict(entry.head) for entry in read.entries] == [
        {name: value for name, value in entry.items() if name != "resource"} for entry in entries
    ]
    assert [entry.resource() for entry in read.entries] == [entry.get("resource") for entry in entries]
