"""The developer's corner: the reference, the explorer, and the examples run against the demonstration."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from kangyun.testing.installation import Installation

ROOT = Path(__file__).resolve().parents[3]
NODE = shutil.which("node") or str(ROOT / "build" / "node" / "bin" / "node")
EXAMPLES = {
    "zh": [sys.executable, "examples/python/my_record.py", "--no-browser"],
    "en": [NODE, "examples/javascript/my-record.mjs"],
}
WORDS = {
    "zh": {"reference": "接口参考", "explorer": "FHIR 浏览", "filter": "按名称筛选", "address": "地址"},
    "en": {"reference": "API reference", "explorer": "FHIR explorer", "filter": "Filter", "address": "Address"},
}


def kangyun(data: Path, *arguments: str) -> str:
    """Runs `kangyun` on the demonstration's data folder."""
    command = [sys.executable, "-m", "kangyun.cli", *arguments, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def client(demonstration: Installation) -> str:
    """An application that is registered as examples/README.md says, and was passed."""
    text = (ROOT / "examples" / "README.md").read_text("utf-8")
    scopes = [word.strip("'") for word in re.findall(r"--scope (\S+)", text)]
    told = kangyun(
        demonstration.data, "apps", "add", "我的健康", "--owner", "Organization/demo-hospital", "--purpose", "PATRQT",
        "--evidence", "示例", "--by", "security-administrator", "--redirect", "http://127.0.0.1:8765/back",
        *(part for scope in scopes for part in ("--scope", scope)),
    )  # fmt: skip
    made = re.search(r"[0-9a-f]{16}", told)
    assert made
    kangyun(demonstration.data, "apps", "review", made[0], "--pass", "--by", "security-administrator")
    return made[0]


@pytest.fixture
def example(request, visitor, client) -> Iterator[subprocess.Popen[str]]:
    """An example that runs and waits for somebody to sign in: in Python for who speaks Chinese, else in JavaScript."""
    base = f"http://127.0.0.1:{visitor.installation.port}/fhir"
    command = [*EXAMPLES[visitor.language], "--base", base, "--client", client, "--pressure", "128/82"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    yield running
    running.kill()
    running.communicate()


async def test_the_examples_sign_in_read_and_write(visitor, example):
    assert example.stdout
    address = ""
    while not address.startswith("http"):
        address = (await asyncio.to_thread(example.stdout.readline)).strip()
        assert example.poll() is None
    page = visitor.page
    await page.goto(address)
    await page.fill("input[name=user]", "resident")
    await page.fill("input[name=password]", visitor.password("resident"))
    await page.press("input[name=password]", "Enter")
    await page.click("button[name=do][value=allow]")
    await page.get_by_text("You can close this page").wait_for()
    told = await asyncio.to_thread(example.stdout.read)
    assert re.search(r"Stored: Observation/\S+", told), told
    assert re.search(r"male \d{4}-\d\d-\d\d", told), told


async def test_a_developer_finds_an_operation_and_follows_a_reference(visitor):
    words = WORDS[visitor.language]
    await visitor.come("doctor", "/console/developers")
    page = visitor.page
    await visitor.looks_well("developers")
    await page.get_by_role("tab", name=words["reference"]).click()
    await page.get_by_role("textbox", name=words["filter"]).fill("last-readings")
    await page.get_by_role("button", name="/Patient/{id}/$last-readings").click()
    await page.get_by_text("curl -s 'http://", exact=False).wait_for()
    await visitor.looks_well("developers-reference")
    await page.get_by_role("tab", name=words["explorer"]).click()
    await (
        page.get_by_role("searchbox", name=words["address"])
        .or_(page.get_by_role("textbox", name=words["address"]))
        .first.fill("Encounter?_count=2")
    )
    await page.keyboard.press("Enter")
    await page.get_by_text("JSON", exact=True).click()
    await page.get_by_role("button", name=re.compile(r"^Patient\b")).first.click()
    await page.get_by_text('"resourceType": "Patient"').wait_for()
    assert "ask=Patient" in page.url
    await visitor.looks_well("developers-explorer")


@pytest.mark.parametrize("visitor", ["en-desk"], indirect=True)
async def test_a_token_goes_to_no_other_host_than_the_platforms(visitor):
    await visitor.come("doctor", "/console/developers", "/console/developers")
    asked = "http://127.0.0.1:9/fhir/Patient?_count=1"
    async with visitor.page.expect_request(lambda sent: "/fhir/Patient?_count=1" in sent.url) as sent:
        explorer = f"/console/developers?tab=explorer&ask={quote(asked, safe='')}"
        await visitor.page.goto(visitor.installation.url + explorer)
    assert (await sent.value).url.startswith(visitor.installation.url)
    await visitor.page.get_by_test_id("result").wait_for()
