"""A resident's record in the console: found, opened, read part by part; by a code gun and a card reader's stub, too."""

import httpx
import pytest

from kangyun.testing.installation import TOKEN

ID_NUMBER = "urn:oid:2.16.156.10011.1.3"
SAID = {
    "zh": {
        "problems": "问题清单", "open": "显示完整身份信息", "why": "其他理由", "show": "显示", "read": "读身份证",
        "visits": "就诊时间线", "tests": "次数", "none": "没有找到", "asks": "短信授权", "emergency": "紧急救治",
        "happened": "情况说明",
    },
    "en": {
        "problems": "Problems", "open": "Show full identity", "why": "Another reason", "show": "Show",
        "read": "Read identity card", "visits": "Timeline of", "tests": "Results", "none": "Nobody was found",
        "asks": "Word by SMS", "emergency": "Emergency", "happened": "What has happened",
    },
}  # fmt: skip
GUN = """(field, code) => [...code].forEach((key) => {
    field.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    document.execCommand('insertText', false, key);
})"""
"""Types as fast as a code gun, however busy the machine is."""
QUIET = ("documents", "devices", "family", "looks")


def number_of_somebody(visitor):
    """Returns the identity number of a resident whom the doctor sees: the doctor finds them, the platform tells it."""
    url, token = visitor.installation.url, _token(visitor)
    seen = _patients(url, token, {"identifier": f"{ID_NUMBER}|", "_count": "20"})
    told = _patients(url, TOKEN, {"_id": ",".join(entry["resource"]["id"] for entry in seen)})
    numbers = [
        one["value"]
        for entry in told
        for one in entry["resource"]["identifier"]
        if one.get("system") == ID_NUMBER and len(one["value"]) == 18 and one["value"].isdecimal()
    ]
    return numbers[0]


def of_a_course(visitor, ids):
    """Returns those of residents who have a result of more than one day, which the console draws."""
    headers = {"authorization": f"Bearer {_token(visitor)}"}

    def has_course(one):
        url = f"{visitor.installation.url}/fhir/Patient/{one}/$view"
        told = httpx.get(url, params={"part": "tests"}, headers=headers, timeout=60).json()
        return any(len(test.get("points", ())) > 1 for test in told["tests"])

    return [one for one in ids if has_course(one)]


def _token(visitor):
    user = {"user": "doctor", "password": visitor.password("doctor")}
    return httpx.post(f"{visitor.installation.url}/sign-in", json=user).json()["access_token"]


def _patients(url, token, asked):
    headers = {"authorization": f"Bearer {token}"}
    return httpx.get(f"{url}/fhir/Patient", params=asked, headers=headers, timeout=60).json()["entry"]


@pytest.mark.parametrize("visitor", ["zh-desk"], indirect=True)
async def test_from_the_first_page_to_a_record_in_three_clicks(visitor):
    page = visitor.page
    await page.goto(visitor.installation.url)
    await page.locator("a[href='/console/']").click()
    await visitor.sign_in("doctor")
    await page.get_by_role("navigation").get_by_role("link", name="居民", exact=True).click()
    await page.locator(".ant-table-row a").first.click()
    await page.get_by_role("heading", name="问题清单").wait_for()


async def test_a_record_is_read_part_by_part(visitor):
    page, said = visitor.page, SAID[visitor.language]
    await visitor.come("doctor", "/console/residents")
    # Each visitor opens another resident: who has asked once sees that identity from then on.
    links = page.locator(".ant-table-row a")
    await links.first.wait_for()
    ids = [(await one.get_attribute("href")).rpartition("/")[2] for one in await links.all()]
    await page.locator(f"a[href$='/{of_a_course(visitor, ids)[int(visitor.language == 'en')]}']").click()
    await page.get_by_role("heading", name=said["problems"]).wait_for()
    await visitor.looks_well("resident")
    await page.get_by_role("button", name=said["open"]).click()
    await page.get_by_label(said["why"]).fill("复诊 follow-up")
    await page.get_by_role("button", name=said["show"], exact=True).click()
    await page.get_by_role("button", name=said["open"]).wait_for(state="detached")
    name = await page.get_by_role("heading", level=1).inner_text()
    assert "*" not in name
    address = page.url
    await page.goto(f"{address}?part=timeline")
    await page.get_by_label(said["visits"]).locator("canvas").wait_for()
    await visitor.looks_well("resident-timeline")
    await page.goto(f"{address}?part=tests")
    await page.locator("#trend").wait_for()
    await visitor.looks_well("resident-tests")
    for part in QUIET:
        await page.goto(f"{address}?part={part}")
        await page.wait_for_load_state("networkidle")
        await page.wait_for_load_state("networkidle")
    width = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width == 0


async def test_a_card_and_a_code_gun_find_whom_they_name(visitor, card):
    page, said = visitor.page, SAID[visitor.language]
    card.number = number_of_somebody(visitor)
    await visitor.come("doctor", "/console/residents")
    await page.get_by_role("button", name=said["read"]).click()
    await page.get_by_role("heading", name=said["problems"]).wait_for()
    await page.goto(f"{visitor.installation.url}/console/residents")
    field = page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first
    await field.click()
    await field.evaluate(GUN, card.number)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name=said["problems"]).wait_for()
    await page.goto(f"{visitor.installation.url}/console/residents?q=990121195001010000")
    await page.get_by_text(said["none"]).first.wait_for()
    await page.get_by_text(said["asks"]).wait_for()
    await visitor.looks_well("resident-asks")
    # What is typed of one whom nobody knows does not stand there for another.
    await field.fill("990121195001010027")
    await field.press("Enter")
    await page.wait_for_url("**q=990121195001010027")
    emergency = page.get_by_role("radio", name=said["emergency"])
    await emergency.check()
    await page.get_by_role("textbox", name=said["happened"]).fill("昏迷送来")
    await page.go_back()
    await page.wait_for_url("**q=990121195001010000")
    await emergency.wait_for()
    assert not await emergency.is_checked()


def test_a_page_may_ask_the_card_reader_that_is_listed_and_nobody_else(demonstration, card_reader):
    policy = httpx.get(f"{demonstration.url}/console/residents").headers["content-security-policy"]
    assert f"connect-src 'self' {card_reader};" in policy
    assert "connect-src 'self';" in httpx.get(f"{demonstration.url}/my/").headers["content-security-policy"]
