"""Whose data a page shows: never one person's under another's name. What the platform answers is set by the tests."""

import asyncio
import base64
import json
import re

import pytest

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
ENTRIES = [{"what": f"Report {name}", "ref": f"DocumentReference/{name}", "when": "2026-11-20"} for name in "AB"]

FIRST, SECOND = "AAAAAAAA11111111", "BBBBBBBB22222222"
GUN = """(field, code) => { field.focus(); field.select(); [...code].forEach((key) => {
    field.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    document.execCommand('insertText', false, key);
}); }"""
"""Types as fast as a code gun, however busy the machine is."""


def view(name: str) -> dict[str, object]:
    """Returns the first page of somebody's record, in which there is nothing but a name."""
    lists = ("registrations", "marks", "events", "latest", "allergies", "alerts", "problems", "medications", "houses")
    return {one: [] for one in lists} | {"person": {"id": name, "name": name}, "counts": {}, "hidden": {}}


def document(name: str) -> dict[str, object]:
    """Returns a document whose file begins as all of its kind do."""
    text = f"{HEAD:<80}<p>of {name}</p>"
    attachment = {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode(), "title": name}
    return {"resourceType": "DocumentReference", "id": name, "content": [{"attachment": attachment}]}


async def answers(page, path, told):
    """Has the platform answer so at an address. told: what it says, or of the request's address what it says."""

    async def answer(route):
        body = told(route.request) if callable(told) else told
        await route.fulfill(content_type="application/json", body=json.dumps(body))

    await page.route(re.compile(path), answer)


async def goes(page, path):
    """Goes to another address of the page as the browser's own buttons do: nothing is loaded anew."""
    await page.evaluate("to => { history.pushState({}, '', to); dispatchEvent(new PopStateEvent('popstate')); }", path)


@pytest.mark.parametrize("visitor", ["zh-desk"], indirect=True)
async def test_a_document_shows_its_own_file_and_another_resident_none_of_it(visitor):
    page = visitor.page
    await answers(page, r"/\$view$", lambda asked: view(asked.url.split("/")[-2]))
    await answers(page, r"/\$view\?part=documents", {"entries": ENTRIES, "houses": [], "more": False})
    await answers(page, r"/fhir/DocumentReference/", lambda asked: document(asked.url[-1]))
    await visitor.come("doctor", "/console/residents")
    await goes(page, "/console/residents/first?part=documents")
    for name in "AB":
        await page.get_by_role("button", name=f"Report {name}").click()
        await page.get_by_role("dialog").get_by_text(f"of {name}").wait_for()
        await page.keyboard.press("Escape")
        await page.get_by_role("dialog").wait_for(state="hidden")


@pytest.mark.parametrize("visitor", ["zh-desk"], indirect=True)
async def test_what_was_open_of_one_resident_is_not_open_at_the_next(visitor):
    page = visitor.page
    await answers(page, r"/\$view$", lambda asked: view(asked.url.split("/")[-2]))
    await answers(page, r"/\$view\?part=documents", {"entries": ENTRIES, "houses": [], "more": False})
    await answers(page, r"/fhir/DocumentReference/", lambda asked: document(asked.url[-1]))
    await visitor.come("doctor", "/console/residents")
    for name in ("second", "first"):  # Both are known by now, as they are to who goes back and forth.
        await goes(page, f"/console/residents/{name}?part=documents")
        await page.get_by_role("heading", name=name).wait_for()
        await page.get_by_role("button", name="Report A").wait_for()
    await page.get_by_role("button", name="Report A").click()
    await page.get_by_role("dialog").get_by_text("of A").wait_for()
    await goes(page, "/console/residents/second?part=documents")
    await page.get_by_role("heading", name="second", include_hidden=True).wait_for()
    await page.get_by_role("button", name="Report A", include_hidden=True).wait_for()
    await page.get_by_role("dialog").wait_for(state="hidden")


@pytest.mark.parametrize("visitor", ["zh-desk"], indirect=True)
async def test_of_two_codes_that_were_read_the_last_is_opened_whichever_answer_is_late(visitor):
    page, late = visitor.page, asyncio.Event()

    async def verified(route):
        code = route.request.post_data_json["parameter"][0]["valueString"]
        if code == FIRST:
            await late.wait()
        said = {"name": "patient", "valueReference": {"reference": f"Patient/{code}"}}
        await route.fulfill(json={"resourceType": "Parameters", "parameter": [said]})

    await page.route("**/fhir/$verify-code", verified)
    await answers(page, r"/\$view$", lambda asked: view(asked.url.split("/")[-2]))
    await visitor.come("doctor", "/console/residents")
    field = page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first
    for code in (FIRST, SECOND):
        await field.evaluate(GUN, code)
        await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/residents/{SECOND}")
    async with page.expect_response("**/fhir/$verify-code"):
        late.set()
    await page.wait_for_timeout(200)
    assert page.url.endswith(f"/residents/{SECOND}")


@pytest.mark.parametrize("visitor", ["zh-desk"], indirect=True)
async def test_a_reading_that_is_being_kept_does_not_shut_what_was_opened_for_the_next(visitor):
    page, late = visitor.page, asyncio.Event()

    async def kept(route):
        await late.wait()
        await route.fulfill(json={"resourceType": "Parameters", "parameter": [{"name": "state", "valueCode": "kept"}]})

    await page.route("**/$add-reading", kept)
    await visitor.come("doctor", "/console/today")
    await page.locator("tbody").get_by_role("button", name="录入").first.click()
    await page.get_by_placeholder("152/94 78").fill("152/94")
    await page.keyboard.press("Enter")
    await page.locator("[role=dialog] .ant-btn-loading").wait_for()
    await page.keyboard.press("Escape")
    await page.wait_for_timeout(500)
    assert await page.get_by_placeholder("152/94 78").is_visible()
    late.set()
    await page.get_by_placeholder("152/94 78").wait_for(state="hidden")


@pytest.mark.parametrize("visitor", ["zh-desk"], indirect=True)
async def test_a_reading_whose_answer_was_lost_is_sent_again_as_the_same_one(visitor):
    page, sent = visitor.page, []

    async def lost(route):
        sent.append({one["name"]: one for one in route.request.post_data_json["parameter"]})
        await route.abort()

    await page.route("**/$add-reading", lost)
    await visitor.come("doctor", "/console/today")
    await page.locator("tbody").get_by_role("button", name="录入").first.click()
    await page.get_by_placeholder("152/94 78").fill("152/94")
    for _ in range(2):
        await page.keyboard.press("Enter")
        await page.get_by_role("dialog").get_by_role("alert").wait_for()
        await page.wait_for_timeout(1_100)
    assert len(sent) == 2 and sent[0]["at"] == sent[1]["at"]
    visitor.wrong.clear()  # That its answers were lost is what the browser complains of.


@pytest.mark.parametrize("visitor", ["en-phone"], indirect=True)
async def test_a_unit_is_said_in_the_language_of_the_page(visitor):
    page = visitor.page
    test = {"code": "8867-4", "what": "Pulse", "kind": "vital", "unit": "/min", "points": [["2026-11-20", 78, 0, ""]]}
    await answers(page, r"/\$view$", lambda asked: view("somebody"))
    await answers(page, r"/\$view\?part=tests", {"tests": [test], "houses": ["A"], "more": False})
    await visitor.come("doctor", "/console/residents")
    await goes(page, "/console/residents/somebody?part=tests")
    said = {"zh": "次/分", "en": "/min"}[visitor.language]
    await page.get_by_role("cell", name=said, exact=True).wait_for()
