"""FHIR JSON: bytes to a resource and back, with every digit, every member and its order kept.

`decode` reads what a client sent and refuses what would hurt later: text that is not JSON, nesting over `MAX_DEPTH`,
a member name twice in one object (parsers differ in which one they believe), numbers that no arithmetic should
meet, NUL characters. It is not validation: it knows no element of FHIR.

Source: RFC 8259; https://hl7.org/fhir/R4/json.html; https://hl7.org/fhir/R4/datatypes.html#decimal
"""

from kangyun.fhir.json.bundles import Bundle, Entry, decode_bundle
from kangyun.fhir.json.guards import MAX_DEPTH, MAX_DIGITS, MAX_EXPONENT
from kangyun.fhir.json.reader import decode, decode_value
from kangyun.fhir.json.writer import canonical, encode, pretty

__all__ = [
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_EXPONENT",
    "Bundle",
    "Entry",
    "canonical",
    "decode",
    "decode_bundle",
    "decode_value",
    "encode",
    "pretty",
]
