"""What a resident decides and takes home: the family, choices, who has looked, downloads."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

PHONE = "15400000002"  # of the demonstration's daughter


@pytest.fixture(scope="session")
def daughter(demonstration):
    """The cookies of the demonstration's daughter, signed in once: a telephone may ask for one code a minute."""
    with httpx.Client(base_url=demonstration.url, timeout=30) as client:
        sent = client.post("/residents/code", json={"phone": PHONE, "browser": True}).json()
        said = {"challenge": sent["challenge"], "code": sent["demonstration"], "browser": True}
        client.post("/residents/sign-in", json=said).raise_for_status()
        return [{"name": one.name, "value": one.value, "url": demonstration.url} for one in client.cookies.jar]


@pytest_asyncio.fixture(loop_scope="session")
async def page(visitor, daughter):
    """The portal before the daughter."""
    await visitor.page.context.add_cookies(daughter)
    await visitor.page.goto(f"{visitor.installation.url}/my")
    await visitor.page.locator(".greeting").wait_for()
    return visitor.page


async def opened(visitor, path):
    """Opens a page of the portal and waits until nothing of it is still to come."""
    await visitor.page.goto(f"http://127.0.0.1:{visitor.installation.port}/my{path}")
    await visitor.page.locator("main .card").first.wait_for()
    await visitor.looks_well(f"my-{path.strip('/').replace('/', '-')}")
    assert await visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_a_daughter_sees_her_father_asks_and_decides(visitor, page):
    people = page.locator(".people button")
    assert await people.count() == 3
    own = await page.locator(".greeting").text_content()
    await people.nth(1).click()
    assert await page.locator(".greeting").text_content() != own
    await visitor.looks_well("my-people")
    father = await people.nth(1).text_content()
    await page.locator("a[href='/my/code']").click()  # He allowed to see, and not to act.
    assert father in await page.locator(".whose").text_content()
    assert father in await page.locator(".empty").text_content()
    await visitor.looks_well("my-code-of-another")
    await page.go_back()
    await people.first.click()
    await opened(visitor, "/family")
    assert await page.locator("section.card").count() == 2
    await opened(visitor, "/consents")
    switch = page.get_by_role("switch").nth(1)
    for state in ("false", "true"):
        await switch.click()
        await page.wait_for_function(
            "state => document.querySelectorAll('[role=switch]')[1].ariaChecked === state && "
            "!document.querySelectorAll('[role=switch]')[1].disabled", arg=state,
        )  # fmt: skip
    await opened(visitor, "/looked/not-mine")
    await page.goto(f"http://127.0.0.1:{visitor.installation.port}/my/looked")
    await page.get_by_role("switch").click()
    await page.locator("section.card button").first.click()
    await page.get_by_role("textbox").fill("我想知道为什么")
    await page.locator(".steps button").nth(1).click()
    await page.locator("section.card [role=status]").wait_for()
    await opened(visitor, "/looked/asked")
    assert await page.get_by_text("我想知道为什么").count() >= 1


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_a_result_is_not_shown_under_the_name_of_another(page):
    await page.locator(".people button").nth(1).click()
    for step in ("a[href='/my/results']", "a[href*='/results/report/']", "a[href*='/results/']"):
        await page.locator(f"main {step}").first.click()
    await page.locator("main .value").first.wait_for()
    await page.locator("footer a:not(.call)").click()
    await page.locator(".people button").first.click()
    for address in (r"/results/[^/]+$", r"/results/report/"):
        await page.evaluate("history.back()")
        await page.wait_for_url(re.compile(address))
        await page.locator("main .empty").wait_for()
        assert await page.locator("main .value").count() == 0


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_each_page_says_whose_record_it_shows_also_when_it_is_loaded_anew(visitor, page):
    await page.locator(".people button").nth(1).click()
    name = await page.locator(".people button[aria-pressed=true]").text_content()
    await page.locator("main a[href='/my/readings']").click()
    await page.locator(".whose").get_by_text(name).wait_for()
    await visitor.looks_well("my-whose")
    await page.reload()
    await page.locator(".whose").get_by_text(name).wait_for()


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_a_sign_out_that_fails_says_so_and_who_is_signed_in_stays_shown(visitor, page):
    await page.route("**/residents/leave", lambda route: route.fulfill(status=503, body="{}"))
    await page.get_by_role("button", name={"zh": "退出登录", "en": "Sign out"}[visitor.language]).click()
    await page.locator("main [role=alert]").wait_for()
    assert await page.locator(".greeting").count() == 1
    visitor.wrong.clear()  # That it was refused is what the browser complains of.


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_a_right_that_was_just_ended_is_not_given_again_by_the_next_tap(visitor, page):
    held = asyncio.Event()
    rights = ["see", "act", "hear"]
    changes = []

    async def family(route):
        if changes:
            await held.wait()
        said = [{"name": "tie", "valueString": "1"}, {"name": "name", "valueString": "甲"}]
        said += [{"name": "right", "valueCode": one} for one in rights]
        parameter = [{"name": "mine", "part": said}]
        await route.fulfill(json={"resourceType": "Parameters", "parameter": parameter})

    async def change(route):
        changes.append(
            [one["valueCode"] for one in route.request.post_data_json["parameter"] if one["name"] == "right"]
        )
        rights[:] = changes[-1]
        await route.fulfill(json={"resourceType": "Parameters"})

    await page.route("**/fhir/$family", family)
    await page.route("**/fhir/$family-change", change)
    await page.locator("main a[href='/my/family']").click()
    async with page.expect_response("**/fhir/$family-change"):
        await page.get_by_role("switch").nth(0).click()
    # No switch takes a tap as long as what stands now is not known.
    await page.wait_for_timeout(200)
    assert await page.locator("[role=switch]:disabled").count() == 3
    held.set()
    await page.locator("[role=switch]:enabled").first.wait_for()
    await page.get_by_role("switch").nth(1).click()
    await page.locator("[role=switch][aria-checked=false]").nth(1).wait_for()
    assert changes == [["act", "hear"], ["hear"]]


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_what_is_urgent_is_shown_whatever_the_clock_of_the_telephone_says(visitor, page):
    reading = [{"name": "metric", "valueCode": "systolic"}, {"name": "title", "valueString": "高压"}]
    kept = [{"name": "state", "valueCode": "kept"}, {"name": "reading", "part": reading}]
    told = []

    def line(number, words):
        part = {"id": ("Integer", number), "made": ("Instant", "2026-11-23T08:00:00Z"), "urgency": ("Code", "red")}
        parts = [{"name": name, f"value{kind}": value} for name, (kind, value) in part.items()]
        return {"name": "message", "part": [*parts, {"name": "text", "valueString": words}]}

    async def messages(route):
        lines = [line(8, "马上打 120"), line(7, "老消息")] if told else [line(7, "老消息")]
        await route.fulfill(json={"resourceType": "Parameters", "parameter": lines})

    async def add(route):
        told.append(route.request.post_data_json)
        await route.fulfill(json={"resourceType": "Parameters", "parameter": kept})

    await page.route(re.compile(r"/fhir/\$messages"), messages)
    await page.route(re.compile(r"/\$add-reading$"), add)
    await page.evaluate("const now = Date.now; Date.now = () => now() + 600000")
    await page.locator("main a[href='/my/readings']").click()
    await page.locator("main a[href$='/add/temperature']").click()
    await page.get_by_role("textbox").fill("38.5")
    await page.get_by_role("textbox").press("Enter")
    await page.locator(".steps .first").click()
    await page.get_by_role("alert").get_by_text("马上打 120").wait_for()
    assert await page.get_by_text("老消息").count() == 0


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_times_are_those_of_the_region_whichever_it_is(page):
    part = [{"name": "id", "valueInteger": 1}, {"name": "made", "valueInstant": "2026-11-23T08:12:00Z"}]
    told = {"resourceType": "Parameters", "parameter": [{"name": "message", "part": part}]}
    await page.route("**/about", lambda route: route.fulfill(json={"demonstration": True, "zone": "Asia/Urumqi"}))
    await page.route(re.compile(r"/fhir/\$messages"), lambda route: route.fulfill(json=told))
    await page.route("**/fhir/$message-read", lambda route: route.fulfill(json={"resourceType": "Parameters"}))
    await page.goto(page.url.rstrip("/") + "/messages")
    await page.get_by_text("2026-11-23 14:12").wait_for()


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_older_messages_are_a_page_further(page):
    def told(route):
        older = "_cursor=place" in route.request.url
        text = {"name": "text", "valueString": "旧的一条" if older else "新的一条"}
        number = {"name": "id", "valueInteger": 1 if older else 2}
        more = [] if older else [{"name": "next", "valueString": "place"}]
        return route.fulfill(
            json={"resourceType": "Parameters", "parameter": [{"name": "message", "part": [number, text]}, *more]}
        )

    await page.route(re.compile(r"/fhir/\$messages"), told)
    await page.route("**/fhir/$message-read", lambda route: route.fulfill(json={"resourceType": "Parameters"}))
    await page.locator("main a[href='/my/messages']").click()
    await page.get_by_text("新的一条").wait_for()
    await page.locator("main .button").last.click()
    await page.get_by_text("旧的一条").wait_for()


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_another_page_begins_at_its_beginning_and_back_leads_home_where_nothing_was_before(page):
    await page.locator("main a[href='/my/visits']").press("Enter")
    await page.locator("main#main:focus").wait_for()
    base = page.url.rsplit("/", 1)[0]
    await page.goto(f"{base}/medicines")
    await page.locator(".back").click()
    await page.locator(".greeting").wait_for()


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_a_code_is_renewed_before_it_is_over_also_where_the_clock_is_slow(page):
    asked = []

    async def shown(route):
        asked.append(route)
        until = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        said = {"code": "K1", "digits": str(10_000_000 + len(asked)), "until": until}
        parameter = [{"name": name, "valueString": text} for name, text in said.items()]
        await route.fulfill(json={"resourceType": "Parameters", "parameter": parameter})

    await page.route(re.compile(r"/\$show-card$"), shown)
    await page.clock.install(time=datetime.now(UTC) - timedelta(minutes=10))
    await page.reload()
    await page.locator("main a[href='/my/code']").click()
    await page.get_by_text("1000 0001").wait_for()
    await page.clock.run_for(245_000)
    await page.get_by_text("1000 0002").wait_for()


async def test_a_resident_takes_the_record_home(visitor, page):
    await opened(visitor, "/download")
    made = []
    for place in range(3):
        async with page.expect_download() as waiting:
            await page.locator(".card button").nth(place).click()
        made.append(await (await waiting.value).path())
    paper, summary, everything = (one.read_bytes() for one in made)
    assert paper.startswith(b"%PDF-")
    document = json.loads(summary)
    assert (document["type"], document["entry"][0]["resource"]["resourceType"]) == ("document", "Composition")
    assert {json.loads(line)["resourceType"] for line in everything.splitlines()} >= {"Patient"}
