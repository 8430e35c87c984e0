"""The API's description in OpenAPI 3.1, from the same tables that the answers come from.

Resources are described by their first level only: the elements, their JSON types, which are mandatory. All of R4 as a
JSON schema would be megabytes that refer to themselves; what a resource may hold is the validator's business.

Source: https://spec.openapis.org/oas/v3.1.0, https://hl7.org/fhir/R4/http.html
"""

from importlib.metadata import version
from typing import Any

from kangyun.access.events.asking import PARAMETERS as OF_AUDIT_EVENTS
from kangyun.access.operations import Operation
from kangyun.catalog import catalog
from kangyun.fhir.definitions import Element, definitions
from kangyun.fhir.search.parameters import Known
from kangyun.web.capability import COMMON
from kangyun.web.samples import sample

Json = dict[str, Any]
_JSON, _XML = "application/fhir+json", "application/fhir+xml"
_PATCH = "application/json-patch+json"
_ID = r"^[A-Za-z0-9\-.]{1,64}$"
_NUMBERS = {"integer": "integer", "positiveInt": "integer", "unsignedInt": "integer", "decimal": "number"}
# Search parameters about the answer, not about what is searched.
_ABOUT_ANSWER: dict[str, Json] = {
    "_count": {"type": "integer", "minimum": 0},
    "_sort": {"type": "string"},
    "_total": {"enum": ["none", "estimate", "accurate"]},
    "_summary": {"enum": ["true", "false", "text", "data", "count"]},
    "_elements": {"type": "string"},
    "_include": {"type": "string"},
    "_revinclude": {"type": "string"},
    "_format": {"enum": ["json", "xml", _JSON, _XML]},
    "_pretty": {"type": "boolean"},
}
_HEADERS: dict[str, Json] = {
    "If-Match": {"type": "string", "examples": ['W/"1"']},
    "If-None-Match": {"type": "string", "examples": ['W/"1"']},
    "If-None-Exist": {"type": "string", "examples": ["identifier=urn:example|1"]},
    "Prefer": {"type": "string", "examples": ["return=minimal", "return=OperationOutcome", "handling=strict"]},
}
_PATHS: dict[str, Json] = {
    "type": {"$ref": "#/components/schemas/ResourceType"},
    "id": {"type": "string", "pattern": _ID},
    "version": {"type": "integer", "minimum": 1},
    "compartment": {"$ref": "#/components/schemas/CompartmentType"},
}
_OF_READ = ("Prefer", "_format", "_pretty", "_summary", "_elements")
_HISTORY = ("_count", "_since", "_at", "_format")


def openapi(base: str, known: Known) -> Json:
    """Returns the document; `known` gives the search parameters of a type."""
    types = sorted(definitions().resource_types)
    paths: dict[str, Json] = {
        "/metadata": {"get": _operation("capabilities", ["_format"], _shown_as("CapabilityStatement"), security=[])},
        "/": {
            "get": _operation("searchSystem", ["_type", *_shown()], _shown_as("Bundle")),
            "post": _operation("bundle", ["Prefer"], _shown_as("Bundle"), _body("Bundle")),
        },
        "/_search": {"post": _operation("searchSystemByPost", [], _shown_as("Bundle"), _form())},
        "/_history": {"get": _operation("historySystem", _HISTORY, _shown_as("Bundle"))},
        "/{type}/_search": {"post": _operation("searchTypeByPost", ["type"], _shown_as("Bundle"), _form())},
        "/{type}/_history": {"get": _operation("historyType", ["type", *_HISTORY], _shown_as("Bundle"))},
        "/{type}/{id}": _instance(),
        "/{type}/{id}/_history": {"get": _operation("historyInstance", ["type", "id", *_HISTORY], _shown_as("Bundle"))},
        "/{type}/{id}/_history/{version}": {
            "get": _operation("vread", ["type", "id", "version", *_OF_READ], _shown_as("Resource"))
        },
        "/{compartment}/{id}/{type}": {
            "get": _operation("searchCompartment", ["compartment", "id", "type", *_shown()], _shown_as("Bundle"))
        },
    }
    # JSON of ours, not FHIR's: what the last exam of interoperability found.
    report = {"description": "Report", "content": {"application/json": {"schema": {"type": "object"}}}}
    paths["/$exam"] = {"get": _operation("exam", [], {"200": report})}
    for name in types:
        paths[f"/{name}"] = _type(name, known)
    for operation in catalog().operations:
        paths |= _called(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "康云 Kangyun FHIR R4", "version": version("kangyun"), "license": _LICENSE},
        "servers": [{"url": base}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "parameters": _parameters(),
            "schemas": _schemas(types),
            "responses": _responses(types),
            "headers": {name: {"schema": {"type": "string"}} for name in ("ETag", "Last-Modified", "Location")},
        },
    }


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


