"""What documents come to: header, entries by data element, texts, and what names the original."""

import base64
import json
from pathlib import Path

import pytest

from kangyun.access.intake import check
from kangyun.base.errors import Invalid
from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.reading import Feed, conventions, read
from kangyun.exchange.entries import entry_id

TRAPS = Path(__file__).parents[6] / "shared" / "data" / "cn" / "traps"
ICD = "urn:oid:2.16.156.10011.2.3.3.11"
ELEMENT = "urn:oid:2.16.156.10011.2.2.1"


def of(found, type_):
    return [one.resource for one in found.entries if one.resource["resourceType"] == type_]


def only(found, type_):
    (resource,) = of(found, type_)
    return resource


@pytest.fixture
def taken(feed):
    """Reads a document and holds each resource against R4."""

    def take(text):
        found = read(text.encode(), "a.xml", feed)
        for one in found.entries:
            check(dict(one.resource))
        return found

    return take


@pytest.mark.skipif(not TRAPS.exists(), reason="the collected samples are not beside the repository")
def test_the_trap_of_a_discharge_summary(feed):
    expected = json.loads((TRAPS / "expected.json").read_text("utf-8"))["files"]["17_wst500_discharge_summary.xml"]
    found = read((TRAPS / "17_wst500_discharge_summary.xml").read_bytes(), "17.xml", feed)
    patient, stay, said = only(found, "Patient"), only(found, "Encounter"), expected["patient"]
    assert patient["name"][0]["text"] == said["name"]
    assert patient["birthDate"] == said["birth_date"]
    assert patient["_gender"]["extension"][0]["valueCoding"]["code"] == said["sex"]
    assert [one["value"] for one in patient["identifier"]] == [said["id_number"]]
    assert stay["identifier"][0]["value"] == said["inpatient_no"]
    assert [stay["period"]["start"], stay["period"]["end"]] == expected["stay"]
    codings = [one["code"]["coding"][0] for one in of(found, "Condition")]
    assert [one["code"] for one in codings] == [one["code"] for one in expected["diagnoses"]]
    assert {one["system"] for one in codings} == {ICD}
    assert codings[0]["extension"][0]["valueUri"] == f"urn:oid:{expected['diagnoses'][0]['as_written']}"
    assert found.kind == expected["document"] and not found.refusals


def test_the_original_is_kept_byte_for_byte_and_named(taken, make_document, observation):
    text = make_document(entries=observation("DE05.01.025.00", '<value xsi:type="ST">高血压</value>'))
    found = taken(text)
    document, binary, provenance = (only(found, type_) for type_ in ("DocumentReference", "Binary", "Provenance"))
    assert base64.b64decode(binary["data"]) == text.encode()
    assert document["content"][0]["attachment"]["url"] == f"Binary/{binary['id']}"
    assert document["type"]["coding"][0]["code"] == "C0053"
    assert provenance["entity"][0]["what"]["reference"] == f"DocumentReference/{document['id']}"
    told = {one["reference"].partition("/")[0] for one in provenance["target"]}
    assert told == {"Patient", "Encounter", "Condition", "Composition"}
    assert binary["securityContext"]["reference"].startswith("Patient/")


def test_a_patient_and_a_diagnosis_are_those_of_hl7_v2(taken, make_document, observation):
    value = f'<value xsi:type="CD" code="I10" codeSystem="{ICD[8:]}" displayName="高血压"/>'
    stay = '<componentOf><encompassingEncounter><id extension="V1"/></encompassingEncounter></componentOf>'
    found = taken(make_document("11535-2", observation("DE05.01.024.00", value), stay=stay))
    ids = {one.resource["resourceType"]: one.id for one in found.entries}
    assert ids["Patient"] == entry_id("h990102", "patient", ("B001",))
    assert ids["Encounter"] == entry_id("h990102", "visit", ("V1",))
    assert ids["Condition"] == entry_id("h990102", "diagnosis", (f"Encounter/{ids['Encounter']}", "F", "I10"))


def test_the_same_sent_again_is_the_same(taken, make_document, observation):
    text = make_document(entries=observation("DE05.01.025.00", '<value xsi:type="ST">高血压</value>'))
    assert taken(text) == taken(text)


