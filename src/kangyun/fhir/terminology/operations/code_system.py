"""$lookup, $validate-code and $subsumes of CodeSystem.

Source: https://hl7.org/fhir/R4/codesystem-operations.html
"""

from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.terminology import answers
from kangyun.fhir.terminology.answers import Found
from kangyun.fhir.terminology.library import Terminology
from kangyun.fhir.terminology.model import Designation
from kangyun.fhir.terminology.operations.call import CLAIM, Call, claims, coding, parameters, parts, value, verdict
from kangyun.fhir.terminology.operations.parameters import Inputs

_LOOKUP = frozenset({"code", "system", "version", "coding", "displayLanguage", "property"})
_VALIDATE = CLAIM | {"url", "codeSystem", "version", "system"}
_SUBSUMES = frozenset({"codeA", "codeB", "system", "version", "codingA", "codingB"})
_DATE = frozenset({"date"})


def lookup(terminology: Terminology, call: Call) -> Resource:
    """Tells what is known of a code. Raises NotFound for a code or a system that is not here."""
    inputs = Inputs.of(call.parameters, _LOOKUP, _DATE)
    system, code, version = _one_code(inputs, call, "code", "coding")
    found = answers.lookup(terminology, system, code, version)
    language = inputs.text("displayLanguage")
    asked = frozenset(inputs.texts("property"))
    answer = [value("name", "String", found.name)]
    if found.home is not None and found.home.version is not None:
        answer.append(value("version", "String", found.home.version))
    answer.append(value("display", "String", found.display(language)))
    return parameters(*answer, *_designations(found, asked), *_properties(found, asked))


def _designations(found: Found, asked: frozenset[str]) -> list[Resource]:
    if found.home is None or found.concept is None:
        return []
    return [
        _designation(each)
        for each in found.home.designations(found.concept)
        if not asked or "designation" in asked or f"lang.{each.language}" in asked
    ]


def _designation(each: Designation) -> Resource:
    items = [value("value", "String", each.value)]
    if each.use is not None:
        items.insert(0, value("use", "Coding", coding(each.use)))
    if each.language is not None:
        items.insert(0, value("language", "Code", each.language))
    return parts("designation", *items)


def _properties(found: Found, asked: frozenset[str]) -> list[Resource]:
    home, concept = found.home, found.concept
    if home is None or concept is None:
        return []
    answer: list[Resource] = []
    if concept.definition is not None:
        answer.append(
            parts("property", value("code", "Code", "definition"), value("value", "String", concept.definition))
        )
    for name, codes in (("parent", home.parents(concept.code)), ("child", home.children(concept.code))):
        for code in codes:
            display = home.concepts[code].display
            described = [value("description", "String", display)] if display else []
            answer.append(parts("property", value("code", "Code", name), value("value", "Code", code), *described))
    for name, kind, content in home.properties(concept):
        if name not in ("parent", "child"):
            answer.append(parts("property", value("code", "Code", name), {"name": "value", kind: content}))
    return [each for each in answer if not asked or each["part"][0]["valueCode"] in asked]


def validate_code(terminology: Terminology, call: Call) -> Resource:
    """Tells whether a code is one of a code system. Raises NotFound for a system that is not here."""
    inputs = Inputs.of(call.parameters, _VALIDATE, _DATE)
    given = inputs.resource("codeSystem", "CodeSystem")
    if given is not None:
        terminology = terminology.with_resources([given])
    url = call.instance_url() or (given or {}).get("url") or inputs.text("url") or inputs.text("system")
    language = inputs.text("displayLanguage")
    found = [
        answers.validate_code(terminology, claim, None, language)
        if url is None or claim.system == url
        else answers.refusal("not-of-this-system")
        for claim in claims(inputs, url, inputs.text("version"))
    ]
    return verdict(found, call.language)


def subsumes(terminology: Terminology, call: Call) -> Resource:
    """Tells how two codes stand to each other in the hierarchy. Raises NotFound, and Invalid for two systems."""
    inputs = Inputs.of(call.parameters, _SUBSUMES, _DATE)
    system, one, version = _one_code(inputs, call, "codeA", "codingA")
    other_system, other, _ = _one_code(inputs, call, "codeB", "codingB")
    if system != other_system:
        raise Invalid("fhir.terminology.other-system")
    outcome = answers.subsumes(terminology, system, one, other, version)
    return parameters(value("outcome", "Code", outcome))


def _one_code(inputs: Inputs, call: Call, code_name: str, coding_name: str) -> tuple[str, str, str | None]:
    """Returns system, code and version from a code, or from a Coding."""
    code, each = inputs.text(code_name), inputs.coding(coding_name)
    system, version = call.instance_url() or inputs.text("system"), inputs.text("version")
    if code is not None and each is not None:
        raise Invalid("fhir.terminology.too-many-ways")
    if each is not None:
        code, system, version = each.code, each.system or system, each.version or version
    if code is None:
        raise Invalid("fhir.terminology.parameter-needed", name=code_name)
    if system is None:
        raise Invalid("fhir.terminology.parameter-needed", name="system")
    return system, code, version
