"""Prints what typical invariants and search parameters cost, in CPU microseconds: `python speed.py`.

Not a test. The best of five rounds, so that a busy machine shows as little as possible.
"""

import sys
import time
from decimal import Decimal

from kangyun.fhir.definitions import definitions
from kangyun.fhir.fhirpath import Environment, compile, parse
from kangyun.fhir.fhirpath.expression import Program


def pressure(code, value):
    unit = {"unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    return {
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "valueQuantity": {"value": value, **unit},
    }


OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "BP"},
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2019-03-01T10:00:00+08:00",
    "component": [pressure("8480-6", Decimal("120.1")), pressure("8462-4", Decimal("80.1"))],
}
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CONDITION = {
    "resourceType": "Condition",
    "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "resolved"}]},
    "abatementDateTime": "2011-01-01",
}
PERIOD = {"start": "2019-03-01T10:00:00+08:00", "end": "2019-03-01T10:15:00+08:00"}
PATIENT = {"resourceType": "Patient", "name": [{"family": "欧阳", "given": ["娜", "Na"]}, {"given": ["N"]}]}

CASES = (
    ("Observation", OBSERVATION, "dataAbsentReason.empty() or value.empty()"),
    ("Observation", OBSERVATION, "(component.empty() and hasMember.empty()) implies dataAbsentReason.exists()"),
    ("Quantity", OBSERVATION["component"][0]["valueQuantity"], "code.empty() or system.exists()"),
    ("Period", PERIOD, "start.hasValue().not() or end.hasValue().not() or (start <= end)"),
    (
        "Reference",
        OBSERVATION["subject"],
        "reference.startsWith('#').not() or (reference in %rootResource.contained.id)",
    ),
    (
        "Condition",
        CONDITION,
        f"abatement.empty() or clinicalStatus.coding.where(system='{CLINICAL}' and code='resolved').exists()",
    ),
    ("Observation", OBSERVATION, "Observation.code | Observation.component.code"),
    ("Observation", OBSERVATION, "Observation.subject.where(resolve() is Patient)"),
    ("Observation", OBSERVATION, "(Observation.component.value as Quantity)"),
    ("Observation", OBSERVATION, "Observation.effective"),
    ("Patient", PATIENT, "Patient.name.given"),
    ("Patient", PATIENT, "Patient.deceased.exists() and Patient.deceased != false"),
)


def microseconds(action, times):
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            action()
        best = min(best, (time.process_time() - start) / times * 1e6)
    return best


def main():
    for type_name, node, expression in CASES:
        program, environment = compile(expression).program(type_name), Environment(OBSERVATION)
        environment.budget = 10**9
        cost = microseconds(lambda: program.evaluate(node, environment), 10_000)  # noqa: B023
        sys.stdout.write(f"{cost:8.2f} µs  {type_name}: {expression[:90]}\n")
    found = [
        (parameter.expression, name)
        for name, parameters in definitions().search_parameters.items()
        for parameter in parameters.values()
        if parameter.expression
    ]
    parsing = microseconds(lambda: [parse(expression) for expression, _ in found], 1) / len(found)
    whole = microseconds(lambda: [Program(parse(each), name, strict=False) for each, name in found], 1) / len(found)
    sys.stdout.write(
        f"{parsing:8.2f} µs to parse, {whole:.2f} µs to parse and compile: mean of {len(found)} parameters\n"
    )


if __name__ == "__main__":
    main()
