"""$expand and $validate-code of ValueSet.

Source: https://hl7.org/fhir/R4/valueset-operations.html
"""

from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.terminology import answers
from kangyun.fhir.terminology.answers import Window
from kangyun.fhir.terminology.contents import Content, Member
from kangyun.fhir.terminology.library import Terminology
from kangyun.fhir.terminology.model import Designation
from kangyun.fhir.terminology.operations.call import CLAIM, Call, claims, coding, value, verdict
from kangyun.fhir.terminology.operations.parameters import Inputs

_WHICH = frozenset({"url", "valueSet", "valueSetVersion"})
_VALIDATE = CLAIM | _WHICH | {"system", "systemVersion"}
_EXPAND = _WHICH | {
    "filter", "offset", "count", "includeDesignations", "designation", "includeDefinition", "activeOnly",
    "excludeNested", "excludeNotForUI", "excludePostCoordinated", "displayLanguage", "exclude-system",
}  # fmt: skip
_NOT_DONE = frozenset(
    {"context", "contextDirection", "date", "system-version", "check-system-version", "force-system-version"}
)
# What is said again in the expansion: the parameters that had a part in it.
_ECHOED = {
    "filter": "String",
    "offset": "Integer",
    "count": "Integer",
    "activeOnly": "Boolean",
    "excludeNotForUI": "Boolean",
    "includeDesignations": "Boolean",
    "designation": "String",
    "displayLanguage": "Code",
    "exclude-system": "Uri",
}


def validate_code(terminology: Terminology, call: Call) -> Resource:
    """Tells whether a code is in a value set. Raises NotFound for a value set that is not here."""
    inputs = Inputs.of(call.parameters, _VALIDATE, _NOT_DONE)
    _, content = _value_set(terminology, call, inputs)
    language = inputs.text("displayLanguage")
    asked = claims(inputs, inputs.text("system"), inputs.text("systemVersion"))
    return verdict([answers.validate_code(terminology, claim, content, language) for claim in asked], call.language)


def expand(terminology: Terminology, call: Call) -> Resource:
    """Lists the codes of a value set, always flat.

    Raises NotFound for one that is not here, TooCostly for one that cannot be listed or is too large for one answer.
    """
    inputs = Inputs.of(call.parameters, _EXPAND, _NOT_DONE)
    resource, content = _value_set(terminology, call, inputs)
    window = Window(
        words=inputs.text("filter") or "",
        offset=inputs.count("offset") or 0,
        count=inputs.count("count"),
        active_only=inputs.boolean("activeOnly", False),
        selectable_only=inputs.boolean("excludeNotForUI", False),
        without_systems=frozenset(inputs.texts("exclude-system")),
    )
    page = answers.expand(content, window)
    language = inputs.text("displayLanguage")
    uses = inputs.texts("designation")
    with_designations = inputs.boolean("includeDesignations", bool(uses))
    contains = []
    for member in page.members:
        entry = _entry(member, language)
        if with_designations:
            wordings = [_designation(each) for each in answers.designations(member) if not uses or _is_use(each, uses)]
            entry |= {"designation": wordings} if wordings else {}
        contains.append(entry)
    expansion: Resource = {"timestamp": call.timestamp, "total": page.total}
    if window.count is not None or window.offset:
        expansion["offset"] = page.offset
    if echoed := [*_echo(inputs), *_versions(content, terminology)]:
        expansion["parameter"] = echoed
    if contains:
        expansion["contains"] = contains
    return {**_head(resource, inputs.boolean("includeDefinition", False)), "expansion": expansion}


def _value_set(terminology: Terminology, call: Call, inputs: Inputs) -> tuple[Resource, Content]:
    given = call.instance or inputs.resource("valueSet", "ValueSet")
    if given is not None:
        return given, terminology.value_set(given)
    url, version = inputs.text("url"), inputs.text("valueSetVersion")
    if url is None:
        raise Invalid("fhir.terminology.parameter-needed", name="url")
    canonical = f"{url}|{version}" if version else url
    return terminology.value_set_resource(canonical) or {"url": url}, terminology.value_set(canonical)


def _head(resource: Resource, with_definition: bool) -> Resource:
    names = ("id", "url", "version", "name", "title", "status", "experimental", "compose" if with_definition else "")
    kept = {name: resource[name] for name in names if name in resource}
    return {"resourceType": "ValueSet", "status": "active", **kept}


def _entry(member: Member, language: str | None) -> Resource:
    entry: Resource = {"system": member.system}
    home, concept = member.home, member.concept
    if home is not None and concept is not None and concept.property:
        if home.is_abstract(concept):
            entry["abstract"] = True
        if home.is_inactive(concept):
            entry["inactive"] = True
    entry["code"] = member.code
    display = answers.shown(member, language)
    if display is not None:
        entry["display"] = display
    return entry


def _designation(each: Designation) -> Resource:
    written: Resource = {} if each.language is None else {"language": each.language}
    if each.use is not None:
        written["use"] = coding(each.use)
    return {**written, "value": each.value}


def _is_use(each: Designation, asked: list[str]) -> bool:
    """Whether a designation has one of the languages or uses asked for, given as tokens."""
    names = {each.language, f"urn:ietf:bcp:47|{each.language}"}
    if each.use is not None:
        names |= {f"{each.use.system or ''}|{each.use.code}", each.use.code}
    return not names.isdisjoint(asked)


def _echo(inputs: Inputs) -> list[Resource]:
    return [value(name, kind, each) for name, kind in _ECHOED.items() for each in _typed(inputs, name, kind)]


def _typed(inputs: Inputs, name: str, kind: str) -> list[Any]:
    if kind == "Integer":
        number = inputs.count(name)
        return [] if number is None else [number]
    if kind == "Boolean":
        return [inputs.boolean(name, False)] if inputs.all(name) else []
    return inputs.texts(name)


def _versions(content: Content, terminology: Terminology) -> list[Resource]:
    """Returns the versions of the systems that the codes came from."""
    found = [(url, home.version) for url in sorted(content.systems) if (home := terminology.system(url)) is not None]
    return [value("version", "Uri", f"{url}|{version}") for url, version in found if version is not None]
