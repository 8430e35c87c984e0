"""The page of the doctor's look: what it shows, runs and lets in, and the rows that it leaves."""

import re
from datetime import timedelta

import pytest

from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.testing.looking import RECORD, about, patient
from kangyun.testing.provider import SITE
from kangyun.web.look import frames_of


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
