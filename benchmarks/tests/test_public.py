"""The public workloads against the tiny server."""

import asyncio
from collections import Counter

import pytest

from benchmarks.bench import Stopped
from benchmarks.client import Target
from benchmarks.load import run
from benchmarks.public.crud import Crud
from benchmarks.public.searching import Search, Searching, load_list, probe, sample
from benchmarks.recorder import Recorder

TYPES = ("Patient", "Location", "Organization", "Practitioner", "Encounter", "Observation", "MedicationRequest")


@pytest.fixture
def target(tiny):
    return Target.of(tiny.url)


@pytest.fixture
def stocked(tiny):
    """The tiny server with 30 resources of each type that the list names."""
    for kind in TYPES:
        for _ in range(30):
            tiny.store(kind, {"resourceType": kind})
    return tiny


def load(target, iterate, seconds=0.3, users=3):
    recorder = Recorder()
    took = asyncio.run(run(target, recorder, iterate, users=users, seconds=seconds))
    return recorder, took


def test_an_iteration_is_36_requests_of_four_verbs(tiny, target):
    recorder, _ = load(target, Crud(target).iterate)
    assert tiny.requests["DELETE"] >= 9
    assert len(recorder.names) == 36
    assert recorder.failed == 0
    assert abs(tiny.requests["POST"] - tiny.requests["GET"]) <= 3 * 9


def test_resources_are_linked_changed_and_removed(tiny, target):
    seen = []
    remember = tiny.store
    tiny.store = lambda kind, resource: seen.append(resource) or remember(kind, resource)
    load(target, Crud(target).iterate, users=1)
    first = {resource["resourceType"]: resource for resource in seen[:9]}
    assert list(first) == [*TYPES, "Claim", "ExplanationOfBenefit"]
    assert first["Encounter"]["subject"]["reference"] == "Patient/1"
    assert first["Claim"]["prescription"]["reference"] == "MedicationRequest/7"
    assert first["ExplanationOfBenefit"]["claim"]["reference"] == "Claim/8"
    assert len(tiny.resources["Patient"]) <= 1


def test_identifiers_differ_between_iterations(tiny, target):
    seen = []
    remember = tiny.store
    tiny.store = lambda kind, resource: seen.append(resource) or remember(kind, resource)
    load(target, Crud(target).iterate)
    values = [r["identifier"][0]["value"] for r in seen if r["resourceType"] == "Patient"]
    assert len(set(values)) == len(values) > 1


def test_what_a_server_refuses_is_an_error_with_its_words(tiny, target):
    tiny.refuses = {"Claim"}
    recorder, _ = load(target, Crud(target).iterate)
    assert recorder.errors["create Claim: 422 no"] > 0
    assert "read Claim" not in recorder.names


def test_the_list_has_24_parameters_in_six_families():
    searches = load_list()
    assert len(searches) == 24
    assert Counter(search.family for search in searches) == {
        "string": 3, "date": 3, "token": 4, "quantity": 3, "composite": 3, "reference": 8,
    }  # fmt: skip
    assert [len(s.values) for s in searches[:6]] == [21, 20, 19, 21, 21, 21]


def test_bars_dollars_and_commas_are_not_escaped():
    search = Search("token", "Observation", "code", ("http://loinc.org|8302-2,29463-7", "8480-6$gt140", "Fall River"))
    queries = [search.query("", "", value) for value in search.values]
    assert queries == [
        "Observation?code=http://loinc.org|8302-2,29463-7",
        "Observation?code=8480-6$gt140",
        "Observation?code=Fall%20River",
    ]


def test_reference_searches_take_live_ids(stocked, target):
    (subject, *_) = [s for s in asyncio.run(sample(target, load_list())) if s.name == "Observation.subject"]
    assert len(subject.values) == 1 + 20 + 2
    assert subject.values[1].startswith("Patient/")
    assert [value.count(",") for value in subject.values[-2:]] == [1, 2]


def test_each_iteration_asks_every_parameter_once(stocked, target):
    searches = asyncio.run(sample(target, load_list()))
    stocked.queries.clear()
    recorder, _ = load(target, Searching(target, searches).iterate, users=1)
    counts = {name: recorder.summary(name, 1, [name]).requests for name in recorder.names}
    assert len(counts) == 24
    assert max(counts.values()) - min(counts.values()) <= 1
    assert all("_count=20" in query for query in stocked.queries)


def test_a_server_that_knows_every_parameter_passes_the_probe(stocked, target):
    searches = asyncio.run(sample(target, load_list()))
    assert asyncio.run(probe(target, searches)) == []


def test_a_dropped_parameter_stops_the_benchmark(stocked, target):
    stocked.drops = {"combo-value-quantity"}
    searches = asyncio.run(sample(target, load_list()))
    with pytest.raises(Stopped, match="combo-value-quantity: the total is the same"):
        asyncio.run(probe(target, searches))


def test_dropped_parameters_can_be_left_out(stocked, target):
    stocked.drops = {"combo-value-quantity", "class"}
    searches = asyncio.run(sample(target, load_list()))
    assert asyncio.run(probe(target, searches, keep_going=True)) == [
        "Encounter.class",
        "Observation.combo-value-quantity",
    ]


def test_an_empty_server_stops_the_benchmark(tiny, target):
    with pytest.raises(Stopped, match="load a corpus"):
        asyncio.run(sample(target, load_list()))
