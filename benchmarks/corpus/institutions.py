"""Hospitals and staff, taken out of the patients' bundles.

Synthea of today writes them once, in hospitalInformation and practitionerInformation, and refers to them by
conditional reference. The published bundles repeat them in each patient instead; here they are brought into the
form of today, which is also what the public import workload loads.
"""

from typing import Any

Resource = dict[str, Any]

TYPES = ("Organization", "Location", "Practitioner", "PractitionerRole")
SYNTHEA_ID = "https://github.com/synthetichealth/synthea"


class Institutions:
    """All institutions that the base patients mention, by id. Their ids are the same in every bundle."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}
        self._roles: set[tuple[str, str]] = set()

    def take(self, bundle: Resource) -> list[Resource]:
        """Keeps the institutions of a bundle and returns its other entries."""
        rest = []
        for entry in bundle["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] in TYPES:
                self._keep(resource)
            else:
                rest.append(entry)
        return rest

    def _keep(self, resource: Resource) -> None:
        if resource["resourceType"] == "PractitionerRole":
            pair = (resource["practitioner"]["reference"], resource["organization"]["reference"])
            if pair in self._roles:
                return
            self._roles.add(pair)
        if resource["id"] not in self._resources:
            resource.setdefault("identifier", [{"system": SYNTHEA_ID, "value": resource["id"]}])
            self._resources[resource["id"]] = resource

    def __contains__(self, identity: str) -> bool:
        return identity in self._resources

    def conditional(self, identity: str) -> str:
        """Returns the conditional reference that singles the institution out."""
        resource = self._resources[identity]
        identifier = resource["identifier"][0]
        return f"{resource['resourceType']}?identifier={identifier['system']}|{identifier['value']}"

    def relative(self, identity: str) -> str:
        """Returns `Type/id`, for NDJSON."""
        return f"{self._resources[identity]['resourceType']}/{identity}"

    def resources(self, kind: str) -> list[Resource]:
        """Returns the resources of a type with relative references, for NDJSON."""
        found = [r for r in self._resources.values() if r["resourceType"] == kind]
        return [_relocated(resource, self.relative) for resource in found]

    def bundle(self, *kinds: str) -> Resource:
        """Returns the transaction bundle of some types: each created unless it is there."""
        entries = []
        for resource in self._resources.values():
            if resource["resourceType"] in kinds:
                identifier = resource["identifier"][0]
                entries.append(
                    {
                        "fullUrl": f"urn:uuid:{resource['id']}",
                        "resource": _relocated(resource, lambda i: self._inside(i, kinds)),
                        "request": {
                            "method": "POST",
                            "url": resource["resourceType"],
                            "ifNoneExist": f"identifier={identifier['system']}|{identifier['value']}",
                        },
                    }
                )
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    def _inside(self, identity: str, kinds: tuple[str, ...]) -> str:
        if self._resources[identity]["resourceType"] in kinds:
            return f"urn:uuid:{identity}"
        return self.conditional(identity)


def _relocated(node: Any, locate: Any) -> Any:
    """Copies a resource, its references rewritten by `locate`, which maps an id to a reference."""
    if isinstance(node, dict):
        return {
            key: locate(value.removeprefix("urn:uuid:"))
            if key == "reference" and isinstance(value, str)
            else _relocated(value, locate)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_relocated(value, locate) for value in node]
    return node
