"""Documents through a real record: taken in as an institution's own, known again, and written out of it over HTTP."""

from base64 import b64decode
from dataclasses import replace
from xml.etree import ElementTree

import msgspec
import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.signin import ADMINISTRATOR
from kangyun.exchange.cda.checking import check
from kangyun.exchange.cda.reading import Feed, read
from kangyun.exchange.cda.writing import kinds, write
from kangyun.exchange.feeds.documents import take

HOUSE = "Organization/house-1"
FEED = Feed("house-1", HOUSE)
OF = {
    "Encounter": ("C0008", "C0020", "C0032", "C0034", "C0049", "C0053", "HSDC00.03"),
    "Patient": ("C0001", "HSDA00.01", "HSDB03.01"),
    "MedicationRequest": ("C0004",), "DiagnosticReport": ("C0007",), "Procedure": ("C0009",),
}  # fmt: skip


@pytest.fixture
async def brought(platform, client, record):
    """Takes in the documents of a stay, each written of the same record; returns what became of each."""
    actor = replace(ADMINISTRATOR, institution=HOUSE)

    async def bring(*codes):
        await client.put(HOUSE, json={"resourceType": "Organization", "id": "house-1", "name": "测试市演示医院"})
        gate = await platform.gate.open(actor, Circumstances("feed", "", "", historic=True))
        return await take(gate, [read(write(kind, record), f"{kind}.xml", FEED) for kind in codes])

    return bring


async def one(client, path):
    found = (await client.get(path)).json()["entry"]
    return found[0]["resource"]


async def test_a_document_is_stored_once_and_known_again(brought, client, record):
    (first,) = await brought("C0053")
    assert {one.status for one in first} == {"created"}
    (again,) = await brought("C0053")
    assert {one.status for one in again} == {"unchanged"}
    document = await one(client, "DocumentReference?type=C0053")
    binary = (await client.get(document["content"][0]["attachment"]["url"])).json()
    assert b64decode(binary["data"]) == write("C0053", record)
    provenance = await one(client, f"Provenance?entity=DocumentReference/{document['id']}")
    assert len(provenance["target"]) > 3


async def test_documents_of_one_stay_add_to_one_another(brought, client):
    first, second = await brought("C0053", "C0032")
    assert all(one.status != "rejected" for one in (*first, *second))
    assert (await client.get("Patient?_summary=count")).json()["total"] == 1
    assert (await client.get("Encounter?_summary=count")).json()["total"] == 1
    stay = await one(client, "Encounter")
    assert stay["hospitalization"]["dischargeDisposition"]["coding"][0]["code"] == "1"


async def test_what_is_refused_is_told_and_the_others_are_stored(platform, record, brought):
    actor = replace(ADMINISTRATOR, institution=HOUSE)
    gate = await platform.gate.open(actor, Circumstances("feed", "", "", historic=True))
    bad, good = read(b"<ClinicalDocument/>", "bad.xml", FEED), read(write("C0053", record), "good.xml", FEED)
    wrong, stored = await take(gate, [bad, good])
    assert [one.place.source for one in wrong] == ["bad.xml"]
    assert {one.status for one in stored} == {"created"}


async def test_a_document_of_somebody_else_under_a_patient_s_number_is_refused(platform, record):
    """A wrong number: identity number and name are both another person's, who would become one with the patient."""
    gate = await platform.gate.open(
        replace(ADMINISTRATOR, institution=HOUSE), Circumstances("feed", "", "", historic=True)
    )
    first = write("C0053", record)
    other = first.decode().replace("990000195003121011", "990000199001010017").replace("测试甲", "李四").encode()
    _, (why,) = await take(gate, [read(first, "a.xml", FEED), read(other, "b.xml", FEED)])
    assert why.text.endswith("another-person") and why.place.part == "recordTarget"


@pytest.mark.parametrize(("type_", "codes"), OF.items())
async def test_each_kind_is_written_out_of_the_record(brought, client, type_, codes):
    await brought("C0053", "C0034", "C0007", "C0004", "C0009", "C0032", "C0020", "C0001", "HSDB03.01")
    for kind in codes:
        id_ = (await one(client, type_))["id"]
        answer = await client.get(f"{type_}/{id_}/$document-cn?kind={kind}")
        assert answer.status_code == 200, answer.text
        assert check(answer.content) == []
        assert answer.content == (await client.get(f"{type_}/{id_}/$document-cn?kind={kind}")).content
        root = ElementTree.fromstring(answer.content)
        assert root.find("{urn:hl7-org:v3}code").get("code") == kind


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Encounter/{}/$document-cn", 400),
        ("Encounter/{}/$document-cn?kind=C0099", 400),
        ("Encounter/{}/$document-cn?kind=C0001", 400),
        ("Encounter/{}/$document-cn?kind=C0009", 400),
        ("Encounter/none/$document-cn?kind=C0053", 404),
        ("Observation/{}/$document-cn?kind=C0053", 404),
    ],
)
async def test_what_cannot_be_written_is_refused(brought, client, path, status):
    await brought("C0053")
    id_ = (await one(client, "Encounter"))["id"]
    assert (await client.get(path.format(id_))).status_code == status


async def test_a_kind_without_content_is_not_found(brought, client):
    await brought("C0053")
    id_ = (await one(client, "Encounter"))["id"]
    answer = await client.get(f"Encounter/{id_}/$document-cn?kind=C0020")
    assert answer.status_code == 404
    assert "生命体征" in answer.json()["issue"][0]["details"]["text"]


async def test_nobody_who_is_not_signed_in_is_given_a_document(brought, client, open_client):
    await brought("C0053")
    id_ = (await one(client, "Encounter"))["id"]
    stranger = await open_client(token=None)
    assert (await stranger.get(f"Encounter/{id_}/$document-cn?kind=C0053")).status_code == 401


@pytest.fixture
async def doctor(open_client, tmp_path):
    """The demonstration's doctor, signed in: of another institution than that which brought the documents."""
    other = await open_client(token=None, demo=True)
    accounts = msgspec.json.decode((tmp_path / "demo-sign-ins.json").read_bytes())
    password = next(one["password"] for one in accounts if one["user"] == "doctor")
    answer = await other.post("http://127.0.0.1:8080/sign-in", json={"user": "doctor", "password": password})
    other.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
    return other


async def test_a_document_is_of_what_its_reader_may_see(brought, client, doctor):
    await brought("C0053")
    path = f"Encounter/{(await one(client, 'Encounter'))['id']}"
    assert (await client.get(f"{path}/$document-cn?kind=C0053")).status_code == 200
    assert (await doctor.get(f"{path}/$document-cn?kind=C0053")).status_code == (await doctor.get(path)).status_code
    assert (await doctor.get(path)).status_code == 404


async def test_the_capability_statement_says_so(client):
    told = (await client.get("metadata")).json()["rest"][0]["resource"]
    types = {one["type"] for one in told if any(o["name"] == "document-cn" for o in one.get("operation", ()))}
    assert types == {"Patient", "Encounter", "MedicationRequest", "DiagnosticReport", "Procedure"}
    assert len(kinds()) == 22
