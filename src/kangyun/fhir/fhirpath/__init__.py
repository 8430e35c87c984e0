"""FHIRPath on JSON resources: expressions compiled into closures, for a focus of a known type.

`compile(text).evaluate(node, type_name="Patient")` is the short form. Who evaluates often keeps
`compile(text).program("Patient")` and one `Environment` a resource, and calls `program.test(node, environment)`.
`parse` gives the syntax tree, `dependencies` the members that an expression reads.

Pure: no clock (now() needs `now`), no network (resolve() needs `resolve`), no terminology (memberOf() needs a service).

Source: FHIRPath Normative Release (2.0.0), http://hl7.org/fhirpath/N1/, and http://hl7.org/fhir/R4/fhirpath.html
"""

from kangyun.fhir.fhirpath.code import Environment, Service
from kangyun.fhir.fhirpath.dependencies import dependencies
from kangyun.fhir.fhirpath.expression import Expression, Program, compile
from kangyun.fhir.fhirpath.parser import parse
from kangyun.fhir.fhirpath.quantity import Quantity
from kangyun.fhir.fhirpath.temporal import Temporal
from kangyun.fhir.fhirpath.values import Element

__all__ = [
    "Element",
    "Environment",
    "Expression",
    "Program",
    "Quantity",
    "Service",
    "Temporal",
    "compile",
    "dependencies",
    "parse",
]
