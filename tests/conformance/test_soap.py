"""Services over SOAP: the same sign-in, gate and audit as FHIR's, both versions, one method or many."""

import base64

import pytest
from lxml import etree

from kangyun.access.actor import Actor
from kangyun.base.errors import Invalid
from kangyun.testing.people import know

K = "urn:kangyun:soap:1"
SPACES = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}
TYPES = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}
ACTORS = {
    "his": Actor("Device/his", "县医院 HIS", "Organization/county", "TREAT", role="application", client="his"),
    "clinic": Actor("Device/cis", "诊所", "Organization/clinic", "TREAT", role="application", client="cis"),
    "auditor": Actor("Practitioner/audit", "审计", "Organization/platform", "SYSADMIN", role="audit-administrator"),
}
RESIDENT = """<ResidentRegister xmlns="urn:kangyun:soap:1"><Resident><CardType>01</CardType>
<CardNumber>A001</CardNumber><Name>张三</Name><Sex>1</Sex><BirthDate>19900101</BirthDate><DocumentType>01</DocumentType>
<DocumentNumber>{number}</DocumentNumber><Mobile>19900000001</Mobile></Resident></ResidentRegister>"""
NUMBER = "990000199001010017"


def envelope(body, version="1.1"):
    return f'<s:Envelope xmlns:s="{SPACES[version]}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


@pytest.fixture
def sign_in(open_client, monkeypatch):
    """Opens clients of applications and people: `await sign_in("his")`."""
    know(monkeypatch, ACTORS)
    return lambda name: open_client(token=name)


def made(action, held):
    return f'<{action} xmlns="{K}">{held}</{action}>'


async def call(client, body, service="kangyun", version="1.1", **headers):
    sent = {"content-type": TYPES[version], "accept-language": "zh"} | headers
    return await client.post(f"http://127.0.0.1:8080/soap/{service}", content=envelope(body, version), headers=sent)


def body_of(answer, version="1.1"):
    return etree.fromstring(answer.content).find(f"{{{SPACES[version]}}}Body")[0]


def said(element, path):
    return [one.text for one in element.iterfind("/".join(f"{{{K}}}{step}" for step in path.split("/")))]


@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_a_resident_is_registered_found_and_registered_again(sign_in, version):
    his = await sign_in("his")
    answer = await call(his, RESIDENT.format(number=NUMBER), version=version)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(TYPES[version].partition(";")[0])
    registered = body_of(answer, version)
    assert said(registered, "Registered/Status") == ["201 Created"]
    answer = await call(his, RESIDENT.format(number=NUMBER), version=version)
    assert said(body_of(answer, version), "Registered/Status") == ["200 OK"]
    query = made("ResidentQuery", f"<DocumentNumber>{NUMBER}</DocumentNumber>")
    found = body_of(await call(his, query, version=version), version)
    assert (said(found, "Resident/Name"), said(found, "Resident/Sex")) == (["张三"], ["1"])
    assert NUMBER in said(found, "Resident/Number")


async def test_it_is_the_same_registration_that_a_table_makes(sign_in):
    his = await sign_in("his")
    await call(his, RESIDENT.format(number=NUMBER))
    stored = (await his.get("Patient")).json()["entry"][0]["resource"]
    assert stored["managingOrganization"] == {"reference": "Organization/county"}
    assert stored["id"].startswith("county-")


async def test_what_is_wrong_is_told_by_place_and_not_quoted(sign_in):
    his = await sign_in("his")
    answer = await call(his, RESIDENT.format(number="990000199001010011"))
    assert answer.status_code == 500
    assert b"k:Resident[1]/k:DocumentNumber" in answer.content
    assert b"990000199001010011" not in answer.content
    assert "身份证号" in answer.text
    assert (await his.get("Patient?_summary=count")).json()["total"] == 0


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("token", [None, "nobody"])
async def test_nobody_comes_in_without_a_sign_in(open_client, token, version):
    client = await open_client(token=token)
    answer = await call(client, RESIDENT.format(number=NUMBER), version=version)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert body_of(answer, version).tag == f"{{{SPACES[version]}}}Fault"


async def test_another_house_may_not_overwrite_what_is_not_its_own(sign_in):
    his, clinic = await sign_in("his"), await sign_in("clinic")
    await call(his, RESIDENT.format(number=NUMBER))
    await call(clinic, RESIDENT.format(number=NUMBER))
    assert (await his.get("Patient?_summary=count")).json()["total"] == 1  # Each has its own registration.
    assert (await clinic.get("Patient?_summary=count")).json()["total"] == 1