# --- paths


def _instance() -> Json:
    """What can be done to a resource by its id."""
    where = ["type", "id"]
    updating = [*where, "If-Match", "If-None-Match", "Prefer"]
    return {
        "get": _operation("read", [*where, "If-None-Match", *_OF_READ], _read()),
        "put": _operation("update", updating, _written("Resource", "200", "201"), _body("Resource")),
        "patch": _operation("patch", [*where, "If-Match", "Prefer"], _written("Resource", "200"), _patch_body()),
        "delete": _operation("delete", [*where, "If-Match", "Prefer"], _deleted()),
    }


def _type(name: str, known: Known) -> Json:
    """What can be done to a type: search, creation, and changes by a condition."""
    own = [_search_parameter(code, one.type) for code, one in sorted(known(name).items()) if one.answerable]
    condition = {"name": "identifier", "in": "query", "schema": {"type": "string"}}
    by = [condition] if "identifier" in known(name) else []
    written = _written(name, "200", "201")
    if name == "AuditEvent":  # The audit trail is searched and added to, and never changed.
        own = [one for one in own if one["name"] in OF_AUDIT_EVENTS]
        shown = [
            one for one in _shown() if not one.startswith(("_include", "_revinclude", "_text", "_content", "_list"))
        ]
        return {
            "get": _operation(
                f"search{name}", [one for one in shown if one != "_filter"], _shown_as("Bundle"), more=own
            ),
            "post": _operation(f"create{name}", ["Prefer"], _written(name, "201"), _body(name)),
        }
    return {
        "get": _operation(f"search{name}", _shown(), _shown_as("Bundle"), more=own),
        "post": _operation(f"create{name}", ["If-None-Exist", "Prefer"], written, _body(name)),
        "put": _operation(f"updateBy{name}", ["_id", "Prefer"], written, _body(name), by),
        "patch": _operation(f"patchBy{name}", ["_id", "Prefer"], _written(name, "200"), _patch_body(), by),
        "delete": _operation(f"deleteBy{name}", ["_id", "Prefer"], _deleted(), more=by),
    }


def _called(operation: Operation) -> dict[str, Json]:
    """The addresses of a FHIR operation."""
    places = {"system": ([""], []), "type": (["/{type}"], ["type"]), "instance": (["/{type}/{id}"], ["type", "id"])}
    if operation.types:
        names = sorted(operation.types)
        places |= {
            "type": ([f"/{name}" for name in names], []), "instance": ([f"/{name}/{{id}}" for name in names], ["id"]),
        }  # fmt: skip
    plain = [
        {"name": one.name, "in": "query", "schema": {"type": "string"}}
        for one in operation.inputs
        if one.type[:1].islower()
    ]
    paths: dict[str, Json] = {}
    for level in sorted(operation.levels):
        starts, where = places[level]
        for start in starts:
            name = f"{operation.name}{start.replace('/', '-').replace('{', '').replace('}', '')}"
            post = _operation(f"{name}-post", where, _shown_as("Resource"), _body("Parameters"))
            get = _operation(name, where, _shown_as("Resource"), more=plain)
            paths[f"{start}/${operation.name}"] = {"post": post} | ({} if operation.affects_state else {"get": get})
    return paths


def _operation(
    name: str, parameters: Any, answers: Json, body: Json | None = None, more: Any = (), security: Any = None
) -> Json:  # fmt: skip
    shown = [{"$ref": f"#/components/parameters/{one}"} for one in parameters]
    return (
        {"operationId": name, "parameters": [*shown, *more]}
        | ({"requestBody": body} if body else {})
        | ({"security": security} if security is not None else {})
        | {"responses": answers | dict.fromkeys(("4XX", "503"), _answer("Refused"))}
    )


# Answers are components of the document, because many operations have the same.


def _shown_as(schema: str) -> Json:
    """The answer of what changes nothing."""
    return {"200": _answer(f"Shown{schema}")}


def _read() -> Json:
    """The answers of a read by id."""
    return {"200": _answer("Read"), "304": _answer("NotModified")}


def _written(schema: str, *statuses: str) -> Json:
    """The answers of a write."""
    return dict.fromkeys(statuses, _answer(f"Written{schema}"))


def _deleted() -> Json:
    """The answers of a deletion: nothing, if the client does not ask for an outcome."""
    return {"200": _answer("Done"), "204": _answer("Deleted")}


