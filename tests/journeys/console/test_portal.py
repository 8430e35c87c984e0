"""The residents' portal: five tasks of a 70-year-old in 长辈版, every page in both languages, what a browser keeps."""

import asyncio
import gzip
import re

import httpx
import pytest
from playwright.async_api import expect

FIRST_LOAD = 150_000  # bytes, compressed
TYPE, PRESS = 24, 60  # 18 pt and 60 dp, as CSS pixels
SMALLER = """([type, press]) => {
    const seen = (one) => one.offsetParent !== null;
    const said = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const all = [...document.querySelectorAll("body *")].filter(seen);
    const small = all.filter((one) => said(one) && parseFloat(getComputedStyle(one).fontSize) < type);
    const low = all.filter((one) => one.matches("button, a.button, a.tile, input") && one.offsetHeight < press);
    return [...small, ...low].map((one) => one.outerHTML.slice(0, 120));
}"""
KEPT = """async () => {
    const each = (await caches.keys()).map(async (name) => (await caches.open(name)).keys());
    return (await Promise.all(each)).flat().map((one) => one.url);
}"""
FULL = """async () => {
    Cache.prototype.put = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
    for (const name of await caches.keys()) await caches.delete(name);
}"""
RED = "您的血压 186/112，偏高。请坐下休息 5 分钟再量一次。如有胸痛、说话不清、一侧手脚没力气，马上打 120。"
PAGES = (
    "/code", "/code/print", "/results", "/readings", "/readings/add/pressure", "/visits", "/medicines",
    "/vaccinations", "/devices", "/devices/heart-rate", "/messages", "/call",
)  # fmt: skip


async def looks_well_to_old_eyes(visitor, name):
    """Keeps a picture, and holds the page against what 长辈版 promises."""
    assert await visitor.page.evaluate(SMALLER, [TYPE, PRESS]) == []
    assert await visitor.page.evaluate("document.documentElement.scrollWidth") <= 360
    await visitor.looks_well(f"elder-{name}")


async def answer(page, value):
    await page.get_by_role("textbox").fill(value)
    await page.get_by_role("textbox").press("Enter")


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_a_70_year_old_signs_in_shows_the_code_reads_a_result_adds_a_reading_and_calls(visitor):
    page = visitor.page
    await page.goto(f"http://127.0.0.1:{visitor.installation.port}/my")
    await page.get_by_role("button", name="长辈版").click()
    await looks_well_to_old_eyes(visitor, "1-sign-in")
    await answer(page, "15400000000")
    shown = await page.get_by_text("演示环境不发短信").text_content()
    await answer(page, re.search(r"\d{6}", shown)[0])
    await page.get_by_text("您好").wait_for()
    assert await page.locator(".four a").all_text_contents() == ["我的码", "我的结果", "我的血压", "叫人"]
    await looks_well_to_old_eyes(visitor, "2-home")

    await page.get_by_role("link", name="我的码").click()
    await page.get_by_role("img", name="健康码").wait_for()
    assert re.fullmatch(r"\d{4} \d{4}", await page.locator(".digits").text_content())
    await looks_well_to_old_eyes(visitor, "3-code")

    await page.get_by_role("link", name="首页").click()
    await page.get_by_role("link", name="我的结果").click()
    await page.get_by_role("link", name="血脂四项").first.click()
    await page.get_by_text("这家化验室的参考范围").first.wait_for()
    await looks_well_to_old_eyes(visitor, "4-result")
    await page.get_by_role("link", name="总胆固醇是什么意思").click()
    await page.get_by_text("请以医生的判断为准").wait_for()
    await page.get_by_text("说明来源：布朗大学医疗系统").wait_for()
    await looks_well_to_old_eyes(visitor, "5-meaning")

    await page.get_by_role("link", name="首页").click()
    await page.get_by_role("link", name="我的血压").click()
    await page.get_by_role("link", name="记一次血压").click()
    await answer(page, "一百八")
    await page.get_by_role("alert").get_by_text("请只填数字").wait_for()
    await answer(page, "1860")
    await answer(page, "112")
    await looks_well_to_old_eyes(visitor, "6-question")
    await page.get_by_role("button", name="跳过").click()
    await page.get_by_role("button", name="对，保存").click()
    await page.get_by_role("alert").get_by_text("是不是 186/112").wait_for()
    await looks_well_to_old_eyes(visitor, "7-asked-back")
    await page.get_by_role("button", name="改一改").click()
    await answer(page, "186")
    await answer(page, "112")
    await page.get_by_role("button", name="跳过").click()
    # Nobody changes what is under way: it would be kept, and the change as well.
    held = asyncio.Event()

    async def late(route):
        await held.wait()
        await route.continue_()

    await page.route("**/$add-reading", late)
    await page.get_by_role("button", name="对，保存").click()
    await expect(page.get_by_role("button", name="改一改")).to_be_disabled()
    held.set()
    await page.get_by_text("已经记下").wait_for()
    await page.get_by_role("alert").get_by_text(RED, exact=True).first.wait_for()
    await looks_well_to_old_eyes(visitor, "8-red")

    await page.get_by_role("link", name="叫人").click()
    await page.get_by_role("link", name="演示医生").wait_for()
    numbers = [await one.get_attribute("href") for one in await page.locator("a[href^='tel:']").all()]
    assert {"tel:120", "tel:12320", "tel:15400000001"} <= set(numbers)
    await page.get_by_role("button", name="我需要帮助").click()
    await looks_well_to_old_eyes(visitor, "9-call")


async def test_every_page_is_there_in_both_languages_and_signing_out_ends_it(visitor):
    page, base = visitor.page, f"http://127.0.0.1:{visitor.installation.port}"
    await visitor.come("resident", "/my/", "/account?page=my")
    await page.locator(".greeting").wait_for()
    for path in ("/", *PAGES):
        await page.goto(f"{base}/my{path}")
        await page.locator("h1").wait_for()
        await page.locator("main .waiting").first.wait_for(state="detached")
        await visitor.looks_well(f"my{path.replace('/', '-')}")
        assert await page.locator("[role=alert]").all_text_contents() == []
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await page.goto(f"{base}/my")
    await page.get_by_role("button", name={"zh": "退出登录", "en": "Sign out"}[visitor.language]).click()
    await page.get_by_role("textbox").wait_for()
    await page.reload()
    await page.get_by_role("textbox").wait_for()


async def test_a_drug_stands_once_with_where_it_was_prescribed_last(visitor):
    page = visitor.page
    await visitor.come("resident", "/my/", "/account?page=my")
    await page.goto(f"{visitor.installation.url}/my/medicines")
    await page.locator("summary").first.click()
    names = await page.locator("li.row strong").all_text_contents()
    assert len(names) == len(set(names)) > 1
    await visitor.looks_well("medicines-earlier")


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_nobody_is_said_to_have_looked_only_at_the_end_and_drugs_without_a_name_are_not_one(visitor):
    page, base = visitor.page, visitor.installation.url
    await visitor.come("resident", "/my/", "/account?page=my")
    further = {"resourceType": "Parameters", "parameter": [{"name": "next", "valueString": "x"}]}
    await page.route("**/$who-looked*", lambda route: route.fulfill(json=further))
    await page.goto(f"{base}/my/looked")
    await page.get_by_role("button", name="更早的").wait_for()
    assert await page.get_by_text("还没有别人看过").count() == 0
    drugs = [{"resourceType": "MedicationRequest", "id": one, "status": "active"} for one in ("a", "b")]
    found = {"resourceType": "Bundle", "entry": [{"resource": one} for one in drugs]}
    await page.route("**/fhir/MedicationRequest?*", lambda route: route.fulfill(json=found))
    await page.goto(f"{base}/my/medicines")
    await page.locator("li.row").first.wait_for()
    assert await page.locator("li.row").count() == len(drugs)


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_without_a_network_the_frame_opens_and_nothing_of_a_person_is_kept(visitor):
    page = visitor.page
    await visitor.come("resident", "/my/", "/account?page=my")
    await page.evaluate("navigator.serviceWorker.ready")
    await page.reload()
    await page.locator(".greeting").wait_for()
    kept = await page.evaluate(KEPT)
    assert all(re.search(r"/my$|/assets/", one) for one in kept)
    assert len(kept) > 2
    await page.context.set_offline(True)
    await page.get_by_role("link", name="我的药").click()  # Of which nothing has been loaded.
    await page.get_by_role("alert").get_by_text("连不上平台").wait_for()
    await page.get_by_role("link", name="叫人").wait_for()
    await page.reload()
    await page.get_by_text("连不上平台").wait_for()
    visitor.wrong.clear()  # That nothing was reached is what the browser complains of.


@pytest.mark.parametrize("visitor", ["zh-phone"], indirect=True)
async def test_a_telephone_that_is_full_opens_the_portal_all_the_same(visitor):
    page = visitor.page
    await page.goto(f"{visitor.installation.url}/my")
    await page.evaluate("navigator.serviceWorker.ready")
    (worker,) = page.context.service_workers
    await worker.evaluate(FULL)
    await page.reload()
    await page.get_by_role("textbox").wait_for()
    assert await page.evaluate(KEPT) == []


def test_the_portals_first_load_is_small_and_it_can_be_installed(demonstration):
    base = f"http://127.0.0.1:{demonstration.port}"
    page = httpx.get(f"{base}/my")
    loaded = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)
    assert len(loaded) >= 2
    assert sum(len(gzip.compress(httpx.get(base + one).content, 9)) for one in loaded) < FIRST_LOAD
    manifest = httpx.get(f"{base}/my.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    assert all(httpx.get(base + one["src"]).status_code == 200 for one in manifest.json()["icons"])
