"""Feeds, as the centre and a hospital's own people work with them; the mapping desk, quality and the exam."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from kangyun.exchange.exam.model import FILE, Line, report

FEED = "/console/feeds/demo-hospital-tables"
TABLE = "TB_YL_MZ_MEDICAL_RECORD"
COLUMNS = "YLJGDM,JZLSH,KH,KLX,HZXM,JZLX,JZKSBM,JZKSMC,JZKSRQ,JZZDBM,JZZDMC,BMLX,XGBZ"
GOOD = "H,TRY1,MZ010001,9,测试甲,100,AA03,内科,2026-11-20 08:00:00,I10,高血压病,01,1"
ROWS = "\n".join((COLUMNS, GOOD, GOOD.replace("TRY1,MZ010001", "TRY2,")))
LOADED = 240.0  # seconds until the demonstration's feeds have come in, under load


@pytest.fixture
def ready(demonstration):
    """Waits until the demonstration's feeds have come in, were declared, and their codes were counted."""
    base = f"http://127.0.0.1:{demonstration.port}"
    accounts = json.loads((demonstration.data / "demo-sign-ins.json").read_text())
    chief = next(one for one in accounts if one["user"] == "terms")
    told = httpx.post(f"{base}/sign-in", json={"user": "terms", "password": chief["password"]}, timeout=30).json()
    headers = {"authorization": f"Bearer {told['access_token']}"}
    proposed = f"{base}/fhir/$codes?kind=laboratory&state=proposed"
    demonstration.until(lambda: '"row"' in httpx.get(proposed, headers=headers, timeout=30).text, LOADED)


def said(visitor, zh, en):
    """Returns a button's or a text's words; between two Chinese characters of a button stands a space."""
    return re.compile(zh) if visitor.language == "zh" else re.compile(en)


async def test_the_centre_sees_what_came_what_differs_and_what_would_come_of_a_replay(ready, visitor):
    page = visitor.page
    await visitor.come("feeds", "/console/feeds")
    await page.get_by_role("link", name="演示医院门诊业务表").wait_for()
    await visitor.looks_well("feeds")
    await page.get_by_role("link", name="县妇幼保健院业务表").click()
    await page.get_by_role("button", name=said(visitor, "恢复接收", "Resume")).wait_for()
    await visitor.looks_well("feed")
    await page.goto(page.url.partition("/console/")[0] + f"{FEED}?tab=calendar")
    differing = page.get_by_role("button", name=said(visitor, "有差异.*差", "differs.*Difference"))
    await differing.last.wait_for()
    await visitor.looks_well("feed-calendar")
    await differing.last.click()
    await page.get_by_text(said(visitor, "医院有，平台没收到", "The hospital has it, it did not come")).first.wait_for()
    await visitor.looks_well("feed-day")
    await page.keyboard.press("Escape")
    await a_month_that_was_closed_stays_as_it_was(visitor)
    await page.goto(page.url.partition("?")[0] + "?tab=replay")
    await page.get_by_role("radio", name=TABLE).check()
    await page.get_by_role("button", name=said(visitor, "先看差异", "Look first")).click()
    await page.get_by_text(said(visitor, "重放会带来", "A replay would bring")).wait_for()


async def a_month_that_was_closed_stays_as_it_was(visitor):
    """As if the month that is shown had been closed before a row of one day came, and as if rows had no day."""
    page, said_of = visitor.page, {}
    undated = {
        "table": TABLE, "title": "", "day": "0001-01-01", "declared": None, "stored": 0, "revoked": 0, "refused": 3,
        "received": 3, "differs": True, "sums": {},
    }  # fmt: skip

    async def counts(route):
        if "day=0001-01-01" in route.request.url:
            await route.fulfill(json=[undated])
        else:
            answer = await route.fetch()
            told = await answer.json()
            # Of a day one table has five rows too many, another five too few.
            day = told[0]["day"][:8] + "01"
            wrong = [undated | {"day": day, "table": f"T{n}", "declared": n, "received": 5 - n} for n in (0, 5)]
            said_of["month"] = [one for one in told if one["day"] != day] + wrong
            await route.fulfill(json=said_of["month"])

    async def months(route):
        month = said_of["month"][0]["day"][:7]
        if route.request.url.endswith("/months"):
            await route.fulfill(json=[{"month": f"{month}-01", "at": "2026-11-01T00:00:00Z", "by": "x", "why": ""}])
        else:
            first, *rest = said_of["month"]
            await route.fulfill(json=[first | {"received": 9000000, "stored": 9000000, "declared": 9000000}, *rest])

    await page.route("**/feeds/demo-hospital-tables/counts?*", counts)
    await page.reload()
    await page.get_by_role("button", name=said(visitor, "没有日期的 3 行", "3 rows without a day")).wait_for()
    await page.get_by_role("button", name=said(visitor, "有差异.*差", "differs.*Difference")).last.wait_for()
    await page.get_by_role(
        "button", name=said(visitor, r"^1\D*有差异.*差\s*10$", r"^1\D*differs.*Difference\s*10$")
    ).wait_for()
    await page.route("**/feeds/demo-hospital-tables/months*", months)
    await page.route("**/feeds/demo-hospital-tables/months/*", months)
    await page.reload()
    await page.get_by_text(said(visitor, "关账后有 1 处", "1 figures of tables and days")).wait_for()
    await page.get_by_text(re.compile(r"^90000\d\d$")).first.wait_for()
    await visitor.looks_well("feed-calendar-closed")
    await page.get_by_text(said(visitor, "^现在$", "^Now$")).click()
    await page.get_by_text(re.compile(r"^90000\d\d$")).first.wait_for(state="detached")
    await page.unroute_all(behavior="wait")


