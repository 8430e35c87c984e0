"""The doctor's look from inside another system: a ticket, a page, what it shows and to whom it shows nothing."""

import asyncio
import json
import re
import time
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.applications.register import Application
from kangyun.access.look.tickets import PATH, Tickets, signed
from kangyun.access.operations import Call, find
from kangyun.access.policy import FILE, shipped_text
from kangyun.access.residents.bindings import Handle, bindings_of
from kangyun.access.signing.register import Register
from kangyun.base import clock
from kangyun.base.crypto import PrivateKey, hmac_sm3
from kangyun.base.crypto.authority import Authority, named
from kangyun.base.errors import Invalid
from kangyun.testing.linking import link
from kangyun.testing.provider import SITE
from kangyun.web.look import frames_of

ICD = "http://hl7.org/fhir/sid/icd-10"
PHONE = "13800000001"
NASTY = "<script>alert(1)</script>"


def about(type_, id_, subject, **rest):
    return {"resourceType": type_, "id": id_, "subject": {"reference": f"Patient/{subject}"}} | rest


def patient(id_, name="张三丰", **rest):
    identifier = [{"system": "urn:test", "value": id_}, {"system": "urn:card", "value": "330106199001011228"}]
    return {"resourceType": "Patient", "id": id_, "name": [{"text": name}], "identifier": identifier} | rest


def coded(code, text):
    return {"coding": [{"system": ICD, "code": code}], "text": text}


def encounter(status="in-progress"):
    return about("Encounter", "b-visit", "b-zhang", status=status, **{"class": {"code": "AMB"}})


RECORD = (
    about("Condition", "a-pneumonia", "a-zhang", code=coded("J18.9", "社区获得性肺炎"), recordedDate="2026-03-01"),
    about("Condition", "a-psychosis", "a-zhang", code=coded("F20.0", "精神分裂症")),
    about("Condition", "a-nasty", "a-zhang", code=coded("R69", NASTY)),
    {
        "resourceType": "AllergyIntolerance", "id": "a-allergy", "patient": {"reference": "Patient/a-zhang"},
        "code": {"text": "青霉素"},
    },
    about(
        "Observation", "a-lab", "a-zhang", status="final", code={"text": "血钾"}, effectiveDateTime="2026-03-02",
        category=[{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"
        }]}],
        valueQuantity={"value": 4.2, "unit": "mmol/L"},
    ),
    about(
        "MedicationRequest", "a-drug", "a-zhang", status="active", intent="order", authoredOn="2026-03-01",
        medicationCodeableConcept={"text": "阿莫西林"}, dosageInstruction=[{"text": "每日三次"}],
    ),
    about("Encounter", "a-visit", "a-zhang", status="finished", **{"class": {"code": "IMP"}}),
    about(
        "DocumentReference", "a-document", "a-zhang", status="current", type={"text": "出院小结"},
        content=[{"attachment": {"contentType": "text/plain", "data": "eA=="}}],
    ),
)  # fmt: skip


class Hospital:
    """A hospital's server and its doctors' browsers."""

    def __init__(self, client, platform, key):
        self.client, self.platform, self.key = client, platform, bytes.fromhex(key)

    async def call(self, *, client="his", key=None, moment=None, nonce=None, signature=None, **asked):
        asked = {"institution": "Organization/b", "staff": "1001", "patient": "urn:test|b-zhang"} | asked
        body = json.dumps(asked).encode()
        moment, nonce = str(int(time.time()) if moment is None else moment), nonce or uuid4().hex
        signature = signature or hmac_sm3(key or self.key, signed(client, moment, nonce, body)).hex()
        headers = {
            "x-kangyun-client": client, "x-kangyun-time": moment, "x-kangyun-nonce": nonce,
            "x-kangyun-signature": signature,
        }  # fmt: skip
        return await self.client.post(SITE + PATH, content=body, headers=headers)

    async def ticket(self, **asked):
        answer = await self.call(**asked)
        assert answer.status_code == 201, answer.text
        return answer.json()["ticket"]

    def browser(self):
        headers = {"accept-language": "zh", "content-type": "application/x-www-form-urlencoded"}
        return httpx.AsyncClient(transport=self.client._transport, base_url=SITE, headers=headers)

    async def looked(self, **asked):
        """Opens the page with a new ticket; returns the browser, where the page is, and the page."""
        browser = self.browser()
        entered = await browser.get("/look", params={"ticket": await self.ticket(**asked)})
        assert entered.status_code == 303, entered.text
        place = entered.headers["location"]
        return browser, place, await browser.get(place)

    async def ran(self, sql):
        async with self.platform.pool.connection() as connection:
            return await connection.fetch(sql)


