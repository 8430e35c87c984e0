"""What this installation can do: CapabilityStatement and TerminologyCapabilities, built from what is there.

The region's own search parameters are among them as soon as they can be searched.

Source: https://hl7.org/fhir/R4/capabilitystatement.html, https://hl7.org/fhir/R4/terminologycapabilities.html
"""

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

from kangyun.access.events.asking import PARAMETERS as OF_AUDIT_EVENTS
from kangyun.access.oidc.provider import ENDPOINTS
from kangyun.access.operations import Level, Operation
from kangyun.base import clock
from kangyun.catalog import catalog
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.parameters import Known, Parameter, Parameters
from kangyun.fhir.terminology import OPERATIONS as TERMINOLOGY
from kangyun.web import documents

_INTERACTIONS = (
    "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type",
)  # fmt: skip
_SYSTEM = ("transaction", "batch", "history-system", "search-system")
# What every type is searched by, besides what stands in its elements.
COMMON = (
    ("_id", "token", "http://hl7.org/fhir/SearchParameter/Resource-id"),
    ("_lastUpdated", "date", "http://hl7.org/fhir/SearchParameter/Resource-lastUpdated"),
    ("_text", "string", "http://hl7.org/fhir/SearchParameter/DomainResource-text"),
    ("_content", "string", "http://hl7.org/fhir/SearchParameter/Resource-content"),
    ("_list", "string", None),
    ("_filter", "special", "http://hl7.org/fhir/SearchParameter/filter"),
    ("_has", "string", None),
)
WEBSOCKET = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket"
SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
# IHE actors: cross-references of identifiers (ITI-83, ITI-104), search and match of patients (ITI-78, ITI-119).
PROFILES = (
    "https://profiles.ihe.net/ITI/PIXm/CapabilityStatement/IHE.PIXm.Manager",
    "https://profiles.ihe.net/ITI/PDQm/CapabilityStatement/IHE.PDQm.PatientDemographicsSupplier",
)
# Carried out by jobs and not by `access.operations`: (name, type or None for the system, definition).
BULK = (
    ("export", None, "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"),
    ("export", "Patient", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"),
    ("export", "Group", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export"),
    ("import", None, "urn:kangyun:operation:import"),
    ("approvals", None, "urn:kangyun:operation:approvals"),
    ("factors", None, "urn:kangyun:operation:factors"),
    ("codes", None, "urn:kangyun:operation:codes"),
    ("codes-decide", None, "urn:kangyun:operation:codes-decide"),
    ("codes-import", None, "urn:kangyun:operation:codes-import"),
    ("codes-propose", None, "urn:kangyun:operation:codes-propose"),
    ("codes-suggest", None, "urn:kangyun:operation:codes-suggest"),
    ("sheet", None, "urn:kangyun:operation:sheet"),
    ("staff-import", None, "urn:kangyun:operation:staff-import"),
    ("staff-template", None, "urn:kangyun:operation:staff-template"),
    *(("document-cn", type_, "urn:kangyun:operation:document-cn") for type_ in documents.TYPES),
)


def capability_statement(base: str, known: Known, started: datetime, cors: bool = False) -> Resource:
    """Returns the CapabilityStatement; `known` gives the search parameters of a type, `started` is its date."""
    system = [_told(one) for one in catalog().operations if "system" in one.levels]
    referring = _referring(known)
    return _head("CapabilityStatement", "Kangyun", base, f"{base}/metadata", started) | {
        "title": "康云 Kangyun",
        "instantiates": list(PROFILES),
        "fhirVersion": definitions().version,
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                # For Subscriptions with a websocket as their channel.
                "extension": [{"url": WEBSOCKET, "valueUri": f"{base.replace('http', 'ws', 1)}/websocket"}],
                "mode": "server",
                "security": {
                    "extension": [_oauth_uris(base.removesuffix("/fhir"))],
                    "cors": cors,
                    "description": "Authorization: Bearer …",
                    "service": [
                        {"coding": [{"system": SECURITY, "code": code}]} for code in ("SMART-on-FHIR", "OAuth")
                    ],
                },
                "resource": [
                    _of_type(name, known(name), referring.get(name, []))
                    for name in sorted(definitions().resource_types)
                ],
                "interaction": [{"code": code} for code in _SYSTEM],
                "searchParam": [_parameter(*one) for one in COMMON],
                "operation": system + [_bulk(name, url) for name, type_, url in BULK if type_ is None],
                "compartment": [
                    f"http://hl7.org/fhir/CompartmentDefinition/{name.lower()}"
                    for name in sorted(definitions().compartments)
                ],
            }
        ],
    }