def test_two_stays_of_one_inpatient_number_are_two(taken, make_document):
    stay = '<componentOf><encompassingEncounter><effectiveTime><low value="{}"/></effectiveTime></encompassingEncounter></componentOf>'  # noqa: E501
    first, second = (taken(make_document(stay=stay.format(day))) for day in ("20250101", "20251201"))
    assert only(first, "Encounter")["id"] != only(second, "Encounter")["id"]
    assert only(first, "Patient")["id"] == only(second, "Patient")["id"]


CODED = '<value xsi:type="CD" code="1" codeSystem="2.16.156.10011.2.3.1.85" displayName="A型"/>'
MEASURED = '<value xsi:type="PQ" value="36.5" unit="℃"/>'


@pytest.mark.parametrize(
    ("element", "value", "type_", "path"),
    [
        ("DE04.10.186.00", MEASURED, "Observation", {"valueQuantity": {"value": 36.5, "code": "Cel"}}),
        ("DE04.50.001.00", CODED, "Observation", {"valueCodeableConcept": {"text": "A型"}}),
        ("DE02.10.022.00", '<value xsi:type="ST">青霉素</value>', "AllergyIntolerance", {"code": {"text": "青霉素"}}),
        ("DE05.10.130.00", '<value xsi:type="CD" code="BNA010" displayName="胸痹"/>', "Condition",
         {"code": {"text": "胸痹"}}),
        ("DE09.00.108.00", '<value xsi:type="BL" value="false"/>', "Observation", {"valueBoolean": False}),
        ("DE05.10.999.00", '<value xsi:type="INT" value="7"/>', "Observation", {"valueInteger": 7}),
    ],
)  # fmt: skip
def test_elements_become_resources(taken, make_document, observation, element, value, type_, path):
    resource = only(taken(make_document("30954-2", observation(element, value))), type_)
    (name, part), *_ = path.items()
    assert resource[name] == part if not isinstance(part, dict) else part.items() <= _plain(resource[name]).items()
    assert resource.get("subject", resource.get("patient"))["reference"].startswith("Patient/")


def _plain(value):
    return {name: float(one) if name == "value" else one for name, one in value.items()}


def test_no_allergy_is_an_answer(taken, make_document, observation):
    entries = observation("DE02.10.022.00", '<value xsi:type="ST">否认药物过敏史</value>')
    resource = only(taken(make_document("48765-2", entries)), "AllergyIntolerance")
    assert resource["code"]["coding"][0]["code"] == "716186003"
    assert resource["code"]["text"] == "否认药物过敏史"


@pytest.mark.parametrize("filler", ["-", "NA", "/", "--", "null"])
def test_fillers_are_absent(taken, make_document, observation, filler):
    entries = observation("DE02.10.022.00", f'<value xsi:type="ST">{filler}</value>')
    entries += observation("DE05.01.024.00", f'<value xsi:type="CD" code="{filler}" displayName="{filler}"/>')
    found = taken(make_document("48765-2", entries))
    assert {one.resource["resourceType"] for one in found.entries} == {
        "Patient", "Encounter", "Binary", "DocumentReference", "Provenance",
    }  # fmt: skip


def test_a_text_stays_text_under_its_element(taken, make_document, observation):
    entries = observation("DE06.00.296.00", '<value xsi:type="ST">调整降压药 &lt; 3 天</value>')
    section = only(taken(make_document("8648-8", entries)), "Composition")["section"][0]
    below = section["section"][0]
    assert below["code"]["coding"][0] == {"system": ELEMENT, "code": "DE06.00.296.00", "display": "诊疗过程描述"}
    assert "调整降压药 &lt; 3 天" in below["text"]["div"]


def test_pressures_of_two_entries_are_one_panel(taken, make_document, observation):
    entries = observation("DE04.10.174.00", '<value xsi:type="PQ" value="186" unit="mmHg"/>')
    entries += observation("DE04.10.176.00", '<value xsi:type="PQ" value="112" unit="mmHg"/>')
    resource = only(taken(make_document("8716-3", entries)), "Observation")
    assert [int(one["valueQuantity"]["value"]) for one in resource["component"]] == [186, 112]
    assert {one["valueQuantity"]["code"] for one in resource["component"]} == {"mm[Hg]"}