async def test_one_method_takes_the_action_and_the_message_as_texts(sign_in):
    his = await sign_in("his")
    message = RESIDENT.format(number=NUMBER).replace("<", "&lt;")
    for service, method, action, text, result in (
        ("hip", "HIPMessageServer", "action", "message", "payload"),
        ("call", "Call", "FuncCode", "input", "output"),
    ):
        space = f"urn:kangyun:soap:{service}"
        given = f"<{action}>ResidentRegister</{action}><{text}>{message}</{text}>"
        asked = f'<m:{method} xmlns:m="{space}">{given}</m:{method}>'
        answer = body_of(await call(his, asked, service))
        inner = etree.fromstring(answer.findtext(f"{{{space}}}{result}"))
        assert said(inner, "Registered/Location")[0].startswith("Patient/county-")


@pytest.mark.parametrize(
    ("action", "text"), [("PatientInfoRegister", "标准文本未公开获得"), ("Nonsense", "没有这个动作")]
)
async def test_an_action_of_the_standard_is_refused_with_the_reason(sign_in, action, text):
    asked = f"<HIPMessageServer><action>{action}</action><message>&lt;a/&gt;</message></HIPMessageServer>"
    answer = await call(await sign_in("his"), asked, "hip")
    assert text in answer.text


async def test_a_document_is_kept_as_it_was_and_comes_back(sign_in):
    his = await sign_in("his")
    await call(his, RESIDENT.format(number=NUMBER))
    original = "<?xml version='1.0' encoding='GBK'?><病历>原文</病历>".encode("gbk")
    store = f"""<DocumentStore xmlns="{K}"><Document><DocumentNumber>D1</DocumentNumber><CardType>01</CardType>
    <CardNumber>A001</CardNumber><Kind>C0002</Kind><KindName>门（急）诊病历</KindName><Time>20260105080500</Time>
    <Format>application/xml</Format><Content>{base64.b64encode(original).decode()}</Content></Document></DocumentStore>"""
    answer = await call(his, store)
    assert said(body_of(answer), "Stored/Status") == ["201 Created"] * 2, answer.text
    query = made("DocumentQuery", f"<ResidentNumber>{NUMBER}</ResidentNumber><Kind>C0002</Kind>")
    found = body_of(await call(his, query))
    assert said(found, "Document/DocumentNumber") == ["D1"]
    (id_,) = said(found, "Document/ContentId")
    content = said(body_of(await call(his, made("DocumentFetch", f"<ContentId>{id_}</ContentId>"))), "Content")[0]
    assert base64.b64decode(content) == original


@pytest.mark.parametrize(("number", "name", "status"), [(NUMBER, "别人", 200), ("990000199001010033", "别人", 500)])
async def test_a_document_of_somebody_else_is_not_stored_as_the_patient_s(sign_in, number, name, status):
    his = await sign_in("his")
    await call(his, RESIDENT.format(number=NUMBER))
    document = f"""<ClinicalDocument xmlns="urn:hl7-org:v3"><recordTarget><patientRole>
    <id root="2.16.156.10011.1.12" extension="ZY1"/><patient><id root="2.16.156.10011.1.3" extension="{number}"/>
    <name>{name}</name></patient></patientRole></recordTarget></ClinicalDocument>"""
    content = base64.b64encode(document.encode()).decode()
    store = f"""<DocumentStore xmlns="{K}"><Document><DocumentNumber>D1</DocumentNumber><CardType>01</CardType>
    <CardNumber>A001</CardNumber><Kind>C0002</Kind><KindName>门（急）诊病历</KindName><Time>20260105080500</Time>
    <Format>application/xml</Format><Content>{content}</Content></Document></DocumentStore>"""
    answer = await call(his, store)
    assert answer.status_code == status
    assert ("enclosed-of-another" in answer.text) == (status != 200)


async def test_terms_are_registered_and_looked_up(sign_in):
    his = await sign_in("his")
    concepts = "".join(f"<Concept><Code>{n}</Code><Name>项目{n}</Name></Concept>" for n in range(3))
    asked = made("TermRegister", f"<System>urn:x:terms</System><Title>表</Title><Edition>1</Edition>{concepts}")
    answer = await call(his, asked)
    assert said(body_of(answer), "Registered/Status") == ["201 Created"], answer.text
    asked = made("TermQuery", "<System>urn:x:terms</System><Code>2</Code>")
    assert said(body_of(await call(his, asked)), "Name") == ["项目2"]


