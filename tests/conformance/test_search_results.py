"""What a search answers with: order, pages, totals, parts of resources, what is included, and what was not understood.

Source: https://hl7.org/fhir/R4/search.html#Summary, #include, #sort, #errors
"""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def to(target):
    return {"reference": target}


def person(id_, family, birth, **more):
    return {"resourceType": "Patient", "id": id_, "name": [{"family": family}], "birthDate": birth} | more


def observed(id_, patient, value, date, code, **more):
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "subject": to(f"Patient/{patient}"),
        "code": {"coding": [{"system": "urn:test", "code": code}]}, "valueQuantity": {"value": value},
        "effectiveDateTime": date, "note": [{"text": "a note"}],
    } | more  # fmt: skip


STOCK = (
    {"resourceType": "Organization", "id": "city", "name": "City"},
    {"resourceType": "Organization", "id": "clinic", "name": "Clinic", "partOf": to("Organization/city")},
    {"resourceType": "Organization", "id": "ward", "name": "Ward", "partOf": to("Organization/clinic")},
    {"resourceType": "Practitioner", "id": "li", "name": [{"family": "Li"}]},
    person("anna", "Alpha", "1990-01-01", managingOrganization=to("Organization/ward"), gender="female",
           text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Anna</div>'}),
    person("bert", "Beta", "1980", generalPractitioner=[to("Practitioner/li")], gender="male"),
    person("carl", "Gamma", "1985-06-01", link=[{"other": to("Patient/bert"), "type": "seealso"}]),
    {"resourceType": "Patient", "id": "dora"},
    {"resourceType": "ValueSet", "id": "v1", "status": "active", "url": "urn:b", "version": "1"},
    {"resourceType": "ValueSet", "id": "v2", "status": "active", "url": "urn:a", "version": "2"},
    *(
        {"resourceType": "RiskAssessment", "id": f"risk{n}", "status": "final", "subject": {"display": "x"},
         "prediction": [{"probabilityDecimal": p}]} for n, p in enumerate((0.9, 0.1, 0.5))
    ),
    *(
        {"resourceType": "DeviceRequest", "id": f"device{n}", "intent": "order", "codeCodeableConcept": {"text": "x"},
         "subject": {"display": "x"}, "occurrenceDateTime": date} for n, date in enumerate(("2024", "2022", "2023"))
    ),
    observed("a1", "anna", 3, "2024-01-03", "x", performer=[to("Practitioner/li")]),
    observed("a2", "anna", 1, "2024-01-01", "z"),
    observed("b1", "bert", 2, "2024-01-02", "y", hasMember=[to("Observation/a1")]),
)  # fmt: skip
EVERYBODY = ["anna", "bert", "carl", "dora"]


def modes(bundle):
    found = {}
    for entry in bundle.get("entry", ()):
        found.setdefault(entry["search"]["mode"], []).append(entry["resource"].get("id"))
    return found


# --- _sort


@pytest.mark.parametrize(
    ("search", "order"),
    [
        ("Patient?_sort=birthdate&birthdate:missing=false", ["bert", "carl", "anna"]),
        ("Patient?_sort=-birthdate&birthdate:missing=false", ["anna", "carl", "bert"]),
        ("Patient?_sort=family&name:missing=false", ["anna", "bert", "carl"]),
        ("Patient?_sort=-family&name:missing=false", ["carl", "bert", "anna"]),
        ("Patient?_sort=gender,family", ["anna", "bert", "carl", "dora"]),
        ("Patient?_sort=-gender,-family", ["bert", "anna", "carl", "dora"]),
        ("Patient?_sort=organization&organization:missing=false", ["anna"]),
        ("Observation?_sort=value-quantity", ["a2", "b1", "a1"]),
        ("RiskAssessment?_sort=probability", ["risk1", "risk2", "risk0"]),
        ("RiskAssessment?_sort=-probability", ["risk0", "risk2", "risk1"]),
        ("DeviceRequest?_sort=event-date", ["device1", "device2", "device0"]),
        ("DeviceRequest?_sort=-event-date", ["device0", "device2", "device1"]),
        ("ValueSet?_sort=url", ["v2", "v1"]),
        ("ValueSet?_sort=-url", ["v1", "v2"]),
        ("Observation?_sort=-value-quantity", ["a1", "b1", "a2"]),
        ("Observation?_sort=date", ["a2", "b1", "a1"]),
        ("Observation?_sort=-date", ["a1", "b1", "a2"]),
        ("Observation?_sort=code", ["a1", "b1", "a2"]),
        ("Observation?_sort=-code", ["a2", "b1", "a1"]),
        ("Observation?_sort=patient,value-quantity", ["a2", "a1", "b1"]),
        ("Observation?_sort=patient,-value-quantity", ["a1", "a2", "b1"]),
        ("Observation?_sort=-patient,date", ["b1", "a2", "a1"]),
        ("Observation?_sort=status,-date", ["a1", "b1", "a2"]),
    ],
)
async def test_matches_come_in_order(stocked, ids_of, search, order):
    assert await ids_of(stocked, search) == order


@pytest.mark.parametrize("code", ["_id", "_lastUpdated", "family", "birthdate", "gender"])
async def test_an_order_can_be_turned_round(stocked, ids_of, code):
    only = "name:missing=false&gender:missing=false"
    forth, back = [await ids_of(stocked, f"Patient?_sort={sign}{code}&{only}") for sign in ("", "-")]
    assert sorted(forth) == ["anna", "bert"]
    assert forth == back[::-1] or code == "_lastUpdated"


@pytest.mark.parametrize(
    "sort",
    ["", "_id", "-_id", "_lastUpdated", "-_lastUpdated", "birthdate", "-birthdate", "family", "-family", "gender"],
)
@pytest.mark.parametrize("count", [1, 2, 3])
async def test_pages_hold_each_match_once_in_the_same_order(stocked, searched, ids_of, sort, count):
    sorting = f"&_sort={sort}" if sort else ""
    whole = await ids_of(stocked, f"Patient?{sorting}")
    url, seen = f"Patient?_count={count}{sorting}", []
    while url:
        bundle = await searched(stocked, url)
        assert len(bundle["entry"]) <= count
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    assert seen == whole
    assert sorted(seen) == EVERYBODY


@pytest.mark.parametrize("sort", ["surprise", "name,surprise", "code-value-quantity"])
async def test_no_order_is_refused(stocked, sort):
    strict = await stocked.get(f"Observation?_sort={sort}", headers={"prefer": "handling=strict"})
    assert strict.status_code == 400


# --- _count, _total, _summary, _elements


async def test_totals_and_counts(stocked, searched):
    assert (await searched(stocked, "Patient?_count=1"))["total"] == 4
    assert (await searched(stocked, "Patient?_count=1&_total=accurate"))["total"] == 4
    none = await searched(stocked, "Patient?_count=0")
    assert none["total"] == 4 and "entry" not in none
    counted = await searched(stocked, "Patient?_summary=count&gender=male")
    assert counted["total"] == 1 and "entry" not in counted
    empty = await searched(stocked, "Patient?name=nobody")
    assert empty["total"] == 0 and "entry" not in empty


@pytest.mark.parametrize(
    "parameter", ["_count=-1", "_count=many", "_total=some", "_summary=little", "_sort=", "_sort=family,", "_id="]
)
async def test_wrong_wishes_are_refused(stocked, parameter):
    assert (await stocked.get(f"Patient?{parameter}")).status_code == 400


async def test_a_summary_has_the_marked_elements(stocked, searched):
    (entry,) = (await searched(stocked, "Observation?_id=a1&_summary=true"))["entry"]
    shown = entry["resource"]
    assert {"status", "code", "subject", "effectiveDateTime", "valueQuantity"} <= shown.keys()
    assert "note" not in shown and "performer" in shown
    assert shown["meta"]["tag"][-1]["code"] == "SUBSETTED"


async def test_a_summary_of_text_or_of_data(stocked, searched):
    (text,) = (await searched(stocked, "Patient?_id=anna&_summary=text"))["entry"]
    assert text["resource"].keys() == {"resourceType", "id", "meta", "text"}
    (data,) = (await searched(stocked, "Patient?_id=anna&_summary=data"))["entry"]
    assert "text" not in data["resource"] and data["resource"]["gender"] == "female"
    (whole,) = (await searched(stocked, "Patient?_id=anna&_summary=false"))["entry"]
    assert "tag" not in whole["resource"]["meta"] and "text" in whole["resource"]


async def test_only_the_elements_asked_for_and_the_mandatory_ones(stocked, searched):
    (entry,) = (await searched(stocked, "Observation?_id=a1&_elements=subject,value"))["entry"]
    assert entry["resource"].keys() == {"resourceType", "id", "meta", "status", "code", "subject", "valueQuantity"}
    bundle = await searched(stocked, "Patient?_elements=birthDate,Patient.gender&_id=anna")
    assert bundle["entry"][0]["resource"].keys() == {"resourceType", "id", "meta", "birthDate", "gender"}


@pytest.mark.parametrize("wrong", ["gendre", "Patient.status", "Nobody.name", "name.family"])
async def test_an_element_that_there_is_not_is_named(stocked, wrong):
    search = f"Patient?_id=anna&_elements=gender,{wrong}"
    assert (await stocked.get(search, headers={"prefer": "handling=strict"})).status_code == 400
    bundle = (await stocked.get(search)).json()
    assert [entry["search"]["mode"] for entry in bundle["entry"]] == ["match", "outcome"]
    assert "_elements" not in bundle["link"][0]["url"]


async def test_parts_of_a_single_resource(stocked):
    read = (await stocked.get("Patient/anna?_summary=text")).json()
    assert read.keys() == {"resourceType", "id", "meta", "text"}
    read = (await stocked.get("Patient/anna?_elements=gender")).json()
    assert read.keys() == {"resourceType", "id", "meta", "gender"}


# --- _include, _revinclude


@pytest.mark.parametrize(
    ("search", "matches", "included"),
    [
        ("Observation?_id=a1&_include=Observation:subject", {"a1"}, {"anna"}),
        ("Observation?_id=a1&_include=Observation:patient", {"a1"}, {"anna"}),
        ("Observation?_id=a1&_include=Observation:subject:Group", {"a1"}, set()),
        ("Observation?_id=a1&_include=Observation:subject:Patient", {"a1"}, {"anna"}),
        ("Observation?_id=a1&_include=Observation:performer", {"a1"}, {"li"}),
        ("Observation?_id=a1&_include=Observation:performer&_include=Observation:subject", {"a1"}, {"li", "anna"}),
        ("Observation?_id=a1&_include=Observation:*", {"a1"}, {"li", "anna"}),
        ("Observation?_id=a1&_include=*", {"a1"}, {"li", "anna"}),
        ("Observation?_id=a1,a2&_include=Observation:subject", {"a1", "a2"}, {"anna"}),
        ("Observation?_include=Observation:has-member", {"a1", "a2", "b1"}, set()),
        ("Observation?_id=b1&_include=Observation:has-member", {"b1"}, {"a1"}),
        ("Observation?_id=b1&_include=Observation:has-member&_include=Observation:performer", {"b1"}, {"a1"}),
        ("Observation?_id=b1&_include=Observation:has-member&_include:iterate=Observation:performer", {"b1"},
         {"a1", "li"}),
        ("Observation?_id=a1&_include=Observation:subject&_include:iterate=Patient:organization", {"a1"},
         {"anna", "ward"}),
        ("Patient?_id=anna&_include=Patient:organization&_include:iterate=Organization:partof", {"anna"},
         {"ward", "clinic", "city"}),
        ("Organization?_id=ward&_include:iterate=Organization:partof", {"ward"}, {"clinic", "city"}),
        ("Organization?_id=ward&_include:recurse=Organization:partof", {"ward"}, {"clinic", "city"}),
        ("Patient?_id=anna&_revinclude=Observation:subject", {"anna"}, {"a1", "a2"}),
        ("Patient?_id=anna&_revinclude=Observation:patient", {"anna"}, {"a1", "a2"}),
        ("Patient?_id=bert&_revinclude=*", {"bert"}, {"b1", "carl"}),
        ("Practitioner?_id=li&_revinclude=Observation:performer&_revinclude=Patient:general-practitioner", {"li"},
         {"a1", "bert"}),
        ("Organization?_id=city&_revinclude:iterate=Organization:partof", {"city"}, {"clinic", "ward"}),
        ("Organization?_id=ward&_revinclude=Patient:organization&_revinclude:iterate=Observation:patient", {"ward"},
         {"anna", "a1", "a2"}),
        ("Practitioner?_id=li&_revinclude=Patient:general-practitioner&_include:iterate=Patient:link", {"li"},
         {"bert"}),
        ("Patient?_id=dora&_include=Patient:organization", {"dora"}, set()),
    ],
)  # fmt: skip
async def test_what_is_included(stocked, searched, search, matches, included):
    found = modes(await searched(stocked, search))
    assert set(found.get("match", ())) == matches
    assert set(found.get("include", ())) == included
    assert len(found.get("include", ())) == len(included)


@pytest.mark.parametrize(
    "include", ["_include=Observation:code", "_include=Nothing:subject", "_include=Observation:surprise", "_include=x",
                "_include:sideways=Observation:subject", "_revinclude=Observation"],
)  # fmt: skip
async def test_what_cannot_be_included_is_refused(stocked, include):
    assert (await stocked.get(f"Observation?{include}", headers={"prefer": "handling=strict"})).status_code == 400


# --- what was not understood


async def test_what_is_unknown_is_named_and_left_out_of_the_self_link(stocked):
    answer = await stocked.get("Patient?surprise=1&gender=male&name:above=x")
    bundle = answer.json()
    assert [entry["resource"]["id"] for entry in bundle["entry"] if entry["search"]["mode"] == "match"] == ["bert"]
    (outcome,) = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
    assert len(outcome["issue"]) == 2
    assert "Patient.surprise" in outcome["issue"][0]["details"]["text"]
    (own,) = [link["url"] for link in bundle["link"] if link["relation"] == "self"]
    assert own.endswith("/Patient?gender=male")


async def test_strict_handling_refuses_what_is_unknown(stocked):
    strict = {"prefer": "handling=strict"}
    for unknown in (
        "surprise=1",
        "_surprise=1",
        "_maxresults=1",
        "_contained=true",
        "_query=x",
        "_containedType=x",
        "_sort=--family",
    ):
        assert (await stocked.get(f"Patient?{unknown}", headers=strict)).status_code == 400
    assert (await stocked.get("Patient?gender=male", headers=strict)).status_code == 200


async def test_links_lead_where_they_say(stocked, searched):
    first = await searched(stocked, "Patient?_count=3&_sort=family")
    links = {link["relation"]: link["url"] for link in first["link"]}
    assert links["self"].startswith("http://127.0.0.1:8080/fhir/Patient?")
    second = await searched(stocked, links["next"])
    assert len(second["entry"]) == 1
    assert {link["relation"] for link in second["link"]} == {"self"}
    assert (await searched(stocked, links["self"]))["entry"] == first["entry"]


async def test_a_cursor_is_for_its_own_search_only(stocked, searched):
    first = await searched(stocked, "Patient?_count=2")
    (url,) = [link["url"] for link in first["link"] if link["relation"] == "next"]
    cursor = url.partition("_cursor=")[2]
    for stolen in (f"Patient?_count=3&_cursor={cursor}", f"Observation?_count=2&_cursor={cursor}", "Patient?_cursor=x"):
        assert (await stocked.get(stolen)).status_code == 400


async def test_every_entry_has_its_address(stocked, searched):
    for entry in (await searched(stocked, "?_count=50"))["entry"]:
        resource = entry["resource"]
        assert entry["fullUrl"] == f"http://127.0.0.1:8080/fhir/{resource['resourceType']}/{resource['id']}"
