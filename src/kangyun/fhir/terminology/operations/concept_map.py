"""$translate of ConceptMap.

Source: https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from dataclasses import replace

from kangyun.base.errors import Invalid, NotFound
from kangyun.base.texts import say
from kangyun.fhir import Resource
from kangyun.fhir.terminology.library import Terminology
from kangyun.fhir.terminology.maps import Match, Question
from kangyun.fhir.terminology.model import Coding, ConceptMap, read
from kangyun.fhir.terminology.operations.call import Call, coding, parameters, parts, value
from kangyun.fhir.terminology.operations.parameters import Inputs

_TRANSLATE = frozenset({
    "url", "conceptMap", "conceptMapVersion", "code", "system", "version", "source", "coding", "codeableConcept",
    "target", "targetsystem", "dependency", "reverse",
})  # fmt: skip
_DEPENDENCY = frozenset({"element", "concept"})


def translate(terminology: Terminology, call: Call) -> Resource:
    """Tells what a code is in other systems. Raises NotFound for a concept map that is not here."""
    inputs = Inputs.of(call.parameters, _TRANSLATE, frozenset({"date"}))
    only = _map(terminology, call, inputs)
    asked = Question(
        system=None,
        code="",
        source=inputs.text("source"),
        target=inputs.text("target"),
        target_system=inputs.text("targetsystem"),
        given=_given(inputs),
    )
    reverse = inputs.boolean("reverse", False)
    matches: list[Match] = []
    for system, code in _codes(inputs):
        for name in dict.fromkeys((system, None if system is None else terminology.name_of(system))):
            matches += terminology.maps.translate(replace(asked, system=name, code=code), only=only, reverse=reverse)
    result = any(match.counts for match in matches)
    message = [] if result else [value("message", "String", say("fhir.terminology.no-translation", call.language))]
    return parameters(value("result", "Boolean", result), *message, *map(_match, matches))


def _map(terminology: Terminology, call: Call, inputs: Inputs) -> ConceptMap | None:
    given = call.instance or inputs.resource("conceptMap", "ConceptMap")
    if given is not None:
        return read(given, ConceptMap)
    url = inputs.text("url")
    if url is None:
        return None
    found = terminology.maps.get(url, inputs.text("conceptMapVersion"))
    if found is None:
        raise NotFound("fhir.terminology.map-not-here", url=url[:200])
    return found


def _codes(inputs: Inputs) -> list[tuple[str | None, str]]:
    code, one, several = inputs.text("code"), inputs.coding("coding"), inputs.concept("codeableConcept")
    if sum(given is not None for given in (code, one, several)) > 1:
        raise Invalid("fhir.terminology.too-many-ways")
    if code is not None:
        return [(inputs.text("system"), code)]
    codings = several if several is not None else (one,) if one is not None else ()
    found = [(each.system, each.code) for each in codings if each.code is not None]
    if not found:
        raise Invalid("fhir.terminology.parameter-needed", name="code")
    return found


def _given(inputs: Inputs) -> frozenset[tuple[str, str | None, str]]:
    """Returns the values of other elements: (element, system, code)."""
    given: set[tuple[str, str | None, str]] = set()
    for dependency in inputs.all("dependency"):
        stated = Inputs(dependency, _DEPENDENCY)
        element, concept = stated.text("element"), stated.concept("concept")
        if element is not None and concept is not None:
            given |= {(element, each.system, each.code) for each in concept if each.code is not None}
    return frozenset(given)


def _match(match: Match) -> Resource:
    items = [value("equivalence", "Code", match.equivalence)]
    if match.code is not None:
        items.append(value("concept", "Coding", coding(Coding(match.system, None, match.code, match.display))))
    for product in match.product:
        concept = coding(Coding(product.system, None, product.value, product.display))
        items.append(parts("product", value("element", "Uri", product.property), value("concept", "Coding", concept)))
    if match.source is not None:
        items.append(value("source", "Uri", match.source))
    return parts("match", *items)
