"""A doctor's first page: his residents, and a pressure typed in one line that is asked back where it is odd."""

import asyncio
import base64
import io

from openpyxl import load_workbook

WORDS = {
    "zh": {
        "home": "已出院", "type": "录入", "kept": "已保存",
        "import": "从 Excel 导入", "would": "有 1 处不对",
    },
    "en": {
        "home": "Came home", "type": "Type in a measurement of", "kept": "Kept",
        "import": "Import", "would": "1 faults",
    },
}  # fmt: skip
SIDEWAYS = "[...document.querySelectorAll('.ant-table-content')].map((one) => one.scrollWidth - one.clientWidth)"
MISTAKEN = ["990101190001010000", "王建国", "family-doctor"]


async def test_a_doctor_sees_who_needs_him_and_types_a_pressure(visitor):
    page, words = visitor.page, WORDS[visitor.language]
    page.set_default_timeout(90_000)
    await visitor.come("doctor", "/console/today")
    await page.get_by_role("row").nth(5).wait_for()
    await page.locator("label").filter(has_text=words["home"]).click()
    await page.get_by_role("row").nth(1).wait_for()
    await visitor.looks_well("today")
    assert await page.evaluate(SIDEWAYS) == [0]
    await page.keyboard.press("/")
    await page.keyboard.type("皇甫端木")  # masked on the page: a star stands for what was typed
    await page.get_by_role("row").filter(has_text="皇甫**").wait_for()
    await page.locator("tbody").get_by_role("button", name=words["type"]).first.click()
    await page.get_by_placeholder("152/94 78").fill("252/94 78")
    await page.keyboard.press("Enter")
    await page.locator("form .ant-alert-warning").wait_for()
    await page.get_by_placeholder("152/94 78").fill("152/94 78")
    await page.keyboard.press("Enter")
    await page.get_by_text(words["kept"]).first.wait_for()


async def test_a_registrar_tries_a_list_of_contracts(visitor, tmp_path):
    page, words = visitor.page, WORDS[visitor.language]
    page.set_default_timeout(90_000)
    await visitor.come("registrar", "/console/today")
    await page.get_by_role("button", name=words["import"]).first.click()
    token = await page.evaluate(
        "fetch('/account/token', {method: 'POST', body: '{}', headers: {'content-type': 'application/json'}})"
        ".then((told) => told.json()).then((told) => told.access_token)"
    )
    template = await page.evaluate(
        "(token) => fetch('/fhir/CareTeam/$residents-template', {headers: {authorization: `Bearer ${token}`}})"
        ".then((told) => told.json()).then((told) => told.data)",
        token,
    )
    file = tmp_path / "list.xlsx"
    await asyncio.to_thread(filled, base64.b64decode(template), file)
    await page.locator("input[type=file]").set_input_files(file)
    await page.get_by_text(words["would"]).first.wait_for()
    await visitor.looks_well("contracts")


def filled(template: bytes, file) -> None:
    """Fills the template in with somebody whom nobody knows."""
    book = load_workbook(io.BytesIO(template))
    book.worksheets[0].append(MISTAKEN)
    book.save(file)
