"""接入总览: the figures of a region, what each means, and the wall that survives a lost connection."""

import re

TITLES = {"zh": ("接入总览", "已接入机构", "口径"), "en": ("Overview", "Institutions connected", "How it is reckoned")}
WALL = {
    "zh": ("全屏大屏", "连接已中断", "每分钟更新"),
    "en": ("Full screen", "The connection is lost", "Renewed each minute"),
}


async def test_a_commission_opens_a_number_and_the_wall(visitor):
    title, figure, formula = TITLES[visitor.language]
    await visitor.come("feeds", "/console/overview")
    page = visitor.page
    await page.get_by_role("heading", name=title).wait_for()
    card = page.get_by_role("button", name=re.compile(f"^{figure}"))
    await card.wait_for()
    await visitor.looks_well("overview")
    await card.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").get_by_text(formula, exact=True).wait_for()
    await visitor.looks_well("overview-meaning")
    await page.keyboard.press("Escape")
    enter, _, renewed = WALL[visitor.language]
    await page.get_by_role("button", name=enter).click()
    await page.get_by_text(renewed).wait_for()
    await visitor.looks_well("overview-wall")
    await page.keyboard.press("Escape")
    await card.wait_for()


async def test_a_wall_without_a_connection_says_so_and_goes_on(visitor):
    _, lost, renewed = WALL[visitor.language]
    page = visitor.page
    await page.clock.install()
    await visitor.come("feeds", "/console/overview?wall")
    await page.get_by_text(renewed).wait_for()
    await page.route("**/fhir/**", lambda route: route.abort())
    for _ in range(12):  # The minute until it asks again, and the tries behind it.
        await page.clock.run_for(10_000)
    await page.get_by_text(lost).wait_for()
    assert await page.locator(".wall article").count() == 12
    await visitor.looks_well("overview-lost")
    await page.unroute("**/fhir/**")
    for _ in range(7):
        await page.clock.run_for(10_000)
    await page.get_by_text(renewed).wait_for()
    visitor.wrong.clear()  # The browser complains of each try that was cut off.
