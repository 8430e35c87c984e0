"""What an operation is called with, and the Parameters that it answers with."""

from dataclasses import dataclass
from typing import Any

from kangyun.base.errors import Invalid, Issue
from kangyun.base.texts import Language, say
from kangyun.fhir import Resource
from kangyun.fhir.terminology.answers import Claim, Verdict
from kangyun.fhir.terminology.model import Coding
from kangyun.fhir.terminology.operations.parameters import Inputs


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation.

    parameters: the Parameters resource that the client sent.
    timestamp:  the instant of the call as FHIR writes it.
    language:   of messages to people; what `displayLanguage` asks for is another thing.
    instance:   the resource on which the operation was called, None for a call on the type.
    """

    parameters: Resource
    timestamp: str
    language: Language = "zh"
    instance: Resource | None = None

    def instance_url(self) -> str | None:
        """Returns the canonical url of the instance."""
        url = None if self.instance is None else self.instance.get("url")
        return url if isinstance(url, str) else None


CLAIM = frozenset({"code", "display", "coding", "codeableConcept", "abstract", "displayLanguage"})
"""The parameters by which both $validate-code operations are told a code."""


def claims(inputs: Inputs, system: str | None, version: str | None) -> list[Claim]:
    """Returns the codes to validate: one, or all codings of a CodeableConcept.

    Raises Invalid where none is given, or more than one of code, coding and codeableConcept.
    """
    abstract = inputs.boolean("abstract", True)
    code, coding, concept = inputs.text("code"), inputs.coding("coding"), inputs.concept("codeableConcept")
    if sum(given is not None for given in (code, coding, concept)) > 1:
        raise Invalid("fhir.terminology.too-many-ways")
    if code is not None:
        return [Claim(code, system, version, inputs.text("display"), abstract)]
    codings = concept if concept is not None else (coding,) if coding is not None else ()
    found = [
        Claim(each.code, each.system or system, each.version or version, each.display, abstract)
        for each in codings
        if each.code is not None
    ]
    if not found:
        raise Invalid("fhir.terminology.parameter-needed", name="code")
    return found


def verdict(found: list[Verdict], language: Language) -> Resource:
    """Returns the outcome for one or several codings, of which one has to be valid."""
    best = next((each for each in found if each.result), found[0])
    issue = best.issue
    if not best.result and len(found) > 1:
        issue = Issue("error", "code-invalid", "fhir.terminology.none-in-value-set")
    return parameters(
        value("result", "Boolean", best.result),
        *([value("message", "String", say(issue.text, language, issue.parameters))] if issue else []),
        *([value("display", "String", best.display)] if best.display else []),
    )


def parameters(*items: Resource) -> Resource:
    return {"resourceType": "Parameters", "parameter": list(items)}


def value(name: str, kind: str, content: Any) -> Resource:
    """Returns a parameter with a value: `kind` is the type as in value[x]."""
    return {"name": name, f"value{kind}": content}


def parts(name: str, *items: Resource) -> Resource:
    return {"name": name, "part": list(items)}


def coding(each: Coding) -> Resource:
    """Returns a Coding as JSON."""
    members = {"system": each.system, "version": each.version, "code": each.code, "display": each.display}
    return {name: text for name, text in members.items() if text is not None}
