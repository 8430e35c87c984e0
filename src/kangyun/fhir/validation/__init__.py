"""Validation: all faults of a resource at once, each with its FHIRPath location.

`validator().validate(resource)` checks structure, cardinality, formats, choices, required bindings, reference targets
and invariants of R4; `profiles` adds StructureDefinitions to check against. It reads no store: whether the target
of a reference exists is not its question.

Source: https://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from kangyun.base.errors import Issue
from kangyun.fhir import Resource
from kangyun.fhir.validation.acceptor import accepts
from kangyun.fhir.validation.bindings import CodesOf, package_codes
from kangyun.fhir.validation.profiles import Known, Profiles
from kangyun.fhir.validation.profiles.claims import claim_faults
from kangyun.fhir.validation.profiles.conformance import Conformance, is_core
from kangyun.fhir.validation.profiles.demands import fault
from kangyun.fhir.validation.profiles.instance import Item
from kangyun.fhir.validation.profiles.usable import definition_faults
from kangyun.fhir.validation.report import MAX_ISSUES, Report, Scope
from kangyun.fhir.validation.structure import Structure

__all__ = ["MAX_ISSUES", "Validator", "validator"]


class Validator:
    """Finds the faults of resources. Keeps nothing of what it is given but compiled profiles.

    structure_of: gives a StructureDefinition by its url, for profiles and extensions that are not in the R4 package;
                  the same object each time, so that it is compiled once.
    codes_of:     gives the codes of a value set that profiles bind to, by system; None where it cannot tell.
    """

    def __init__(
        self,
        *,
        structure_of: Callable[[str], dict[str, Any] | None] | None = None,
        codes_of: CodesOf = package_codes,
    ) -> None:
        self._profiles = Profiles(structure_of)
        self._codes_of = codes_of

    def validate(
        self,
        resource: Resource,
        *,
        profiles: Iterable[dict[str, Any]] = (),
        claimed: bool = False,
        warnings: bool = False,
    ) -> list[Issue]:
        """Returns every fault of the resource, none where it is valid.

        profiles: StructureDefinitions that it must meet as well, with or without a snapshot; compiled for this call
                  unless `structure_of` gives the same ones.
        claimed:  also the profiles that its `meta.profile` names, and its extensions by their definitions.
        warnings: also the faults of severity warning, as `$validate` wants them; they cost several times as much.
        """
        profiles = tuple(profiles)
        plainly_valid = not warnings and accepts(resource)
        if plainly_valid and not profiles and not claimed and resource["resourceType"] != "StructureDefinition":
            return []
        report = Report()
        # Where the shape is wrong there is no telling which element is which.
        if plainly_valid or Structure(report).resource(resource, ""):
            try:
                report.take(self._beyond(resource, profiles, claimed))
            except RecursionError:
                # Profiles may name one another without end.
                report.add("too-costly", "profiles-deep", resource["resourceType"])
        return report.issues(warnings=warnings)

    def _beyond(self, resource: Resource, profiles: tuple[dict[str, Any], ...], claimed: bool) -> Iterator[Issue]:
        """Yields what is wrong with a resource of the right shape: as a profile itself, and by profiles."""
        if resource["resourceType"] == "StructureDefinition":
            yield from definition_faults(resource)
        if profiles or claimed:
            yield from self._conformance(resource, profiles, claimed)

    def _conformance(self, resource: Resource, profiles: tuple[dict[str, Any], ...], claimed: bool) -> Iterator[Issue]:
        known = Known(profiles, self._profiles)
        conformance = Conformance(known.profile, self._codes_of)
        name = resource["resourceType"]
        item = Item(resource, None, name, name, Scope(resource))
        for profile in profiles:
            url = profile.get("url")
            if type(url) is str and (is_core(url) or known.profile(url) is not None):
                yield from conformance.against(url, item)
            else:
                yield fault("not-supported", "profile-unusable", name, profile=url if type(url) is str else "?")
        if claimed:
            yield from claim_faults(item, conformance, known)


@cache
def validator() -> Validator:
    """Returns the validator of plain R4."""
    return Validator()
