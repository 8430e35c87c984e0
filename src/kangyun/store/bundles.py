"""Whom a Bundle that is kept as it is speaks of: no search parameter says it, and no compartment has Bundles.

An entry whose full URL is elsewhere speaks of the resources there: its relative references lead to nobody here. Nor is
the id of a Patient with a full URL of its own (`urn:uuid:…`) that of a registration.

Source: https://hl7.org/fhir/R4/bundle.html#references, https://hl7.org/fhir/R4/documents.html
"""

from collections.abc import Iterator

from kangyun.fhir import Resource
from kangyun.store.references import relative


def entries_here(bundle: Resource, bases: tuple[str, ...]) -> Iterator[Resource]:
    """Yields the entries of a valid Bundle that have a resource which is not of elsewhere."""
    for entry in bundle.get("entry", ()):
        full_url = entry.get("fullUrl", "")
        if "resource" in entry and (not full_url.startswith("http") or relative(full_url, bases) != full_url):
            yield entry


def named_patients(resource: Resource, bases: tuple[str, ...]) -> list[Resource]:
    """Returns a Reference to each registration that a Bundle has as an entry; none for any other resource."""
    if resource["resourceType"] != "Bundle":
        return []
    return [
        {"reference": f"Patient/{entry['resource']['id']}"}
        for entry in entries_here(resource, bases)
        if entry["resource"]["resourceType"] == "Patient"
        and "id" in entry["resource"]
        and not entry.get("fullUrl", "").startswith("urn:")
    ]


def says_whom(bundle: Resource, resource: Resource) -> bool:
    """Whether a resource in a Bundle says of the whole whom it is about: a document's Composition."""
    return bundle.get("type") == "document" and resource["resourceType"] == "Composition" and "subject" in resource
