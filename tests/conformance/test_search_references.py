"""Searches by reference, hierarchies, chains of any depth, and the other way round.

Source: https://hl7.org/fhir/R4/search.html#reference, #versions, #recursive, #chaining, #has
"""

import pytest

from kangyun.store.search import compiler, hierarchy, plans

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE = "http://127.0.0.1:8080/fhir"
LOINC = "http://loinc.org"


def named(type_, id_, name, **more):
    return {"resourceType": type_, "id": id_, "name": name} | more


def to(target):
    return {"reference": target}


def observed(id_, code="x", **more):
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": {"coding": [{"code": code}]}} | more


def visit(id_, **more):
    return {"resourceType": "Encounter", "id": id_, "status": "finished", "class": {"code": "AMB"}} | more


PLACES = ("site", "ward", "room", "left", "right", "branch")
STOCK = (
    named("Organization", "city", "City Hospital"),
    named("Organization", "clinic", "Village Clinic", partOf=to("Organization/township")),
    named("Organization", "township", "Township Centre", partOf=to("Organization/city")),
    named("Patient", "zhang", [{"family": "Zhang"}], managingOrganization=to("Organization/clinic")),
    named("Patient", "wang", [{"family": "Wang"}], managingOrganization=to(f"{BASE}/Organization/city")),
    named("Patient", "abroad", [{"family": "Abroad"}], managingOrganization=to("http://abroad.example/Organization/1")),
    named("Group", "zhang", "Not a patient", type="person", actual=True),
    named("Practitioner", "li", [{"family": "Li"}]),
    visit("visit", subject=to("Patient/zhang"), serviceProvider=to("Organization/clinic")),
    visit("stay", subject=to("Patient/wang"), partOf=to("Encounter/visit")),
    named("Location", "site", "Site"),
    named("Location", "ward", "Ward", partOf=to("Location/site")),
    named("Location", "room", "Room", partOf=to("Location/ward")),
    named("Location", "left", "Left", partOf=to("Location/right")),
    named("Location", "right", "Right", partOf=to("Location/left")),
    named("Location", "branch", "Branch", partOf=to("http://abroad.example/Location/1")),
    *(visit(f"at-{place}", location=[{"location": to(f"Location/{place}")}]) for place in PLACES),
    observed("o-zhang", "weight", subject=to("Patient/zhang"), encounter=to("Encounter/visit")),
    observed("o-wang", "height", subject=to("Patient/wang"), performer=[to("Practitioner/li"), to("Patient/wang")]),
    observed("o-group", "weight", subject=to("Group/zhang")),
    observed("o-nobody", "weight"),
    observed("o-numbered", subject={"identifier": {"system": "urn:id", "value": "42"}}),
    observed("o-version", subject=to("Patient/zhang/_history/1")),
    observed("o-abroad", subject=to("http://abroad.example/Patient/9")),
    {"resourceType": "QuestionnaireResponse", "id": "answers", "status": "completed", "questionnaire": "urn:q|2"},
    {
        "resourceType": "QuestionnaireResponse",
        "id": "own",
        "status": "completed",
        "questionnaire": f"{BASE}/Questionnaire/form|1.10.2",
    },
)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Observation?subject=Patient/zhang", {"o-zhang", "o-version"}),
        ("Observation?subject=zhang", {"o-zhang", "o-version", "o-group"}),
        ("Observation?subject:Patient=zhang", {"o-zhang", "o-version"}),
        ("Observation?subject:Group=zhang", {"o-group"}),
        ("Observation?patient=zhang", {"o-zhang", "o-version"}),
        ("Observation?patient=Patient/zhang", {"o-zhang", "o-version"}),
        ("Observation?patient=Group/zhang", set()),
        (f"Observation?subject={BASE}/Patient/zhang", {"o-zhang", "o-version"}),
        ("Observation?subject=http://abroad.example/Patient/9", {"o-abroad"}),
        ("Observation?subject=http://abroad.example/Patient/zhang", set()),
        ("Observation?subject=Patient/zhang,Patient/wang", {"o-zhang", "o-version", "o-wang"}),
        ("Observation?subject=Patient/nobody,Group/zhang", {"o-group"}),
        ("Observation?subject=Patient/nobody", set()),
        ("Observation?performer=Patient/wang&performer=Practitioner/li", {"o-wang"}),
        ("Observation?performer=Patient/zhang", set()),
        ("Observation?subject:identifier=urn:id|42", {"o-numbered"}),
        ("Observation?subject:identifier=42", {"o-numbered"}),
        ("Observation?subject:identifier=urn:other|42", set()),
        ("Observation?subject:missing=true", {"o-nobody"}),
        ("Observation?patient:missing=false", {"o-zhang", "o-wang", "o-version"}),
        ("Observation?encounter=visit", {"o-zhang"}),
        ("Patient?organization=city", {"wang"}),
        ("Patient?organization=http://abroad.example/Organization/1", {"abroad"}),
        ("QuestionnaireResponse?questionnaire=urn:q|2", {"answers"}),
        ("QuestionnaireResponse?questionnaire=urn:q", {"answers"}),
        ("QuestionnaireResponse?questionnaire=urn:q|1", set()),
        (f"QuestionnaireResponse?questionnaire={BASE}/Questionnaire/form", {"own"}),
        (f"QuestionnaireResponse?questionnaire={BASE}/Questionnaire/form|1.10.2", {"own"}),
    ],
)
@pytest.mark.parametrize("rows", [50.0, -1.0], ids=["by type", "by index"])
async def test_a_reference_is_found(stocked, ids_of, monkeypatch, rows, search, found):
    monkeypatch.setattr(plans, "SHARP_ROWS", rows)
    assert set(await ids_of(stocked, search)) == found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Encounter?location:below=site", {"at-site", "at-ward", "at-room"}),
        ("Encounter?location:below=Location/ward", {"at-ward", "at-room"}),
        (f"Encounter?location:below={BASE}/Location/ward", {"at-ward", "at-room"}),
        ("Encounter?location:below=room,branch", {"at-room", "at-branch"}),
        ("Encounter?location:below=nowhere", set()),
        ("Encounter?location:below=http://abroad.example/Location/1", {"at-branch"}),
        ("Encounter?location:above=room", {"at-site", "at-ward", "at-room"}),
        ("Encounter?location:above=site", {"at-site"}),
        ("Encounter?location:above=nowhere", set()),
        ("Encounter?location:below=left", {"at-left", "at-right"}),
        ("Encounter?location:above=left", {"at-left", "at-right"}),
        ("Encounter?_filter=location ss site and not (location eq room)", {"at-site", "at-ward"}),
        ("Location?partof:below=site", {"ward", "room"}),
        ("Location?partof:above=ward", {"ward", "room"}),
        ("Patient?organization:below=city", {"zhang", "wang"}),
        ("Patient?organization:below=township", {"zhang"}),
        ("Observation?encounter:above=stay", {"o-zhang"}),
        ("Observation?patient.organization:below=township", {"o-zhang", "o-version"}),
        ("Observation?performer:below=Patient/wang", {"o-wang"}),
        ("QuestionnaireResponse?questionnaire:below=urn:q", {"answers"}),
        (f"QuestionnaireResponse?questionnaire:below={BASE}/Questionnaire/form|1", {"own"}),
        (f"QuestionnaireResponse?questionnaire:below={BASE}/Questionnaire/form|1.10", {"own"}),
        (f"QuestionnaireResponse?questionnaire:below={BASE}/Questionnaire/form|1.10.2", {"own"}),
        (f"QuestionnaireResponse?questionnaire:below={BASE}/Questionnaire/form|1.1", set()),
        ("QuestionnaireResponse?questionnaire:below=urn", set()),
    ],
)
async def test_what_is_above_and_below_is_found(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, search)) == found


