"""Drugs given or prescribed, and procedures: acts of CDA that have a shape of their own. Pure."""

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import Node
from kangyun.exchange.cda.reading import values
from kangyun.exchange.cda.reading.making import Making, extension, kept, only
from kangyun.exchange.cda.reading.nodes import Observed, observed
from kangyun.fhir import Resource

ADMINISTERED = "18610-6"
_LISTS = {"operation-level": "operation-level", "incision": "incision", "healing": "healing",
          "anaesthesia": "anaesthesia"}  # fmt: skip


def beside(making: Making, node: Node) -> Observed:
    """Returns the observations that stand in an act as one group."""
    group = Observed(node, "", "", {})
    for relation in values.every(node, "entryRelationship"):
        group.inside += [observed(making, one) for one in values.every(relation, "observation")]
    return group


def drug(making: Making, node: Node) -> Resource | None:
    """Returns what is given as a CodeableConcept."""
    product = values.first(node, "consumable", "manufacturedProduct")
    for name in ("manufacturedLabeledDrug", "manufacturedMaterial"):
        label = values.first(product, name) if product is not None else None
        if label is None:
            continue
        concept = values.concept(making, values.first(label, "code"), "drug") or {}
        text = " ".join(values.text_of(values.first(label, "name")).split())
        if not values.nothing(text):
            concept["text"] = text
        if concept:
            return concept
    return None


def dosage(making: Making, node: Node, uses: Observed | None) -> Resource:
    """Returns a Dosage of what an act says of dose, way and how often."""
    rate = values.first(node, "rateQuantity")
    often = values.concept(making, values.first(rate, "translation"), "frequency") if rate is not None else None
    if often is None and rate is not None and (amount := values.attribute(rate, "value")):
        often = {"text": f"{amount}{values.attribute(rate, 'unit')}"}
    dose = values.quantity(making, values.first(node, "doseQuantity"))
    return kept({}, {
        "text": uses.text if uses is not None else "", "timing": {"code": often} if often else None,
        "route": values.concept(making, values.first(node, "routeCode"), "route"),
        "doseAndRate": [{"doseQuantity": dose}] if dose else [],
    })  # fmt: skip


def medication(making: Making, node: Node, section: str) -> str:
    """Adds what a substanceAdministration says; returns a reference, empty where it names no drug."""
    what = drug(making, node)
    if what is None:
        return ""
    group = beside(making, node)
    told = dosage(making, node, group.one("drug-use"))
    add = _given if section == ADMINISTERED else _ordered
    return add(making, node, {"medicationCodeableConcept": what}, told, group)


def _given(making: Making, node: Node, drug_: Resource, told: Resource, group: Observed) -> str:
    at = values.period(making, values.first(node, "effectiveTime")).get("start") or making.at
    resource: Resource = {
        "resourceType": "MedicationAdministration", "status": "completed", **drug_, **_within(making),
        "effectiveDateTime": at,
    }  # fmt: skip
    dose = told.get("doseAndRate", [{}])[0].get("doseQuantity")
    if flat := kept({}, {"text": told.get("text"), "route": told.get("route"), "dose": dose}):
        resource["dosage"] = flat
    return making.store(making.id("document-given", making.number, making.nth("given")), resource, node)


def _ordered(making: Making, node: Node, drug_: Resource, told: Resource, group: Observed) -> str:
    number = _prescription(making)
    author = values.first(making.parsed.root, "author")
    written = "" if author is None else values.time(making, values.first(author, "time"))
    resource: Resource = {
        "resourceType": "MedicationRequest", "status": "completed", "intent": "order", **drug_, **making.about(),
        "authoredOn": written or making.at,
    }  # fmt: skip
    if number:
        resource["groupIdentifier"] = {"system": "urn:oid:2.16.156.10011.1.20", "value": number}
        kept(resource, {"requester": values.staff(making, values.first(author, "assignedAuthor"))})
    specification, total = group.one("drug-specification"), group.one("drug-total")
    form = values.coding(making, values.first(node, "administrationUnitCode"), "drug-form")
    size = specification.text if specification is not None else ""
    amount = total.value.get("valueQuantity") if total is not None else None
    kept(resource, {
        "dosageInstruction": only([told]), "dispenseRequest": {"quantity": amount} if amount else None,
        "extension": only([
            extension("drug-specification", "String", size) if size else None,
            extension("drug-form", "Coding", form) if form else None,
        ]),
    })  # fmt: skip
    key = number or making.number
    return making.store(making.id("document-prescription", key, making.nth("drug")), resource, node)


def _within(making: Making) -> Resource:
    found = making.about()
    return {("context" if name == "encounter" else name): value for name, value in found.items()}


def _prescription(making: Making) -> str:
    role = values.first(making.parsed.root, "recordTarget", "patientRole")
    wanted = making.conventions["numbers"]["prescription"]
    return next((number for root, number in values.numbers(role) if root == wanted), "")


