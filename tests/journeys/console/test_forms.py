"""A form is filled in by the keyboard; what is wrong stands beside its question, and what was typed stays."""

import pytest
from playwright.async_api import expect

WORDS = {
    "zh": ("申请号码", "居民姓名", "居民身份证号", "看过的证件"),
    "en": ("Number of the request", "Resident's name", "Resident's ID number", "Papers seen"),
}
TYPED = ("123456", "演示居民", "990121195001010000", "户口簿")  # the check digit is another one


@pytest.mark.parametrize("visitor", ["zh-desk"], indirect=True)
async def test_what_is_wrong_stands_beside_its_question_and_what_was_typed_stays(visitor):
    page = visitor.page
    await visitor.come("registrar", "/console/family")
    fields = [page.get_by_role("textbox", name=name) for name in WORDS[visitor.language]]
    await fields[1].focus()
    await page.keyboard.press("Enter")
    await page.locator("form [role=alert]").nth(3).wait_for()
    assert await fields[0].evaluate("(field) => field === document.activeElement")
    for text in TYPED:
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    fault = page.locator("form [role=alert]")
    await expect(fault).to_have_count(1)  # Those of the questions that were not answered have gone.
    assert await fields[2].get_attribute("aria-describedby") == await fault.get_attribute("id")
    assert await fields[2].evaluate("(field) => field === document.activeElement")
    assert tuple([await field.input_value() for field in fields]) == TYPED
    assert await page.get_by_role("checkbox").first.is_checked()
    assert await page.locator(".ant-alert-error").count() == 0
    await visitor.looks_well("form-fault")
    assert {"400" in one for one in visitor.wrong} == {True}
    visitor.wrong.clear()  # That it was refused is what the browser complains of.
