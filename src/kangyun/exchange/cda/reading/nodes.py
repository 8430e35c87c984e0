"""Observations of an entry, as they stand in one another: what code, what value, what beside it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import Node
from kangyun.exchange.cda.reading import values
from kangyun.exchange.cda.reading.making import Making
from kangyun.fhir import Resource

_ELEMENTS = (catalogue.ELEMENTS, "2.16.156.10011.2.2.2", "2.16.156.10011.2.2.4", "2.16.156.10011.2.3.3.15")


@dataclass(slots=True)
class Observed:
    """An observation. element: the data element, empty where its code is no such; name: as it is displayed.

    value: a choice of FHIR. inside: observations that stand in it or beside it in one organizer.
    """

    node: Node
    element: str
    name: str
    value: Resource
    inside: list["Observed"] = field(default_factory=list)

    @property
    def role(self) -> str:
        """What its data element becomes, empty where nothing is known of it."""
        found = catalogue.roles().get(self.element)
        return found.role if found is not None else ""

    @property
    def text(self) -> str:
        """Its value as a text."""
        said: Any = next(iter(self.value.values()), "")
        if isinstance(said, dict):
            said = said.get("text") or next((one["code"] for one in said.get("coding", ())), "") or _quantity(said)
        return {True: "是", False: "否"}[said] if isinstance(said, bool) else str(said)

    def one(self, *roles: str) -> "Observed | None":
        """Returns the first observation in it of a role."""
        return next((one for one in self.walk() if one.role in roles), None)

    def walk(self) -> Iterator["Observed"]:
        """Yields it and all that stands in it."""
        yield self
        for one in self.inside:
            yield from one.walk()


def _quantity(said: Resource) -> str:
    return f"{said['value']}{said.get('unit', '')}" if "value" in said else ""


def observed(making: Making, node: Node) -> Observed:
    """Returns an observation with what stands in it."""
    code = values.first(node, "code")
    element = values.attribute(code, "code")
    if not (element.startswith("DE") and values.attribute(code, "codeSystem") in (*_ELEMENTS, "")):
        element = ""
    name = values.attribute(code, "displayName")
    said = values.value(making, values.first(node, "value"), element.lower() or "observation")
    found = Observed(node, element, name, said)
    for relation in values.every(node, "entryRelationship"):
        found.inside += [observed(making, one) for one in values.every(relation, "observation")]
    return found


def gathered(making: Making, node: Node) -> Observed:
    """Returns the observations of an organizer as one group: it has no code of its own."""
    group = Observed(node, "", values.attribute(values.first(node, "code"), "displayName"), {})
    for component in values.every(node, "component"):
        for one in component:
            if one.tag == "observation":
                group.inside.append(observed(making, one))
            elif one.tag == "organizer":
                group.inside.append(gathered(making, one))
    return group