async def test_departments_and_staff(sign_in):
    his = await sign_in("his")
    asked = made("DepartmentRegister", "<Department><LocalCode>K01</LocalCode><Name>内科</Name></Department>")
    assert said(body_of(await call(his, asked)), "Registered/Status") == ["201 Created"]
    asked = made("StaffRegister", "<Staff><StaffNumber>0012</StaffNumber><Name>李医生</Name></Staff>")
    assert said(body_of(await call(his, asked)), "Registered/Status") == ["201 Created"] * 2
    asked = made("StaffQuery", "<StaffNumber>0012</StaffNumber>")
    assert "0012" in said(body_of(await call(his, asked)), "Staff/Number")
    asked = made("InstitutionQuery", "<Name>内科</Name>")
    assert said(body_of(await call(his, asked)), "Institution/PartOf") == ["Organization/county"]


async def test_an_institution_is_registered_once_and_changed_by_who_did_it(sign_in):
    his, clinic = await sign_in("his"), await sign_in("clinic")
    asked = made("InstitutionRegister", "<CreditCode>12990000TESTHSP01X</CreditCode><Name>{}</Name>")
    first = await call(his, asked.format("测试医院"))
    assert said(body_of(first), "Id") == said(body_of(await call(his, asked.format("测试县医院"))), "Id")
    answer = await call(clinic, asked.format("别的医院"))
    assert b"Fault" in answer.content
    query = made("InstitutionQuery", "<Code>12990000TESTHSP01X</Code>")
    assert said(body_of(await call(clinic, query)), "Institution/Name") == ["测试县医院"]


async def test_who_somebody_may_be_is_found_by_name_and_birth(sign_in):
    his = await sign_in("his")
    await call(his, RESIDENT.format(number=NUMBER))
    asked = made(
        "ResidentMatch",
        f"<Name>张三</Name><Sex>1</Sex><BirthDate>19900101</BirthDate><DocumentNumber>{NUMBER}</DocumentNumber>",
    )
    found = body_of(await call(his, asked))
    assert (said(found, "Candidate/Grade"), said(found, "Candidate/Name")) == (["probable"], ["张三"])


async def test_time_node_audit(sign_in):
    his, auditor = await sign_in("his"), await sign_in("auditor")
    assert said(body_of(await call(his, f'<TimeQuery xmlns="{K}"/>')), "Time")[0].endswith("+08:00")
    node = body_of(await call(his, f'<NodeVerify xmlns="{K}"/>'))
    assert (said(node, "Client"), said(node, "Institution")) == (["his"], ["Organization/county"])
    asked = made("AuditRecord", "<Action>R</Action><Time>20260105080500</Time><StaffNumber>0012</StaffNumber>")
    assert said(body_of(await call(his, asked)), "Id")
    asked = made("AuditQuery", "<Since>20200101</Since>")
    assert said(body_of(await call(auditor, asked)), "Event/Id")
    assert b"Fault" in (await call(his, asked)).content


async def test_subscriptions_are_asked_for_and_taken_back(sign_in):
    his = await sign_in("his")
    asked = made("DocumentSubscribe", "<Endpoint>https://his.example/hook</Endpoint><Reason>新文档</Reason>")
    (id_,) = said(body_of(await call(his, asked)), "Id")
    answer = await call(his, made("DocumentUnsubscribe", f"<Id>{id_}</Id>"))
    assert answer.status_code == 200, answer.text
    assert (await his.get(f"Subscription/{id_}")).status_code == 410


async def test_an_id_is_an_id_and_nothing_else(sign_in):
    his = await sign_in("his")
    for id_ in ("../Patient", "x/_history", "$export", "a?b=c"):
        answer = await call(his, made("DocumentFetch", f"<ContentId>{id_}</ContentId>"))
        assert "标识的形式不对" in answer.text


