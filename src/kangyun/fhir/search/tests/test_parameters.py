"""What the store takes the search parameters of R4 for, held against their definitions."""

from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.parameters import HIERARCHIES, parameters


def single_references_to_the_own_type():
    known = definitions()
    for type_ in known.resource_types:
        elements = known.types[type_].elements
        for code, parameter in parameters(type_).items():
            steps = [path[0].name for path in parameter.paths if len(path) == 1 and path[0].name in elements]
            read = [elements[step] for step in steps]
            if parameter.targets == (type_,) and [(one.type, one.is_array) for one in read] == [("Reference", False)]:
                yield type_, code


def test_hierarchies_are_what_refers_to_one_of_the_own_type():
    # One impression comes after another; it is no part of it.
    assert dict(single_references_to_the_own_type()) == HIERARCHIES | {"ClinicalImpression": "previous"}
