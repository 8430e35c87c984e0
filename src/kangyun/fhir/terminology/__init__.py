"""Terminology: what codes mean, which codes a value set holds, which code is above which, what maps to what.

Pure: it answers from the specification's own CodeSystem, ValueSet and ConceptMap resources and from those that a
caller adds; nothing is fetched or stored.

    terminology = specification().with_resources(resources_of_the_site)
    terminology.codes_in(url)                      # for :in
    terminology.descendants(system, code)          # for :below, the code itself included
    terminology.value_set(url).has(system, code)   # True, False, or None where it cannot be told
    OPERATIONS["ValueSet", "expand"](terminology, Call(parameters, timestamp))

Source: https://hl7.org/fhir/R4/terminology-service.html
"""

from kangyun.fhir.terminology.answers import (
    Claim,
    Found,
    Page,
    Verdict,
    Window,
    expand,
    lookup,
    subsumes,
    validate_code,
)
from kangyun.fhir.terminology.contents import Content, Member
from kangyun.fhir.terminology.library import Terminology, specification, specified
from kangyun.fhir.terminology.maps import Match, Question
from kangyun.fhir.terminology.operations import OPERATIONS, Call
from kangyun.fhir.terminology.systems import System

__all__ = [
    "OPERATIONS",
    "Call",
    "Claim",
    "Content",
    "Found",
    "Match",
    "Member",
    "Page",
    "Question",
    "System",
    "Terminology",
    "Verdict",
    "Window",
    "expand",
    "lookup",
    "specification",
    "specified",
    "subsumes",
    "validate_code",
]
