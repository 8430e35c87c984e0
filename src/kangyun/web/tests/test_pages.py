"""The page at `/`: all it loads is there, comes from here, and is written for old browsers."""

import re

import pytest

from kangyun.web.pages import FILES


@pytest.fixture
async def page(open_client):
    client = await open_client(token=None, demo=True)
    client.base_url = "http://127.0.0.1:8080/"
    return client


async def test_the_page_loads_only_what_this_server_serves(page):
    answer = await page.get("/")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="(/pages/[^"]+)"', answer.text)
    assert sorted(loaded) == sorted(set(FILES) - {"/"})
    for path in loaded:
        assert (await page.get(path)).status_code == 200
    assert "//" not in re.sub(r"data:,|<!--.*?-->", "", answer.text)


async def test_every_text_is_there_in_both_languages(page):
    text = (await page.get("/")).text
    assert len(re.findall(r"data-zh=", text)) == len(re.findall(r"data-en=", text)) > 10


async def test_a_demonstration_says_so(page):
    assert (await page.get("/about")).json()["demonstration"] is True
    assert "演示数据" in (await page.get("/")).text


@pytest.mark.parametrize("sheet", ["/oauth/pages.css", "/look/page.css"])
async def test_all_other_pages_of_a_demonstration_say_so_too(page, open_client, sheet):
    assert "演示数据" in (await page.get(sheet)).text
    real = await open_client(token=None, demo=False)
    real.base_url = "http://127.0.0.1:8080/"
    assert "演示数据" not in (await real.get(sheet)).text


@pytest.mark.parametrize("syntax", ["?.", "??", "replaceAll", "innerHTML", "=>"])
async def test_the_script_runs_on_chrome_78_and_trusts_no_record(page, syntax):
    code = "\n".join(line for line in (await page.get("/pages/page.js")).text.splitlines() if "//" not in line[:2])
    assert syntax not in code
