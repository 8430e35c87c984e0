"""Which elements of which resource are masked, and how. Pure; nothing that is given is changed.

Of a person only what stands in a list is shown, so that an extension or a photograph that nobody thought of stays
hidden. Of staff, whose names are on the door, only what is private.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

from kangyun.access.masking.standing import PERSONS, personal
from kangyun.access.masking.texts import (
    STAR,
    district_of,
    is_identity_number,
    mask_email,
    mask_name,
    mask_number,
    mask_phone,
    year_of,
)
from kangyun.fhir import Resource

MARK = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "MASKED"}
PARTIAL = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_TYPE = re.compile(r"[A-Z][A-Za-z]*")
_PRIVATE_USE = ("home", "mobile", "temp", "old")
_IDENTITY_CARD_LENGTHS = (15, 18)
# WS/T 500-2016; HL7 v2-0203.
_IDENTITY_SYSTEMS = ("urn:oid:2.16.156.10011.1.3", "2.16.156.10011.1.3", "urn:kangyun:identifier:id-number")
_IDENTITY_KINDS = {"NNCHN", "NI", "CIN"}


class _Within(NamedTuple):
    """The resource that something stands in. personal: names of its references that may be to a person.

    contained: the types of the resources that it contains, by `#id`.
    """

    personal: frozenset[str]
    contained: Mapping[str, Any]


def masked(resource: Resource) -> Resource:
    """Returns a resource as it is shown to who has not opened the person."""
    shown = _shown(resource)
    return shown if shown == resource or resource.get("resourceType") == "Bundle" else _marked(shown)


def is_masked(resource: Resource) -> bool:
    """Whether a resource was masked: it may not be written back."""
    meta = resource.get("meta")
    security = meta.get("security") if isinstance(meta, dict) else None
    return isinstance(security, list) and any(
        isinstance(one, dict) and one.get("code") == MARK["code"] for one in security
    )


def masked_place(resource: Resource) -> str | None:
    """Returns where a resource, or one that a Bundle or Parameters carries, says that it was masked; None: nowhere."""
    if is_masked(resource):
        return "meta.security"
    for name in ("entry", "parameter") if resource.get("resourceType") in ("Bundle", "Parameters") else ():
        for number, one in enumerate(resource.get(name) or ()):
            within = one.get("resource") if isinstance(one, dict) else None
            place = masked_place(within) if isinstance(within, dict) else None
            if place is not None:
                return f"{name}[{number}].resource.{place}"
    return None


def _shown(resource: Resource) -> Resource:
    type_ = resource.get("resourceType")
    if type_ in PERSONS:
        return _kept(resource, _PERSON)
    contained = resource.get("contained")
    types = {
        f"#{one.get('id')}": one.get("resourceType")
        for one in (contained if isinstance(contained, list) else ())
        if isinstance(one, dict)
    }
    type_ = type_ if isinstance(type_, str) else ""
    # A title is a person's where it is of what is somebody's: 张三的用药清单.
    rules = _NAMING.get(type_, {}) if type_ not in _TITLED or "subject" in resource else {}
    return _kept(resource, rules, _Within(personal(type_), types))


def _marked(shown: Resource) -> Resource:
    meta = dict(shown.get("meta") or {})
    meta["security"] = [*meta.get("security", ()), MARK]
    meta["tag"] = [*meta.get("tag", ()), PARTIAL]
    head = {name: shown[name] for name in ("resourceType", "id") if name in shown}
    return head | {"meta": meta} | {name: value for name, value in shown.items() if name != "meta"}


def _kept(element: Mapping[str, Any], rules: "Rules", within: _Within | None = None) -> Resource:
    """Returns what the rules show of an element; within: what they do not name is shown as it is."""
    shown = {}
    for name, value in element.items():
        rule = rules.get(name)
        if rule is not None:
            found = [one for one in map(rule, value) if one] if isinstance(value, list) else rule(value)
            if found not in (None, [], {}, ""):
                shown[name] = found
        elif within is not None and not _is_narrative(name, value):
            shown[name] = _walked(name, value, within)
    return shown


def _walked(name: str, value: Any, within: _Within) -> Any:
    """Returns what stands in a resource that is about somebody: references and resources within it are masked."""
    if isinstance(value, list):
        return [_walked(name, one, within) for one in value]
    rule = TYPED.get(name)
    if rule is not None:
        return rule(value)
    if not isinstance(value, dict):
        return value
    if "resourceType" in value:  # What is contained has no mark of its own (dom-5).
        return _shown(value) if name == "contained" else masked(value)
    if _refers_to_person(name, value, within):
        return _reference(value)
    if _is_identity_number(value):
        return _number(value)
    return {
        key: _walked(key, one, within)
        for key, one in value.items()
        if key != "text" or not _is_narrative(key, one)  # The key first: this is most of the work.
    }


def _is_identity_number(value: Mapping[str, Any]) -> bool:
    """Whether an element is an Identifier with the number of an identity card: by its system, its kind or its form."""
    number = value.get("value")
    if not isinstance(number, str):  # Of a Quantity it is a number, and of most elements there is none.
        return False
    kind = value.get("type")
    coded = kind.get("coding") if isinstance(kind, dict) else None
    codes = {one.get("code") for one in coded if isinstance(one, dict)} if isinstance(coded, list) else set()
    return value.get("system") in _IDENTITY_SYSTEMS or bool(codes & _IDENTITY_KINDS) or is_identity_number(number)


def _is_narrative(name: str, value: Any) -> bool:
    return name == "text" and isinstance(value, dict) and "div" in value


def _refers_to_person(name: str, value: Mapping[str, Any], within: _Within) -> bool:
    if not {"display", "identifier"} & value.keys():
        return False
    kind = _said_type(value, within.contained)
    return kind in PERSONS if kind else name in within.personal


def _said_type(value: Mapping[str, Any], contained: Mapping[str, Any]) -> str | None:
    """Returns the type of resource that a reference says it is to, None where it says none."""
    reference, kind = value.get("reference"), value.get("type")
    said: Any = None
    if isinstance(reference, str) and reference.startswith("#"):
        said = contained.get(reference)
    elif isinstance(reference, str) and not reference.startswith("urn:"):
        address = reference.partition("/_history/")[0].partition("?")[0]
        said = address.rpartition("/")[0].rpartition("/")[2] or address
    if isinstance(said, str) and _TYPE.fullmatch(said):
        return said
    # A type may be written as its whole URL.
    return kind.rpartition("/")[2] if isinstance(kind, str) else None


def _reference(value: Mapping[str, Any]) -> Resource:
    return _kept(value, {"reference": _as_it_is, "type": _as_it_is, "display": _text(mask_name), "identifier": _number})


# --- the parts of a person


def _as_it_is(value: Any) -> Any:
    return value


def _text(mask: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda value: mask(value) if isinstance(value, str) else None


def _name(value: Any) -> Resource | None:
    """A HumanName: only its text is shown, made of its parts where it has none."""
    if not isinstance(value, dict):
        return None
    given, family = value.get("given"), value.get("family")
    first = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
    family = family if isinstance(family, str) else ""
    western = any(sign.isascii() for sign in "".join([family, *first]))
    whole = " ".join([*first, family]).strip() if western else "".join([family, *first])
    text = value.get("text") or whole
    return _kept(value, {"use": _as_it_is, "period": _as_it_is}) | (
        {"text": mask_name(text)} if isinstance(text, str) and text.strip() else {}
    )


def _number(value: Any) -> Resource | None:
    """An Identifier: what kind it is, and the ends of its value."""
    if not isinstance(value, dict):
        return None
    rules = dict.fromkeys(("use", "type", "system", "period"), _as_it_is)
    return _kept(value, rules | {"value": _text(mask_number)})


def _contact_point(value: Any) -> Resource | None:
    if not isinstance(value, dict):
        return None
    mask = _MASKS.get(value.get("system", ""), lambda text: STAR * 3)
    rules = dict.fromkeys(("system", "use", "rank", "period"), _as_it_is)
    return _kept(value, rules | {"value": _text(mask)})


_MASKS = {"phone": mask_phone, "sms": mask_phone, "fax": mask_phone, "pager": mask_phone, "email": mask_email}


def _address(value: Any) -> Resource | None:
    """An Address, down to the district."""
    if not isinstance(value, dict):
        return None
    names = ("use", "type", "period", "country", "state", "city", "district")
    shown = _kept(value, dict.fromkeys(names, _as_it_is))
    text = "".join(value[name] for name in ("state", "city", "district") if isinstance(value.get(name), str))
    if not text and isinstance(value.get("text"), str):
        text = district_of(value["text"])
    return shown | ({"text": text} if text else {})


def _contact_detail(value: Any) -> Resource | None:
    """A ContactDetail: a name and how to reach who has it."""
    return _kept(value, {"name": _text(mask_name), "telecom": _contact_point}) if isinstance(value, dict) else None


def _contact(value: Any) -> Resource | None:
    """Patient.contact: somebody close."""
    return _kept(value, _CONTACT) if isinstance(value, dict) else None


def _private(mask: Callable[[Any], Any], value: Any) -> Any:
    """What staff use at home is masked, what they use at work is not."""
    return mask(value) if isinstance(value, dict) and value.get("use") in _PRIVATE_USE else value


def _staff_number(value: Any) -> Any:
    """A number of staff: shown, unless it is that of an identity card."""
    number = value.get("value") if isinstance(value, dict) else None
    return _number(value) if isinstance(number, str) and len(number) in _IDENTITY_CARD_LENGTHS else value


def _of_person(name: str, value: Any) -> Any:
    """What a person refers to: other persons, and who is in charge."""
    return _walked(name, value, _Within(_of_persons(), {}))


@cache
def _of_persons() -> frozenset[str]:
    return frozenset[str]().union(*map(personal, PERSONS))


Rules = Mapping[str, Callable[[Any], Any]]
# What is a person's by its datatype, which the name of an element of several types tells, wherever it stands; the
# one number of a person that is no Identifier, and who has written an Annotation, in plain text.
TYPED: Rules = {
    "valueHumanName": _name, "valueContactPoint": _contact_point, "valueAddress": _address, "valueIdentifier": _number,
    "valueContactDetail": _contact_detail, "locationAddress": _address, "subscriberId": _text(mask_number),
    "authorString": _text(mask_name),
}  # fmt: skip
_PLAIN = (
    *("resourceType", "id", "meta", "implicitRules", "language", "active", "gender", "deceasedBoolean"),
    *("maritalStatus", "multipleBirthBoolean", "multipleBirthInteger", "communication", "relationship", "period"),
)
_ABOUT: Rules = {
    "name": _name, "telecom": _contact_point, "address": _address, "identifier": _number,
    "birthDate": _text(year_of), "deceasedDateTime": _text(year_of),
}  # fmt: skip
_link = partial(_of_person, "link")
_CONTACT: Rules = {
    "relationship": _as_it_is, "gender": _as_it_is, "period": _as_it_is, "organization": _link,
    "name": _name, "telecom": _contact_point, "address": _address,
}  # fmt: skip
_PERSON: Rules = {
    **dict.fromkeys(_PLAIN, _as_it_is), **_ABOUT, "contact": _contact,
    "patient": partial(_of_person, "patient"), "link": _link,
    "managingOrganization": _link, "generalPractitioner": _link,
}  # fmt: skip
_PRACTITIONER: Rules = {
    "telecom": partial(_private, _contact_point), "address": partial(_private, _address),
    "identifier": _staff_number, "birthDate": _text(year_of),
}  # fmt: skip
_RELATIVE: Rules = {"name": _text(mask_name), "bornDate": _text(year_of), "deceasedDate": _text(year_of)}
_hidden = _text(lambda text: STAR * 3)
_TITLED: Mapping[str, Rules] = {"Account": {"name": _hidden}, "List": {"title": _hidden}}
_NAMING: Mapping[str, Rules] = {"Practitioner": _PRACTITIONER, "FamilyMemberHistory": _RELATIVE, **_TITLED}
NAMING = frozenset(_NAMING)
"""Types besides persons with elements of their own that are masked."""
