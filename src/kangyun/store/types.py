"""The numbers of resource types in the database."""

from kangyun.fhir.definitions import definitions

TYPE_NUMBERS: dict[str, int] = {name: number for number, name in enumerate(sorted(definitions().resource_types), 1)}
"""R4's types by name; a number is for ever. Types of later editions are numbered after these."""
TYPE_NAMES = {number: name for name, number in TYPE_NUMBERS.items()}
