"""A Patient read as a registration: fields for linkage, what decides, and what is wrong with it. Pure.

Fields are names, telephones and so on in the one form that `comparing` and `keys` take; a field has several values
where the registration has: former names, two telephones. The Patient itself is not changed and keeps what was written.

| field | of |
|---|---|
| `name`, `surname`, `given`, `pinyin` | HumanName, former ones too; `pinyin` without tones and blanks |
| `name_note` | what stood beside a name: (大), 之小女 |
| `unidentified` | 无名氏: whose name nobody knows |
| `newborn`, `mother_name`, `father_name` | 李娟之女; contacts; the extension of the mother's name |
| `birth_order` | 1 of 李娟之大女; 2 and more of 李娟之小女, who is the second or third |
| `sex`, `birth_date`, `deceased` | male or female; YYYYMMDD, or YYYY and YYYYMM; a date or `true` |
| `id_number` | 18 characters: identity card, residence permit, foreign permanent resident since 2023 |
| `mother_number`, `doubtful_number` | a number that is not this person's, or is not in order |
| other fields of `data/identifiers.toml` | the number, or `issuer|number` |
| `phone`, `email`, `contact_name`, `contact_phone` | telecom and contact |
| `address`, `area` | an address with a number of a house or door; one without |
| `division`, `town`, `postal_code` | a code of division in an extension; county and town of an address |
| `multiple_birth`, `institution`, `link`, `ethnicity` | as they stand |

`birth_date` and `sex` are those of the number of the identity card where the registration has none of its own;
`derived` names those fields then.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from kangyun.base.numbers import resident_id
from kangyun.base.numbers.fillers import stated
from kangyun.base.numbers.phones import phones
from kangyun.base.numbers.resident_id import plain
from kangyun.identity.registration import addresses, names, numbering, pinyin, relations
from kangyun.identity.registration.fields import (
    SENTINELS,
    Fields,
    Gathering,
    codings,
    day_of,
    digits,
    joined,
    objects,
    text,
)
from kangyun.identity.registration.issues import Issue

EARLIEST_BIRTH = date(1850, 1, 1)
SEXES = ("urn:oid:2.16.156.10011.2.3.3.4", "http://CodeSystem.hl7fhir.cn/physiological-gender")
ETHNICITIES = ("urn:oid:2.16.156.10011.2.3.3.3", "http://CodeSystem.hl7fhir.cn/nationalities")
MOTHERS_NAME = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
"""Systems of codes and an extension that are looked for; of a sex only 1 and 2 say something (GB/T 2261.1)."""
_DIVISION = re.compile(r"(?:[1-8]\d|99)\d{4}(?:\d{3}(?:\d{3})?)?")
_OF_DIVISION = re.compile(r"division|2260|county|district|censustract|area-?code", re.IGNORECASE)
_LONGEST = 300


class Reading(NamedTuple):
    """A registration. `certain`: (field, value) of the numbers that decide who it is."""

    fields: Fields
    certain: tuple[tuple[str, str], ...]
    issues: tuple[Issue, ...]


def read(patient: Mapping[str, Any], now: date, *, demo: bool = False) -> Reading:
    """Returns what a Patient says. Nothing raises, whatever stands in it.

    now:  today, by which births and deaths are judged.
    demo: whether fictitious numbers of identity cards (99…) count: in a demonstration only.
    """
    into = Gathering()
    _sex(patient, into)
    _birth(patient, into, now)
    _death(patient, into, now)
    _names(patient, into)
    numbering.gather(patient, into, now, demo=demo)
    if into.get("unidentified") and any(field == numbering.ID_NUMBER for field, _ in into.certain):
        into.find("number-of-unidentified", "Patient.identifier")
    _from_number(into)
    _telecom(patient, into)
    _addresses(patient, into)
    _contacts(patient, into)
    _rest(patient, into)
    return Reading(into.fields(), tuple(into.certain), tuple(into.issues))


def _sex(patient: Mapping[str, Any], into: Gathering) -> None:
    if patient.get("gender") in ("male", "female"):
        into.add("sex", text(patient["gender"]))
        return
    beside = patient.get("_gender")
    for extension in _extensions(patient, beside if isinstance(beside, dict) else {}):
        for coding in codings(extension):
            if coding.get("system") in SEXES:
                into.add("sex", {"1": "male", "2": "female"}.get(text(coding.get("code")), ""))


def _birth(patient: Mapping[str, Any], into: Gathering, now: date) -> None:
    written = patient.get("birthDate")
    if not written:
        return
    born = day_of(written)
    if born is None:
        into.find("birth-impossible", "Patient.birthDate")
    elif born in SENTINELS:
        into.find("sentinel-date", "Patient.birthDate")
    elif (digits(born) if isinstance(born, date) else born) > digits(now):
        into.find("birth-in-future", "Patient.birthDate")
    elif int(text(written)[:4]) < EARLIEST_BIRTH.year:
        into.find("birth-too-early", "Patient.birthDate")
    else:
        into.add("birth_date", digits(born) if isinstance(born, date) else born)


def _death(patient: Mapping[str, Any], into: Gathering, now: date) -> None:
    at = "Patient.deceased"
    if patient.get("deceasedBoolean") is True:
        into.add("deceased", "true")
    died = day_of(patient.get("deceasedDateTime")) if patient.get("deceasedDateTime") else None
    if died is None:
        return
    written = digits(died) if isinstance(died, date) else died
    if died in SENTINELS:
        into.find("sentinel-date", at)
    elif written > digits(now):
        into.find("death-in-future", at)
    else:
        into.add("deceased", written)
        if any(written[: len(birth)] < birth[: len(written)] for birth in into.get("birth_date")):
            into.find("death-before-birth", at)


def _names(patient: Mapping[str, Any], into: Gathering) -> None:
    for place, human in enumerate(objects(patient.get("name"))):
        at = f"Patient.name[{place}]"
        if human.get("use") != "anonymous":
            for written in _written(human):
                _name(written, into, at)


def _written(human: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the forms of a HumanName: with the family name told if it says so, and its text if that differs."""
    family, whole = stated(human.get("family")), text(human.get("text"))
    given = joined(human.get("given") or (), " ") if isinstance(human.get("given"), list) else ""
    if not family or not given.strip():
        return (whole or family or given,)
    apart = f"{family}, {given}" if family.isascii() else f"{family}{given}".replace(" ", "")
    told, said = names.read(apart), names.read(whole)
    return (whole,) if said.joined == told.joined and said.kind == "chinese" else (apart, whole)


