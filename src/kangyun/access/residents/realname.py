"""Whether a name, a number and a telephone are those of a Patient. Pure; the caller finds the candidates."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from itertools import takewhile

from kangyun.access.messages import checked_phone
from kangyun.base.errors import Invalid
from kangyun.base.numbers import resident_id
from kangyun.fhir import Resource
from kangyun.identity.registration.surnames import DOTS
from kangyun.store.model import Stored

_DOTS = dict.fromkeys(map(ord, f"{DOTS}."), None)


def comparable(name: str) -> str:
    """Returns a name as it is compared: without blanks and the dots between its parts, of one size."""
    return "".join(unicodedata.normalize("NFKC", name).translate(_DOTS).split()).casefold()


def names_of(patient: Resource) -> set[str]:
    """Returns the names that a Patient goes by, as they are compared."""
    found = set()
    for name in patient.get("name", ()):
        parts = [name.get("family", ""), *name.get("given", ())]
        found |= {comparable(name.get("text", "")), comparable("".join(parts)), comparable("".join(reversed(parts)))}
    return found - {""}


def phones_of(patient: Resource) -> set[str]:
    """Returns the mobile numbers of a Patient."""
    found = set()
    for point in patient.get("telecom", ()):
        if point.get("system") in ("phone", "sms") and point.get("use") != "old":
            try:
                found.add(checked_phone(point.get("value")))
            except Invalid:
                continue  # A landline, or what somebody wrote instead.
    return found


def numbers_of(patient: Resource) -> set[str]:
    """Returns the identifiers of a Patient that are in use, as they are compared."""
    identifiers = (one for one in patient.get("identifier", ()) if one.get("use") != "old")
    return {resident_id.plain(one["value"]) for one in identifiers if isinstance(one.get("value"), str)}


def numbered(patient: Resource, number: str) -> bool:
    """Whether a Patient, not inactive and not deceased, has this number."""
    if not patient.get("active", True) or patient.get("deceasedBoolean", "deceasedDateTime" in patient):
        return False
    return bool(numbers_of(patient) & set(resident_id.forms(number)))


def matches(patient: Resource, name: str, number: str) -> bool:
    """Whether a Patient, not inactive and not deceased, has this name and this number."""
    return comparable(name) in names_of(patient) and numbered(patient, number)


def standing_since(versions: Iterable[Stored], name: str, number: str, phone: str) -> datetime | None:
    """Returns since when a registration has had name and number without a break, and this telephone and no other ever.

    None where it has not. A telephone that took another's place, or was put beside one, may be of whoever wrote it.
    versions: all, the newest first.
    """
    known = list(versions)
    if not known or known[-1].version != 1:
        return None
    if any(one.deleted or phones_of(one.resource) != {phone} for one in known):
        return None
    standing = list(takewhile(lambda one: matches(one.resource, name, number), known))
    return standing[-1].instant if standing else None
