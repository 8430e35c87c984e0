"""Documents that tests read: made up here, of a fictitious division and a hospital of no town."""

import pytest

from kangyun.exchange.cda.reading import Feed

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="CN"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_MT000040"/>
<templateId root="2.16.156.10011.2.1.1.{template}"/><id root="2.16.156.10011.1.1" extension="D-1"/>
<code code="{code}" codeSystem="2.16.156.10011.2.4"/><title>文档</title><effectiveTime value="20260105101500"/>
<recordTarget><patientRole>{numbers}<patient><name>测试甲</name>
<administrativeGenderCode code="1" codeSystem="2.16.156.10011.2.3.3.4"/><birthTime value="19500312"/></patient>
</patientRole></recordTarget>
<author><time value="20260105101000"/><assignedAuthor><id root="2.16.156.10011.1.7" extension="E001"/>
<assignedPerson><name>演示医生甲</name></assignedPerson></assignedAuthor></author>
{stay}<component><structuredBody>{sections}</structuredBody></component></ClinicalDocument>"""
NUMBERS = '<id root="2.16.156.10011.1.12" extension="ZY1"/><id root="2.16.156.10011.1.13" extension="B001"/>'
SECTION = (
    '<component><section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/><text/>{entries}</section></component>'
)


@pytest.fixture
def feed():
    return Feed("h990102", "Organization/h990102")


@pytest.fixture
def make_document():
    """Makes the text of a document of one section."""

    def make(section="29548-5", entries="", code="C0053", template=73, numbers=NUMBERS, stay=""):
        body = SECTION.format(code=section, entries=entries)
        return HEAD.format(code=code, template=template, numbers=numbers, stay=stay, sections=body)

    return make


@pytest.fixture
def observation():
    """Makes an entry of one observation."""

    def make(element, value, inside="", more=""):
        code = f'<code code="{element}" codeSystem="2.16.156.10011.2.2.1"/>'
        return f'<entry><observation classCode="OBS" moodCode="EVN">{code}{more}{value}{inside}</observation></entry>'

    return make


PATIENT = {
    "resourceType": "Patient", "id": "p", "active": True,
    "identifier": [
        {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
         "system": "urn:oid:2.16.156.10011.1.13", "value": "B001"},
        {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NI"}]},
         "system": "urn:oid:2.16.156.10011.1.3", "value": "990000195003121011"},
        {"system": "urn:kangyun:identifier:visit-card:h990102", "value": "K77"},
    ],
    "name": [{"use": "official", "text": "测试甲"}],
    "telecom": [{"system": "phone", "use": "mobile", "value": "19900000001"}],
    "gender": "male",
    "_gender": {"extension": [{"url": "urn:kangyun:extension:original-code",
                               "valueCoding": {"system": "urn:oid:2.16.156.10011.2.3.3.4", "code": "1"}}]},
    "birthDate": "1950-03-12",
    "address": [{"use": "home", "text": "测试省测试市测试路1号", "postalCode": "990000"}],
    "maritalStatus": {"coding": [
        {"system": "urn:oid:2.16.156.10011.2.3.3.5", "code": "20", "display": "已婚"},
        {"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"},
    ], "text": "已婚"},
    "contact": [{
        "relationship": [{"coding": [
            {"system": "urn:oid:2.16.156.10011.2.3.3.8", "code": "10", "display": "配偶"},
            {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "SPS"},
        ], "text": "配偶"}],
        "name": {"text": "测试乙"}, "telecom": [{"system": "phone", "value": "19900000002"}],
    }],
    "managingOrganization": {"reference": "Organization/h990102"},
    "extension": [{"url": "urn:kangyun:extension:ethnic-group",
                   "valueCoding": {"system": "urn:oid:2.16.156.10011.2.3.3.3", "code": "01", "display": "汉族"}}],
}  # fmt: skip
HOUSE = {
    "resourceType": "Organization", "id": "h990102", "name": "测试市演示医院",
    "identifier": [{"system": "urn:oid:2.16.156.10011.1.5", "value": "DEMO0001"}],
}  # fmt: skip
ABOUT = {"subject": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/e"}}
CATEGORY = "http://terminology.hl7.org/CodeSystem/"


def coded(system, code, display):
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def stay(class_, number):
    return {
        "resourceType": "Encounter", "id": "e", "status": "finished",
        "class": {"system": CATEGORY + "v3-ActCode", "code": class_},
        "identifier": [{"system": f"urn:oid:2.16.156.10011.1.{number}", "value": "N1"},
                       {"system": "urn:kangyun:identifier:visit:h990102", "value": "Z1"}],
        "subject": {"reference": "Patient/p"}, "serviceProvider": {"reference": "Organization/h990102"},
        "period": {"start": "2025-12-01T09:00:00+08:00", "end": "2025-12-05T15:00:00+08:00"},
        "serviceType": {"coding": [{"system": "urn:kangyun:code-system:local:h990102:department", "code": "K01",
                                    "display": "内科"}], "text": "内科"},
        "participant": [{"individual": {"type": "Practitioner", "identifier": {
            "system": "urn:kangyun:identifier:staff:h990102", "value": "E001"}, "display": "演示医生甲"}}],
        "hospitalization": {
            "admitSource": coded("urn:oid:2.16.156.10011.2.3.1.270", "2", "门诊"),
            "dischargeDisposition": coded("urn:oid:2.16.156.10011.2.3.1.265", "1", "医嘱离院"),
        },
        "extension": [{"url": "urn:kangyun:extension:stays-so-far", "valueString": "2"}],
    }  # fmt: skip


def result(code, name, value, at="2025-12-02T08:00:00+08:00"):
    return {
        "resourceType": "Observation", "id": f"r-{code}", "status": "final",
        "category": [{"coding": [{"system": CATEGORY + "observation-category", "code": "laboratory"}]}],
        "code": {"coding": [{"system": "urn:kangyun:code-system:local:h990102:result-item", "code": code,
                             "display": name}], "text": name},
        "effectiveDateTime": at,
    } | ABOUT | value  # fmt: skip


def diagnosis(id_, code, name, type_, system="urn:kangyun:code-system:diagnosis-clinical", **more):
    coding = {"system": "urn:kangyun:code-system:document-diagnosis", "code": type_, "display": type_}
    return {
        "resourceType": "Condition", "id": id_, "code": coded(system, code, name),
        "category": [{"coding": [coding]}], "recordedDate": "2025-12-01T10:00:00+08:00",
    } | ABOUT | more  # fmt: skip


CARE = [
    diagnosis("d1", "I10.x05", "高血压病3级", "discharge", extension=[
        {"url": "urn:kangyun:extension:main-diagnosis", "valueCode": "1"},
        {"url": "urn:kangyun:extension:condition-on-admission", "valueCoding": {
            "system": "urn:oid:2.16.156.10011.2.3.1.253", "code": "1", "display": "有"}}]),
    diagnosis("d2", "E78.500", "高脂血症", "discharge", "urn:oid:2.16.156.10011.2.3.3.11"),
    diagnosis("d3", "R42.x00", "头晕", "admission"),
    result("WBC", "白细胞", {
        "valueQuantity": {"value": 12.5, "unit": "10^9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"},
        "interpretation": [{"coding": [{"system": CATEGORY + "v3-ObservationInterpretation", "code": "H"}]}],
        "referenceRange": [{"low": {"value": 4}, "high": {"value": 10}, "text": "4-10"}]}),
    result("CRP", "C反应蛋白", {"valueQuantity": {"comparator": "<", "value": 0.5, "unit": "mg/L",
                                              "system": "http://unitsofmeasure.org", "code": "mg/L"}}),
    result("HBsAg", "乙肝表面抗原", {"valueCodeableConcept": coded(
        "urn:kangyun:code-system:laboratory-ordinal", "negative", "阴性")}),
    result("UA", "尿色", {"valueString": "黄色 <淡>"}),
    {"resourceType": "Observation", "id": "bg", "status": "final", **ABOUT,
     "code": coded("http://loinc.org", "883-9", "ABO"),
     "valueCodeableConcept": coded("urn:oid:2.16.156.10011.2.3.1.85", "1", "A型")},
    {"resourceType": "Observation", "id": "bp", "status": "final", **ABOUT,
     "category": [{"coding": [{"system": CATEGORY + "observation-category", "code": "vital-signs"}]}],
     "code": coded("http://loinc.org", "85354-9", "血压"), "effectiveDateTime": "2025-12-01T09:30:00+08:00",
     "component": [{"code": coded("http://loinc.org", code, code), "valueQuantity": {
         "value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}
         for code, value in (("8480-6", 186), ("8462-4", 112))]},
    {"resourceType": "MedicationRequest", "id": "m1", "status": "completed", "intent": "order", **ABOUT,
     "groupIdentifier": {"system": "urn:oid:2.16.156.10011.1.20", "value": "CF1"},
     "medicationCodeableConcept": coded("urn:kangyun:code-system:local:h990102:drug", "D1", "氨氯地平片"),
     "authoredOn": "2025-12-01T10:00:00+08:00",
     "requester": {"type": "Practitioner", "identifier": {"system": "urn:kangyun:identifier:staff:h990102",
                                                          "value": "E001"}, "display": "演示医生甲"},
     "dosageInstruction": [{"text": "饭后", "route": coded("urn:oid:2.16.156.10011.2.3.1.158", "1", "口服"),
                            "timing": {"code": coded("urn:oid:2.16.156.10011.2.3.1.267", "01", "bid")},
                            "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}]}],
     "dispenseRequest": {"quantity": {"value": 14, "unit": "片"}}},
    {"resourceType": "Procedure", "id": "o1", "status": "completed", **ABOUT,
     "code": coded("urn:kangyun:code-system:operation-clinical", "36.0601", "冠状动脉支架置入"),
     "performedPeriod": {"start": "2025-12-03T09:00:00+08:00", "end": "2025-12-03T10:30:00+08:00"},
     "performer": [{"function": {"text": name}, "actor": {"type": "Practitioner", "display": f"演示医生{name}"}}
                   for name in ("术者", "Ⅰ助", "麻醉")],
     "extension": [{"url": "urn:kangyun:extension:operation-level", "valueCoding": {
         "system": "urn:oid:2.16.156.10011.2.3.1.258", "code": "4", "display": "四级"}},
         {"url": "urn:kangyun:extension:anaesthesia", "valueCoding": {
             "system": "urn:oid:2.16.156.10011.2.3.1.159", "code": "2", "display": "椎管内麻醉"}}]},
    {"resourceType": "AllergyIntolerance", "id": "a1", "patient": {"reference": "Patient/p"},
     "code": coded("urn:kangyun:code-system:local:h990102:drug", "D9", "青霉素")},
    {"resourceType": "Immunization", "id": "i1", "status": "completed", "patient": {"reference": "Patient/p"},
     "vaccineCode": {"text": "乙型肝炎疫苗"}, "occurrenceDateTime": "2025-01-02", "lotNumber": "L7",
     "manufacturer": {"display": "演示生物"}, "protocolApplied": [{"doseNumberPositiveInt": 1}]},
    {"resourceType": "Composition", "id": "c1", "status": "final", "date": "2025-12-05T15:00:00+08:00", **ABOUT,
     "type": {"text": "出院小结"}, "title": "出院小结", "author": [{"reference": "Organization/h990102"}],
     "section": [
         {"title": title, "text": {"status": "generated",
                                   "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}}
         for title, text in (("主诉", "头晕3天"), ("诊疗过程", "完善检查&lt;后&gt;<br/>调整用药"), ("出院医嘱", "复诊"),
                             ("入院时主要症状及体征", "BP 186/112"), ("治疗结果", "好转<br/>出院"),
                             ("个人史", "不吸烟"))]},
]  # fmt: skip
REPORT = {
    "resourceType": "DiagnosticReport", "id": "b1", "status": "final", **ABOUT, "conclusion": "白细胞升高",
    "identifier": [{"system": "urn:oid:2.16.156.10011.1.33", "value": "BG1"}], "code": {"text": "血常规"},
    "effectiveDateTime": "2025-12-02T08:00:00+08:00", "issued": "2025-12-02T11:00:00+08:00",
    "performer": [{"reference": "Organization/h990102"}, {"type": "Practitioner", "display": "演示技师"}],
    "resultsInterpreter": [{"type": "Practitioner", "display": "演示审核"}],
    "extension": [{"url": "urn:kangyun:extension:findings", "valueString": "双肺纹理清晰\n心影不大"}],
}  # fmt: skip


@pytest.fixture
def record():
    """All that a resident's stay may have in the record, as tables and messages bring it."""
    return [PATIENT, HOUSE, stay("IMP", 12), REPORT, *CARE]


@pytest.fixture
def visit():
    """The same of a visit."""
    return [PATIENT, HOUSE, stay("AMB", 11), REPORT, *CARE]


@pytest.fixture
def record_of(record, visit):
    """Returns the record for a kind: of a visit where the kind is of visits, with what a kind is of only."""
    chinese = diagnosis("d4", "A01.03.04", "眩晕", "discharge", "urn:oid:2.16.156.10011.2.3.3.14")
    short = {"period": {"start": "2025-12-05T09:00:00+08:00", "end": "2025-12-05T15:00:00+08:00"}}
    own = {
        "C0033": [*record, chinese],
        "C0035": [one | short if one["resourceType"] == "Encounter" else one for one in record],
    }
    return lambda kind: visit if kind in ("C0002", "HSDC00.02") else own.get(kind, record)
