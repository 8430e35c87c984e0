"""Diagnoses, drugs, procedures, allergies and vaccinations made entries. Pure."""

from collections.abc import Mapping
from typing import Any

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import Node
from kangyun.exchange.cda.writing import building as b
from kangyun.exchange.cda.writing.content import Content, extension_of, when
from kangyun.exchange.cda.writing.parts import STAFF, Parts, counts, element_of, listed, organizer, shown
from kangyun.fhir import Resource

ICD, CHINESE = "urn:oid:2.16.156.10011.2.3.3.11", "urn:oid:2.16.156.10011.2.3.3.14"
DIAGNOSES = (ICD, "urn:kangyun:code-system:diagnosis-clinical", "urn:kangyun:code-system:diagnosis-insurance", CHINESE)
OPERATIONS = ("urn:oid:2.16.156.10011.2.3.3.12", "urn:kangyun:code-system:operation-clinical",
              "urn:kangyun:code-system:operation-insurance")  # fmt: skip
_PROCEDURE_LISTS = ("operation-level", "incision", "healing", "anaesthesia")


def diagnoses(content: Content, section: str) -> Parts:
    """Conditions: by code, else by name."""
    table = catalogue.table("conventions")["diagnoses"]
    where = (table.get(f"{content.kind.code} {section}") or table.get(section, {})).get("zh", "")
    found: Parts = []
    for one in content.diagnoses(section):
        concept = one.get("code", {})
        coded = any(c.get("code") for c in concept.get("coding", ()))
        chinese = coded and all(c.get("system") == CHINESE for c in concept["coding"])
        element = ("DE05.10.130.00" if chinese else "DE05.01.024.00") if coded else "DE05.01.025.00"
        name = f"{where}-{catalogue.roles()[element].name}" if where else ""
        value = b.coded("value", concept, DIAGNOSES, type_="CD") if coded else b.text(shown(concept))
        recorder = one.get("recorder")
        beside = [b.make("performer", b.person(STAFF, recorder, "assignedEntity"))] if recorder else []
        lists = [
            b.observation(element_of(role), said) for role in ("condition-on-admission", "outcome")
            if (coding := extension_of(one, role)) and (said := listed(element_of(role), coding)) is not None
        ]  # fmt: skip
        clustered = catalogue.table("kinds")["kinds"][content.kind.code].get("clustered", False)
        if not clustered:
            beside += [b.within(inner) for inner in lists]
        act = b.observation(element, value, name=name, at=one.get("recordedDate", ""), beside=beside)
        if clustered and lists:
            act = organizer("CLUSTER", act, *lists)
        found.append((act, f"{where or '诊断'}：{shown(concept)}"))
    return found


def chinese_diagnosis(content: Content, section: str) -> Parts:
    """Nothing of its own: whether a section has a diagnosis of Chinese medicine, for kinds that are of such only."""
    codings = (c for one in content.diagnoses(section) for c in one.get("code", {}).get("coding", ()))
    return [(None, "")] if any(c.get("system") == CHINESE for c in codings) else []


def prescriptions(content: Content, section: str) -> Parts:
    """MedicationRequests and MedicationStatements."""
    requests = content.all("MedicationRequest")
    number = (content.focus or {}).get("groupIdentifier", {}).get("value")
    if content.kind.code in ("C0004", "C0005") and number:
        requests = [one for one in requests if one.get("groupIdentifier", {}).get("value") == number]
    found: Parts = []
    for one in (*requests, *content.all("MedicationStatement")):
        dosage: Resource = next(iter(one.get("dosageInstruction") or one.get("dosage") or ()), {})
        dose = next((part.get("doseQuantity") for part in dosage.get("doseAndRate", ())), None)
        found.append(_drug(one, dosage, dose))
    return found


def administrations(content: Content, section: str) -> Parts:
    """MedicationAdministrations."""
    return [
        _drug(one, one.get("dosage", {}), one.get("dosage", {}).get("dose"))
        for one in content.all("MedicationAdministration")
    ]  # fmt: skip


