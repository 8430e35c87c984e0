"""FHIR XML: bytes to a resource and back, without loss.

The resource in between is the JSON object that all of `kangyun.fhir` works on; `decode` and `encode` follow the
compiled definitions for names, order and types. Decimals keep their digits, primitives their ids and extensions, a
narrative its very text; comments and processing instructions are dropped. It is not validation: cardinalities,
codes and formats are looked at only as far as a value would be lost or could not be said.

The parser is expat: it tells the byte at which an element starts, so that a narrative can be taken out as it was sent.
A document type declaration ends the reading at once, and with it go entities, their explosion and any file or
network access.

Source: https://hl7.org/fhir/R4/xml.html
"""

from kangyun.fhir.xml.pretty import pretty
from kangyun.fhir.xml.reader import decode
from kangyun.fhir.xml.writer import encode

__all__ = ["decode", "encode", "pretty"]