async def test_two_registrations_are_merged_by_who_made_them(sign_in):
    his = await sign_in("his")
    await call(his, RESIDENT.format(number=NUMBER))
    await call(his, RESIDENT.format(number=NUMBER).replace("A001", "A002"))
    asked = f"""<ResidentMerge xmlns="{K}"><CardType>01</CardType><CardNumber>A001</CardNumber>
    <OtherCardType>01</OtherCardType><OtherCardNumber>A002</OtherCardNumber></ResidentMerge>"""
    assert said(body_of(await call(his, asked)), "Outcome")
    asked = made("ResidentCrossReference", f"<DocumentNumber>{NUMBER}</DocumentNumber>")
    assert {"A001", "A002"} <= set(said(body_of(await call(his, asked)), "Number"))


async def test_each_message_leaves_a_row_that_names_no_value(sign_in):
    his, auditor = await sign_in("his"), await sign_in("auditor")
    await call(his, RESIDENT.format(number=NUMBER))
    events = (await auditor.get("AuditEvent?agent=Device/his")).text
    assert "$soap" in events
    assert NUMBER not in events


async def test_a_description_needs_no_sign_in_and_a_wrong_address_is_a_fault(open_client):
    client = await open_client(token=None)
    answer = await client.get("http://127.0.0.1:8080/soap/kangyun?wsdl")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert b"http://127.0.0.1:8080/soap/kangyun" in answer.content
    for address in ("none", "", "kangyun/more"):
        answer = await client.get(f"http://127.0.0.1:8080/soap/{address}")
        assert (answer.status_code, "没有这个服务" in answer.text or "no such service" in answer.text) == (500, True)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"<a/>", "text/xml", 500),
        (b"", "application/soap+xml", 400),
        (b"<a/>", "application/json", 415),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "text/xml", 500),
        (envelope("<Nonsense/>"), "text/xml", 500),
    ],
)
async def test_what_is_no_message_is_a_fault(sign_in, content, content_type, status):
    his = await sign_in("his")
    answer = await his.post(
        "http://127.0.0.1:8080/soap/kangyun", content=content, headers={"content-type": content_type}
    )
    assert answer.status_code == status
    assert b"Fault" in answer.content
    assert b"root:" not in answer.content


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_other_methods_are_refused(sign_in, method):
    answer = await (await sign_in("his")).request(method, "http://127.0.0.1:8080/soap/kangyun")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_site_says_what_an_action_of_its_standard_is(sign_in, tmp_path):
    (tmp_path / "soap").mkdir()
    (tmp_path / "soap" / "hip.toml").write_text(SITE, "utf-8")
    his = await sign_in("his")
    message = "<Msg><Name>张三</Name><Card>A9</Card></Msg>".replace("<", "&lt;")
    asked = f"<HIPMessageServer><action>PatientInfoRegister</action><message>{message}</message></HIPMessageServer>"
    answer = body_of(await call(his, asked, "hip"))
    assert etree.fromstring(answer[0].text).get("typeCode") == "AA"
    asked = asked.replace("A9", "-")
    answer = body_of(await call(his, asked, "hip"))
    refused = etree.fromstring(answer[0].text)
    assert (refused.get("typeCode"), "业务主键为空" in refused.text) == ("AE", True)
    asked = asked.replace("PatientInfoRegister", "PatientInfoQuery")
    assert b"urn:kangyun:soap:1" in (await call(his, asked, "hip")).content  # It wants our own form, as it is bound.


SITE = """
name = "hip"
title = "试验医院"
edition = "2026"
certainty = "confirmed"
namespace = "urn:site"
use = "kangyun"
[bind]
PatientInfoQuery = "ResidentQuery"
[method]
name = "HIPMessageServer"
action = "action"
message = "message"
result = "payload"
[[actions]]
name = "PatientInfoRegister"
title = "登记"
key = ["CARD"]
answer = '<Ack typeCode="AA"/>'
refused = '<Ack typeCode="AE">{issue.first().details.text}</Ack>'
[actions.columns]
NAME = "/Msg/Name"
CARD = "/Msg/Card"
[[actions.resources]]
type = "Patient"
kind = "patient"
body = { name = [{ text = "@!NAME name" }] }
"""


async def test_a_wrong_file_of_a_site_is_told_with_its_place(open_client, tmp_path):
    (tmp_path / "soap").mkdir()
    (tmp_path / "soap" / "hip.toml").write_text(SITE.replace("/Msg/Card", "/Msg/["), "utf-8")
    with pytest.raises(Invalid) as found:
        await open_client()
    assert found.value.issues[0].parameters["at"].startswith("hip.toml: PatientInfoRegister: columns.CARD")