def _drug(one: Resource, dosage: Mapping[str, Any], dose: Mapping[str, Any] | None) -> tuple[Node, str]:
    what = one.get("medicationCodeableConcept", {})
    often = dosage.get("timing", {}).get("code")
    rate = b.make("rateQuantity", b.coded("translation", often)) if often else None
    form = extension_of(one, "drug-form")
    codings = {"coding": what.get("coding", ())}
    code = b.coded("code", codings) if what.get("coding") else b.make("code")
    label = b.make("manufacturedLabeledDrug", code, b.make("name", shown(what)))
    specification = extension_of(one, "drug-specification")
    total = one.get("dispenseRequest", {}).get("quantity")
    at = one.get("effectiveDateTime") if one["resourceType"] == "MedicationAdministration" else None
    use = dosage.get("text")
    node = b.make(
        "substanceAdministration", b.make("text"),
        b.make("effectiveTime", b.make("low", value=b.ts(at))) if at else None,
        b.coded("routeCode", dosage["route"]) if dosage.get("route") else None,
        _dose(dose) if dose and "value" in dose else None,
        rate,
        b.coded("administrationUnitCode", {"coding": [form]}) if form else None,
        b.make("consumable", b.make("manufacturedProduct", label)),
        b.within(b.observation("DE08.50.043.00", b.text(specification))) if specification else None,
        b.within(b.observation("DE06.00.135.00", _measure(total))) if counts(total) else None,
        b.within(b.observation("DE06.00.136.00", b.text(use))) if use else None,
        classCode="SBADM", moodCode="EVN",
    )  # fmt: skip
    amount = f"{b.number(dose['value'])}{dose.get('unit', '')}" if dose and "value" in dose else ""
    words = [
        shown(what),
        specification,
        "每次" + amount if amount else "",
        shown(dosage.get("route")),
        shown(often),
        use,
    ]
    return node, " ".join(word for word in words if word)


def _dose(dose: Mapping[str, Any]) -> Node:
    return b.make("doseQuantity", value=b.number(dose["value"]), unit=dose.get("unit"))


def _measure(quantity: Mapping[str, Any]) -> Node:
    return b.make("value", value=b.number(quantity["value"]), unit=quantity.get("unit"), type_="PQ")


def procedures(content: Content, section: str) -> Parts:
    """Procedures, of which C0009 is of one."""
    ours = content.all("Procedure")
    if content.kind.code == "C0009":
        ours = ours if content.focus is None else [content.focus]
    return [(_procedure(one), _procedure_line(one)) for one in ours]


def _procedure(one: Resource) -> Node:
    concept = one.get("code", {})
    codings = {"coding": concept.get("coding", ())}
    period, at = one.get("performedPeriod"), one.get("performedDateTime")
    site = next(iter(one.get("bodySite", ())), None)
    note = next((part["text"] for part in one.get("note", ())), None)
    leads, helps, sleep = _who(one)
    lists = []
    for name in _PROCEDURE_LISTS:
        performer = (
            [b.make("performer", b.person(STAFF, sleep, "assignedEntity"))] if name == "anaesthesia" and sleep else []
        )
        coding = extension_of(one, name)
        value = listed(element_of(name), coding) if coding else None
        if value is not None or performer:
            lists.append(b.within(b.observation(element_of(name), value, beside=performer)))
    return b.make(
        "procedure", b.coded("code", codings, OPERATIONS) if concept.get("coding") else b.make("code"),
        b.make("statusCode"),
        b.effective(period) if period else b.make("effectiveTime", value=b.ts(at)) if at else None,
        b.coded("targetSiteCode", site) if site else None, *leads, *helps,
        b.within(b.observation("DE06.00.094.00", b.text(shown(concept)))) if shown(concept) else None, *lists,
        b.within(b.observation("DE05.10.063.00", b.text(note))) if note else None, classCode="PROC", moodCode="EVN",
    )  # fmt: skip