def procedure(making: Making, node: Node, section: str) -> str:
    """Adds a Procedure; returns a reference, empty where it says nothing."""
    group = beside(making, node)
    code = values.concept(making, values.first(node, "code"), "procedure") or {}
    named = group.one("procedure-name")
    if named is not None and not values.nothing(named.text):
        code["text"] = named.text
    if not code:
        return ""
    resource: Resource = {
        "resourceType": "Procedure", "status": "completed", "code": code,
    } | making.about()  # fmt: skip
    when = values.period(making, values.first(node, "effectiveTime"))
    # One time and an interval are two things in CDA, and stay so.
    span = values.first(node, "effectiveTime", "low") is not None
    if when:
        resource |= {"performedPeriod": when} if span else {"performedDateTime": when["start"]}
    site = values.concept(making, values.first(node, "targetSiteCode"), "body-site")
    course = group.one("procedure-course")
    lists = [
        extension(_LISTS[one.role], "Coding", one.value["valueCodeableConcept"]["coding"][0])
        for one in group.walk()
        if one.role in _LISTS and one.value.get("valueCodeableConcept", {}).get("coding")
    ]
    kept(resource, {
        "performer": _performers(making, node, group), "bodySite": [site] if site else [], "extension": lists,
        "note": [{"text": course.text}] if course is not None and course.text else [],
    })  # fmt: skip
    return making.store(making.id("document-procedure", making.number, making.nth("procedure")), resource, node)


def _performers(making: Making, node: Node, group: Observed) -> list[Resource]:
    found = []
    for one in values.every(node, "performer"):
        if who := values.staff(making, values.first(one, "assignedEntity")):
            found.append({"function": {"text": "术者"}, "actor": who})
    for one in values.every(node, "participant"):
        role = values.first(one, "participantRole")
        who = values.staff(making, role, "playingEntity")
        if who is not None:
            function = values.attribute(values.first(role, "code"), "displayName")
            found.append(({"function": {"text": function}} if function else {}) | {"actor": who})
    anaesthesia = group.one("anaesthesia")
    if anaesthesia is not None:
        who = values.staff(making, values.first(anaesthesia.node, "performer", "assignedEntity"))
        if who is not None:
            found.append({"function": {"text": "麻醉"}, "actor": who})
    return found


def immunization(making: Making, node: Node) -> str:
    """Adds an Immunization of a substanceAdministration; returns a reference, empty where it says nothing."""
    what = drug(making, node)
    at = values.period(making, values.first(node, "effectiveTime")).get("start")
    if what is None or not at:
        return ""
    refused = node.get("negationInd") == "true"
    resource: Resource = {
        "resourceType": "Immunization", "status": "not-done" if refused else "completed", "vaccineCode": what,
        "patient": {"reference": making.who}, "occurrenceDateTime": at, "primarySource": True,
    }  # fmt: skip
    material = values.first(node, "consumable", "manufacturedProduct", "manufacturedMaterial")
    lot = values.text_of(values.first(material, "lotNumberText")) if material is not None else ""
    dose = values.quantity(making, values.first(node, "doseQuantity"))
    kept(resource, {
        "lotNumber": lot, "doseQuantity": dose, "route": values.concept(making, values.first(node, "routeCode")),
        "site": values.concept(making, values.first(node, "approachSiteCode"), "body-site"),
    })  # fmt: skip
    text = what.get("text") or what["coding"][0]["code"]
    return making.store(making.id("document-vaccination", making.who, at[:10], text, ""), resource, node)


def medication_statement(making: Making, node: Node) -> str:
    """Adds a MedicationStatement of C-CDA; returns a reference, empty where it names no drug."""
    what = drug(making, node)
    if what is None or node.get("negationInd") == "true":
        return ""
    from_ = next((one for one in values.every(node, "effectiveTime") if len(one)), None)
    when = values.period(making, from_)
    status = values.attribute(values.first(node, "statusCode"), "code")
    resource: Resource = {
        "resourceType": "MedicationStatement", "status": _status(status), "medicationCodeableConcept": what,
        "subject": {"reference": making.who},
    }  # fmt: skip
    told = dosage(making, node, None)
    kept(resource, {"effectivePeriod": when, "dosage": only([told])})
    return making.store(making.id("document-medication", making.number, making.nth("medication")), resource, node)


def _status(code: str) -> str:
    return str(catalogue.table("international")["statuses"].get(code, "unknown"))


def international_procedure(making: Making, node: Node) -> str:
    """Adds a Procedure of C-CDA, which may be a procedure, an act or an observation."""
    code = values.concept(making, values.first(node, "code"), "procedure")
    if code is None or node.get("negationInd") == "true":
        return ""
    done = values.attribute(values.first(node, "statusCode"), "code")
    status = {"completed": "completed", "active": "in-progress", "aborted": "stopped", "cancelled": "not-done"}
    when = values.period(making, values.first(node, "effectiveTime"))
    resource: Resource = {
        "resourceType": "Procedure", "status": status.get(done, "unknown"), "code": code,
        "subject": {"reference": making.who},
    }  # fmt: skip
    who = values.staff(making, values.first(node, "performer", "assignedEntity"))
    span = values.first(node, "effectiveTime", "low") is not None
    timed = {"performedPeriod": when} if span else {"performedDateTime": when.get("start")}
    kept(resource, timed | {"performer": [{"actor": who}] if who else []})
    return making.store(making.id("document-procedure", making.number, making.nth("procedure")), resource, node)
