"""Code systems whose codes are known by their form: languages, media types, units, currencies, countries.

They have no list here, so they cannot be expanded, and a well-formed code may still be one that nobody assigned.

Source: https://hl7.org/fhir/R4/terminologies-systems.html; RFC 5646 section 2.1, RFC 6838 section 4.2, UCUM 2.2,
ISO 4217 and ISO 3166 for the shape of their codes, RFC 3986.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from kangyun.base import units
from kangyun.base.errors import Invalid

LANGUAGES = "urn:ietf:bcp:47"
MEDIA_TYPES = "urn:ietf:bcp:13"
UNITS = "http://unitsofmeasure.org"
CURRENCIES = "urn:iso:std:iso:4217"
COUNTRIES = "urn:iso:std:iso:3166"
SUBDIVISIONS = "urn:iso:std:iso:3166:-2"
URIS = "urn:ietf:rfc:3986"

MAX_LENGTH = 255

_language = (
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+"
)
_restricted_name = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
# Besides media types the specification writes the short names of its own formats.
_media_type = (
    rf"xml|json|ttl|{_restricted_name}/{_restricted_name}(?:\s?;\s?{_restricted_name}=(?:[^\s;\"]+|\"[^\"]*\"))*"
)


@dataclass(frozen=True, slots=True)
class Form:
    """A system known by the form of its codes.

    fits: whether a text has the form.
    has:  whether a property (second) of a code (first) has a value (third), for filters; None without properties.
    """

    url: str
    name: str
    fits: Callable[[str], bool]
    has: Callable[[str, str, str], bool] | None = None


def _matching(pattern: str, flags: int = re.ASCII) -> Callable[[str], bool]:
    matches = re.compile(pattern, flags).fullmatch
    return lambda code: len(code) <= MAX_LENGTH and matches(code) is not None


def _is_unit(code: str) -> bool:
    try:
        units.parse(code)
    except Invalid:
        return False
    return True


def _unit_has(code: str, name: str, value: str) -> bool:
    """The one property that the specification filters units by: what they can be converted to."""
    return name == "canonical" and _is_unit(code) and _is_unit(value) and units.commensurable(code, value)


FORMS = {
    form.url: form
    for form in (
        Form(LANGUAGES, "BCP-47", _matching(_language, re.ASCII | re.IGNORECASE)),
        Form(MEDIA_TYPES, "BCP-13", _matching(_media_type, re.ASCII | re.IGNORECASE)),
        Form(UNITS, "UCUM", _is_unit, _unit_has),
        Form(CURRENCIES, "ISO 4217", _matching("[A-Z]{3}")),
        Form(COUNTRIES, "ISO 3166", _matching("[A-Z]{2}|[A-Z]{3}|[0-9]{3}")),
        Form(SUBDIVISIONS, "ISO 3166-2", _matching("[A-Z]{2}-[A-Z0-9]{1,3}")),
        Form(URIS, "URI", _matching(r"[a-z][a-z0-9+.-]*:[!-~]+", re.ASCII | re.IGNORECASE)),
    )
}
"""By the url of the system."""
