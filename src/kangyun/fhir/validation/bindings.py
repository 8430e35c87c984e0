"""Whether codes come from the value set that an element is bound to.

Only what must hold: a binding of strength "required", and the maximum of any other. A value set that cannot be
enumerated from the specification's own package (languages, media types, currencies, units) is checked by the form
of its codes.

Source: https://hl7.org/fhir/R4/terminologies.html#strength
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

from kangyun.fhir.definitions import Binding, Codes, definitions

UCUM = "http://unitsofmeasure.org"

# Value sets whose codes have a form and no list: the form, and the only system that a Coding may name.
_FORMS: dict[str, tuple[str, str]] = {
    # BCP 47, well-formed: language, script, region, variants, extensions, private use.
    "http://hl7.org/fhir/ValueSet/all-languages": (
        r"[A-Za-z]{2,8}(?:-[A-Za-z]{3}){0,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
        r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(?:-[A-WYZa-wyz0-9](?:-[A-Za-z0-9]{2,8})+)*"
        r"(?:-[xX](?:-[A-Za-z0-9]{1,8})+)?|[xXiI](?:-[A-Za-z0-9]{1,8})+",
        "urn:ietf:bcp:47",
    ),
    # Besides media types the specification writes the short names of its own formats.
    "http://hl7.org/fhir/ValueSet/mimetypes": (
        r"xml|json|ttl|none|"
        r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+*-]{1,127}(?: ?;.*)?",
        "urn:ietf:bcp:13",
    ),
    "http://hl7.org/fhir/ValueSet/currencies": (r"[A-Z]{3}", "urn:iso:std:iso:4217"),
    "http://hl7.org/fhir/ValueSet/ucum-units": (r"[!-~]+", UCUM),
    "http://hl7.org/fhir/ValueSet/all-time-units": (r"[!-~]+", UCUM),
    "http://hl7.org/fhir/ValueSet/all-distance-units": (r"[!-~]+", UCUM),
    "http://loinc.org/vs/LL379-9": (r"LA[0-9]+-[0-9]", "http://loinc.org"),
}
_FORMS["http://www.rfc-editor.org/bcp/bcp13.txt"] = _FORMS["http://hl7.org/fhir/ValueSet/mimetypes"]

CodesOf = Callable[[str], Codes | None]
"""Gives the codes of a value set by its url, None where it is unknown or cannot be enumerated."""


def package_codes(value_set: str) -> Codes | None:
    """Returns the codes of a value set of the R4 package that some element is bound to, None for any other."""
    try:
        return definitions().codes(value_set)
    except KeyError:
        return None


class Bound:
    """The codes that one value set allows: a list by system, or a form."""

    def __init__(self, value_set: str, codes: Codes | None) -> None:
        self.value_set = value_set
        self._codes = codes
        form, self._system = _FORMS.get(value_set, ("", ""))
        self._matches = re.compile(form).fullmatch if form and codes is None else None

    @property
    def plain(self) -> frozenset[str] | None:
        """The allowed codes without their systems, None where there is only a form."""
        return None if self._codes is None else frozenset().union(*self._codes.values())

    @property
    def checkable(self) -> bool:
        """Whether anything can be said at all."""
        return self._codes is not None or self._matches is not None

    def has_code(self, code: Any) -> bool:
        """Accepts a value of type code, or a string that is bound like one."""
        if type(code) is not str:
            return False
        if self._codes is not None:
            return any(code in codes for codes in self._codes.values())
        return self._fits(code)

    def has_coding(self, coding: Any) -> bool:
        """Accepts a Coding, or a Quantity, by its system and code."""
        if type(coding) is not dict:
            return False
        system, code = coding.get("system"), coding.get("code")
        if type(system) is not str or type(code) is not str:
            return False
        if self._codes is not None:
            return code in self._codes.get(system, ())
        return system == self._system and self._fits(code)

    def has_concept(self, concept: Any) -> bool:
        """Accepts a CodeableConcept one of whose codings is allowed."""
        if type(concept) is not dict:
            return False
        codings = concept.get("coding")
        return type(codings) is list and any(self.has_coding(coding) for coding in codings)

    def _fits(self, code: str) -> bool:
        return self._matches is None or self._matches(code) is not None


_METHODS: Mapping[str, Callable[[Bound, Any], bool]] = {
    "code": Bound.has_code,
    "string": Bound.has_code,
    "uri": Bound.has_code,
    "Coding": Bound.has_coding,
    "Quantity": Bound.has_coding,
    "CodeableConcept": Bound.has_concept,
}


class Check(NamedTuple):
    """A binding that forbids something.

    severity: a concept beyond the maximum of a preferred binding is a warning: feeds carry languages and units in
              systems of their own beside a text, and refusing a patient for it would lose the patient.
    """

    value_set: str
    severity: Literal["error", "warning"]
    accepts: Callable[[Any], bool]
    bound: Bound


def binding_check(binding: Binding | None, type_name: str, codes_of: CodesOf) -> Check | None:
    """Returns what a binding demands of values of a type, None where it forbids nothing that could be checked."""
    method = _METHODS.get(type_name)
    if binding is None or method is None:
        return None
    required = binding.strength == "required"
    value_set = binding.value_set if required else binding.maximum
    if value_set is None:
        return None
    bound = Bound(value_set, codes_of(value_set))
    if not bound.checkable:
        return None
    is_code = type_name == "code"
    severity: Literal["error", "warning"] = "error" if required or is_code else "warning"
    return Check(value_set, severity, partial(method, bound), bound)
