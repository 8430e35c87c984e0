"""The profiles of the R4 package: what they say of real resources, and when they are looked at."""

import tarfile
from pathlib import Path

import pytest

from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import decode
from kangyun.fhir.validation import Validator, validator

CORE = "http://hl7.org/fhir/StructureDefinition/"
R4 = definitions()
OBSERVATION = decode((Path(__file__).parent / "examples/observation.json").read_bytes())
PATIENT = decode((Path(__file__).parent / "examples/patient.json").read_bytes())
ARCHIVE = Path(__file__).parents[6] / "shared/data/fhir/r4-examples.tar.xz"
BLOOD_PRESSURE = R4.structure(CORE + "bp")


def test_a_blood_pressure_is_held_to_its_profile():
    without_category = {k: v for k, v in OBSERVATION.items() if k != "category"}
    found = validator().validate(without_category, profiles=[BLOOD_PRESSURE])
    assert {(i.text.removeprefix("fhir.validation."), i.at) for i in found} == {
        ("required", "Observation.category"),
        ("slice-required", "Observation.category"),
        ("type", "Observation.component[1].value"),
    }


def test_claimed_profiles_are_looked_at_only_when_asked():
    claim = {
        "resourceType": "Observation",
        "meta": {"profile": [CORE + "bmi"]},
        "status": "final",
        "code": {"text": "x"},
        "category": [{"text": "x"}],
    }
    assert validator().validate(claim) == []
    assert {i.at for i in validator().validate(claim, claimed=True)} >= {
        "Observation.category",
        "Observation.effective",
    }


def test_an_unknown_claim_is_a_warning():
    found = validator().validate(PATIENT, claimed=True, warnings=True)
    assert [(i.severity, i.at) for i in found if i.text == "fhir.validation.profile-unknown"] == [
        ("warning", "Patient")
    ]
    assert validator().validate(PATIENT, claimed=True) == []


PROFILES = [
    s
    for url in R4.structure_urls
    if (s := R4.structure(url)) and s.get("derivation") == "constraint" and s["kind"] == "resource" and "snapshot" in s
]


@pytest.mark.skipif(not ARCHIVE.exists(), reason="needs ../shared/data/fhir/r4-examples.tar.xz")
def test_differential_and_snapshot_say_the_same_of_every_example():
    bare = {u: {k: v for k, v in (R4.structure(u) or {}).items() if k != "snapshot"} for u in R4.structure_urls}
    bases = {url: s for url, s in bare.items() if s.get("derivation") == "constraint"}
    by_differential = Validator(structure_of=bases.get)
    types = tuple(f"{s['type']}-" for s in PROFILES if s["type"] not in ("ValueSet", "CodeSystem"))
    with tarfile.open(ARCHIVE) as tar:
        members = [m for m in tar if Path(m.name).name.startswith(types)]
        resources = [decode(file.read()) for m in members if (file := tar.extractfile(m))]
    cases = [(r, s) for r in resources for s in PROFILES if s["type"] == r["resourceType"]]
    differing = [
        (resource.get("id"), structure["id"])
        for resource, structure in cases
        if {(i.text, i.at) for i in validator().validate(resource, profiles=[structure])}
        != {(i.text, i.at) for i in by_differential.validate(resource, profiles=[bare[structure["url"]]])}
    ]
    assert len(cases) > 1000
    assert differing == []
