"""Every expression of R4 itself: search parameters and invariants, on the types that they are for."""

import json
import tarfile
from decimal import Decimal
from pathlib import Path

import pytest

from kangyun.fhir.definitions import definitions
from kangyun.fhir.fhirpath import Environment, compile, dependencies
from kangyun.fhir.fhirpath.types import members

EXAMPLES = Path(__file__).parents[6] / "shared/data/fhir/r4-examples.tar.xz"


def search_parameters():
    return {
        (parameter.expression, type_name)
        for type_name, parameters in definitions().search_parameters.items()
        for parameter in parameters.values()
        if parameter.expression
    }


def invariants():
    types = definitions().types
    return {
        *((constraint.expression, name) for name, type_ in types.items() for constraint in type_.constraints),
        *(
            (constraint.expression, element.type)
            for type_ in types.values()
            for element in type_.elements.values()
            for constraint in element.constraints
        ),
    }


def test_every_search_parameter_compiles_strictly():
    programs = [compile(expression, strict=True).program(name) for expression, name in search_parameters()]
    assert len(programs) > 1300


# These read members that the type in question has not, an oversight of the specification that does no harm.
NOT_FOR_EVERY_TYPE = {
    ("name.matches('[A-Z]([A-Za-z0-9_]){0,254}')", "ChargeItemDefinition"),
    (
        "(low.empty() or ((low.code = '%') and (low.system = %ucum))) and "
        "(high.empty() or ((high.code = '%') and (high.system = %ucum)))",
        "decimal",
    ),
}


def test_every_invariant_compiles():
    strictly = invariants() - NOT_FOR_EVERY_TYPE
    programs = [compile(expression, strict=True).program(name) for expression, name in strictly]
    assert len(programs) > 1400
    assert [compile(expression).program(name).test({}, Environment()) for expression, name in NOT_FOR_EVERY_TYPE]


def resources():
    with tarfile.open(EXAMPLES) as archive:
        names = [name for name in archive.getnames() if name.endswith("example.json")]
        found = [json.load(archive.extractfile(name), parse_float=Decimal) for name in names]
    return [resource for resource in found if "resourceType" in resource]


@pytest.mark.skipif(not EXAMPLES.exists(), reason=f"the examples are not at {EXAMPLES}")
def test_an_expression_reads_nothing_but_its_dependencies():
    """The result stays the same when all other members are taken away."""
    compared = 0
    for resource in resources():
        name = resource["resourceType"]
        expressions = {each for each, type_name in search_parameters() | invariants() if type_name == name}
        for expression, read in ((each, dependencies(each)) for each in expressions if dependencies(each) is not None):
            keys = {element.name for path in read for element in members(name).get(path, ())} | {"resourceType"}
            rest = {key: value for key, value in resource.items() if key.removeprefix("_") in keys}
            program = compile(expression).program(name)
            assert program.typed(rest, Environment(rest)) == program.typed(resource, Environment(resource))
            compared += 1
    assert compared > 500