@pytest.mark.parametrize("modifier", ["above", "below"])
async def test_what_has_too_many_parts_is_too_costly(stocked, monkeypatch, modifier):
    monkeypatch.setattr(hierarchy, "MOST_MEMBERS", 1)
    refused = await stocked.get(f"Encounter?location:{modifier}=ward")
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["code"] == "too-costly"


@pytest.mark.parametrize(
    "search",
    ["Observation?patient:below=zhang", "Procedure?part-of:above=1", "ClinicalImpression?previous:below=1",
     "QuestionnaireResponse?questionnaire:above=urn:q|2"],
)  # fmt: skip
async def test_what_is_in_no_hierarchy_has_nothing_above_or_below(stocked, search):
    assert (await stocked.get(search, headers={"prefer": "handling=strict"})).status_code == 400


@pytest.fixture(params=["few", "many"])
def targets(request, monkeypatch):
    """What lies in between is few and looked up first, or as if it were many and is joined."""
    most = {"few": 1000, "many": 0}[request.param]
    monkeypatch.setattr(compiler, "MOST_TARGETS", most)
    monkeypatch.setattr(compiler, "MOST_REFERRING", most)


@pytest.mark.usefixtures("targets")
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Observation?subject.name=wang", {"o-wang"}),
        ("Observation?subject:Patient.name=zhang", {"o-zhang", "o-version"}),
        ("Observation?patient.name=zhang,wang", {"o-zhang", "o-version", "o-wang"}),
        ("Observation?patient.organization.name=village", {"o-zhang", "o-version"}),
        ("Observation?patient.organization.partof.name=township", {"o-zhang", "o-version"}),
        ("Observation?patient.organization.partof.partof.name=city", {"o-zhang", "o-version"}),
        ("Observation?patient.organization.name=city", {"o-wang"}),
        ("Observation?encounter.service-provider.name=village", {"o-zhang"}),
        ("Observation?patient.name=zhang&code=weight", {"o-zhang"}),
        ("Observation?patient.name=zhang&encounter.part-of:missing=true", {"o-zhang"}),
        ("Observation?patient._id=wang", {"o-wang"}),
        ("Observation?patient.organization=clinic", {"o-zhang", "o-version"}),
        ("Observation?patient.name=nobody", set()),
        ("Observation?patient:Patient.organization:Organization.name=village", {"o-zhang", "o-version"}),
        ("Encounter?part-of.subject:Patient.name=zhang", {"stay"}),
        ("Observation?subject:Group.type=person", {"o-group"}),
        ("Observation?patient.name:exact=Zhang", {"o-zhang", "o-version"}),
        ("Observation?patient.name:exact=zhang", set()),
        ("Observation?patient.organization.name:contains=LAGE", {"o-zhang", "o-version"}),
    ],
)
async def test_a_chain_leads_there(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, search)) == found


