"""The alarm centre: an alarm comes live, is opened, answered and closed; a lost line is mended; the fleet is seen."""

import json

import httpx
import pytest

WORDS = {
    "zh": {
        "live": "实时连接正常", "lost": "连接已断开", "answer": "响应", "outcome": "已联系",
        "words": "电话里说了什么", "closed": "已办结", "all": "全部告警", "none": "现在没有排班",
        "duty": "值守排班", "course": "通知与处理经过", "open": "打开", "claim": "生成新的领用码",
    },
    "en": {
        "live": "Connected", "lost": "The connection is lost", "answer": "Answer", "outcome": "Contacted",
        "words": "What was said on the telephone", "closed": "Closed", "all": "All alarms",
        "none": "Nobody stands in the roster now", "duty": "Duty roster", "course": "Who was told, and what was done",
        "open": "Open", "claim": "New claim code",
    },
}  # fmt: skip
LISTENING = """
const Made = window.WebSocket; window.lines = [];
window.WebSocket = class extends Made { constructor(...given) { super(...given); window.lines.push(this); } };
"""


def measured(demonstration, place: int, line: str) -> None:
    """Has the doctor type a reading of one of his residents."""
    base = f"http://127.0.0.1:{demonstration.port}"
    accounts = json.loads((demonstration.data / "demo-sign-ins.json").read_text())
    password = next(one["password"] for one in accounts if one["user"] == "doctor")
    token = httpx.post(f"{base}/sign-in", json={"user": "doctor", "password": password}).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    teams = httpx.get(
        f"{base}/fhir/CareTeam?participant=Practitioner/demo-doctor&_count=40", headers=headers, timeout=60
    )
    patient = teams.json()["entry"][place]["resource"]["subject"]["reference"]
    parameter = [{"name": "line", "valueString": line}, {"name": "place", "valueCode": "home"}]
    path = f"{base}/fhir/{patient}/$add-reading"
    for _ in range(2):  # What is odd is asked back, and confirmed.
        body = {"resourceType": "Parameters", "parameter": parameter}
        told = httpx.post(path, json=body, headers=headers, timeout=60).json()
        again = {one["name"]: one for one in told["parameter"]}
        if "confirm" not in again:
            return
        parameter += [again["confirm"], {"name": "at", "valueDateTime": again["at"]["valueInstant"]}]


async def test_an_alarm_comes_live_is_answered_and_closed(visitor, demonstration):
    page, words = visitor.page, WORDS[visitor.language]
    page.set_default_timeout(90_000)
    await page.add_init_script(LISTENING)
    await visitor.come("duty", "/console/alarms")
    await page.get_by_text(words["live"]).wait_for()
    measured(demonstration, {"zh": 3, "en": 7}[visitor.language], "206/131 88")
    card = page.locator("li [role=button]").filter(has_text="206/131").first
    await card.wait_for()
    await page.evaluate("lines.at(-1).close()")
    await page.get_by_text(words["lost"]).first.wait_for()
    await page.get_by_text(words["live"]).wait_for()
    assert await page.evaluate("lines.length") == 2
    await card.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name=words["course"]).wait_for()
    await page.locator("canvas").first.wait_for()
    await visitor.looks_well("alarms")
    await page.get_by_role("button", name=words["answer"], exact=True).click()
    await page.get_by_text(words["outcome"], exact=True).click()
    await page.get_by_label(words["words"]).fill("148/90")
    await page.keyboard.press("Control+Enter")
    await page.get_by_text(words["closed"]).first.wait_for()
    await page.get_by_role("tab", name=words["all"]).click()
    await page.get_by_role("cell", name=words["outcome"]).first.wait_for()
    await page.get_by_role("tab", name=words["duty"]).click()
    await page.get_by_text(words["none"]).wait_for()
    await visitor.looks_well("duty")


@pytest.mark.parametrize("visitor", ["en-desk"], indirect=True)
async def test_what_was_typed_about_an_alarm_stays_when_its_news_cannot_be_read(visitor):
    """The platform says over the line that an alarm has changed, and what has cannot be read just then."""
    page, lines, opened = visitor.page, [], []
    one = {"id": 5, "version": 1, "level": "red", "state": "acknowledged", "rule": "r", "text": "186/112", "name": "甲"}
    kinds = {int: "Integer", str: "String"}
    parts = [{"name": name, f"value{kinds[type(value)]}": value} for name, value in one.items()]
    told = {"resourceType": "Parameters", "parameter": [{"name": "alarm", "part": parts}]}

    async def alarm(route):
        opened.append(route)
        await route.fulfill(status=200 if len(opened) == 1 else 500, json=told if len(opened) == 1 else {})

    def listening(line):
        lines.append(line)
        line.send(json.dumps({"type": "snapshot", "number": 1, "alarms": [one]}))

    await page.route_web_socket("**/alarms/live*", listening)
    await page.route("**/fhir/$alarm", alarm)
    await visitor.come("duty", "/console/alarms")
    await page.locator("li [role=button]").first.click()
    await page.get_by_label(WORDS[visitor.language]["words"]).fill("他说胸口不疼")
    lines[-1].send(json.dumps({"type": "changes", "number": 2, "alarms": [one | {"version": 2}]}))
    await page.locator("#main .ant-alert-error").wait_for()
    assert await page.get_by_label(WORDS[visitor.language]["words"]).input_value() == "他说胸口不疼"
    visitor.wrong.clear()  # That it could not be read is what the browser complains of.


async def test_an_officer_finds_a_device_and_gives_a_claim_code(visitor):
    page, words = visitor.page, WORDS[visitor.language]
    page.set_default_timeout(90_000)
    await visitor.come("devices", "/console/devices")
    await page.get_by_role("button", name=words["open"]).first.wait_for()
    await visitor.looks_well("devices")
    await page.get_by_role("button", name=words["open"]).first.click()
    await page.get_by_role("button", name=words["claim"]).click()
    await page.locator(".ant-alert-success").wait_for()


@pytest.mark.parametrize("visitor", ["en-desk"], indirect=True)
async def test_a_list_of_devices_that_cannot_be_taken_away_says_so(visitor):
    page = visitor.page
    page.set_default_timeout(90_000)
    await visitor.come("devices", "/console/devices")
    await page.route("**/Device/$fleet?*as=xlsx*", lambda route: route.fulfill(status=403, json={}))
    await page.get_by_role("button", name={"zh": "导出 Excel", "en": "Export to Excel"}[visitor.language]).click()
    await page.locator("#main .ant-alert-error").wait_for()
    visitor.wrong.clear()  # That it was refused is what the browser complains of.
