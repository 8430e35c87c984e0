"""The console's frame: signing in, the menu, the languages, a search."""

import gzip
import re

import httpx
import pytest

FIRST_LOAD = 600_000  # bytes, compressed


async def test_who_is_not_signed_in_comes_back_to_where_he_wanted_to_go(visitor):
    await visitor.come("doctor", "/console/residents")
    title = {"zh": "居民", "en": "Residents"}[visitor.language]
    await visitor.page.get_by_role("heading", name=title, exact=True).wait_for()
    await visitor.looks_well("residents")


async def test_the_language_is_switched_and_remembered(visitor):
    await visitor.come("doctor", "/console/residents")
    now, other = {"zh": ("居民", "Residents"), "en": ("Residents", "居民")}[visitor.language]
    await visitor.page.get_by_role("heading", name=now, exact=True).wait_for()
    await visitor.page.get_by_role("button", name={"zh": "English", "en": "中文"}[visitor.language]).click()
    await visitor.page.get_by_role("heading", name=other, exact=True).wait_for()


@pytest.mark.parametrize("visitor", ["en-desk"], indirect=True)
async def test_what_the_platform_says_is_asked_for_in_the_language_that_is_switched_to(visitor):
    page = visitor.page
    await visitor.come("security", "/console/policy")
    now, other = {"zh": ("医生", "Doctor"), "en": ("Doctor", "医生")}[visitor.language]
    await page.locator("td").get_by_text(now, exact=True).first.wait_for()
    await page.get_by_role("button", name={"zh": "English", "en": "中文"}[visitor.language]).click()
    await page.locator("td").get_by_text(other, exact=True).first.wait_for()


async def test_nobody_found_says_what_to_do(visitor):
    await visitor.come("doctor", "/console/residents")
    field = visitor.page.get_by_role("searchbox").or_(visitor.page.get_by_role("textbox"))
    await field.first.fill("19900000000")
    await field.first.press("Enter")
    said = {"zh": "没有找到", "en": "Nobody was found"}[visitor.language]
    await visitor.page.get_by_text(said).wait_for()


@pytest.mark.parametrize("visitor", ["en-desk"], indirect=True)
async def test_an_answer_that_cannot_be_read_is_not_said_to_be_the_networks_fault(visitor):
    await visitor.page.route(re.compile(r"/fhir/\$residents"), lambda route: route.fulfill(body="<p>"))
    await visitor.come("doctor", "/console/residents")
    said = {"zh": "平台出了问题", "en": "Something went wrong in the platform"}[visitor.language]
    await visitor.page.get_by_role("alert").get_by_text(said).wait_for()


@pytest.mark.parametrize("visitor", ["zh-desk"], indirect=True)
@pytest.mark.parametrize("path", ["/console/residents", "/console/today"])
async def test_a_slash_leads_to_the_search_of_a_page(visitor, path):
    await visitor.come("doctor", path)
    await visitor.page.get_by_role("row").nth(1).wait_for()
    await visitor.page.evaluate("document.activeElement.blur()")
    await visitor.page.keyboard.press("/")
    assert await visitor.page.evaluate("document.activeElement.matches('#main input')")


async def test_dark_is_remembered_and_reads_as_well(visitor):
    await visitor.come("doctor", "/console/residents")
    await visitor.page.get_by_role("button", name={"zh": "深色", "en": "Dark"}[visitor.language]).click()
    await visitor.page.reload()
    await visitor.page.get_by_role("button", name={"zh": "浅色", "en": "Light"}[visitor.language]).wait_for()
    await visitor.looks_well("residents-dark")


@pytest.mark.parametrize("visitor", ["en-desk"], indirect=True)
async def test_who_signs_in_after_another_does_not_land_where_that_one_was(visitor):
    page = visitor.page
    await visitor.come("doctor", "/console/residents")
    await page.locator(".ant-table-row a").first.click()
    await page.locator("#front-page").wait_for()
    await page.context.clear_cookies()
    await page.route("**/fhir/**", lambda route: route.fulfill(status=401, json={}))
    await visitor.part({"zh": "检验与体征", "en": "Tests"}[visitor.language])
    await page.locator("input[name=user]").wait_for()
    await page.unroute("**/fhir/**")
    await visitor.sign_in("registrar")
    await page.wait_for_url("**/console/today")
    visitor.wrong.clear()  # That it was refused is what the browser complains of.


@pytest.mark.parametrize("address", ["/account/token", "/oauth/self"])
@pytest.mark.parametrize("visitor", ["en-desk"], indirect=True)
async def test_a_start_that_fails_says_so_and_is_tried_again(visitor, address):
    page = visitor.page
    await visitor.come("doctor", "/console/residents")
    await page.route(f"**{address}", lambda route: route.fulfill(status=503, json={}))
    await page.reload()
    await page.get_by_role("alert").wait_for()
    await page.unroute(f"**{address}")
    await page.get_by_role("alert").get_by_role("button").click()
    await page.get_by_role("heading", level=1).wait_for()
    assert page.url.endswith("/console/residents")
    visitor.wrong.clear()  # That it was refused is what the browser complains of.


def test_the_first_load_is_small(demonstration):
    base = f"http://127.0.0.1:{demonstration.port}"
    page = httpx.get(f"{base}/console/")
    loaded = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)
    answers = [httpx.get(base + one, headers={"accept-encoding": "gzip"}) for one in loaded]
    assert len(loaded) >= 2
    assert all("immutable" in one.headers["cache-control"] for one in answers)
    assert sum(len(gzip.compress(one.content, 9)) for one in answers) < FIRST_LOAD


def test_a_page_tells_the_browser_to_load_nothing_from_elsewhere(demonstration):
    page = httpx.get(f"http://127.0.0.1:{demonstration.port}/console/anything")
    policy = page.headers["content-security-policy"]
    assert page.status_code == 200
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy
