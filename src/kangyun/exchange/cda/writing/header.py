"""The header of a document that is written: the kind, the patient, who wrote and keeps it, the stay. Pure."""

from datetime import date
from typing import Any

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import Node
from kangyun.exchange.cda.writing import building as b
from kangyun.exchange.cda.writing.content import Content, extension_of
from kangyun.exchange.cda.writing.parts import AUTHOR, STAFF, shown
from kangyun.fhir import Resource

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PERSON_NUMBER = "urn:oid:2.16.156.10011.1.3"
HOUSE = "2.16.156.10011.1.5"
SEX, MARITAL, KIN = (f"urn:oid:2.16.156.10011.2.3.3.{number}" for number in (4, 5, 8))
_SEXES = {
    "male": ("1", "男性"),
    "female": ("2", "女性"),
    "other": ("9", "未说明的性别"),
    "unknown": ("0", "未知的性别"),
}
_MARITAL = {"S": ("10", "未婚"), "M": ("20", "已婚"), "W": ("30", "丧偶"), "D": ("40", "离婚")}
_ROOTS = {"bd": "2.16.156.10011.1.22", "ro": "2.16.156.10011.1.21", "wa": "2.16.156.10011.1.27"}
_CLASSES = {"AMB": ("1", "门诊"), "EMER": ("2", "急诊"), "IMP": ("3", "住院")}
_HOUSE_NUMBERS = ("urn:oid:2.16.156.10011.1.5", "urn:kangyun:identifier:credit-code",
                  "urn:kangyun:identifier:health-institution")  # fmt: skip


def head(content: Content, at: str) -> list[Node]:
    """Returns what stands before the patient: what kind of document this is. Its number is put in last."""
    kind = content.kind
    names = "卫生信息共享文档规范编码体系"
    return [
        b.make("realmCode", code="CN"), b.make("typeId", root=catalogue.TYPE_ID, extension="POCD_MT000040"),
        b.make("templateId", root=kind.template), b.make("id", root=catalogue.DOCUMENT_NUMBER, extension=""),
        b.make("code", code=kind.code, codeSystem=catalogue.DOCUMENT_CODES, codeSystemName=names, displayName=kind.zh),
        b.make("title", kind.zh), b.make("effectiveTime", value=b.ts(at)),
        b.make("confidentialityCode", code="N", codeSystem=catalogue.CONFIDENTIALITY, codeSystemName="Confidentiality",
               displayName="正常访问保密级别"),
        b.make("languageCode", code="zh-CN"), b.make("setId"), b.make("versionNumber"),
    ]  # fmt: skip


def record_target(content: Content, patient: Resource, at: str) -> Node:
    """Returns whom the document is about."""
    numbers = [one for one in patient.get("identifier", ()) if one.get("value")]
    person = [one for one in numbers if one.get("system") == PERSON_NUMBER]
    others = [one for one in numbers if one.get("system") != PERSON_NUMBER]
    others += _stay_numbers(content, (".1.13",)) + _stay_numbers(content) + _focus_numbers(content)
    told = dict.fromkeys((one.get("system", ""), one["value"]) for one in others)
    class_ = (content.encounter or {}).get("class", {}).get("code", "")
    kind = _patient_type(class_) if content.kind.code in ("C0006", "C0007") else None
    role = b.make(
        "patientRole", *(b.instance({"system": system, "value": value}) for system, value in told), kind,
        *(b.address(one) for one in patient.get("address", ()) if one.get("text") or one.get("line")),
        *(b.telecom(one) for one in patient.get("telecom", ()) if one.get("value")),
        b.make("patient", *(b.instance(one) for one in person[:1]), *_person(patient, at), classCode="PSN",
               determinerCode="INSTANCE"),
        b.make("providerOrganization", *_house(content), classCode="ORG", determinerCode="INSTANCE"), classCode="PAT",
    )  # fmt: skip
    return b.make("recordTarget", role, typeCode="RCT", contextControlCode="OP")


def _stay_numbers(content: Content, ends: tuple[str, ...] = (".1.11", ".1.12")) -> list[Resource]:
    """Returns the numbers of the stay that stand with the patient's; a case number (病案号) is the patient's."""
    found = (content.encounter or {}).get("identifier", ())
    roots = tuple(f"urn:oid:2.16.156.10011{one}" for one in ends)
    return [one for one in found if one.get("value") and one.get("system") in roots]


def _focus_numbers(content: Content) -> list[Resource]:
    focus = content.focus or {}
    type_ = focus.get("resourceType")
    if type_ == "MedicationRequest":
        return [one for one in [focus.get("groupIdentifier")] if one and one.get("value")]
    if type_ == "DiagnosticReport":
        wanted = ".1.32" if content.kind.code == "C0006" else ".1.33"
        numbers = [one for one in focus.get("identifier", ()) if one.get("value")]
        own = [one for one in numbers if one.get("system", "").endswith(wanted)] or numbers
        return [{"system": "urn:oid:2.16.156.10011" + wanted, "value": one["value"]} for one in own[:1]]
    return []


def _patient_type(class_: str) -> Node | None:
    if class_ not in _CLASSES:
        return None
    code, name = _CLASSES[class_]
    coding = {"system": "urn:oid:2.16.156.10011.2.3.1.271", "code": code, "display": name}
    return b.make("patientType", b.make("patienttypeCode", **b.code_attributes(coding)))


def _person(patient: Resource, at: str) -> list[Node]:
    name = next((shown_name(one) for one in patient.get("name", ())), "")
    original = extension_of(patient.get("_gender", {}), "original-code")
    code, word = _SEXES[patient.get("gender", "unknown")]
    sex = original if original and original.get("system") == SEX else {"system": SEX, "code": code, "display": word}
    found = [b.make("name", name), b.make("administrativeGenderCode", **b.code_attributes(sex))]
    born = patient.get("birthDate", "")
    if born:
        found.append(b.make("birthTime", value=b.ts(born)))
    if marital := _marital(patient):
        found.append(b.coded("maritalStatusCode", marital, (MARITAL,)))
    if group := extension_of(patient, "ethnic-group"):
        found.append(b.make("ethnicGroupCode", **b.code_attributes(group)))
    if len(born) == 10:
        found.append(_age(born, at))
    return found


def shown_name(one: Resource) -> str:
    """Returns a name as a text."""
    return one.get("text") or f"{one.get('family', '')}{''.join(one.get('given', ()))}"


def _marital(patient: Resource) -> Resource | None:
    codings = patient.get("maritalStatus", {}).get("coding", ())
    own = [one for one in codings if one.get("system") == MARITAL]
    if own:
        return {"coding": own[:1]}
    meant = next((_MARITAL[one["code"]] for one in codings if one.get("code") in _MARITAL), None)
    return {"coding": [{"system": MARITAL, "code": meant[0], "display": meant[1]}]} if meant else None


def _age(born: str, at: str) -> Node:
    """Returns the age when the document was made: in years, of who is not yet one in months."""
    day, then = date.fromisoformat(born), date.fromisoformat(f"{at}-01-01"[:10])
    months = max((then.year - day.year) * 12 + then.month - day.month - (then.day < day.day), 0)
    return (
        b.make("age", unit="岁", value=str(months // 12))
        if months >= 12
        else b.make("age", unit="月", value=str(months))
    )


def _house(content: Content) -> list[Node]:
    house = content.house or {}
    numbers = {one.get("system"): one["value"] for one in house.get("identifier", ()) if one.get("value")}
    number = next((numbers[name] for name in _HOUSE_NUMBERS if name in numbers), None) or house.get("id", "")
    return [b.make("id", root=HOUSE, extension=number), b.make("name", house.get("name", ""))]


def author(content: Content, at: str) -> Node:
    """Returns who wrote what the document says: where nobody is named, the institution."""
    who = writer(content)
    time = b.make("time", value=b.ts(_written(content) or at))
    organization = b.make("representedOrganization", *_house(content))
    if who is None:
        entity = b.make("assignedAuthor", b.make("id", root=AUTHOR), organization, classCode="ASSIGNED")
    else:
        entity = b.person(AUTHOR, who, "assignedAuthor")
        entity.set("classCode", "ASSIGNED")
        entity.append(organization)
    return b.make("author", time, entity, typeCode="AUT", contextControlCode="OP")


def writer(content: Content) -> Resource | None:
    """Returns the Reference to who wrote it, None where nobody is named."""
    focus, stay = content.focus or {}, content.encounter or {}
    named: list[Any] = [*focus.get("performer", ()), focus.get("requester")]
    named = [one.get("actor", one) for one in named if one]
    composition = content.composition or {}
    about = focus.get("resourceType") in ("DiagnosticReport", "MedicationRequest", "Procedure")
    people = (
        named
        if about
        else [*composition.get("author", ()), *(p.get("individual") for p in stay.get("participant", ()))]
    )
    return next((one for one in people if one and _is_person(one)), None)


def _is_person(one: Resource) -> bool:
    named = one.get("display") or one.get("identifier", {}).get("value")
    return bool(named) and not one.get("reference", "").startswith("Organization/")


def _written(content: Content) -> str:
    focus = content.focus or {}
    if focus.get("resourceType") in ("DiagnosticReport", "MedicationRequest"):
        return str(focus.get("issued") or focus.get("authoredOn") or "")
    return ""


def keepers(content: Content) -> list[Node]:
    """Returns who keeps the document, who signed, and who is near to the patient."""
    organization = b.make(
        "representedCustodianOrganization", *_house(content), classCode="ORG", determinerCode="INSTANCE"
    )
    found = [b.make("custodian", b.make("assignedCustodian", organization, classCode="ASSIGNED"), typeCode="CST")]
    focus = content.focus or {}
    signers = focus.get("resultsInterpreter", ()) if focus.get("resourceType") == "DiagnosticReport" else [
        one.get("party", {}) for one in (content.composition or {}).get("attester", ()) if one.get("mode") == "legal"
    ]  # fmt: skip
    for who in [one for one in signers if _is_person(one)][:1]:
        entity = b.person(STAFF, who, "assignedEntity")
        found.append(b.make("legalAuthenticator", b.make("time"), b.make("signatureCode"), entity))
    for contact in (content.patient or {}).get("contact", ()):
        name = shown_name(contact.get("name", {}))
        if name:
            found.append(_contact(contact, name))
    return found


def _contact(contact: Resource, name: str) -> Node:
    codings = [c for one in contact.get("relationship", ()) for c in one.get("coding", ()) if c.get("system") == KIN]
    text = next((one["text"] for one in contact.get("relationship", ()) if one.get("text")), "")
    code = b.make("code", **b.code_attributes(codings[0])) if codings else b.make("code", displayName=text or None)
    home = contact.get("address")
    return b.make("participant", b.make(
        "associatedEntity", code, b.address(home) if home and home.get("text") else None,
        *(b.telecom(one) for one in contact.get("telecom", ()) if one.get("value")),
        b.make("associatedPerson", b.make("name", name), classCode="PSN", determinerCode="INSTANCE"), classCode="ECON",
    ), typeCode="NOT")  # fmt: skip


def component_of(content: Content) -> Node | None:
    """Returns the stay or visit, None where there is none."""
    stay = content.encounter
    if stay is None:
        return None
    elsewhere = _stay_numbers(content, (".1.11", ".1.12", ".1.13"))
    numbers = [one for one in stay.get("identifier", ()) if one not in elsewhere and one.get("value")]
    class_ = stay.get("class", {}).get("code", "")
    route = stay.get("hospitalization", {}).get("admitSource")
    code = None
    if class_ == "IMP" and route and route.get("coding"):
        code = b.coded("code", route)
    elif class_ in _CLASSES:
        code = b.make("code", **b.code_attributes(
            {"system": ACT_CODE, "code": class_, "display": _CLASSES[class_][1]}
        ))  # fmt: skip
    node = b.make(
        "encompassingEncounter", *map(b.instance, numbers), code, b.effective(stay.get("period", {})),
        _places(content, stay), classCode="ENC", moodCode="EVN",
    )  # fmt: skip
    return b.make("componentOf", node, typeCode="COMP")


def _places(content: Content, stay: Resource) -> Node | None:
    """Returns bed, room, department, ward and house, one within the other."""
    found: dict[str, tuple[str, str]] = {}
    for one in stay.get("location", ()):
        kind = next((c.get("code", "") for c in one.get("physicalType", {}).get("coding", ())), "")
        if name := one.get("location", {}).get("display"):
            found.setdefault(_ROOTS.get(kind, ""), (name, name))
    service = stay.get("serviceType", {})
    if shown(service):
        code = next((c["code"] for c in service.get("coding", ()) if c.get("code")), shown(service))
        found["2.16.156.10011.1.26"] = (code, shown(service))
    order = ("2.16.156.10011.1.22", "2.16.156.10011.1.21", "2.16.156.10011.1.26", "2.16.156.10011.1.27")
    whole = b.make("wholeOrganization", *_house(content), classCode="ORG", determinerCode="INSTANCE")
    there = [root for root in order if root in found]
    if not there:
        return None
    for root in reversed(there):
        number, name = found[root]
        part = b.make("asOrganizationPartOf", whole, classCode="PART")
        whole = b.make("wholeOrganization", b.make("id", root=root, extension=number), b.make("name", name), part,
                       classCode="ORG", determinerCode="INSTANCE")  # fmt: skip
    outer = b.make("serviceProviderOrganization", b.make("asOrganizationPartOf", whole, classCode="PART"))
    return b.make("location", b.make("healthCareFacility", outer))