async def state(browser, place, page, do, **fields):
    """Sends one of the page's forms."""
    form = next(one for one in re.findall(r"<form.*?</form>", page.text) if f'value="{do}"' in one)
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
    answer = await browser.post(place, content=urlencode(hidden | fields | {"do": do}))
    return await browser.get(place) if answer.status_code == 303 else answer


@pytest.fixture
async def zhang(platform, written):
    """One person, registered at two hospitals; what is known of him is known at the first."""
    telecom = [{"system": "phone", "value": PHONE}]
    one = await written(patient("a-zhang", telecom=telecom))
    other = await written(patient("b-zhang", telecom=telecom), "Organization/b")
    for resource in RECORD:
        await written(resource)
    async with platform.pool.connection() as connection:
        await link(connection, one.res, one.res)
        await link(connection, other.res, one.res)
    await bindings_of(platform.pool, platform.gate.store.keys, platform.gate.ledger).bind(
        Handle("phone", PHONE), ("a-zhang", "b-zhang"), "test"
    )


@pytest.fixture
async def people(platform):
    """Staff by their numbers: 1001 treats at b, 1002 keeps its books, 2001 treats at c."""
    register = platform.sign_in.identities
    for number, role, institution in (("1001", "doctor", "b"), ("1002", "insurance", "b"), ("2001", "doctor", "c")):
        await register.admit(
            "staff", f"Practitioner/{number}", f"Organization/{institution}", "李医生", roles=[role], vouched_by="x",
            evidence="x", handle=f"{number}@{institution}",
        )  # fmt: skip


@pytest.fixture
async def key(platform):
    """The key of the application of hospital b."""
    applications = platform.sign_in.applications
    wanted = Application(
        "his", "医院信息系统", "Organization/b", "TREAT", ("https://his.example/back",), ("patient/*.rs",),
        clock.now() + timedelta(days=30),
    )  # fmt: skip
    await applications.add(wanted, "Device/t", "合同")
    await applications.review("his", "passed", "Practitioner/security")
    return await Tickets(platform.gate.store, platform.sign_in, platform.gate.sights.policy).make_key("his", "Device/t")


@pytest.fixture
async def hospital(zhang, people, key, open_client, platform):
    return Hospital(await open_client(token=None, demo=True), platform, key)


@pytest.fixture
async def visited(hospital, written, start_background):
    """Zhang is being seen at hospital b, which its feed has told."""
    start_background()
    await written(encounter(), "Organization/b")
    async with asyncio.timeout(20):
        while not await hospital.ran("SELECT 1 FROM disclosure"):
            await asyncio.sleep(0.05)
    return hospital


# --- tickets


async def test_a_ticket_is_good_once_and_for_a_minute(visited):
    ticket = await visited.ticket()
    browser = visited.browser()
    assert (await browser.head("/look", params={"ticket": ticket})).status_code == 405
    assert (await browser.get("/look", params={"ticket": ticket})).status_code == 303
    again = await visited.browser().get("/look", params={"ticket": ticket})
    assert again.status_code == 401
    assert "票据无效、已使用或已过期" in again.text
    late = await visited.ticket()
    await visited.ran("UPDATE look_ticket SET expires = now()")
    assert (await visited.browser().get("/look", params={"ticket": late})).status_code == 401
    rows = await visited.ran("SELECT outcome, shape FROM audit WHERE actor = 'nobody'")
    assert ("GET /look", 401) in {(row["shape"], row["outcome"]) for row in rows}


async def test_of_two_at_once_one_is_let_in(visited):
    ticket = await visited.ticket()
    calls = [visited.browser().get("/look", params={"ticket": ticket}) for _ in range(4)]
    assert sorted(one.status_code for one in await asyncio.gather(*calls)) == [303, 401, 401, 401]


