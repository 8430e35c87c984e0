"""FHIR R4 (4.0.1) itself: definitions, JSON and XML, validation, FHIRPath, search parameters, patch, terminology.

No database, no network, no clock. A resource is its JSON object: a dict whose decimals are `decimal.Decimal`
(so that digits are kept), whose integers are int, and whose members stand in the order they were sent.

Source: https://hl7.org/fhir/R4/
"""

from typing import Any, TypeAlias

Resource: TypeAlias = dict[str, Any]
"""A FHIR resource, or any element of one, as its JSON object."""
