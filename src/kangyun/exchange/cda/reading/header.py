"""The header of a document: the patient, the stay, and the document itself as it was. Pure.

The patient is that of the institution, known again by its own number; the original bytes are kept in a Binary.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from kangyun.base.numbers import resident_id
from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import Node
from kangyun.exchange.cda.reading import values
from kangyun.exchange.cda.reading.making import EXTENSION, HL7, NUMBER, Making, extension, kept, only
from kangyun.fhir import Resource
from kangyun.fhir.china import maps

SEX, MARITAL = "urn:oid:2.16.156.10011.2.3.3.4", "urn:oid:2.16.156.10011.2.3.3.5"
CHINA = "2.16.156.10011."
_GENDERS = {"M": "male", "F": "female", "UN": "other", "男": "male", "女": "female", "男性": "male", "女性": "female"}
_PLACES = {"2.16.156.10011.1.22": "bd", "2.16.156.10011.1.21": "ro", "2.16.156.10011.1.27": "wa"}
ACT_CODE = HL7 + "v3-ActCode"
ADMISSION_ROUTE = "2.16.156.10011.2.3.1.270"
DEPARTMENT = "2.16.156.10011.1.26"


def identify(making: Making) -> None:
    """Reads by which numbers the document, its patient and its stay are known. Raises Whole where nobody is named."""
    root = making.parsed.root
    code = values.first(root, "code")
    making.kind = values.attribute(code, "code")
    making.chinese = values.attribute(code, "codeSystem") == catalogue.DOCUMENT_CODES or any(
        values.attribute(one, "root").startswith(CHINA) for one in values.every(root, "templateId")
    )
    if making.chinese and making.kind not in catalogue.kinds():
        making.leave_out("kind-unknown", root if code is None else code, "")
    number = next((number or root_ for root_, number in values.numbers(root)), "")
    making.number = number or hashlib.sha256(making.parsed.raw).hexdigest()[:32]
    if not number:
        making.leave_out("no-number", root, "")
    making.at = values.instant(values.time(making, values.first(root, "effectiveTime")))
    if not making.at:
        author = values.first(root, "author", "time")
        making.at = values.instant(values.time(making, author)) or _day_of_stay(making)
    if not making.at:
        raise making.refuse("no-time", root)


def _day_of_stay(making: Making) -> str:
    encounter = values.first(making.parsed.root, "componentOf", "encompassingEncounter", "effectiveTime")
    found = values.period(making, encounter)
    return values.instant(found.get("end", "") or found.get("start", ""))


def patient(making: Making) -> None:
    """Adds the Patient. Raises Whole where no number tells who it is."""
    role = values.first(making.parsed.root, "recordTarget", "patientRole")
    if role is None:
        raise making.refuse("no-patient", making.parsed.root)
    targets = values.every(making.parsed.root, "recordTarget")
    if len(targets) > 1:
        raise making.refuse("several-patients", targets[1])
    person = values.first(role, "patient")
    said = values.numbers(role) + (values.numbers(person) if person is not None else [])
    key = _key(making, "patient", said, "")
    if key is None:
        raise making.refuse("no-patient", role)
    others = {*making.conventions["numbers"]["visit"], *making.conventions["numbers"]["report"]}
    others |= {making.conventions["numbers"][name] for name in ("prescription", "order", "specimen")}
    own = [(root, number) for root, number in said if root not in others]
    resource: Resource = {"resourceType": "Patient", "active": True}
    kept(resource, {
        "identifier": only([_number(making, root, number, role) for root, number in own]),
        "name": only([_official(values.name_of(one)) for one in values.every(person, "name")]),
        "telecom": only([values.telecom(one) for one in values.every(role, "telecom")]),
        "address": only([values.address(one) for one in values.every(role, "addr")]),
    })  # fmt: skip
    if person is not None:
        _demographics(making, person, resource)
    if contacts := _contacts(making):
        resource["contact"] = contacts
    resource["managingOrganization"] = {"reference": making.feed.institution}
    making.who = making.store(key, resource, role, partial=True)


def _number(making: Making, root: str, number: str, node: Node) -> Resource | None:
    if root == "2.16.156.10011.1.3":
        plain = resident_id.plain(number)
        if not (resident_id.is_valid(plain) or resident_id.upgraded(plain)):
            making.leave_out("id-number", node, number)
            return None
    return values.identifier(making, root, number)


def _official(name: Resource | None) -> Resource | None:
    return None if name is None else {"use": "official"} | name


def _demographics(making: Making, person: Node, into: Resource) -> None:
    sex = values.coding(making, values.first(person, "administrativeGenderCode"), "sex")
    if sex is not None:
        gender = maps.translated("sex-to-administrative-gender", sex["code"]) or _GENDERS.get(sex["code"], "unknown")
        into["gender"] = gender
        into["_gender"] = {"extension": [{"url": EXTENSION + "original-code", "valueCoding": sex}]}
    if born := values.time(making, values.first(person, "birthTime")):
        into["birthDate"] = born[:10]
    marital = values.concept(making, values.first(person, "maritalStatusCode"), "marital")
    if marital is not None:
        code = next((one["code"] for one in marital.get("coding", ()) if one["system"] == MARITAL), "")
        if meant := maps.translated("marital-status-to-v3", code) if code else None:
            marital["coding"].append({"system": HL7 + "v3-MaritalStatus", "code": meant})
        into["maritalStatus"] = marital
    found = []
    for node in person.iter():
        said = values.coding(making, node) if node.get("code") and node.get("codeSystem") else None
        name = making.conventions["person"].get(said["system"]) if said else None
        if name:
            found.append(extension(name, "Coding", said))
    if found:
        into["extension"] = found


def _contacts(making: Making) -> list[Resource]:
    found = []
    for node in values.every(making.parsed.root, "participant"):
        entity = values.first(node, "associatedEntity")
        name = values.name_of(values.first(entity, "associatedPerson", "name")) if entity is not None else None
        if entity is None or name is None:
            continue
        relation = values.concept(making, values.first(entity, "code"), "kinship")
        if relation is not None and (meant := _kin(relation)):
            relation["coding"].append({"system": HL7 + "v3-RoleCode", "code": meant})
        addresses = only([values.address(one) for one in values.every(entity, "addr")])
        found.append(kept({}, {
            "relationship": [relation] if relation else [], "name": name,
            "telecom": only([values.telecom(one) for one in values.every(entity, "telecom")]),
            "address": addresses[0] if addresses else None,
        }))  # fmt: skip
    return found


def _kin(relation: Resource) -> str | None:
    codes = [one["code"] for one in relation.get("coding", ()) if one["system"] == "urn:oid:2.16.156.10011.2.3.3.8"]
    return maps.translated("kinship-to-v3", codes[0]) if codes else None


def _key(making: Making, whose: str, said: Sequence[tuple[str, str]], day: str) -> str | None:
    """Returns the id by the first of the conventions' numbers that the document has."""
    for rule in making.conventions[whose]:
        for root, number in said:
            if rule["root"] in (root, "*") and (number or not root.startswith(CHINA)):
                fills = {"number": number, "day": day, "root": root}
                key = [part.format_map(fills) for part in rule["key"]]
                return making.id(rule["kind"], *key)
    return None