@pytest.mark.usefixtures("targets")
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Patient?_has:Observation:patient:code=weight", {"zhang"}),
        ("Patient?_has:Observation:subject:code=height", {"wang"}),
        ("Patient?_has:Observation:performer:code=height", {"wang"}),
        ("Patient?_has:Observation:patient:code=weight,height", {"zhang", "wang"}),
        ("Patient?_has:Observation:patient:code=weight&_has:Encounter:subject:status=finished", {"zhang"}),
        ("Patient?_has:Observation:patient:code=nothing", set()),
        ("Organization?_has:Patient:organization:name=zhang", {"clinic"}),
        ("Organization?_has:Patient:organization:_has:Observation:patient:code=weight", {"clinic"}),
        ("Organization?_has:Patient:organization:_has:Observation:patient:performer=Practitioner/li", {"city"}),
        ("Organization?_has:Organization:partof:_has:Patient:organization:name=zhang", {"township"}),
        (
            "Organization?_has:Organization:partof:_has:Organization:partof:_has:Patient:organization:name=zhang",
            {"city"},
        ),
        ("Encounter?_has:Observation:encounter:patient.name=zhang", {"visit"}),
        ("Encounter?patient._has:Observation:patient:code=height", {"stay"}),
        ("Practitioner?_has:Observation:performer:patient.organization.name=city", {"li"}),
    ],
)
async def test_what_is_referred_to_is_found(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, search)) == found


@pytest.mark.parametrize(
    "search",
    ["Observation?code.name=x", "Observation?subject.surprise=x", "Observation?subject:Nothing.name=x",
     "Patient?_has:Observation:code:code=x", "Patient?_has:Observation:patient=x", "Patient?_has:No:patient:code=x",
     "Organization?partof." + "partof." * 40 + "name=x"],
)  # fmt: skip
async def test_what_leads_nowhere_is_refused(stocked, search):
    assert (await stocked.get(search, headers={"prefer": "handling=strict"})).status_code == 400


async def test_a_chain_may_be_long(stocked, ids_of):
    assert set(await ids_of(stocked, "Organization?partof." + "partof." * 20 + "name=x")) == set()


async def test_a_chain_that_branches_without_end_is_refused(stocked):
    refused = await stocked.get("Provenance?target.target.target.target.target._id=x")
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["code"] == "too-costly"
    named = "Provenance?" + "target:Provenance." * 5 + "_id=x"
    assert (await stocked.get(named)).status_code == 200