def test_a_name_after_its_code_is_one_diagnosis(taken, make_document, observation):
    value = f'<value xsi:type="CD" code="I10" codeSystem="{ICD[8:]}.1" displayName="高血压"/>'
    entries = observation("DE05.01.024.00", value)
    entries += observation("DE05.01.025.00", '<value xsi:type="ST">高血压病3级</value>')
    assert only(taken(make_document("29548-5", entries)), "Condition")["code"]["text"] == "高血压病3级"


DRUG = """<entry><substanceAdministration classCode="SBADM" moodCode="EVN"><routeCode code="1" displayName="口服"
codeSystem="2.16.156.10011.2.3.1.158"/><doseQuantity value="5" unit="mg"/><rateQuantity><translation code="01"
displayName="bid"/></rateQuantity><consumable><manufacturedProduct><manufacturedLabeledDrug><code/><name>氨氯地平片</name>
</manufacturedLabeledDrug></manufacturedProduct></consumable><entryRelationship typeCode="COMP"><observation
classCode="OBS" moodCode="EVN"><code code="DE08.50.043.00" codeSystem="2.16.156.10011.2.2.1"/><value xsi:type="ST">5mg*7
</value></observation></entryRelationship></substanceAdministration></entry>"""


def test_a_prescription(taken, make_document):
    numbers = '<id root="2.16.156.10011.1.11" extension="MZ1"/><id root="2.16.156.10011.1.20" extension="CF1"/>'
    found = taken(make_document("10160-0", DRUG, "C0004", 24, numbers))
    drug = only(found, "MedicationRequest")
    assert drug["medicationCodeableConcept"] == {"text": "氨氯地平片"}
    assert drug["groupIdentifier"]["value"] == "CF1"
    assert drug["dosageInstruction"][0]["route"]["text"] == "口服"
    assert drug["authoredOn"] == "2026-01-05T10:10:00+08:00"
    assert only(found, "Encounter")["class"]["code"] == "AMB"
    assert [one["value"] for one in only(found, "Patient").get("identifier", [])] == []


ITEM = """<entry><organizer classCode="CLUSTER" moodCode="EVN"><statusCode/><component><observation classCode="OBS"
moodCode="EVN"><code code="DE04.30.019.00" codeSystem="2.16.156.10011.2.2.1"/><effectiveTime value="20260105080000"/>
<value xsi:type="ST">WBC</value></observation></component><component><observation classCode="OBS" moodCode="EVN">
<code code="DE04.30.017.00" codeSystem="2.16.156.10011.2.2.1"/><value xsi:type="CD" code="2"
codeSystem="2.16.156.10011.2.3.2.38" displayName="异常"/></observation></component><component><observation
classCode="OBS" moodCode="EVN"><code code="DE04.30.015.00" codeSystem="2.16.156.10011.2.2.1"/><value xsi:type="REAL"
value="12.30"/><entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN"><code
code="DE04.30.016.00" codeSystem="2.16.156.10011.2.2.1"/><value xsi:type="ST">10^9/L</value></observation>
</entryRelationship></observation></component></organizer></entry>"""


def test_a_laboratory_report(taken, make_document):
    numbers = '<id root="2.16.156.10011.1.13" extension="B001"/><id root="2.16.156.10011.1.33" extension="BG1"/>'
    found = taken(make_document("30954-2", ITEM, "C0007", 27, numbers))
    result, report = only(found, "Observation"), only(found, "DiagnosticReport")
    assert str(result["valueQuantity"]["value"]) == "12.30"
    assert result["valueQuantity"]["unit"] == "10^9/L"
    assert result["interpretation"][0]["coding"][0]["code"] == "A"
    assert result["effectiveDateTime"] == "2026-01-05T08:00:00+08:00"
    assert report["identifier"][0]["value"] == "BG1"
    assert report["result"] == [{"reference": f"Observation/{result['id']}"}]


PROCEDURE = """<entry><procedure classCode="PROC" moodCode="EVN"><code code="36.0601"
codeSystem="2.16.156.10011.2.3.3.12" displayName="冠状动脉支架置入"/><effectiveTime><low value="20260105090000"/>
<high value="20260105103000"/></effectiveTime><performer><assignedEntity><id root="2.16.156.10011.1.4" extension="E9"/>
<assignedPerson><name>演示医生乙</name></assignedPerson></assignedEntity></performer><participant typeCode="ATND">
<participantRole><id root="2.16.156.10011.1.4"/><code displayName="Ⅰ助"/><playingEntity><name>演示医生丙</name>
</playingEntity></participantRole></participant></procedure></entry>"""


