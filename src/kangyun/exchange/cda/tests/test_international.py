"""C-CDA in: made up here after the public guide; no sample of anybody's is copied."""

import pytest

from kangyun.access.intake import check
from kangyun.exchange.cda.reading import read

HEAD = """<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><templateId root="2.16.840.1.113883.10.20.22.1.2"/>
<id root="2.16.840.1.113883.19.5" extension="CCD-1"/>
<code code="34133-9" codeSystem="2.16.840.1.113883.6.1" displayName="Summarization of Episode Note"/>
<title>Summary</title><effectiveTime value="20260105101500+0000"/>
<recordTarget><patientRole><id root="2.16.840.1.113883.19.5.1" extension="P-1"/><patient><name><given>Test</given>
<family>Person</family></name><administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
<birthTime value="19750501"/></patient></patientRole></recordTarget><component><structuredBody>
<component><section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/><title>Part</title>
<text><table><tbody><tr><td>one</td><td>two</td></tr></tbody></table></text><entry>{entry}</entry></section></component>
</structuredBody></component></ClinicalDocument>"""
SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
PROBLEM = f"""<act classCode="ACT" moodCode="EVN"><entryRelationship typeCode="SUBJ"><observation classCode="OBS"
moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4"/><effectiveTime><low value="20100203"/></effectiveTime>
<value xsi:type="CD" code="38341003" {SNOMED} displayName="Hypertension"/></observation></entryRelationship></act>"""
ALLERGY = """<act classCode="ACT" moodCode="EVN"><entryRelationship typeCode="SUBJ"><observation classCode="OBS"
moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.7"/><participant typeCode="CSM"><participantRole>
<playingEntity><code code="7980" codeSystem="2.16.840.1.113883.6.88" displayName="Penicillin G"/></playingEntity>
</participantRole></participant></observation></entryRelationship></act>"""
DRUG = """<substanceAdministration classCode="SBADM" moodCode="EVN">
<templateId root="2.16.840.1.113883.10.20.22.4.{template}"/><statusCode code="active"/>
<effectiveTime {ivl}><low value="20260101"/></effectiveTime><doseQuantity value="1" unit="mg"/><consumable>
<manufacturedProduct><manufacturedMaterial><code code="17767" codeSystem="2.16.840.1.113883.6.88"
displayName="Amlodipine"/><lotNumberText>L1</lotNumberText></manufacturedMaterial></manufacturedProduct></consumable>
</substanceAdministration>"""
RESULT = """<organizer classCode="BATTERY" moodCode="EVN"><component><observation classCode="OBS" moodCode="EVN">
<templateId root="2.16.840.1.113883.10.20.22.4.2"/><code code="718-7" codeSystem="2.16.840.1.113883.6.1"
displayName="Hemoglobin"/><effectiveTime value="20260104"/><value xsi:type="PQ" value="13.2" unit="g/dL"/>
<interpretationCode code="N" codeSystem="2.16.840.1.113883.5.83"/></observation></component></organizer>"""
PROCEDURE = f"""<procedure classCode="PROC" moodCode="EVN"><code code="80146002" {SNOMED} displayName="Appendectomy"/>
<statusCode code="completed"/><effectiveTime value="20200303"/></procedure>"""
ENCOUNTER = """<encounter classCode="ENC" moodCode="EVN"><id root="2.16.840.1.113883.19" extension="E1"/>
<effectiveTime value="20251201"/></encounter>"""


@pytest.mark.parametrize(
    ("section", "entry", "type_", "part"),
    [
        ("11450-4", PROBLEM, "Condition", {"onsetDateTime": "2010-02-03"}),
        ("48765-2", ALLERGY, "AllergyIntolerance", {}),
        ("10160-0", DRUG.format(template=16, ivl='xsi:type="IVL_TS"'), "MedicationStatement", {"status": "active"}),
        ("11369-6", DRUG.format(template=52, ivl=""), "Immunization", {"lotNumber": "L1"}),
        ("30954-2", RESULT, "Observation", {"effectiveDateTime": "2026-01-04"}),
        ("8716-3", RESULT.replace("22.4.2", "22.4.27"), "Observation", {"effectiveDateTime": "2026-01-04"}),
        ("47519-4", PROCEDURE, "Procedure", {"performedDateTime": "2020-03-03"}),
        ("46240-8", ENCOUNTER, "Encounter", {"status": "finished"}),
    ],
)
def test_sections_become_resources_that_the_document_is_named_by(feed, section, entry, type_, part):
    found = read(HEAD.format(code=section, entry=entry).encode(), "ccda.xml", feed)
    for one in found.entries:
        check(dict(one.resource))
    resources = {one.resource["resourceType"]: one.resource for one in found.entries}
    assert part.items() <= resources[type_].items()
    assert f"{type_}/{resources[type_]['id']}" in [one["reference"] for one in resources["Provenance"]["target"]]
    assert resources["Patient"]["name"][0]["family"] == "Person"
    assert resources["Composition"]["section"][0]["text"]["div"].endswith(">one two</div>")


@pytest.mark.parametrize("entry", [PROBLEM, ALLERGY, PROCEDURE, DRUG.format(template=16, ivl="")])
def test_what_did_not_happen_makes_nothing(feed, entry):
    for tag in ("observation", "procedure", "substanceAdministration"):
        entry = entry.replace(f"<{tag} ", f'<{tag} negationInd="true" ')
    found = read(HEAD.format(code="1", entry=entry).encode(), "ccda.xml", feed)
    assert {one.resource["resourceType"] for one in found.entries} == {
        "Patient", "Binary", "DocumentReference", "Composition", "Provenance",
    }  # fmt: skip