def _answer(name: str) -> Json:
    return {"$ref": f"#/components/responses/{name}"}


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(*schemas: str) -> Json:
    """Any of these schemas, in JSON; as XML it is not described."""
    shapes = [{"$ref": f"#/components/schemas/{schema}"} for schema in dict.fromkeys(schemas)]
    return {_JSON: {"schema": {"anyOf": shapes} if shapes[1:] else shapes[0]}, _XML: {"schema": {"type": "string"}}}


def _body(schema: str) -> Json:
    described: Json = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    example = sample(schema) if schema in definitions().resource_types else None
    if example:
        described["examples"] = {"least": {"value": example}}
    return {"required": True, "content": {_JSON: described}}


def _patch_body() -> Json:
    step = {
        "type": "object",
        "required": ["op", "path"],
        "properties": {
            "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": {"type": "string", "examples": ["/language"]},
            "value": {},
        },
    }
    return {"required": True, "content": {_PATCH: {"schema": {"type": "array", "items": step}}}}


def _form() -> Json:
    pairs = {"type": "object", "properties": {code: {"type": "string"} for code, _, _ in COMMON}}
    return {"content": {"application/x-www-form-urlencoded": {"schema": pairs}}}


# --- components


def _shown() -> list[str]:
    return [*(code for code, _, _ in COMMON if code != "_has"), *_ABOUT_ANSWER]


def _search_parameter(code: str, type_: str) -> Json:
    return {"name": code, "in": "query", "description": type_, "schema": {"type": "string"}}


def _parameters() -> dict[str, Json]:
    texts = {code: {"type": "string"} for code, _, _ in COMMON} | {
        "_type": {"type": "string"}, "_since": {"type": "string"}, "_at": {"type": "string"},
    }  # fmt: skip
    return (
        {name: {"name": name, "in": "query", "schema": schema} for name, schema in (texts | _ABOUT_ANSWER).items()}
        | {name: {"name": name, "in": "header", "schema": schema} for name, schema in _HEADERS.items()}
        | {name: {"name": name, "in": "path", "required": True, "schema": schema} for name, schema in _PATHS.items()}
    )


def _responses(types: list[str]) -> dict[str, Json]:
    etag, version = _headers("ETag"), _headers("ETag", "Last-Modified")
    written = {"headers": _headers("ETag", "Last-Modified", "Location")}
    by_wish = "OperationOutcome by Prefer: return=OperationOutcome"
    return {
        "Refused": {"description": "OperationOutcome", "content": _content("OperationOutcome")},
        "Read": {"description": "Resource", "headers": version, "content": _content("Resource")},
        "NotModified": {"description": "Not modified", "headers": version},
        "Done": {"description": by_wish, "headers": etag, "content": _content("OperationOutcome")},
        "Deleted": {"description": "It is not there any more, or never was", "headers": etag},
    } | {
        f"Shown{name}": {"description": name, "content": _content(name)}
        for name in ("Bundle", "CapabilityStatement", "Resource")
    } | {
        f"Written{name}": {"description": f"{name}; {by_wish}; no body by return=minimal"}
        | written
        | {"content": _content(name, "OperationOutcome")}
        for name in ("Resource", *types)
    }  # fmt: skip


def _schemas(types: list[str]) -> dict[str, Json]:
    anything: Json = {
        "type": "object", "required": ["resourceType"],
        "properties": {"resourceType": {"$ref": "#/components/schemas/ResourceType"}},
    }  # fmt: skip
    named: dict[str, Json] = {
        "ResourceType": {"type": "string", "enum": types},
        "CompartmentType": {"type": "string", "enum": sorted(definitions().compartments)},
        "Resource": anything,
    }
    return named | {name: _schema(name) for name in types}


def _schema(name: str) -> Json:
    elements = definitions().types[name].elements
    needed = [one.name for one in elements.values() if one.min > 0 and not one.choice]
    return {
        "type": "object",
        "required": ["resourceType", *needed],
        "properties": {"resourceType": {"const": name}, **{one.name: _element(one) for one in elements.values()}},
    }


def _element(element: Element) -> Json:
    shape: Json = {"type": "object"}
    if definitions().types[element.type].kind == "primitive-type":
        shape = {"type": _NUMBERS.get(element.type, "boolean" if element.type == "boolean" else "string")}
        codes = None
        if element.binding is not None and element.binding.strength == "required" and element.binding.value_set:
            codes = definitions().codes(element.binding.value_set)
        if element.name == "id":
            shape["pattern"] = _ID
        elif codes and element.type == "code":
            shape["enum"] = sorted({code for listed in codes.values() for code in listed})
    return {"type": "array", "items": shape} if element.is_array else shape