async def test_a_hospital_s_own_people_see_their_own_take_rows_back_and_try_others(ready, visitor):
    page = visitor.page
    await visitor.come("interface", "/console/feeds")
    await page.get_by_role("link", name="演示医院门诊业务表").wait_for()
    assert await page.get_by_role("link", name="县妇幼保健院业务表").count() == 0
    await page.goto(page.url.partition("/console/")[0] + f"{FEED}?tab=refused")
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name=said(visitor, f"下载 {TABLE}", f"Download {TABLE}")).click()
    assert (await downloading.value).suggested_filename == f"{TABLE}.xlsx"
    await visitor.looks_well("feed-refused")
    await page.goto(page.url.partition("?")[0] + "?tab=try")
    await page.get_by_text(said(visitor, "粘贴几行", "Paste rows")).click()
    await page.get_by_label(said(visitor, "表名", "Table, such as")).fill(TABLE)
    await page.get_by_label(said(visitor, "第一行是列名", "The first line names")).fill(ROWS)
    await page.get_by_role("button", name=said(visitor, "试 ?传$", "^Try$")).last.click()
    await page.get_by_text(said(visitor, "1 行会被退回", "1 would be refused")).wait_for()
    await visitor.looks_well("feed-try")
    await page.goto(page.url.partition("/console/")[0] + "/console/feeds/demo-maternal-tables")
    await page.get_by_text(said(visitor, "没有这个数据接入", "There is no such feed")).wait_for()
    assert {"404" in one for one in visitor.wrong} == {True}
    visitor.wrong.clear()  # That another institution's feed is not there is what the browser complains of.


async def test_one_proposes_what_a_code_stands_for_and_another_one_approves(ready, visitor):
    page = visitor.page
    await visitor.come("coder", "/console/codes")
    await page.get_by_role("button", name=said(visitor, "^提 ?出$", "^Propose$")).first.click()
    await page.get_by_role("dialog").get_by_role("button", name=said(visitor, "^提 ?出$", "^Propose$")).click()
    await page.get_by_text(said(visitor, "已提出", "Proposed;")).first.wait_for()
    await page.context.clear_cookies()
    await visitor.come("terms", "/console/codes")
    await page.get_by_role("checkbox").nth(1).check()
    await visitor.looks_well("codes")
    await page.get_by_role("button", name=said(visitor, "批准（1）", r"Approve \(1\)")).click()
    await page.get_by_text(said(visitor, "已办 1 条", "1 done")).first.wait_for()


async def test_quality_and_the_exam_say_by_what_and_where_gaps_are(ready, visitor):
    page = visitor.page
    lines = [
        Line(id="table:TB_LIS_REPORT", list="data-sets", standard="", name="TB_LIS_REPORT 检验报告", covered="yes",
             outcome="passed", ran="exam-row", count=2, digest="0" * 64),
        Line(id="WS/T 790:15", list="services", standard="WS/T 790.15", name="预约", remark="exam-not-offered"),
    ]  # fmt: skip
    told = msgspec.json.encode(report(lines, datetime.now(UTC), "0.1.0"))
    (visitor.installation.data / FILE).write_bytes(told)
    await visitor.come("feeds", "/console/feed-quality")
    await page.get_by_role("button", name=said(visitor, "评分规则", "Rules")).click()
    await page.get_by_role("dialog").get_by_text("TB_LIS_REPORT").wait_for()
    await visitor.looks_well("feed-quality")
    await page.context.clear_cookies()
    await visitor.come("admin", "/console/exam")
    await page.get_by_text(said(visitor, "平台尚无对应的服务", "WS/T 790.15")).first.wait_for()
    await visitor.looks_well("exam")


@pytest.mark.parametrize("visitor", ["zh-desk"], indirect=True)
async def test_the_names_of_many_institutions_are_asked_for_in_portions(visitor):
    page, asked = visitor.page, []
    numbers = ("rate", "next", "waiting", "parked", "stopped", "rows", "aside", "hour")
    feed = dict.fromkeys(numbers, 0) | {"title": "t", "state": "live", "waits": "", "why": ""}
    feeds = [feed | {"name": f"f{nth}", "institution": f"Organization/{nth}"} for nth in range(250)]

    async def named(route):
        ids = parse_qs(urlsplit(route.request.url).query)["_id"][0].split(",")
        asked.append(len(ids))
        found = [{"resource": {"resourceType": "Organization", "id": id_, "name": f"第 {id_} 医院"}} for id_ in ids]
        await route.fulfill(json={"resourceType": "Bundle", "type": "searchset", "entry": found})

    await page.route(re.compile(r"^http://[^/]+/feeds$"), lambda route: route.fulfill(json=feeds))
    await page.route(re.compile(r"/fhir/Organization\?"), named)
    await visitor.come("feeds", "/console/feeds")
    await page.get_by_role("cell", name="第 0 医院", exact=True).wait_for()
    assert sorted(asked) == [50, 100, 100]
