"""Patches on resources: JSON Patch and FHIRPath Patch. The input is never changed; the result is a new resource.

A patch that is itself wrong is Invalid; one that does not fit the resource (no such element, a test that fails) is
RuleBroken. Both name the operation by its index from 0. The result is not validated here. There is no XML Patch: its
comments, namespaces and processing instructions have no place in a resource that is stored as JSON.

Source: RFC 6902, RFC 6901, http://hl7.org/fhir/R4/fhirpatch.html
"""

from kangyun.fhir.patch.fhirpath_patch import apply_fhirpath_patch
from kangyun.fhir.patch.json_patch import apply_json_patch

__all__ = ["apply_fhirpath_patch", "apply_json_patch"]
