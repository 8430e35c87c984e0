"""The definitions of apps as FHIR resources: the files of their folders, and an OperationDefinition each operation.

Source: https://hl7.org/fhir/R4/operationdefinition.html
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files

from kangyun.access.apps import Installed
from kangyun.access.apps.calling import Called
from kangyun.access.apps.parameters import Parameter
from kangyun.base.errors import Issue, PlatformError
from kangyun.base.texts import say
from kangyun.catalog.checking import fault
from kangyun.fhir import Resource
from kangyun.fhir.json import decode
from kangyun.fhir.validation import validator

TAG = "urn:kangyun:app"
"""System of the tag by which a definition says of which app it is."""
TYPES = (
    "ActivityDefinition", "CodeSystem", "ConceptMap", "Library", "Measure", "OperationDefinition", "PlanDefinition",
    "Questionnaire", "SearchParameter", "StructureDefinition", "ValueSet",
)  # fmt: skip
"""Of which a definition may be: they have a url."""
_STEM = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition of an app. Its id is the app's and its own: `health-card-verify-code`."""

    app: Installed
    resource: Resource


def definitions_of(apps: Sequence[Installed], called: Sequence[Called]) -> tuple[list[Definition], list[Issue]]:
    """Returns the definitions of apps, and what is wrong with them."""
    found, faults = [Definition(one.installed, operation_definition(one)) for one in called], []
    for app in apps:
        read, wrong = _files(app)
        found += read
        faults += wrong
    for one in found:
        issues = validator().validate(one.resource)
        faults += [
            fault(
                "definition",
                one.app,
                id=one.resource["id"],
                at=issue.at or "",
                reason=say(issue.text, "en", issue.parameters),
            )
            for issue in issues
            if issue.severity in ("error", "fatal")
        ]
    return found, [*faults, *_twice(found)]


def operation_definition(one: Called) -> Resource:
    """Returns the OperationDefinition of an operation of an app."""
    package = one.installed.package
    signature = one.signature
    outputs = [_parameter(each, "out") for each in signature.outputs]
    if signature.returned:
        outputs = [{"name": "return", "use": "out", "min": 1, "max": "1", "type": signature.returned}]
    parameters = [_parameter(each, "in") for each in signature.inputs] + outputs
    return {
        "resourceType": "OperationDefinition",
        "id": f"{one.installed.id}-{one.name}",
        "meta": _meta(one.installed),
        "url": one.url,
        "version": version("kangyun"),
        "name": "".join(word.capitalize() for word in one.name.split("-")),
        "title": say(f"{package}.{one.name}", "zh"),
        "status": "active",
        "kind": "query" if one.is_query else "operation",
        "description": say(f"{package}.{one.name}", "en"),
        "affectsState": not one.is_query,
        "code": one.name,
        **({"resource": [one.type]} if one.type else {}),
        "system": one.level == "system",
        "type": one.level == "type",
        "instance": one.level == "instance",
        **({"parameter": parameters} if parameters else {}),
    }


def _parameter(one: Parameter, use: str) -> Resource:
    said: Resource = {
        "name": one.name, "use": use, "min": int(one.needed and not one.repeats), "max": "*" if one.repeats else "1",
    }  # fmt: skip
    if one.parts:
        return said | {"part": [_parameter(each, use) for each in one.parts]}
    return said | {"type": one.type}


def _files(app: Installed) -> tuple[list[Definition], list[Issue]]:
    folder = files("kangyun").joinpath(*app.package.split("."), "definitions")
    found: list[Definition] = []
    faults: list[Issue] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name) if folder.is_dir() else ():
        stem, _, form = entry.name.rpartition(".")
        if form != "json":
            continue
        try:
            resource = decode(entry.read_bytes())
        except PlatformError as error:
            faults.append(
                fault(
                    "unreadable",
                    app,
                    file=entry.name,
                    reason=say(error.issues[0].text, "en", error.issues[0].parameters),
                )
            )
            continue
        known = resource.get("resourceType") in TYPES
        if not (known and _STEM.fullmatch(stem) and "id" not in resource and "url" in resource):
            faults.append(fault("definition-file", app, file=entry.name))
            continue
        found.append(Definition(app, resource | {"id": f"{app.id}-{stem}", "meta": _meta(app)}))
    return found, faults


def _meta(app: Installed) -> Resource:
    return {"tag": [{"system": TAG, "code": app.id}]}


def _twice(found: Sequence[Definition]) -> Iterable[Issue]:
    taken: dict[str, Definition] = {}
    for one in found:
        for name in (one.resource["url"], f"{one.resource['resourceType']}/{one.resource['id']}"):
            if taken.setdefault(name, one) is not one:
                yield fault("same-definition", one.app, name=name)