def _oauth_uris(issuer: str) -> dict[str, Any]:
    """Returns the addresses of the OpenID provider, where SMART clients of version 1 look for them."""
    names = {
        "authorize": "authorization_endpoint", "token": "token_endpoint", "revoke": "revocation_endpoint",
        "introspect": "introspection_endpoint",
    }  # fmt: skip
    told = [{"url": name, "valueUri": issuer + ENDPOINTS[endpoint]} for name, endpoint in names.items()]
    return {"url": OAUTH_URIS, "extension": [*told, {"url": "manage", "valueUri": f"{issuer}/account"}]}


def _of_type(name: str, known: Parameters, referring: list[str]) -> dict[str, Any]:
    if name == "AuditEvent":
        return _audit_event(known)
    shown = _shown(known)
    own: set[Level] = {"type", "instance"}
    operations = [
        _told(one) for one in catalog().operations if own & one.levels and (one.types is None or name in one.types)
    ] + [_bulk(operation, url) for operation, type_, url in BULK if type_ == name]  # fmt: skip
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
        "searchInclude": ["*", *(f"{name}:{one.code}" for one in shown if one.type == "reference")],
        "searchRevInclude": ["*", *referring],
        "searchParam": [
            *(_parameter(*one) for one in COMMON),
            *(_parameter(one.code, one.type, one.url) for one in shown),
        ],
        "operation": operations,
    }


def _audit_event(known: Parameters) -> dict[str, Any]:
    """The audit trail, which is searched and added to, and never changed."""
    return {
        "type": "AuditEvent",
        "profile": "http://hl7.org/fhir/StructureDefinition/AuditEvent",
        "interaction": [{"code": code} for code in ("read", "search-type", "create")],
        "versioning": "no-version",
        "updateCreate": False,
        "conditionalCreate": False,
        "searchParam": [
            *(_parameter(*one) for one in COMMON if one[0] in ("_id", "_lastUpdated")),
            *(_parameter(code, known[code].type, known[code].url) for code in sorted(OF_AUDIT_EVENTS)),
        ],
    }


def _parameter(code: str, type_: str, definition: str | None) -> dict[str, Any]:
    return {"name": code, "type": type_} | ({"definition": definition} if definition else {})


def _told(operation: Operation) -> dict[str, Any]:
    return {"name": operation.name, "definition": operation.definition}


def _bulk(name: str, definition: str) -> dict[str, Any]:
    return {"name": name, "definition": definition}


def _shown(known: Parameters) -> list[Parameter]:
    return [one for _, one in sorted(known.items()) if one.answerable and not one.building]


def _referring(known: Known) -> dict[str, list[str]]:
    """Returns by type the parameters by which other resources refer to it by name."""
    found: dict[str, list[str]] = {}
    for source in sorted(definitions().resource_types):
        for one in _shown(known(source)):
            for target in one.targets if one.type == "reference" else ():
                found.setdefault(target, []).append(f"{source}:{one.code}")
    return found


def terminology_capabilities(base: str, systems: Mapping[str, str | None], started: datetime) -> Resource:
    """Returns the TerminologyCapabilities; `systems` are the code systems at hand, with their versions."""
    expand = next(one for one in catalog().operations if one.name == "expand")
    url = f"{base}/metadata?mode=terminology"
    return _head("TerminologyCapabilities", "KangyunTerminology", base, url, started) | {
        "lockedDate": False,
        "codeSystem": [
            {"uri": uri} | ({"version": [{"code": edition, "isDefault": True}]} if edition else {})
            for uri, edition in sorted(systems.items())
        ],
        "expansion": {
            "hierarchical": False,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": one.name} for one in expand.inputs],
            "textFilter": "每个词都须出现在编码或名称中 | Each word must occur in a code or its wordings",
        },
        "codeSearch": "all",
        "validateCode": {"translations": True},
        "translation": {"needsMap": ("ConceptMap", "translate") not in TERMINOLOGY},
        "closure": {"translation": False},
    }


def _head(type_: str, name: str, base: str, url: str, started: datetime) -> Resource:
    """Returns what both statements say of this installation."""
    return {
        "resourceType": type_,
        "id": "kangyun",
        "url": url,
        "version": version("kangyun"),
        "name": name,
        "status": "active",
        "date": clock.instant(started),
        "kind": "instance",
        "software": {"name": "Kangyun 康云", "version": version("kangyun")},
        "implementation": {"description": "Kangyun 康云", "url": base},
    }
