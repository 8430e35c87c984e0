"""The identifiers of a Patient: which decide, which are hints, and which are not what they say. Pure.

A number decides (`certain`) if its kind does, it is in order, and, where only its issuer makes it one person's, the
issuer is known: the Identifier's own system, else who assigned it, else the institution that manages the Patient. A
number of an issuer that is old or has ended is a hint.

A number of any kind, or of none, that proves itself to be an identity card's is one: 18 characters with a right check
character, a date that there is and a province. Hospitals write it as card, record and insurance number, too. No other
form proves anything: 15 digits, eight digits, a letter and nine digits are many things.

A number of the identity card that the registration itself contradicts does not decide: its date of birth is not the one
registered by more than a slip. If it is a woman's of the mother's age it is `mother_number`, else `doubtful_number`.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from kangyun.base.numbers import resident_id
from kangyun.base.numbers.fillers import is_filler, narrow
from kangyun.base.numbers.resident_id import plain
from kangyun.identity.registration import identifiers, names
from kangyun.identity.registration.comparing import DATE_GRADES, birth_date
from kangyun.identity.registration.fields import Gathering, day_of, digits, objects, text
from kangyun.identity.registration.identifiers import Kind

ID_NUMBER = "id_number"
MOTHER_NUMBER = "mother_number"
DOUBTFUL_NUMBER = "doubtful_number"
LONGEST = 128
"""Characters of a number that are looked at."""
MOTHERHOOD_YEARS = range(12, 61)
"""Age at which a woman may have borne a child; the widest that anybody would not question."""
_SPOILT = re.compile(r"\d(?:\.\d+)?E\+?\d{2}", re.IGNORECASE)


def gather(patient: Mapping[str, Any], into: Gathering, now: date, *, demo: bool) -> None:
    """Reads the identifiers. Names, dates and sex have been read before."""
    for place, identifier in enumerate(objects(patient.get("identifier"))):
        at = f"Patient.identifier[{place}].value"
        kind, value = identifiers.kind_of(identifier), text(identifier.get("value"))[:LONGEST]
        if resident_id.is_valid(plain(value)):
            _id_number(plain(value), into, at, now, demo=demo)
            continue
        if kind is None or is_filler(value):
            continue
        number = kind.number(value)
        if not number:
            _malformed(kind, value, into, at)
        elif kind.field == ID_NUMBER:
            _id_number(number, into, at, now, demo=demo)
        else:
            _other(kind, number, identifier, patient, into, now)
    valid = into.get(ID_NUMBER)
    if len(valid) > 1:
        into.find("several-numbers", "Patient.identifier")
        for number in valid:
            into.certain.pop((ID_NUMBER, number), None)


def _malformed(kind: Kind, value: str, into: Gathering, at: str) -> None:
    """Says what is wrong with a number; what may be a slip of an identity card's is kept for comparing."""
    number = plain(value)
    if _SPOILT.fullmatch(narrow(value)) or (kind.field == ID_NUMBER and re.fullmatch(r"\d{15}000", number)):
        into.find("number-rounded", at)
    elif names.read(value).kind == "chinese":
        into.find("number-is-name", at)
    else:
        into.find("number-malformed", at)
        if kind.field == ID_NUMBER and re.fullmatch(r"\d{14,18}[\dX]?", number):
            into.add(DOUBTFUL_NUMBER, number)


def _id_number(number: str, into: Gathering, at: str, now: date, *, demo: bool) -> None:
    read = resident_id.read(number)
    if read is None:  # The form of identity cards gives valid numbers only.
        return
    if read.kind == "demo" and not demo:
        into.find("number-demo", at)
        return
    sexes, births = into.get("sex"), into.get("birth_date")
    born = digits(read.birth)
    if (births and all(birth_date(born, birth) == len(DATE_GRADES) for birth in births)) or read.birth > now:
        _someone_else(read, births, into, at)
        return
    if not births and into.get("newborn") and _years(read.birth, now) in MOTHERHOOD_YEARS:
        _someone_else(read, (digits(now),), into, at)
        return
    if sexes and read.sex not in sexes:
        into.find("number-sex", at)
    into.add(ID_NUMBER, number)
    into.certain[ID_NUMBER, number] = None


def _someone_else(read: resident_id.ResidentId, births: tuple[str, ...], into: Gathering, at: str) -> None:
    years = int(births[0][:4]) - read.birth.year if births else 0
    if read.sex == "female" and years in MOTHERHOOD_YEARS:
        into.find("number-of-mother", at)
        into.add(MOTHER_NUMBER, read.number)
    else:
        into.find("number-birth", at)
        into.add(DOUBTFUL_NUMBER, read.number)


def _other(
    kind: Kind,
    number: str,
    identifier: Mapping[str, Any],
    patient: Mapping[str, Any],
    into: Gathering,
    now: date,
) -> None:
    """Adds a number that is no identity card's."""
    if kind.scope == "nation":
        into.add(kind.field, number)
    else:
        issuer = _issuer(kind, identifier, patient)
        if not issuer:
            into.add(DOUBTFUL_NUMBER, number)
            return
        number = f"{issuer}|{number}"
        into.add(kind.field, number)
        if _is_over(identifier, now):
            return
    if kind.strength == "certain":
        into.certain[kind.field, number] = None


def _issuer(kind: Kind, identifier: Mapping[str, Any], patient: Mapping[str, Any]) -> str:
    system = text(identifier.get("system"))
    if system and system not in kind.systems:
        return system
    for reference in (identifier.get("assigner"), patient.get("managingOrganization")):
        if isinstance(reference, dict):
            own = reference.get("identifier")
            said = text(reference.get("reference")) or (text(own.get("value")) if isinstance(own, dict) else "")
            if said or text(reference.get("display")):
                return said or narrow(text(reference.get("display")))
    return ""


def _is_over(identifier: Mapping[str, Any], now: date) -> bool:
    period = identifier.get("period")
    end = day_of(period.get("end")) if isinstance(period, dict) else None
    return identifier.get("use") in ("old", "temp") or (isinstance(end, date) and end < now)


def _years(birth: date, on: date) -> int:
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
