"""The examples of HL7's Personal Health Device guide, each read as it is meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from kangyun.devices.formats import Context, read
from kangyun.devices.metrics import metrics, metrics_by_number
from kangyun.devices.model import Mark, Message, Refusal

EXAMPLES = Path(__file__).parents[6] / "shared/data/devices/phd-examples"
CONTEXT = Context(received=1_795_000_000_000_000)
NOTHING: dict[str, float] = {}

needs_examples = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the guide's examples are not on this machine")

EXPECTED: dict[str, tuple[dict[str, float], list[str]]] = {
    "bits-observation": (NOTHING, []),
    "bp-devicemetric-example": (NOTHING, ["no-measurement"]),
    "bpm-status": (NOTHING, []),
    "coin-20181119174911": (NOTHING, ["empty"]),
    "coin-20181119202022": (NOTHING, ["empty"]),
    "coin-example-1": (NOTHING, ["empty"]),
    "coin-example-timefault": (NOTHING, ["empty"]),
    "compound-numeric-blood-pressure-no-mean": ({"systolic-home": 116, "diastolic-home": 71}, ["absent"]),
    "compound-numeric-blood-pressure": (
        {"systolic-home": 116, "diastolic-home": 71, "mean-pressure-home": 86}, [],
    ),
    "compound-observation-glucose": ({"glucose": 6.3, "meal-context": 2}, []),
    "glucose-observation": ({"glucose": 5.5}, []),
    "meal-context-observation": ({"meal-context": 2}, []),
    "numeric-observation-not-a-number": (NOTHING, ["absent"]),
    "numeric-spo2-alarm": ({"spo2": 79}, []),
    "numeric-spotnumeric": ({"heart-rate": 48}, []),
    "bundle-example-1": ({"spo2": 98, "heart-rate": 47}, []),
    "bundle-continuousnonin": ({"spo2": 99, "heart-rate": 53, "pulse-quality": 5}, ["absent"]),
    "patientExample-1": (NOTHING, ["no-measurement"]),
    "patientExample-2": (NOTHING, ["no-measurement"]),
    "phd-00601900010E9234.F45EABA80832": (NOTHING, ["no-measurement"]),
    "phd-711000FEFF5F49B0.B0495F001071": (NOTHING, ["no-measurement"]),
    "phd-74E8FFFEFF051C00.001C05FFE874": (NOTHING, ["no-measurement"]),
    "phg-ecde3d4e58532d31.000000000000": (NOTHING, ["no-measurement"]),
    "phg-example": (NOTHING, ["no-measurement"]),
    "rtsa-example": (NOTHING, []),
    "rtsa-example-2": (NOTHING, []),
    "string-observation-1": (NOTHING, []),
    "stringenum-1234": (NOTHING, []),
    "temperature-observation": ({"body-temperature": 36.5}, []),
}  # fmt: skip


def said(name: str) -> tuple[Message, tuple[Refusal, ...]]:
    return read("phd", (EXAMPLES / f"{name}.json").read_bytes(), CONTEXT)


@needs_examples
def test_every_example_is_expected() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == set(EXPECTED)


@needs_examples
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_example_is_read(name: str) -> None:
    values, refused = EXPECTED[name]
    message, refusals = said(name)
    assert {metrics_by_number()[one.metric].name: one.value for one in message.readings}.keys() == values.keys()
    last = {metrics_by_number()[one.metric].name: one.value for one in message.readings}
    first = {metrics_by_number()[one.metric].name: one.value for one in reversed(message.readings)}
    assert all(value in (first[metric], last[metric]) for metric, value in values.items())
    assert [one.text.removeprefix("devices.formats.") for one in refusals] == refused


@needs_examples
def test_a_whole_stream_of_a_bundle_is_there() -> None:
    message, _ = said("bundle-continuousnonin")
    counts = [sum(one.metric == metrics()[name].number for one in message.readings) for name in ("spo2", "heart-rate")]
    assert (counts, message.battery, message.zone) == ([12, 12], 100, -300)
    assert {one.kind for one in message.events} == {"device-status"}
    quality = [one for one in message.readings if one.metric == metrics()["pulse-quality"].number]
    assert [one.mark for one in quality if one.value > 100] == [Mark.DOUBTED]


@needs_examples
@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("bits-observation", "device-status", "150604.2 150604.7 150604.10 150604.11 150604.12"),
        ("bpm-status", "device-status", "8410608.0 8410608.5"),
        ("numeric-spo2-alarm", "device-alarm", "150456"),
        ("string-observation-1", "device-note", "8452096: Test Strip Buckled"),
    ],
)
def test_what_is_no_number_is_an_event(name: str, kind: str, text: str) -> None:
    assert [(one.kind, one.text) for one in said(name)[0].events] == [(kind, text)]


@needs_examples
def test_samples_keep_origin_factor_and_period() -> None:
    (wave,) = said("rtsa-example-2")[0].waves
    assert (wave.metric, wave.period, wave.origin, wave.factor) == (
        metrics()["ecg-lead-i"].number,
        10_000,
        -3300,
        1.612,
    )
    assert (len(wave.samples), wave.samples[0], wave.samples[-1]) == (116, 2041, 2073)


def observation(**rest: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-11-18T08:00:00+08:00",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "valueQuantity": {"value": 70, "code": "/min"}, **rest,
    }  # fmt: skip


def sent(*resources: dict[str, Any]) -> tuple[Message, tuple[Refusal, ...]]:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": one} for one in resources]}
    return read("phd", json.dumps(bundle).encode(), CONTEXT)


STAMP = {
    "resourceType": "Observation", "id": "coin", "status": "final", "effectiveDateTime": "2026-11-18T08:05:00+08:00",
    "code": {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": "67975"}]},
}  # fmt: skip
REFERS = [{
    "url": "http://hl7.org/fhir/uv/phd/StructureDefinition/CoincidentTimeStampReference",
    "valueReference": {"reference": "Observation/coin"},
}]  # fmt: skip


@pytest.mark.parametrize(
    ("said_by_the_device", "mark"),
    [
        ({"valueDateTime": "2026-11-18T08:05:02+08:00"}, Mark.NONE),
        ({"valueDateTime": "2026-11-18T09:05:00+08:00"}, Mark.CLOCK),
        ({"valueDateTime": "2000-01-01T00:07:00+08:00"}, Mark.CLOCK),
        ({"dataAbsentReason": {"text": "Sensor Time Fault"}}, Mark.CLOCK | Mark.DOUBTED),
    ],
)
def test_a_coincident_time_stamp_tells_of_the_clock(said_by_the_device: dict[str, Any], mark: Mark) -> None:
    message, refusals = sent(STAMP | said_by_the_device, observation(extension=REFERS))
    assert ([one.mark for one in message.readings], refusals) == ([mark], ())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"status": "entered-in-error"}, "not-final"),
        ({"code": {"coding": [{"system": "http://loinc.org", "code": "0000-0"}]}}, "unknown-metric"),
        ({"valueQuantity": {"value": 70, "code": "kg"}}, "wrong-unit"),
        ({"valueQuantity": {"code": "/min"}}, "absent"),
        ({"valueQuantity": "70"}, "unreadable"),
        ({"effectiveDateTime": "2027-11-18T08:00:00+08:00"}, "future"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_entry(change: dict[str, Any], text: str) -> None:
    message, refusals = sent(observation(), observation(**change))
    assert len(message.readings) == 1
    assert [(one.text, one.at) for one in refusals] == [(f"devices.formats.{text}", "Bundle.entry[1].resource")]


def test_a_bound_of_what_was_measured_is_doubted() -> None:
    message, _ = sent(observation(valueQuantity={"value": 20, "code": "/min", "comparator": "<"}))
    assert message.readings[0].mark == Mark.DOUBTED


def test_samples_with_gaps_are_several_waves() -> None:
    sampled = {"origin": {"value": 0, "code": "mV"}, "period": 4, "data": "1 2 E E 5", "dimensions": 1}
    code = {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": "131329"}]}
    message, _ = sent(
        {
            key: value
            for key, value in observation(code=code, valueSampledData=sampled).items()
            if key != "valueQuantity"
        }
    )
    assert [(one.samples, one.at - message.waves[0].at) for one in message.waves] == [((1, 2), 0), ((5,), 16_000)]