def _who(one: Resource) -> tuple[list[Node], list[Node], Resource | None]:
    """Returns who did it, who helped, and who gave the anaesthesia."""
    leads: list[Node] = []
    helps: list[Node] = []
    sleep: Resource | None = None
    for part in one.get("performer", ()):
        function, actor = shown(part.get("function")), part.get("actor", {})
        if not (actor.get("display") or actor.get("identifier")):
            continue
        if function.startswith("麻醉") and sleep is None:
            sleep = actor
        elif not leads and function in ("", "术者"):
            leads.append(b.make("performer", b.person(STAFF, actor, "assignedEntity")))
        else:
            number = actor.get("identifier", {}).get("value")
            helps.append(b.make("participant", b.make(
                "participantRole", b.make("id", root=STAFF, extension=number),
                b.make("code", displayName=function) if function else None,
                b.make("playingEntity", b.make("name", actor.get("display", "")), classCode="PSN",
                       determinerCode="INSTANCE"), classCode="ASSIGNED"), typeCode="ATND"))  # fmt: skip
    return leads, helps, sleep


def _procedure_line(one: Resource) -> str:
    return f"{when(one)[:10]} {shown(one.get('code'))}".strip()


def allergies(content: Content, section: str) -> Parts:
    """AllergyIntolerances: in words, with the code of what it is where there is one."""
    found: Parts = []
    for one in content.all("AllergyIntolerance"):
        concept = one.get("code", {})
        text = shown(concept)
        none = any(c.get("code") == "716186003" for c in concept.get("coding", ()))
        beside = []
        if concept.get("coding") and not none:
            entity = b.make("playingEntity", b.coded("code", concept), classCode="MMAT")
            beside = [b.make("participant", b.make("participantRole", entity, classCode="MANU"), typeCode="CSM")]
        if text:
            found.append((b.observation("DE02.10.022.00", b.text(text), beside=beside), f"过敏史：{text}"))
    return found


def immunizations(content: Content, section: str) -> Parts:
    """Immunizations, each a group of data elements."""
    found: Parts = []
    for one in content.all("Immunization"):
        vaccine, at = one.get("vaccineCode", {}), one.get("occurrenceDateTime", "")
        if one.get("status") != "completed" or not at:
            continue
        coded = bool(vaccine.get("coding"))
        name = b.coded("value", vaccine, type_="CD") if coded else b.text(shown(vaccine))
        dose = next((part.get("doseNumberPositiveInt") for part in one.get("protocolApplied", ())), None)
        texts = [("DE08.50.017.00", one.get("lotNumber")), ("DE06.00.052.00", shown(one.get("site"))),
                 ("DE08.10.042.00", one.get("manufacturer", {}).get("display"))]  # fmt: skip
        found.append((organizer(
            "CLUSTER", b.observation("DE08.50.016.00", name),
            b.observation("DE06.00.145.00", b.make("value", value=b.ts(at), type_="TS")),
            b.observation("DE06.00.053.00", b.make("value", value=str(dose), type_="INT")) if dose else None,
            *(b.observation(element, b.text(text)) for element, text in texts if text),
        ), _vaccine_line(one)))  # fmt: skip
    return found


def _vaccine_line(one: Resource) -> str:
    dose = next((part.get("doseNumberPositiveInt") for part in one.get("protocolApplied", ())), None)
    return f"{one.get('occurrenceDateTime', '')[:10]} {shown(one.get('vaccineCode'))}" + (
        f" 第{dose}剂" if dose else ""
    )


def immunization_text(content: Content, section: str) -> Parts:
    """All Immunizations as the one text 预防接种史."""
    told = [_vaccine_line(one) for one in content.all("Immunization") if one.get("status") == "completed"]
    text = "；".join(told)
    return [(b.observation("DE02.10.101.00", b.text(text), name="预防接种史"), f"预防接种史：{text}")] if text else []
