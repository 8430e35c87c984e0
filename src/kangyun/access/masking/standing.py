"""Where in a resource a person may stand although nothing says so: a reference by a display, an identifier or a urn.

R4 says of each Reference element to which types of resources it may lead. One that may lead to a person, or to
anything, is a person's as long as it does not say otherwise: rather too much is masked than too little. It goes by the
name of the element within a type of resource, its datatypes included; hardly any name means two things in one.

Source: ElementDefinition.type.targetProfile, https://hl7.org/fhir/R4/elementdefinition-definitions.html.
"""

from collections.abc import Iterator
from functools import cache

from kangyun.fhir.definitions import Element, definitions

PERSONS = ("Patient", "RelatedPerson", "Person")
_PERSONS_OR_ANY = frozenset({*PERSONS, "Resource"})


def personal(type_: str) -> frozenset[str]:
    """Returns the names of the references in a type of resource that may be to a person; of any where it is unknown."""
    names = _names()
    return names.get(type_) or names[""]


@cache
def _names() -> dict[str, frozenset[str]]:
    by_type = {
        type_: frozenset(one.name for one in _elements(type_) if _may_be_to_a_person(one))
        for type_ in definitions().resource_types
    }
    return by_type | {"": frozenset[str]().union(*by_type.values())}


def _may_be_to_a_person(element: Element) -> bool:
    targets = element.target_profiles
    return element.type == "Reference" and (not targets or not _PERSONS_OR_ANY.isdisjoint(targets))


def _elements(type_: str) -> Iterator[Element]:
    """Yields the elements of a resource and of all that it is made of, but for other resources."""
    types = definitions().types
    seen, ahead = {type_}, [type_]
    while ahead:
        for element in types[ahead.pop()].elements.values():
            yield element
            if element.type not in seen and element.type in types and types[element.type].kind != "resource":
                seen.add(element.type)
                ahead.append(element.type)