def stay(making: Making) -> None:
    """Adds the Encounter where the document has a number or a time of one."""
    root = making.parsed.root
    node = values.first(root, "componentOf", "encompassingEncounter")
    role = values.first(root, "recordTarget", "patientRole")
    numbers = [one for one in values.numbers(role) if one[0] in making.conventions["numbers"]["visit"]]
    own = values.numbers(node) if node is not None else []
    when = values.period(making, values.first(node, "effectiveTime")) if node is not None else {}
    day = when.get("start", "")[:10].replace("-", "")
    key = _key(making, "visit", [("encounter", number or root_) for root_, number in own] + numbers, day)
    if key is None and day:
        # A stay that has no number is known by its patient and the time that it began.
        key = making.id("document-visit", making.who, when["start"])
    if key is None:
        return
    resource: Resource = {
        "resourceType": "Encounter",
        "status": "finished" if "end" in when else "unknown",
        "class": {"system": ACT_CODE, "code": class_}
        if (class_ := _class(making, role, node, numbers))
        else {"system": HL7 + "v3-NullFlavor", "code": "UNK"},
        "subject": {"reference": making.who}, "serviceProvider": {"reference": making.feed.institution},
    }  # fmt: skip
    route = values.concept(making, values.first(node, "code"), "admission-route") if node is not None else None
    came = route is not None and all(one["system"] != ACT_CODE for one in route.get("coding", ()))
    kept(resource, {
        "identifier": [values.identifier(making, root_, number) for root_, number in (*own, *numbers)],
        "period": when, "hospitalization": {"admitSource": route} if came and class_ == "IMP" else None,
    })  # fmt: skip
    if node is not None:
        _places(making, node, resource)
    making.stay = making.store(key, resource, role if node is None else node, partial=True)


def _class(making: Making, role: Node, node: Node | None, numbers: Sequence[tuple[str, str]]) -> str:
    for one in role.iter("patienttypeCode", "patientTypeCode"):
        if found := making.conventions["classes"].get(values.attribute(one, "code")):
            return str(found)
    code = values.first(node, "code") if node is not None else None
    said = values.attribute(code, "code")
    if said in ("AMB", "EMER", "IMP", "ACUTE", "NONAC", "HH", "VR"):
        return said
    if said and values.attribute(code, "codeSystem") == ADMISSION_ROUTE:
        return "IMP"
    roots = {root for root, _ in numbers}
    if "2.16.156.10011.1.12" in roots:
        return "IMP"
    return "AMB" if "2.16.156.10011.1.11" in roots else ""


