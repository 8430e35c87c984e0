"""The compiled definitions say what the specification says."""

import re
import time
from importlib.resources import files

import pytest

from kangyun.fhir.definitions import Definitions, definitions

R4 = definitions()


def test_every_resource_type_is_there():
    assert len(R4.resource_types) == 146
    assert {"Patient", "Bundle", "Binary", "Parameters"} <= R4.resource_types
    assert not {"Resource", "DomainResource", "MetadataResource"} & R4.resource_types


def test_every_element_names_a_type_that_exists():
    missing = [(t.name, e.name) for t in R4.types.values() for e in t.elements.values() if e.type not in R4.types]
    assert missing == []


def test_every_base_exists_and_leads_to_element_or_resource():
    roots = {t.name for t in R4.types.values() if t.base is None}
    assert roots == {"Element", "Resource"}
    assert {t.base for t in R4.types.values() if t.base} <= set(R4.types)


def test_elements_are_in_the_order_of_the_specification_inherited_ones_first():
    names = list(R4.types["Patient"].elements)
    assert names[:9] == [
        "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension", "identifier",
    ]  # fmt: skip
    assert names[-1] == "link"


def test_a_choice_is_one_property_for_each_type():
    elements = R4.types["Observation"].elements
    values = [e for e in elements.values() if e.path == "value"]
    assert [e.name for e in values[:3]] == ["valueQuantity", "valueCodeableConcept", "valueString"]
    assert len(values) == 11
    assert all(e.choice for e in values)
    assert len({e.order for e in values}) == 1
    assert len([e for e in R4.types["Extension"].elements.values() if e.path == "value"]) == 50


def test_a_content_reference_names_the_type_it_repeats():
    assert R4.types["Observation.component"].elements["referenceRange"].type == "Observation.referenceRange"
    assert R4.types["Questionnaire.item"].elements["item"].type == "Questionnaire.item"
    assert R4.types["Questionnaire.item"].elements["item"].is_array


def test_a_reference_knows_its_targets():
    assert R4.types["Observation"].elements["specimen"].target_profiles == ("Specimen",)
    assert R4.types["Provenance"].elements["target"].target_profiles == ("Resource",)


def test_a_simple_quantity_is_a_quantity_with_a_profile():
    low = R4.types["Observation.referenceRange"].elements["low"]
    assert (low.type, low.profiles) == ("Quantity", ("SimpleQuantity",))


def test_invariants_stand_at_the_type_or_the_element_that_they_are_about():
    assert {c.key for c in R4.types["Observation"].constraints} >= {"obs-6", "obs-7", "dom-2"}
    assert [c.key for c in R4.types["Observation.referenceRange"].constraints] == ["ele-1", "obs-3"]
    assert [c.key for c in R4.types["Organization"].elements["telecom"].constraints] == ["org-3"]
    assert R4.types["Observation"].elements["code"].constraints == ()


def test_ids_of_resources_are_of_type_id_and_those_of_elements_are_strings():
    assert R4.types["Patient"].elements["id"].type == "id"
    assert R4.types["Period"].elements["id"].type == "string"
    assert R4.types["Extension"].elements["url"].type == "uri"


@pytest.mark.parametrize("name", [t.name for t in R4.types.values() if t.regex])
def test_every_regex_compiles(name):
    re.compile(R4.types[name].regex)


@pytest.mark.parametrize(
    ("resource_type", "code", "expression"),
    [
        ("Observation", "patient", "Observation.subject.where(resolve() is Patient)"),
        ("Observation", "combo-code", "Observation.code | Observation.component.code"),
        ("Patient", "email", "Patient.telecom.where(system='email')"),
        ("Patient", "_id", "Resource.id"),
        ("MedicationRequest", "code", "(MedicationRequest.medication as CodeableConcept)"),
        ("Condition", "code", "Condition.code"),
        ("InsurancePlan", "name", "name | alias"),
        ("Patient", "_text", None),
    ],
)
def test_a_search_parameter_is_narrowed_to_its_resource_type(resource_type, code, expression):
    assert R4.search_parameters[resource_type][code].expression == expression


def test_a_composite_names_the_codes_of_its_components():
    composite = R4.search_parameters["Observation"]["code-value-quantity"]
    assert [(c.code, c.expression) for c in composite.components] == [
        ("code", "code"),
        ("value-quantity", "value.as(Quantity)"),
    ]


def test_text_search_is_for_domain_resources_only():
    assert "_text" in R4.search_parameters["Patient"]
    assert "_text" not in R4.search_parameters["Bundle"]


def test_every_compartment_parameter_is_a_search_parameter():
    assert set(R4.compartments) == {"Patient", "Encounter", "RelatedPerson", "Practitioner", "Device"}
    assert R4.compartments["Patient"]["Observation"] == ("subject", "performer")


def test_profiles_and_extensions_are_decoded_on_demand():
    blood_pressure = R4.structure("http://hl7.org/fhir/StructureDefinition/bp|4.0.1")
    assert blood_pressure["type"] == "Observation"
    assert "snapshot" in blood_pressure
    assert R4.structure("http://example.org/none") is None
    assert len(R4.structure_urls) == 655


def test_terminology_is_decoded_on_demand():
    gender = R4.terminology.code_system("http://hl7.org/fhir/administrative-gender")
    assert [c["code"] for c in gender["concept"]] == ["male", "female", "other", "unknown"]
    assert R4.terminology.value_set("http://hl7.org/fhir/ValueSet/administrative-gender")["compose"]
    assert R4.terminology.code_system("http://example.org/none") is None
    assert len(R4.terminology.code_system_urls) == 1062
    assert len(R4.terminology.value_set_urls) == 1316
    assert sum(1 for _ in R4.terminology.concept_maps()) == 80


def test_every_required_binding_is_enumerated_or_known_not_to_be():
    bound = {
        e.binding.value_set
        for t in R4.types.values()
        for e in t.elements.values()
        if e.binding and e.binding.strength == "required"
    }
    assert {url for url in bound if R4.codes(url) is None} == {
        "http://hl7.org/fhir/ValueSet/currencies",
        "http://hl7.org/fhir/ValueSet/mimetypes",
        "http://hl7.org/fhir/ValueSet/ucum-units",
        "http://loinc.org/vs/LL379-9",
    }


def test_codes_of_a_nested_system_are_all_there():
    assert R4.codes("http://hl7.org/fhir/ValueSet/condition-clinical") == {
        "http://terminology.hl7.org/CodeSystem/condition-clinical": {
            "active", "recurrence", "relapse", "inactive", "remission", "resolved",
        },
    }  # fmt: skip


def test_it_loads_in_well_under_a_second_of_cpu_time():
    file = files("kangyun.fhir.definitions").joinpath("r4.bin").read_bytes()
    started = time.process_time()
    Definitions(file)
    assert time.process_time() - started < 0.25
