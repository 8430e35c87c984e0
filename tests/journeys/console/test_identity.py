"""The identity desk: a question, both sides beside one another, an answer by keyboard, and the answer taken back; two
residents merged after a look at who they would be, and parted again."""

import json
from datetime import date
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_URL, uuid5

import httpx

from kangyun.base.numbers import resident_id

SYSTEM = "urn:oid:2.16.156.10011.1.3"
BORN = {"zh": date(1961, 5, 4), "en": date(1962, 5, 4)}
BORROWER = {"zh": "司徒明远", "en": "上官文博"}
TOLD = {
    "zh": {
        "kind": "号码相同，内容矛盾", "why": "证件号码相同", "for": "支持", "act": "不是同一人", "comes": "记为两个人",
        "done": "已记为两个人。", "find": "查找居民", "decided": "人工决定", "undo": "撤销", "undone": "已撤销。",
        "search": "姓名、证件号码、卡号或手机号", "answered": "已答复", "merge-with": "与另一位合并",
        "pick": "选这一位", "against": "姓名完全不同", "merged": "已合并为同一居民", "reason": "理由",
        "open": "打开现在属于另一位居民的这份登记",
    },
    "en": {
        "kind": "Same number, contradiction", "why": "the same number", "for": "for", "act": "Not the same",
        "comes": "two persons from then on", "done": "They are two persons now.", "find": "Find somebody",
        "decided": "By a person", "undo": "Undo", "undone": "Undone.",
        "search": "Name, identity number, card or telephone", "answered": "Answered",
        "merge-with": "Merge with another", "pick": "Take this one",
        "against": "The names have nothing in common", "merged": "They are one resident now", "reason": "Reason",
        "open": "which is another resident's now",
    },
}  # fmt: skip


def register(demonstration, language):
    """Registers a number under two names, as a lent card is; returns the number."""
    accounts = json.loads((demonstration.data / "demo-sign-ins.json").read_text())
    one = next(one for one in accounts if one["user"] == "doctor")
    asked = {"user": one["user"], "password": one["password"]}
    token = httpx.post(f"{demonstration.url}/sign-in", json=asked, timeout=60).json()["access_token"]
    born, number = f"{BORN[language]}", resident_id.made("990106", BORN[language], 77)
    for name in ("欧阳明德", BORROWER[language]):
        id_ = str(uuid5(NAMESPACE_URL, f"identity/{language}/{name}"))
        made = {
            "resourceType": "Patient", "id": id_, "name": [{"text": name}], "gender": "male", "birthDate": born,
            "identifier": [{"system": SYSTEM, "value": number}],
        }  # fmt: skip
        headers = {"authorization": f"Bearer {token}"}
        said = httpx.put(f"{demonstration.url}/fhir/Patient/{id_}", json=made, headers=headers, timeout=60)
        assert said.is_success, said.text
    return number


async def test_a_steward_answers_and_takes_the_answer_back(visitor, demonstration):
    page, told = visitor.page, TOLD[visitor.language]
    number = register(demonstration, visitor.language)
    await visitor.come("steward", "/console/identity")
    await page.get_by_role("combobox").click()
    await page.locator(".ant-select-item-option").filter(has_text=told["kind"]).click()
    matter = page.locator(".identity-matter")
    await matter.locator("li").filter(has_text=told["why"]).wait_for()
    # The list of kinds, where the focus still is, does not keep the keys to itself.
    dialogue = page.get_by_role("dialog")
    await page.keyboard.press("2")
    await dialogue.wait_for()
    await page.keyboard.press("Escape")
    await dialogue.wait_for(state="hidden")
    await page.locator(".ant-select-dropdown").wait_for(state="hidden")
    borrower = page.locator("tr.ant-table-row").filter(has_text=BORROWER[visitor.language][:2])
    await borrower.get_by_role("button").click()
    await matter.locator("td").filter(has_text=told["for"]).first.wait_for()
    await visitor.looks_well("identity")

    # Who types on at once loses nothing.
    await page.keyboard.press("2")
    await page.keyboard.type("本人到场核对，证件借与他人")
    await dialogue.get_by_text(told["comes"]).wait_for()
    await visitor.looks_well("identity-confirm")
    await dialogue.get_by_role("button", name=told["act"]).click()
    await page.get_by_role("status").get_by_text(told["done"]).wait_for()

    await page.get_by_text(told["answered"], exact=True).click()
    await borrower.filter(has_text="本人到场核对，证件借与他人").wait_for()

    await page.get_by_text(told["find"], exact=True).click()
    field = page.get_by_placeholder(told["search"])
    await field.fill(number)
    await field.press("Enter")
    await borrower.get_by_role("link").click()
    decided = page.locator("tr.ant-table-row").filter(has_text=told["decided"])
    await decided.first.wait_for()
    await visitor.looks_well("identity-ledger")
    await decided.first.get_by_role("button", name=told["undo"]).click()
    await dialogue.get_by_role("textbox").fill("核对有误")
    await dialogue.get_by_role("button", name=told["undo"]).click()
    await page.get_by_text(told["undone"]).first.wait_for()

    # One person after all: merged after a look at who he would be, by the key the other way round, and taken back.
    await page.get_by_role("link", name=told["merge-with"]).click()
    await field.fill(number)
    await field.press("Enter")
    lender = page.locator("tr.ant-table-row").filter(has_text="欧阳")
    await lender.get_by_role("button", name=told["pick"]).click()
    await page.get_by_text(told["against"]).wait_for()
    goes_on = page.locator(".identity-beside tbody tr").first.locator("td").nth(1)
    await goes_on.filter(has_text="欧阳").wait_for()
    await page.keyboard.press("s")
    await goes_on.filter(has_text=BORROWER[visitor.language][:2]).wait_for()
    reason = page.get_by_role("textbox", name=told["reason"], exact=True)
    await reason.wait_for()
    # Where who goes over cannot be read, who goes on does not stand in the place, and nothing is merged.
    (source,) = parse_qs(urlsplit(page.url).query)["source"]
    refused = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
    await page.route(f"**/Patient/{source}/$links", lambda route: route.fulfill(status=403, json=refused))
    await page.reload()
    await page.locator(".ant-alert-error").first.wait_for()
    goes_over = page.locator(".identity-beside tbody td:first-of-type")
    await goes_over.first.wait_for()
    assert set(await goes_over.all_text_contents()) == {""}
    assert await reason.count() == 0
    visitor.wrong.clear()  # That it was refused is what the browser complains of.
    await page.unroute_all()
    await page.reload()
    await reason.wait_for()
    await visitor.looks_well("identity-merge")
    await reason.fill("改名，户口簿为证")
    await reason.press("Enter")
    await page.get_by_role("status").get_by_text(told["merged"]).wait_for()
    merged = page.locator("tr.ant-table-row").filter(has_text="改名，户口簿为证")
    await merged.get_by_role("button", name=told["undo"]).click()
    await dialogue.get_by_role("textbox").fill("核对有误")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name=told["open"]).click()
    await merged.wait_for()