def test_a_procedure(taken, make_document):
    resource = only(taken(make_document("47519-4", PROCEDURE, "C0009", 29)), "Procedure")
    assert resource["performedPeriod"]["end"] == "2026-01-05T10:30:00+08:00"
    assert [(one["function"]["text"], one["actor"]["display"]) for one in resource["performer"]] == [
        ("术者", "演示医生乙"), ("Ⅰ助", "演示医生丙"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('extension="ZY1"', 'extension="-"', None),
        ('value="20260105101500"', 'value="2026-13-45"', "time"),
        ('extension="D-1"', "", "no-number"),
        ('code="C0053"', 'code="C0099"', "kind-unknown"),
    ],
)
def test_what_cannot_be_read_is_left_out_and_told(taken, make_document, old, new, text):
    found = taken(make_document().replace(old, new))
    assert of(found, "Patient")
    assert [one.text.rpartition(".")[2] for one in found.refusals] == ([text] if text else [])


def test_a_number_of_an_identity_card_that_is_none_is_left_out_and_masked(taken, make_document):
    number = '<id root="2.16.156.10011.1.3" extension="990000195003121012"/>'
    found = taken(make_document().replace("<patient>", f"<patient>{number}"))
    (refusal,) = found.refusals
    assert refusal.shown == "9" * 18
    assert [one["value"] for one in only(found, "Patient")["identifier"]] == ["B001"]


def test_a_document_of_two_patients_is_refused(taken, make_document):
    text = make_document()
    target = text[text.index("<recordTarget") : text.index("</recordTarget>") + len("</recordTarget>")]
    found = taken(text.replace(target, target + target))
    assert not found.entries
    assert found.refusals[-1].place.part == "/ClinicalDocument/recordTarget[2]"


@pytest.mark.parametrize("numbers", ["", '<id root="2.16.156.10011.1.12" extension="-"/>'])
def test_a_document_of_nobody_is_refused(taken, make_document, numbers):
    found = taken(make_document(numbers=numbers))
    assert not found.entries
    assert found.refusals[-1].place.part == "/ClinicalDocument/recordTarget/patientRole"


@pytest.mark.parametrize("kind", catalogue.kinds().values(), ids=lambda one: one.code)
def test_all_kinds_are_read_section_by_section(taken, make_document, observation, kind):
    sections = [one for one in catalogue.sections().get(kind.code, ()) if one.code[:1].isdigit()]
    keys = [one.key for one in sections] or ["29548-5"]
    value = f'<value xsi:type="CD" code="I10" codeSystem="{ICD[8:]}" displayName="高血压"/>'
    entries = observation("DE05.01.024.00", value) + observation("DE06.00.296.00", '<value xsi:type="ST">好</value>')
    number = kind.template.rpartition(".")[2]
    for key in keys:
        found = taken(make_document(key, entries, kind.code, number))
        assert found.kind == kind.code and found.refusals == ()
        section = only(found, "Composition")["section"][0]
        assert section["entry"] == [{"reference": f"Condition/{only(found, 'Condition')['id']}"}]
        assert section["section"][0]["title"] == "诊疗过程描述"
        assert only(found, "DocumentReference")["type"]["coding"][0]["display"] == kind.zh


OWN = """
[[visit]]
root = "2.16.156.10011.1.12"
kind = "visit"
key = ["{number}"]
"""


def test_a_site_says_by_which_number_a_stay_is_known(make_document):
    own = Feed("h990102", "Organization/h990102", conventions(OWN))
    stay = only(read(make_document().encode(), "a.xml", own), "Encounter")
    assert stay["id"] == entry_id("h990102", "visit", ("ZY1",))


@pytest.mark.parametrize(
    "text",
    ["[", "visits = 1", "visit = 1", '[[visit]]\nroot = "1"', OWN.replace("{number}", "{name}"), "[units]\n1=2\n1=3"],
)
def test_conventions_that_cannot_be_used_are_refused(text):
    with pytest.raises(Invalid):
        conventions(text)
