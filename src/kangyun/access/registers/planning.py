"""What a list would have in the record, held against what is there. Pure: whoever asks has looked it up.

A plan is a resource that a row stands for. It is found again by its identifiers (or its url), so the same list again
changes nothing; what others wrote into the resource and the list says nothing of stays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from kangyun.access.record import Operation, Record, Stored
from kangyun.access.staff.sheets import Row
from kangyun.fhir import Resource

Act = Literal["add", "change", "same"]
Place = tuple[str, str]
"""System and value of an identifier."""


@dataclass(slots=True)
class Plan:
    """A resource that a row stands for.

    resource: what the list says. standing: what is in the record. url: what others of the same list refer to it by
    while it is not there. counts: whether it is what the row is about, and not what goes with it.
    """

    row: Row
    resource: Resource
    standing: Stored | None = None
    url: str = ""
    counts: bool = True

    def __post_init__(self) -> None:
        self.url = self.url or f"urn:uuid:{uuid4()}"

    @property
    def reference(self) -> str:
        """What a reference to it says."""
        return f"{self.resource['resourceType']}/{self.standing.id}" if self.standing is not None else self.url

    @property
    def merged(self) -> Resource:
        """The resource as it is to be."""
        return merged(self.standing.resource, self.resource) if self.standing is not None else self.resource

    @property
    def act(self) -> Act:
        """What would be done."""
        if self.standing is None:
            return "add"
        return "same" if self.merged == self.standing.resource else "change"

    def operation(self) -> Operation | None:
        """Returns what does it, None where nothing is to be done."""
        type_ = self.resource["resourceType"]
        if self.act == "add":
            # Of two lists at once the second meets what the first has made.
            found = places(self.resource)
            condition = f"identifier={found[0][0]}|{found[0][1]}" if found else f"url={self.resource['url']}"
            return Record.operation(
                "create", type_, resource=self.resource, condition=condition, full_url=self.url
            )  # fmt: skip
        if self.standing is None or self.act == "same":
            return None
        return Record.operation("update", type_, id=self.standing.id, resource=self.merged, full_url="")


def places(resource: Mapping[str, object]) -> list[Place]:
    """Returns its identifiers."""
    found = resource.get("identifier")
    return [(str(one.get("system", "")), str(one["value"])) for one in found if "value" in one] if isinstance(
        found, list
    ) else []  # fmt: skip


def merged(standing: Resource, said: Resource) -> Resource:
    """Returns what stands with what a list says: identifiers and types of the systems that it names are replaced."""
    kept = {**standing, **said}
    if "identifier" in said:
        ours = {system for system, _ in places(said)}
        others = [one for one in standing.get("identifier", ()) if one.get("system") not in ours]
        kept["identifier"] = [*said["identifier"], *others]
    return kept


def in_circles(planned: Iterable[Plan], known: "Known") -> list[Plan]:
    """Returns what would be part of itself, by whatever is between."""
    found = list(planned)
    above = known.above() | {plan.reference: part_of(plan.merged) for plan in found}
    return [plan for plan in found if _leads_back(plan.reference, above)]


def _leads_back(start: str, above: Mapping[str, str]) -> bool:
    at, passed = above.get(start, ""), set[str]()
    while at and at != start and at not in passed:
        passed.add(at)
        at = above.get(at, "")
    return at == start


def part_of(resource: Resource) -> str:
    """Returns the reference to what something is part of, "" where it is part of nothing."""
    return str(resource.get("partOf", {}).get("reference", ""))


class Known:
    """What of the record a list is held against: resources by each of their identifiers."""

    def __init__(self, found: Iterable[Stored]) -> None:
        self._all = list(found)
        self._of_place: dict[Place, dict[str, Stored]] = {}
        self._of_value: dict[str, dict[str, Stored]] = {}
        for one in self._all:
            for place in places(one.resource):
                self._of_place.setdefault(place, {})[one.id] = one
                self._of_value.setdefault(place[1], {})[one.id] = one

    def at(self, wanted: Iterable[Place]) -> list[Stored]:
        """Returns what has one of these identifiers."""
        found: dict[str, Stored] = {}
        for place in wanted:
            found |= self._of_place.get(place, {})
        return list(found.values())

    def above(self) -> dict[str, str]:
        """Returns what each is part of, by reference; those that are part of nothing are left out."""
        every = {one.id: one.resource for one in self._all}
        return {f"{one['resourceType']}/{id_}": part_of(one) for id_, one in every.items() if part_of(one)}

    def called(self, value: str) -> list[Stored]:
        """Returns what has an identifier of this value, of whatever system."""
        return list(self._of_value.get(value, {}).values())
