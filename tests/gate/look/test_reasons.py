"""To whom the doctor's look shows nothing, and the ways to a reason."""

import json
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.operations import Call, find
from kangyun.access.policy import FILE, shipped_text
from kangyun.testing.looking import Hospital, state


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
