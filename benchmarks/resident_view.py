"""How soon a resident's page is usable: 20 years and 5,000 resources, in a real Chromium.

A life of the synthetic city is laid over itself, each time some days earlier, until it has so many resources; it stands
in an installation of its own (`kangyun up`), read by the demonstration's doctor. Usable: the first view is drawn, with
all its sections. Bytes are those of all JSON that the browser was answered from the click on, unpacked.
"""

import argparse
import asyncio
import json
import re
import statistics
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4, uuid5

from playwright.async_api import Page, Response, async_playwright

from benchmarks.bench import machine
from kangyun.access.actor import Actor, Circumstances
from kangyun.access.identities.officers import DEMO_SIGN_INS, demo_accounts
from kangyun.access.intake import check
from kangyun.access.platform import open_platform
from kangyun.base.settings import read_settings
from kangyun.cli.demonstration import HOSPITAL, Mark, accounts_bundle
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of
from kangyun.fhir.json import decode, encode
from kangyun.simulate.city import City
from kangyun.simulate.registrations import error_model
from kangyun.testing.chromium import chromium
from kangyun.testing.folders import database_folder
from kangyun.testing.installation import Installation

UNTIL, YEARS = date(2026, 11, 1), 20.0
AMONG = 40  # residents, of whom the one with the longest record is taken
APART = 9  # days between two layers of a life
ONCE = frozenset({"Patient", "RelatedPerson", "Coverage", "AllergyIntolerance", "Appointment"})
PATIENCE = 120  # seconds for what is not measured, on a machine under load
MOST_SECONDS, MOST_BYTES = 1.5, 100_000
_DAY = re.compile(r"\b(?:19|20)\d\d-\d\d-\d\d")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_URN = re.compile(rf"urn:uuid:({_ID.pattern})")
_CLICK = """async () => {
  const began = performance.now();
  document.querySelector(".ant-table-row a").click();
  while (!document.querySelector("#front-page li")) await new Promise(requestAnimationFrame);
  await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
  return performance.now() - began;
}"""


def resources(wanted: int) -> tuple[list[Resource], list[Resource]]:
    """Returns the institutions, and the resources of one resident."""
    city = City(1, AMONG, UNTIL, YEARS)
    lives = [lived.bundle for lived in city.lives(error_model("judging"))]
    life = [entry["resource"] for entry in max(lives, key=lambda bundle: len(bundle["entry"]))["entry"]]
    repeated = [one for one in life if one["resourceType"] not in ONCE]
    own = {one["id"] for one in repeated}
    made, layer = list(life), 0
    while len(made) < wanted:
        layer += 1
        made += list(_later(repeated, own, layer))[: wanted - len(made)]
    return [entry["resource"] for entry in city.institutions.bundle()["entry"]], made


def _later(life: list[Resource], own: set[str], layer: int) -> Iterator[Resource]:
    """Gives a life again some days earlier, under ids of its own."""

    def day(match: re.Match[str]) -> str:
        return (date.fromisoformat(match[0]) - timedelta(days=APART * layer)).isoformat()

    def id_(match: re.Match[str]) -> str:
        return str(uuid5(UUID(match[0]), str(layer))) if match[0] in own else match[0]

    for one in life:
        yield decode(_ID.sub(id_, _DAY.sub(day, encode(one).decode())).encode())


async def load(installation: Installation, bundles: list[list[Resource]]) -> None:
    """Writes resources through the gate, as the demonstration's hospital. References may lead to another write."""
    types = {one["id"]: one["resourceType"] for bundle in bundles for one in bundle}

    def literal(match: re.Match[str]) -> str:
        return f"{types[match[1]]}/{match[1]}"

    bundles = [[decode(_URN.sub(literal, encode(one).decode()).encode()) for one in bundle] for bundle in bundles]
    settings = read_settings(demo=True, log_level="warning", data=installation.data)
    account = demo_accounts(installation.data / DEMO_SIGN_INS)[0]
    administrator = Actor(account.reference, account.name, account.institution, "SYSADMIN", True, account.role)
    platform = await open_platform(settings, installation.database)
    try:
        for bundle in bundles:
            for begin in range(0, len(bundle), 500):
                record = await platform.gate.open(administrator, Circumstances("POST /", "local", uuid4().hex))
                record = await record.on_behalf_of(HOSPITAL)
                for one in (part := bundle[begin : begin + 500]):
                    check(one)
                operations = [
                    record.operation("update", one["resourceType"], id=one["id"], resource=one, full_url="")
                    for one in part
                ]
                await record.commit(operations, "transaction")
    finally:
        await platform.close()


async def measured(installation: Installation, name: str, times: int) -> dict[str, Any]:
    """Returns seconds and bytes of each opening; the first of them also loads the page's scripts.

    name: of the resident, who is looked for by it.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = await (await browser.new_context(viewport={"width": 1440, "height": 900})).new_page()
        page.set_default_timeout(PATIENCE * 1000)
        answers: list[Response] = []
        page.on("response", lambda one: answers.append(one))
        await _sign_in(page, installation)
        seconds, sizes = [], []
        for _ in range(times):
            await page.goto(f"{installation.url}/console/residents?q={quote(name)}")
            await page.locator(".ant-table-row a").first.wait_for()
            await page.wait_for_load_state("networkidle")
            answers.clear()
            seconds.append(await page.evaluate(_CLICK) / 1000)
            sizes.append(
                sum([len(await one.body()) for one in answers if "json" in one.headers.get("content-type", "")])
            )
        await browser.close()
    return {
        "first": seconds[0],
        "median": statistics.median(seconds),
        "worst": max(seconds),
        "bytes": max(sizes),
    }


async def _sign_in(page: Page, installation: Installation) -> None:
    accounts = json.loads((installation.data / DEMO_SIGN_INS).read_text())
    password = next(one["password"] for one in accounts if one["user"] == "doctor")
    await page.goto(f"{installation.url}/console/residents")
    await page.fill("input[name=user]", "doctor")
    await page.fill("input[name=password]", password)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_url("**/console/residents")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=5_000)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/resident_view.json"))
    given = parser.parse_args()
    with database_folder("resident-view") as data:
        installation = Installation(data, demo="true")
        installation.start()
        try:
            institutions, life = resources(given.resources)
            accounts = [entry["resource"] for entry in accounts_bundle(Mark(UNTIL))["entry"]]
            name = name_of(next(one for one in life if one["resourceType"] == "Patient"))
            asyncio.run(load(installation, [accounts, institutions, life]))
            found = asyncio.run(measured(installation, name, given.times))
        finally:
            installation.stop()
    found |= {"resources": len(life), "machine": machine()}
    first, median, worst = (f"{found[name]:.2f} s" for name in ("first", "median", "worst"))
    print(f"{len(life)} resources   first {first}   median {median}   worst {worst}")
    print(f"JSON until usable {found['bytes'] / 1000:.1f} KB")
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps(found, indent=2))
    return 0 if found["median"] < MOST_SECONDS and found["bytes"] < MOST_BYTES else 1


if __name__ == "__main__":
    raise SystemExit(main())