async def test_a_call_is_signed_fresh_and_made_once(hospital):
    assert (await hospital.call(key=b"x" * 32)).status_code == 401
    assert (await hospital.call(signature="zz")).status_code == 401
    assert (await hospital.call(client="nobody")).status_code == 401
    for off in (-120, 120):
        assert (await hospital.call(moment=int(time.time()) + off)).status_code == 401
    nonce = uuid4().hex
    assert (await hospital.call(nonce=nonce)).status_code == 201
    assert (await hospital.call(nonce=nonce)).status_code == 401
    assert (await hospital.call(nonce="short")).status_code == 401
    unsigned = await hospital.client.post(SITE + PATH, json={})
    assert unsigned.status_code == 401
    other = await hospital.call()
    assert other.json()["url"] == f"{SITE}/look?ticket={other.json()['ticket']}"
    assert other.headers["cache-control"] == "no-store"
    rows = await hospital.ran("SELECT actor, outcome FROM audit WHERE shape = 'POST /look/tickets'")
    assert {(row["actor"], row["outcome"]) for row in rows} == {("Device/his", 201), ("nobody", 401)}


async def test_a_server_with_a_bound_certificate_need_not_sign(hospital, open_client):
    store = hospital.platform.gate.store
    authority = Authority.new("康云区域 CA", PrivateKey.new("sm2"), clock.now() - timedelta(days=3), 3650)
    register = Register(store)
    await register.believe(authority.certificate)
    theirs, another = (
        authority.issue(named(name, "b", name), PrivateKey.new("sm2").public, clock.now() - timedelta(days=1), 365)
        for name in ("his", "other")
    )
    await register.bind("Device/his", theirs)
    asked = {"institution": "Organization/b", "staff": "1001", "patient": "urn:test|b-zhang"}

    async def drawn(client, certificate):
        headers = {"x-client-certificate": quote(certificate.pem)}
        return (await client.post(SITE + PATH, json=asked, headers=headers)).status_code

    assert await drawn(hospital.client, theirs) == 401  # No gateway has seen it.
    behind = await open_client(token=None, trusted_proxies="127.0.0.1")
    assert await drawn(behind, theirs) == 201
    assert await drawn(behind, another) == 401


async def test_what_is_signed_is_what_is_asked(hospital):
    body, moment, nonce = b'{"institution": "Organization/b"}', str(int(time.time())), uuid4().hex
    signature = hmac_sm3(hospital.key, signed("his", moment, nonce, body)).hex()
    headers = {
        "x-kangyun-client": "his", "x-kangyun-time": moment, "x-kangyun-nonce": nonce,
        "x-kangyun-signature": signature,
    }  # fmt: skip
    assert (await hospital.client.post(SITE + PATH, content=b"{}", headers=headers)).status_code == 401
    assert (await hospital.client.post(SITE + PATH, content=body, headers=headers)).status_code == 400


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"staff": "9999"}, 403),
        ({"staff": "2001"}, 403),
        ({"staff": "1002"}, 403),
        ({"staff": "1001@b"}, 400),
        ({"staff": "1001", "role": "nurse"}, 403),
        ({"institution": "Organization/c", "staff": "2001"}, 403),
        ({"patient": "b-zhang"}, 400),
        ({"patient": "urn:test|x" * 100}, 400),
        ({"more": "x"}, 400),
        ({"staff": 1}, 400),
    ],
)
async def test_a_ticket_is_for_ones_own_staff_who_treat(hospital, asked, status):
    answer = await hospital.call(**asked)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("end", ["suspend", "leave"])
async def test_who_is_suspended_or_has_left_is_out_with_ticket_and_page(visited, end):
    register = visited.platform.sign_in.identities
    browser, place, page = await visited.looked()
    assert page.status_code == 200
    ticket = await visited.ticket()
    doctor = await register.find("1001@b")
    await getattr(register, end)(doctor.id, "Device/t", "test")
    assert (await visited.call()).status_code == 403
    assert (await visited.browser().get("/look", params={"ticket": ticket})).status_code == 401
    assert (await browser.get(place)).status_code == 401


async def test_an_application_that_is_suspended_or_for_something_else_draws_none(visited):
    applications = visited.platform.sign_in.applications
    browser, place, _ = await visited.looked()
    await applications.suspend("his", "Device/t", "test")
    assert (await visited.call()).status_code == 401
    assert (await browser.get(place)).status_code == 401
    await applications.resume("his", "Device/t", "test")
    await visited.ran("UPDATE application SET purpose = 'HPAYMT'")
    assert (await visited.call()).status_code == 401


# --- the page


async def test_the_page_shows_the_front_of_the_region_s_record(visited):
    _, place, page = await visited.looked()
    assert page.status_code == 200
    for text in ("社区获得性肺炎", "青霉素", "血钾", "4.2 mmol/L", "阿莫西林", "每日三次", "出院小结", "住院"):
        assert text in page.text, text
    assert "Organization/a" in page.text
    assert "2026-03-02" in page.text
    assert "张*丰" in page.text
    assert "张三丰" not in page.text
    assert "330106**********28" in page.text
    assert "李医生 · Organization/b" in page.text  # the watermark
    assert "在本机构就诊" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert place in page.headers["set-cookie"]
    assert "ticket" not in place