def _name(written: str, into: Gathering, at: str) -> None:
    written = written[:_LONGEST]
    name = names.read(written)
    if name.kind == "none" and sum(map(str.isdecimal, written)) > 5 and stated(written):
        into.find("name-is-number", at)
        if resident_id.is_valid(plain(written)):
            into.add(numbering.DOUBTFUL_NUMBER, plain(written))
    elif name.kind == "unidentified":
        into.add("unidentified", "true")
    elif name.kind == "masked":
        into.find("name-masked", at)
    elif name.kind == "newborn":
        into.add("newborn", "true")
        into.add("mother_name", name.mother)
        into.add("contact_name", name.mother)
        into.add("birth_order", *name.order)
        into.add("name_note", name.note)
        if not into.get("sex"):
            into.add("sex", name.sex)
    if not name.text:
        return
    if names.has_private_character(name.text):
        into.find("private-character", at)
    into.add("surname", name.surname)
    into.add("name_note", name.note)
    if name.text == name.surname:  # 张先生: a family name is no name yet.
        return
    into.add("name", name.text)
    into.add("given", name.given)
    into.add("pinyin", pinyin.sound(name).letters)


def _from_number(into: Gathering) -> None:
    for number in into.get(numbering.ID_NUMBER)[:1]:
        read = resident_id.read(number)
        for field, value in (("birth_date", digits(read.birth)), ("sex", read.sex)) if read else ():
            if not into.get(field):
                into.add(field, value)
                into.add("derived", field)


def _telecom(patient: Mapping[str, Any], into: Gathering) -> None:
    for point in objects(patient.get("telecom")):
        value = text(point.get("value"))[:_LONGEST]
        if point.get("system") == "email":
            into.add("email", stated(value).casefold())
        elif point.get("system") in ("phone", "sms", "other", None):
            into.add("phone", *phones(value))


def _addresses(patient: Mapping[str, Any], into: Gathering) -> None:
    for address in objects(patient.get("address")):
        lines = address.get("line") if isinstance(address.get("line"), list) else []
        parts = (address.get("state"), address.get("city"), address.get("district"), *(lines or ()))
        whole = stated(address.get("text")) or stated(joined(parts))
        if whole:
            read = addresses.read(whole)
            into.add("address" if read.doors else "area", whole[:_LONGEST])
            into.add("town", (read.county + read.town) if read.town else "")
        into.add("postal_code", stated(address.get("postalCode")))
        beside = (address.get(f"_{part}") for part in ("district", "city", "state", "text"))
        beside_lines = address.get("_line")
        for extension in _extensions(address, *beside, *(objects(beside_lines))):
            into.add("division", _division(extension))


def _division(extension: Mapping[str, Any]) -> str:
    """Returns the code of a division that an extension holds; its url or the system of its code says that it is one."""
    for coding in codings(extension):
        code = text(coding.get("code"))
        said = f"{extension.get('url', '')} {coding.get('system', '')}"
        if _DIVISION.fullmatch(code) and _OF_DIVISION.search(said):
            return code
    return ""


def _contacts(patient: Mapping[str, Any], into: Gathering) -> None:
    for contact in objects(patient.get("contact")):
        human, relation = contact.get("name"), relations.relation_of(objects(contact.get("relationship")))
        name = names.read(_written(human)[0]).text if isinstance(human, dict) else ""
        into.add("contact_name", name)
        if relation in ("mother", "father"):
            into.add(f"{relation}_name", name)
        for point in objects(contact.get("telecom")):
            into.add("contact_phone", *phones(text(point.get("value"))[:_LONGEST]))
        into.add("contact", f"{relation}|{name}" if relation and name else "")


def _rest(patient: Mapping[str, Any], into: Gathering) -> None:
    births = patient.get("multipleBirthInteger")
    into.add("multiple_birth", str(births) if isinstance(births, int) else "")
    into.add("multiple_birth", "true" if patient.get("multipleBirthBoolean") is True else "")
    institution = patient.get("managingOrganization")
    into.add("institution", text(institution.get("reference")) if isinstance(institution, dict) else "")
    for link in objects(patient.get("link")):
        other = link.get("other")
        reference = text(other.get("reference")) if isinstance(other, dict) else ""
        into.add("link", f"{text(link.get('type'))}|{reference}" if reference else "")
    for extension in _extensions(patient):
        if extension.get("url") == MOTHERS_NAME:
            into.add("mother_name", names.read(text(extension.get("valueString"))).text)
        for coding in codings(extension):
            if coding.get("system") in ETHNICITIES:
                into.add("ethnicity", stated(coding.get("code")))


def _extensions(*elements: object) -> list[Mapping[str, Any]]:
    """Returns the extensions of some elements, and those within them."""
    found: list[Mapping[str, Any]] = []
    for element in elements:
        if isinstance(element, dict):
            for extension in objects(element.get("extension")):
                found += [extension, *objects(extension.get("extension"))]
    return found
