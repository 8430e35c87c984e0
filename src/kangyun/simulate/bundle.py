"""Transaction bundles: ids from the seed, the mark of demonstration data, references between entries.

Entries are written by PUT under a UUID, so that loading the same district again changes nothing.
"""

from random import Random
from typing import Any
from uuid import UUID

Resource = dict[str, Any]
Bundle = dict[str, Any]

ORIGIN = "urn:kangyun:code-system:data-origin"
META = {
    "security": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "code": "HTEST",
            "display": "test health data",
        }
    ],
    "tag": [{"system": ORIGIN, "code": "demonstration", "display": "演示数据"}],
}


class Transaction:
    """Collects resources and gives each its id and its mark."""

    def __init__(self, ids: Random) -> None:
        self._ids = ids
        self._entries: list[Resource] = []

    def add(self, kind: str, elements: Resource) -> Resource:
        """Adds a resource of type `kind` and returns a Reference to it."""
        identity = str(UUID(int=self._ids.getrandbits(128), version=4))
        resource = {"resourceType": kind, "id": identity, "meta": META} | elements
        self._entries.append(
            {
                "fullUrl": f"urn:uuid:{identity}",
                "resource": resource,
                "request": {"method": "PUT", "url": f"{kind}/{identity}"},
            }
        )
        return {"reference": f"urn:uuid:{identity}"}

    def bundle(self) -> Bundle:
        """Returns the transaction bundle of what was added."""
        return {"resourceType": "Bundle", "type": "transaction", "entry": self._entries}
