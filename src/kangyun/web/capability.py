"""The CapabilityStatement, built from what is there: types, parameters and interactions that are really answered.

Source: https://hl7.org/fhir/R4/capabilitystatement.html
"""

from importlib.metadata import version
from typing import Any

from kangyun.base import clock
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.parameters import parameters

_INTERACTIONS = (
    "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type",
)  # fmt: skip
_SYSTEM = ("transaction", "batch", "history-system")
_COMMON = (
    ("_id", "token"),
    ("_lastUpdated", "date"),
    ("_text", "string"),
    ("_content", "string"),
    ("_list", "special"),
    ("_filter", "special"),
)


def capability_statement(base: str) -> Resource:
    """Returns the CapabilityStatement of this installation."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": clock.instant(clock.now()),
        "kind": "instance",
        "software": {"name": "Kangyun 康云", "version": version("kangyun")},
        "implementation": {"description": "Kangyun 康云", "url": base},
        "fhirVersion": definitions().version,
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                "mode": "server",
                "resource": [_of_type(name) for name in sorted(definitions().resource_types)],
                "interaction": [{"code": code} for code in _SYSTEM],
            }
        ],
    }


def _of_type(name: str) -> dict[str, Any]:
    return {
        "type": name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{name}",
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": [
            "*",
            *sorted(
                f"{name}:{code}" for code, one in parameters(name).items() if one.type == "reference" and one.answerable
            ),
        ],
        "searchParam": [
            *({"name": code, "type": type_} for code, type_ in _COMMON),
            *(
                {"name": code, "type": one.type, "definition": one.url}
                for code, one in sorted(parameters(name).items())
                if one.answerable
            ),
        ],
    }