def _places(making: Making, node: Node, into: Resource) -> None:
    """Adds bed, room and ward as locations, the department as the kind of service."""
    found = []
    for one in node.iter("wholeOrganization", "serviceProviderOrganization"):
        for root, number in values.numbers(one):
            name = values.text_of(values.first(one, "name")) or number
            if root in _PLACES and not values.nothing(name):
                kind = {"coding": [{"system": HL7 + "location-physical-type", "code": _PLACES[root]}]}
                found.append({"location": {"display": name}, "physicalType": kind})
            elif root == DEPARTMENT and not values.nothing(name):
                system = f"{values.LOCAL}{making.feed.owner}:department"
                coded = {"coding": [{"system": system, "code": number, "display": name}]} if number != name else {}
                into["serviceType"] = coded | {"text": name}
    if found:
        into["location"] = found


def document(making: Making) -> None:
    """Adds the DocumentReference and the original in a Binary."""
    root, raw = making.parsed.root, making.parsed.raw
    title = values.text_of(values.first(root, "title")) or _title(making)
    binary: Resource = {
        "resourceType": "Binary", "contentType": "application/xml",
        "securityContext": {"reference": making.who}, "data": base64.b64encode(raw).decode(),
    }  # fmt: skip
    url = making.store(making.id("document-original", making.number), binary, root)
    attachment = {
        "contentType": "application/xml", "url": url, "size": len(raw), "title": title, "creation": making.at,
        "hash": base64.b64encode(hashlib.sha1(raw, usedforsecurity=False).digest()).decode(),
    }  # fmt: skip
    resource: Resource = {
        "resourceType": "DocumentReference", "masterIdentifier": _master(making),
        "status": "current", "docStatus": "final", "type": type_of(making), "subject": {"reference": making.who},
        "date": making.at, "custodian": {"reference": making.feed.institution},
        "content": [{"attachment": attachment}],
    }  # fmt: skip
    kept(resource, {
        "author": authors(making), "authenticator": _signer(making, "legalAuthenticator"),
        "relatesTo": _replaced(making),
        "context": {"encounter": [{"reference": making.stay}]} if making.stay else None,
    })  # fmt: skip
    making.store(making.id("document", making.number), resource, root)


def _master(making: Making) -> Resource:
    for root, number in values.numbers(making.parsed.root):
        return values.identifier(making, root, number)
    return {"system": f"{NUMBER}document:{making.feed.owner}", "value": making.number}


def _title(making: Making) -> str:
    kind = catalogue.kinds().get(making.kind)
    return kind.zh if kind is not None else making.kind or "CDA"


def type_of(making: Making) -> Resource:
    """Returns the kind of the document as a CodeableConcept."""
    found = values.concept(making, values.first(making.parsed.root, "code"), "document-type")
    if found is None:
        return {"text": _title(making)}
    for one in found["coding"]:
        kind = catalogue.kinds().get(one["code"])
        if kind is not None and making.chinese:
            one.setdefault("display", kind.zh)
    found.setdefault("text", _title(making))
    return found


def authors(making: Making) -> list[Resource]:
    """Returns References to those who wrote the document."""
    nodes = [values.first(one, "assignedAuthor") for one in values.every(making.parsed.root, "author")]
    return only([values.staff(making, node) for node in nodes])


def _signer(making: Making, name: str) -> Resource | None:
    node = values.first(making.parsed.root, name, "assignedEntity")
    return values.staff(making, node)


def signers(making: Making) -> list[Mapping[str, Any]]:
    """Returns who attested the document, for a Composition: legal ones first."""
    found: list[Mapping[str, Any]] = []
    for name, mode in (("legalAuthenticator", "legal"), ("authenticator", "professional")):
        for node in values.every(making.parsed.root, name):
            who = values.staff(making, values.first(node, "assignedEntity"))
            if who is not None:
                at = values.instant(values.time(making, values.first(node, "time")))
                found.append({"mode": mode} | ({"time": at} if at else {}) | {"party": who})
    return found


def _replaced(making: Making) -> list[Resource]:
    found = []
    for node in values.every(making.parsed.root, "relatedDocument"):
        code = {"RPLC": "replaces", "APND": "appends", "XFRM": "transforms"}.get(node.get("typeCode", ""))
        parent = values.first(node, "parentDocument")
        number = next((number or root for root, number in values.numbers(parent)), "") if parent is not None else ""
        if code and number:
            target = {"reference": f"DocumentReference/{making.id('document', number)}"}
            found.append({"code": code, "target": target})
    return found
