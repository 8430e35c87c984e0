"""The examples of the specification are accepted, but for those that break it themselves."""

import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kangyun.fhir.json import decode
from kangyun.fhir.validation import validator

ARCHIVE = Path(__file__).parents[6] / "shared/data/fhir/r4-examples.tar.xz"

pytestmark = pytest.mark.skipif(not ARCHIVE.exists(), reason="needs ../shared/data/fhir/r4-examples.tar.xz")

NO_BASE = "has no `base`, which is 1..*"
NO_BASE_DEFINITION = "sdf-4: is not abstract and has no `baseDefinition`"
BLANK = "txt-2: its narrative says nothing"
FAULTY = {
    "ActivityDefinition-blood-tubes-supply": BLANK,
    "ActivityDefinition-heart-valve-replacement": BLANK,
    "DeviceMetric-example": "`parent` points to a DeviceDefinition and may point to a Device only",
    "DeviceUseStatement-example": "`reasonReference` points to a Procedure, which is not among its targets",
    "EventDefinition-example": BLANK,
    "ImplementationGuide-fhir": "lacks `name` and `status`, which are 1..1",
    "MedicationRequest-medrx0301": "`dispenseRequest.performer` points to a Practitioner, not to an Organization",
    "Observation-clinical-gender": "`performer` points to an Encounter, which is not among its targets",
    "Questionnaire-qs1": "its display items have no `linkId`, which is 1..1",
    "Questionnaire-zika-virus-exposure-assessment": BLANK,
    "SearchParameter-codesystem-extensions-CodeSystem-author": NO_BASE,
    "SearchParameter-codesystem-extensions-CodeSystem-effective": NO_BASE,
    "SearchParameter-codesystem-extensions-CodeSystem-end": NO_BASE,
    "SearchParameter-codesystem-extensions-CodeSystem-keyword": NO_BASE,
    "SearchParameter-codesystem-extensions-CodeSystem-workflow": NO_BASE,
    "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject": "its id is over 64 long",
    "SearchParameter-valueset-extensions-ValueSet-author": NO_BASE,
    "SearchParameter-valueset-extensions-ValueSet-effective": NO_BASE,
    "SearchParameter-valueset-extensions-ValueSet-end": NO_BASE,
    "SearchParameter-valueset-extensions-ValueSet-keyword": NO_BASE,
    "SearchParameter-valueset-extensions-ValueSet-workflow": NO_BASE,
    "StructureDefinition-Definition": NO_BASE_DEFINITION,
    "StructureDefinition-Event": NO_BASE_DEFINITION,
    "StructureDefinition-FiveWs": NO_BASE_DEFINITION,
    "StructureDefinition-Request": NO_BASE_DEFINITION,
    "ig-r4": "lacks `name` and `status`, as ImplementationGuide-fhir",
}
"""Examples that are not valid by the specification's own definitions, and why."""


@cache
def examples() -> dict[str, dict[str, Any]]:
    return dict(_read())


def _read() -> Iterator[tuple[str, dict[str, Any]]]:
    with tarfile.open(ARCHIVE) as tar:
        for member in tar:
            content = tar.extractfile(member)
            name = Path(member.name).stem
            if content is not None and name != "package":
                yield name, decode(content.read())


def test_every_valid_example_is_accepted_and_every_faulty_one_is_not():
    refused = {name for name, resource in examples().items() if validator().validate(resource)}
    assert refused == set(FAULTY)


def test_what_is_accepted_quickly_has_no_fault_on_a_closer_look():
    for resource in examples().values():
        close = validator().validate(resource, warnings=True)
        assert [i for i in close if i.severity == "error"] == validator().validate(resource)


def test_warnings_are_given_when_they_are_wanted():
    found = validator().validate(examples()["Questionnaire-qs1"], warnings=True)
    assert {i.severity for i in found} == {"error", "warning"}
