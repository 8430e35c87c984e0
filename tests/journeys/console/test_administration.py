"""The three administrators at work, each at their own office."""

import io

from openpyxl import Workbook, load_workbook

from kangyun.access.staff.rules import the_list


def staff_list(*rows):
    """A hospital's list as a file. rows: by the names of its columns."""
    book = Workbook()
    header = list(the_list().column.values())
    book.active.append(header)
    for row in rows:
        book.active.append([row.get(name, "") for name in header])
    sink = io.BytesIO()
    book.save(sink)
    return {"name": "名单.xlsx", "mimeType": "application/octet-stream", "buffer": sink.getvalue()}


async def test_the_system_administrator_tries_a_list_and_takes_one_away(visitor):
    words = {
        "zh": ("人员", "从 Excel 导入", "重新检查", "导出 Excel", "演示医生"),
        "en": ("People", "Import from Excel", "Check again", "Export to Excel", "演示医生"),
    }
    title, bring, again, leave, doctor = words[visitor.language]
    page = visitor.page
    await visitor.come("admin", "/console/staff")
    await page.get_by_role("heading", name=title).wait_for()
    await page.get_by_role("cell", name=doctor, exact=True).wait_for()
    await visitor.looks_well("staff")
    async with page.expect_download() as download:
        await page.get_by_role("button", name=leave).click()
    book = load_workbook(io.BytesIO((await (await download.value).path()).read_bytes()))
    rows = [[cell.value for cell in row] for row in book.active.iter_rows()]
    assert rows[0][0].startswith(f"{title}　演示管理员 · 平台管理中心 · 20")
    assert doctor in {row[0] for row in rows[2:]}
    await page.get_by_role("button", name=bring).click()
    await page.locator("input[type=file]").set_input_files(staff_list({"工号": "007", "姓名": "李四"}))
    await page.get_by_role("button", name=again).wait_for()
    # Each fault by its row, and nothing written; what was chosen stays.
    await page.get_by_role("dialog").get_by_role("cell", name="2", exact=True).first.wait_for()
    await page.get_by_text("名单.xlsx").wait_for()
    await visitor.looks_well("staff-import")


async def test_the_security_administrator_stops_an_account_and_lets_it_in_again(visitor):
    words = {"zh": ("停用", "恢复", "在用"), "en": ("Suspend", "Let in again", "Active")}
    stop, resume, active = words[visitor.language]
    page = visitor.page
    await visitor.come("security", "/console/staff")
    await page.get_by_role("button", name=stop).first.wait_for()
    await page.keyboard.press("/")
    await page.keyboard.type("audit-administrator")
    await page.keyboard.press("Enter")
    for label in (stop, resume):
        await page.get_by_role("button", name=label).click()
        await page.get_by_role("dialog").get_by_role("textbox").fill("岗位核对")
        await page.get_by_role("dialog").get_by_role("button", name=label).click()
        await page.get_by_role("dialog").wait_for(state="hidden")
    await page.get_by_role("cell", name=active).wait_for()
    for path in ("policy", "approvals", "running"):
        await page.goto(f"http://127.0.0.1:{visitor.installation.port}/console/{path}")
        await page.get_by_role("heading", level=1).wait_for()
        await page.get_by_role("cell").or_(page.get_by_role("status")).or_(page.locator(".ant-empty")).first.wait_for()
        await visitor.looks_well(f"security-{path}")


async def test_the_audit_administrator_asks_who_did_what_and_verifies_the_trail(visitor):
    words = {
        "zh": ("审计", "完整性核对", "开始核对", "已核对"),
        "en": ("Audit trail", "Integrity", "Verify", "were verified"),
    }
    title, whole, verify, verified = words[visitor.language]
    page = visitor.page
    await visitor.come("audit", "/console/trail")
    await page.get_by_role("heading", name=title).wait_for()
    await page.get_by_role("row").nth(2).wait_for()
    await visitor.looks_well("trail")
    await visitor.part(whole)
    await page.get_by_role("button", name=verify).click()
    await page.get_by_text(verified).wait_for()
    await visitor.looks_well("trail-whole")
