"""IHE PIXm and PDQm: cross-references by a number, search by what is known of somebody, match. Over HTTP.

Source: https://profiles.ihe.net/ITI/PIXm/ITI-83.html, https://profiles.ihe.net/ITI/PDQm/volume-1.html
"""

import pytest
import pytest_asyncio

ONE, OTHER = "11010519491231002X", "110101199003070011"
RED, BLUE = "urn:oid:1.3.6.1.4.1.21367.13.20.1000", "urn:oid:1.3.6.1.4.1.21367.13.20.2000"
NUMBER = "urn:oid:2.16.156.10011.1.3"
MAIDEN = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"


@pytest_asyncio.fixture
async def two(hospital, person):
    """One resident, registered at two hospitals."""
    made = []
    for name, system, value in (("a", RED, "red-1"), ("b", BLUE, "blue-1")):
        resource = person(number=ONE, identifier=[{"system": system, "value": value}])
        made.append((await hospital(name).post("Patient", json=resource)).json()["id"])
    return made


@pytest.fixture
def pix():
    """Asks and returns the status, and the identifiers and ids, or the issue, of the answer."""

    async def pix_(client, *targets, source=f"{RED}|red-1", method="GET"):
        pairs = [("sourceIdentifier", source), *(("targetSystem", one) for one in targets)]
        given = [{"name": name, "valueString": value} for name, value in pairs]
        body = {"json": {"resourceType": "Parameters", "parameter": given}} if method == "POST" else {"params": pairs}
        answer = await client.request(method, "Patient/$ihe-pix", **body)
        said = answer.json()
        if answer.status_code != 200:
            issue = said["issue"][0]
            return answer.status_code, issue["severity"], issue["code"], issue.get("diagnostics")
        told = said.get("parameter", ())
        numbers = {one["valueIdentifier"]["value"] for one in told if one["name"] == "targetIdentifier"}
        return numbers, {one["valueReference"]["reference"] for one in told if one["name"] == "targetId"}

    return pix_


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_all_numbers_but_the_one_asked_by(two, pix, client, method):
    numbers, patients = await pix(client, method=method)
    assert numbers == {"blue-1", ONE}
    assert patients == {f"Patient/{one}" for one in two}


async def test_of_the_domains_that_are_asked_for(two, pix, client):
    red, blue = two
    assert await pix(client, BLUE) == ({"blue-1"}, {f"Patient/{blue}"})
    assert await pix(client, BLUE, NUMBER) == ({"blue-1", ONE}, {f"Patient/{red}", f"Patient/{blue}"})
    assert await pix(client, source=f"{NUMBER}|{ONE}") == ({"red-1", "blue-1"}, {f"Patient/{one}" for one in two})


async def test_by_the_id_of_a_patient(two, pix, client):
    red, blue = two
    base = (await client.get("metadata")).json()["implementation"]["url"]
    assert await pix(client, source=f"{base}|Patient/{red}") == ({"red-1", "blue-1", ONE}, {f"Patient/{blue}"})
    assert await pix(client, base) == (set(), {f"Patient/{one}" for one in two})
    assert (await pix(client, source=f"{base}|Patient/none"))[0] == 404


@pytest.mark.parametrize(
    ("source", "targets", "issue"),
    [
        (f"{RED}|none", (), (404, "error", "not-found", "sourceIdentifier Patient Identifier not found")),
        ("urn:oid:1.2.9|1", (), (400, "error", "code-invalid", "sourceIdentifier Assigning Authority not found")),
        (f"{RED}|red-1", ("urn:oid:1.2.9",), (403, "error", "code-invalid", "targetSystem not found")),
        (f"{RED}|red-1", (BLUE, "urn:oid:1.2.9"), (403, "error", "code-invalid", "targetSystem not found")),
        ("red-1", (), (400, "error", "invalid", None)),
        (f"{RED}|", (), (400, "error", "invalid", None)),
    ],
)
async def test_errors_are_the_profiles(two, pix, client, source, targets, issue):
    assert await pix(client, *targets, source=source) == issue


async def test_exactly_one_number_is_asked_by(two, client):
    assert (await client.get("Patient/$ihe-pix")).status_code == 400
    twice = [("sourceIdentifier", f"{RED}|red-1"), ("sourceIdentifier", f"{BLUE}|blue-1")]
    assert (await client.get("Patient/$ihe-pix", params=twice)).status_code == 400


async def test_nothing_hidden_is_told(two, pix, hospital):
    a, (red, _) = hospital("a"), two
    assert await pix(a) == ({ONE}, {f"Patient/{red}"})
    # As of numbers and of assigners that there are not.
    assert await pix(a, source=f"{BLUE}|blue-1") == await pix(a, source="urn:oid:1.2.9|1")
    assert await pix(a, BLUE) == await pix(a, "urn:oid:1.2.9")
    assert await pix(a, source=f"{NUMBER}|{OTHER}") == (
        404, "error", "not-found", "sourceIdentifier Patient Identifier not found"
    )  # fmt: skip


async def test_two_residents_with_one_number_are_neither(two, pix, client, hospital, person):
    await hospital("a").post(
        "Patient", json=person("李四", "1990-03-07", identifier=[{"system": RED, "value": "red-1"}])
    )
    assert (await pix(client))[0] == 412


async def test_a_feed_writes_revises_and_removes_by_the_number(two, pix, client, hospital, person):
    resource = person(number=ONE, identifier=[{"system": RED, "value": "red-2"}])
    asked = f"Patient?identifier={RED}|red-2"
    assert [(await hospital("a").put(asked, json=resource)).status_code for _ in range(2)] == [201, 200]
    assert (await pix(client))[0] == {"blue-1", "red-2", ONE}
    assert (await hospital("a").delete(asked)).status_code in (200, 204)
    assert (await pix(client))[0] == {"blue-1", ONE}


# --- PDQm


@pytest_asyncio.fixture
async def known(client, person):
    resource = person(
        number=ONE, active=True, gender="male", telecom=[{"system": "phone", "value": "13812345678"}],
        address=[{"city": "北京市", "state": "北京", "country": "CN", "postalCode": "100000", "text": "朝阳区一号"}],
        extension=[{"url": MAIDEN, "valueString": "欧阳"}],
    )  # fmt: skip
    resource["name"] = [{"family": "王", "given": ["建国"]}]
    await client.post("Patient", json=person("李四", "1990-03-07", OTHER, active=False, gender="female"))
    return (await client.post("Patient", json=resource)).json()["id"]


@pytest.mark.parametrize(
    "asked",
    [
        f"identifier={NUMBER}|{ONE}", "family=王", "given=建国", "birthdate=1949-12-31", "gender=male", "active=true",
        "telecom=13812345678", "address=朝阳区", "address-city=北京", "address-state=北京", "address-country=CN",
        "address-postalcode=100000", "mothersMaidenName=欧阳", "_id=ID", "_lastUpdated=ge2020-01-01&family:exact=王",
        "family=王&given=建&birthdate=1949-12-31&gender=male",
    ],
)  # fmt: skip
async def test_somebody_is_found_by_what_is_known_of_him(known, client, asked):
    page = (await client.get(f"Patient?{asked.replace('ID', known)}", headers={"prefer": "handling=strict"})).json()
    assert [entry["resource"]["id"] for entry in page["entry"]] == [known]


@pytest.fixture
def match(client):
    async def match_(resource, **inputs):
        given = [{"name": "resource", "resource": resource}, *({"name": n, **v} for n, v in inputs.items())]
        answer = await client.post("Patient/$match", json={"resourceType": "Parameters", "parameter": given})
        assert answer.status_code == 200
        return answer.json()

    return match_


async def test_a_match_has_grade_score_and_mode(known, match, person):
    (entry,) = (await match(person(number=ONE)))["entry"]
    assert entry["search"]["mode"] == "match" and 0 <= entry["search"]["score"] <= 1
    grade = {"url": "http://hl7.org/fhir/StructureDefinition/match-grade", "valueCode": "certain"}
    assert entry["search"]["extension"] == [grade]
    assert entry["resource"]["resourceType"] == "Patient" and entry["fullUrl"].endswith(entry["resource"]["id"])


async def test_matches_are_no_more_than_asked_for(client, match, person):
    for serial in ("110101199003070011", "110101199003070038", "110101199003070054"):
        made = person("李四", "1990-03-07", serial, telecom=[{"system": "phone", "value": "13812345678"}])
        assert (await client.post("Patient", json=made)).status_code == 201
    asked = person("李四", "1990-03-07", telecom=[{"system": "phone", "value": "13812345678"}])
    assert len((await match(asked))["entry"]) == 3
    assert len((await match(asked, count={"valueInteger": 2}))["entry"]) == 2


async def test_of_several_certain_ones_none_is_certain(client, match, person, register, ask):
    first, second = await register(number=ONE), await register(number=ONE)
    await ask(f"Patient/{second}/$part")
    assert len((await match(person(number=ONE)))["entry"]) == 2
    assert (await match(person(number=ONE), onlyCertainMatches={"valueBoolean": True}))["total"] == 0
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")
    assert (await match(person(number=ONE), onlyCertainMatches={"valueBoolean": True}))["total"] == 1


async def test_what_is_done_is_declared(client):
    said = (await client.get("metadata")).json()
    assert {one.rsplit("/", 1)[-1] for one in said["instantiates"]} == {
        "IHE.PIXm.Manager", "IHE.PDQm.PatientDemographicsSupplier"
    }  # fmt: skip
    (patient,) = [one for one in said["rest"][0]["resource"] if one["type"] == "Patient"]
    assert patient["conditionalUpdate"] and patient["conditionalDelete"] == "single"
    assert {"match", "ihe-pix", "merge"} <= {one["name"] for one in patient["operation"]}
    assert {"active", "family", "given", "identifier", "telecom", "birthdate", "address", "gender",
            "mothersMaidenName"} <= {one["name"] for one in patient["searchParam"]}  # fmt: skip
