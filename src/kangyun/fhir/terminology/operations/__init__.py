"""The terminology operations of FHIR: Parameters in, Parameters or a ValueSet out.

`OPERATIONS` is the whole surface that HTTP needs. An operation takes a `Call`: what the client sent, the language of
the messages, the resource where it was called on one, and the time for the timestamp of an expansion.

Not done: `date`, `context`, and a choice of versions of the systems within a value set; a call that asks for them is
refused by name. $closure keeps state between calls and is not here.

Source: https://hl7.org/fhir/R4/operationslist.html: CodeSystem, ValueSet and ConceptMap
"""

from collections.abc import Callable, Mapping

from kangyun.fhir import Resource
from kangyun.fhir.terminology.library import Terminology
from kangyun.fhir.terminology.operations import code_system, concept_map, value_set
from kangyun.fhir.terminology.operations.call import Call

__all__ = ["OPERATIONS", "Call", "Operation"]

Operation = Callable[[Terminology, Call], Resource]

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("CodeSystem", "lookup"): code_system.lookup,
    ("CodeSystem", "validate-code"): code_system.validate_code,
    ("CodeSystem", "subsumes"): code_system.subsumes,
    ("ValueSet", "expand"): value_set.expand,
    ("ValueSet", "validate-code"): value_set.validate_code,
    ("ConceptMap", "translate"): concept_map.translate,
}
"""By resource type and operation name."""