async def test_reports_and_documents_open_and_nothing_of_anybody_else_does(visited, written):
    browser, place, page = await visited.looked()
    assert f'href="{place}/DocumentReference/a-document"' in page.text
    document = await browser.get(f"{place}/DocumentReference/a-document")
    assert document.status_code == 200
    assert "<p>x</p>" in document.text
    assert "frame-ancestors 'none'" in document.headers["content-security-policy"]
    file = await browser.get(f"{place}/DocumentReference/a-document/0")
    assert (file.content, file.headers["content-type"]) == (b"x", "application/octet-stream")
    assert file.headers["content-disposition"] == "attachment"
    await written(patient("b-li", "李四光"), "Organization/b")
    await written(
        about("DocumentReference", "b-other", "b-li", status="current", content=[{"attachment": {}}]), "Organization/b"
    )
    for path in ("DocumentReference/b-other", "DocumentReference/a-document/7", "Patient/a-zhang", "Binary/x"):
        assert (await browser.get(f"{place}/{path}")).status_code == 404, path
    assert (await visited.browser().get(f"{place}/DocumentReference/a-document")).status_code == 401
    await visited.ran("UPDATE disclosure SET high = now()")
    assert (await browser.get(f"{place}/DocumentReference/a-document")).status_code == 404


async def test_what_was_examined_lately_stands_at_the_top(visited, written):
    await written(
        RECORD[4]
        | {"id": "a-lately", "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}], "text": "血钾"}}
        | {"effectiveDateTime": clock.instant(clock.now() - timedelta(days=1))}
    )
    _, _, page = await visited.looked()
    top = page.text.partition('id="recent"')[2].partition("</section>")[0]
    assert "近 3 天已查" in top
    assert "互认" in top
    assert top.count("4.2 mmol/L") == 1


async def test_a_language_that_is_chosen_stays(visited):
    browser = visited.browser()
    entered = await browser.get("/look", params={"ticket": await visited.ticket(), "lang": "en"})
    page = await browser.get(entered.headers["location"])
    assert "Latest laboratory results" in page.text
    assert "?lang=en" in re.search(r'href="([^"]+a-document[^"]*)"', page.text)[1]


async def test_the_page_runs_nothing_and_is_framed_by_nobody(visited):
    _, _, page = await visited.looked()
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert policy.endswith("frame-ancestors 'none'")


async def test_only_origins_that_are_named_may_frame_it(hospital, open_client):
    named = await open_client(token=None, look_frames="https://his.example, http://10.0.0.1:8080/")
    policy = (await named.get(f"{SITE}/look")).headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://his.example http://10.0.0.1:8080")
    for wrong in ("*", "https://a;script-src *", "https://a b", "javascript:x", "https://a\r\nx: y"):
        with pytest.raises(Invalid):
            frames_of(wrong)


async def test_a_refresh_works_within_the_session_and_for_who_has_the_cookie(visited):
    browser, place, _ = await visited.looked()
    assert (await browser.get(place)).status_code == 200
    assert (await visited.browser().get(place)).status_code == 401
    await visited.ran("UPDATE look_session SET seen = now() - interval '16 minutes'")
    assert (await browser.get(place)).status_code == 401


@pytest.mark.parametrize("everywhere", [False, True])
async def test_it_is_listed_among_the_person_s_sessions_and_ended_there(visited, everywhere):
    browser, place, _ = await visited.looked()
    spare = await visited.ticket()
    register, sessions = visited.platform.sign_in.identities, visited.platform.sign_in.sessions
    person = await register.find("Practitioner/1001")
    (listed,) = await sessions.of(person.id)
    assert (listed.role, listed.institution, listed.factors) == ("doctor", "Organization/b", ("ticket",))
    other = await register.find("Practitioner/2001")
    assert await sessions.end(other, [listed.id], "", "") == 0
    assert (await browser.get(place)).status_code == 200
    assert await sessions.end(person, None if everywhere else [listed.id], "", "") == 1
    assert (await browser.get(place)).status_code == 401
    assert await sessions.of(person.id) == []
    entered = await visited.browser().get("/look", params={"ticket": spare})
    assert entered.status_code == (401 if everywhere else 303)


async def test_the_session_opens_nothing_else(visited):
    browser, _, _ = await visited.looked()
    assert (await browser.get("/fhir/Patient")).status_code == 401
    assert 'name="password"' in (await browser.get("/account")).text


async def test_nothing_of_a_request_becomes_a_header(visited):
    for text in ("x\r\nset-cookie: a=b", "票", "x" * 500, ""):
        answer = await visited.browser().get("/look", params={"ticket": text})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    for path in ("/look/%0d%0aset-cookie:a=b", "/look/%00", "/look/票"):
        answer = await visited.browser().get(path)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


def _plain(page):
    """A page without what is of its session."""
    body = page.text.partition('<div class="watermark"')[0]
    return page.status_code, re.sub(r"(value|action|href)=\"[^\"]{20,}\"", "", body), len(page.content)


STATED = [
    ("card", {"code": "12345678"}, "授权码不正确"),
    ("ask-word", {}, "没有"),
    ("emergency", {"reason": "x"}, "请写明理由"),
]


@pytest.mark.parametrize("identifier", ["urn:test|nobody", "urn:oid:2.16.156.10011.1.3|990106199001011224"])
async def test_who_has_no_reason_is_not_told_whether_there_is_such_a_resident(hospital, identifier):
    await hospital.ran("UPDATE resident_binding SET ended = now()")
    there, nobody = await hospital.looked(patient="urn:test|a-zhang"), await hospital.looked(patient=identifier)
    assert _plain(nobody[-1]) == _plain(there[-1])
    assert nobody[-1].status_code == 403
    for do, given, told in STATED:
        one, other = [await state(*looked, do, **given) for looked in (there, nobody)]
        assert _plain(one) == _plain(other)
        assert told in other.text, other.text
    assert not await hospital.ran("SELECT 1 FROM broken_glass")


@pytest.mark.parametrize(
    ("identifier", "answer"),
    [
        ("urn:test|b-zhang", "<h1>需要居民授权</h1>"),
        ("urn:test|a-zhang", "<h1>未找到，或需要居民授权</h1>"),
        ("urn:test|nobody", "<h1>未找到，或需要居民授权</h1>"),
        ("urn:oid:2.16.156.10011.1.3|330106199001011220", "<h1>未找到</h1>"),
        ("urn:card|", "<h1>未找到</h1>"),
        ("urn:test|a-zhang,urn:test|b-zhang", "<h1>未找到</h1>"),
    ],
)
async def test_the_answer_tells_what_the_asking_institution_knows_itself(hospital, identifier, answer):
    _, _, page = await hospital.looked(patient=identifier)
    assert page.status_code == 403
    assert answer in page.text
    assert "取得授权" in page.text


async def test_an_emergency_of_nobody_is_said(hospital):
    page = await state(*await hospital.looked(patient="urn:test|nobody"), "emergency", reason="昏迷，需了解用药史")
    assert page.status_code == 403
    assert "未找到" in page.text


async def test_the_resident_of_another_registration_is_the_same(visited):
    _, _, page = await visited.looked(patient="urn:card|330106199001011228")
    assert page.status_code == 200
    assert "社区获得性肺炎" in page.text


async def test_without_a_reason_the_ways_to_one_are_shown_and_nothing_else(hospital):
    _, _, page = await hospital.looked()
    assert page.status_code == 403
    assert "需要居民授权" in page.text
    for text in ("凭码打开", "发送验证码", "紧急调阅"):
        assert text in page.text
    for text in ("张", "社区获得性肺炎", "a-zhang"):
        assert text not in page.text, text


async def test_it_ends_with_the_reason(visited):
    browser, place, _ = await visited.looked()
    await visited.ran("UPDATE disclosure SET high = now()")
    page = await browser.get(place)
    assert page.status_code == 403
    assert "社区获得性肺炎" not in page.text


async def test_an_encounter_of_the_ticket_counts_where_the_policy_believes_it(hospital, open_client, tmp_path):
    _, _, page = await hospital.looked(encounter="MZ-1")
    assert page.status_code == 403
    (tmp_path / FILE).write_text(shipped_text().replace("tickets = []", 'tickets = ["his"]'))
    believed = Hospital(await open_client(token=None), hospital.platform, hospital.key.hex())
    _, _, page = await believed.looked()
    assert page.status_code == 403
    _, _, page = await believed.looked(encounter="MZ-1")
    assert page.status_code == 200
    assert "本院系统告知的在诊就诊" in page.text
    hours = await hospital.ran("SELECT DISTINCT high - low AS h FROM disclosure")
    assert [row["h"] for row in hours] == [timedelta(hours=4)]
    ways = await hospital.ran("SELECT DISTINCT way FROM audit WHERE action IN ('look', 'search') AND outcome = 200")
    assert [row["way"] for row in ways if row["way"]] == ["ticket"]


# --- reasons that are stated on the page


async def test_what_is_sensitive_is_shown_by_the_residents_word_only(visited, tmp_path):
    browser, place, page = await visited.looked()
    assert "精神分裂症" not in page.text
    assert "敏感类别的记录" in page.text
    asked = await state(browser, place, page, "ask-word")
    assert "验证码已发送" in asked.text
    told = json.loads((tmp_path / "messages.ndjson").read_text().splitlines()[-1])
    wrong = await state(browser, place, asked, "word", word="000000x")
    assert "授权码不正确" in wrong.text
    assert "精神分裂症" not in wrong.text
    page = await state(browser, place, wrong, "word", word=told["variables"]["code"])
    assert page.status_code == 200
    assert "精神分裂症" in page.text
    assert "敏感类别的记录" not in page.text
    assert "居民手机验证码授权" in page.text


async def test_the_residents_code_opens_the_page(hospital):
    resident = Actor("Patient/a-zhang", "", "Organization/platform", "PATRQT", role="resident", patients=("a-zhang",))
    browser, place, page = await hospital.looked()
    code = await shown(hospital, resident)
    page = await state(browser, place, page, "card", code=code)
    assert page.status_code == 200
    assert "社区获得性肺炎" in page.text
    assert "精神分裂症" not in page.text
    page = await state(browser, place, page, "card", code=code)
    assert "授权码不正确" in page.text


async def shown(hospital, resident):
    record = await hospital.platform.gate.open(resident, Circumstances("TEST /", "", "test"))
    call = Call("Patient", "a-zhang", {"resourceType": "Parameters", "parameter": []})
    told = await find("show-code", "Patient", "instance").carry_out(record, call)
    return told["parameter"][0]["valueString"]


async def test_an_emergency_opens_the_page_with_a_reason(hospital):
    browser, place, page = await hospital.looked()
    refused = await state(browser, place, page, "emergency", reason="x")
    assert refused.status_code == 403
    assert "请写明理由" in refused.text
    page = await state(browser, place, page, "emergency", reason="昏迷，需了解用药史")
    assert page.status_code == 200
    assert "紧急救治" in page.text
    assert await hospital.ran("SELECT 1 FROM broken_glass WHERE actor = 'Practitioner/1001'")


async def test_a_form_of_another_site_does_nothing(hospital):
    browser, place, _ = await hospital.looked()
    answer = await browser.post(place, content=urlencode({"do": "emergency", "reason": "昏迷，需了解用药史"}))
    assert answer.status_code == 403
    assert not await hospital.ran("SELECT 1 FROM broken_glass")


async def test_each_thing_that_is_read_leaves_a_row_in_the_doctors_name(visited):
    await visited.looked()
    rows = await visited.ran(
        "SELECT action, outcome, role, way, client, shape FROM audit WHERE actor = 'Practitioner/1001' ORDER BY id"
    )
    assert {row["action"] for row in rows} == {"look", "search"}
    assert len(rows) == 18
    for row in rows:
        said = row["outcome"], row["role"], row["way"], row["client"], row["shape"]
        assert said == (200, "doctor", "encounter", "his", "GET /look/{session}")


async def test_two_residents_in_two_tabs_are_two_sessions(visited, written):
    await written(
        patient("b-li", "李四光") | {"identifier": [{"system": "urn:test", "value": "b-li"}]}, "Organization/b"
    )
    browser, first, _ = await visited.looked()
    entered = await browser.get("/look", params={"ticket": await visited.ticket(patient="urn:test|b-li")})
    assert (await browser.get(entered.headers["location"])).status_code == 403
    assert "社区获得性肺炎" in (await browser.get(first)).text


async def test_a_key_is_for_treatment_only(hospital, key):
    applications = hospital.platform.sign_in.applications
    found = await applications.get("his")
    await applications.add(replace(found, client="pay", purpose="HPAYMT"), "Device/t", "合同")
    tickets = Tickets(hospital.platform.gate.store, hospital.platform.sign_in, hospital.platform.gate.sights.policy)
    with pytest.raises(Invalid):
        await tickets.make_key("pay", "Device/t")
