"""`python -m benchmarks.look`: the doctor's look of a resident with 5,000 resources, from the ticket to the page.

Starts `kangyun up` on a new data folder, writes the resident (`linked.resources`, and laboratory results of yesterday),
and looks as a hospital's system does: a signed call, the ticket, the page. The bars: the page under 1 s and 150 KB.
"""

import asyncio
import json
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import Lot, our_server
from benchmarks.bench import WIDTH, machine
from benchmarks.linked import NUMBER, SINGLE, patient, resources, write
from kangyun.base.crypto import hmac_sm3
from kangyun.testing.installation import kangyun

RESOURCES, LATELY = 5_000, 40
SECONDS, BYTES = 1.0, 150_000
HOSPITAL, PATH, REASON = "Organization/hospital", "/look/tickets", "昏迷送入急诊，需了解用药与过敏史"
LABORATORY = [{
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]
}]  # fmt: skip


def lately() -> list[dict[str, Any]]:
    """Returns laboratory results of yesterday."""
    day = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    return [
        {
            "resourceType": "Observation", "id": f"lately-{nth}", "status": "final", "category": LABORATORY,
            "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": f"血红蛋白 {nth}"},
            "subject": {"reference": "Patient/single"}, "effectiveDateTime": day,
            "valueQuantity": {"value": 120 + nth, "unit": "g/L"},
        }
        for nth in range(LATELY)
    ]  # fmt: skip


async def load(lot: Lot) -> None:
    """Writes the resident."""
    await write(lot, [{"resourceType": "Organization", "id": "hospital", "name": "县人民医院", "active": True}])
    await write(lot, [patient("single", "王建国", "1949-12-31", SINGLE)])
    await write(lot, [*resources(["single"], RESOURCES), *lately()])


def set_up(data: Path) -> bytes:
    """Registers a hospital's system and a doctor, and returns the system's key."""
    by = ("--by", "security-administrator", "--data", data)
    staff = data.parent / "staff.csv"
    staff.write_text(f"工号,姓名,机构,科室,角色,执业证书编码,离职日期\n1001,李医生,{HOSPITAL},,医生,,\n", "utf-8")
    steps = (
        ("apps", "add", "HIS", "--owner", HOSPITAL, "--purpose", "TREAT", "--evidence", "x", "--client", "his"),
        ("apps", "review", "his", "--pass"), ("staff", "import", staff), ("apps", "key", "his"),
    )  # fmt: skip
    for step in steps:
        done = kangyun(*step, *by)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
    return bytes.fromhex(done.stdout.split()[-1].rpartition("：")[2])


def ticket(site: str, key: bytes) -> str:
    """Draws a ticket."""
    body = json.dumps({"institution": HOSPITAL, "staff": "1001", "patient": f"{NUMBER}|{SINGLE}"}).encode()
    moment, nonce = str(int(time.time())), uuid4().hex
    text = f"POST\n{PATH}\nhis\n{moment}\n{nonce}\n".encode() + body
    headers = {
        "x-kangyun-client": "his", "x-kangyun-time": moment, "x-kangyun-nonce": nonce,
        "x-kangyun-signature": hmac_sm3(key, text).hex(),
    }  # fmt: skip
    answer = httpx.post(site + PATH, content=body, headers=headers, timeout=30)
    if answer.status_code != 201:
        raise SystemExit(f"{answer.status_code} {answer.text}")
    drawn: str = answer.json()["ticket"]
    return drawn


def look(site: str, key: bytes) -> tuple[float, httpx.Response]:
    """Opens the page with a new ticket. Returns the seconds from the ticket to the whole page, and the page."""
    drawn = ticket(site, key)
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        begin = time.perf_counter()
        page = browser.get(f"{site}/look", params={"ticket": drawn})
        return time.perf_counter() - begin, page


def open_once(site: str, key: bytes) -> None:
    """States an emergency, which is a reason for the rest of the run."""
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        page = browser.get(f"{site}/look", params={"ticket": ticket(site, key)})
        mark = page.text.partition('name="mark" value="')[2].partition('"')[0]
        opened = browser.post(str(page.url), data={"mark": mark, "reason": REASON, "do": "emergency"})
    if opened.status_code != 200:
        raise SystemExit(f"{opened.status_code} {opened.text[:2000]}")


def main(
    looks: Annotated[int, typer.Option(help="How often the page is opened.")] = 20,
    out: Annotated[Path, typer.Option(help="Folder of logs.")] = Path("results/bench"),
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Loads, looks, and says how long it took; exit status 1 where a bar is missed."""
    out.mkdir(parents=True, exist_ok=True)
    lot = Lot([], out, out, 1.0)
    with our_server(lot):
        asyncio.run(load(lot))
        site = lot.server.removesuffix("/fhir")
        key = set_up(Path(str(lot.data)))
        open_once(site, key)
        seen = [look(site, key) for _ in range(looks)]
    if any(page.status_code != 200 for _, page in seen):
        raise SystemExit("a page was refused")
    seconds = sorted(took for took, _ in seen)
    size = max(len(page.content) for _, page in seen)
    figures = {
        "resources": RESOURCES + LATELY, "looks": looks, "p50": statistics.median(seconds),
        "p95": seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))], "least": seconds[0], "bytes": size,
    }  # fmt: skip
    table = Table("", "figure", "bar", title="The doctor's look")
    for name, bar in (("p50", f"{SECONDS:g} s"), ("p95", ""), ("least", ""), ("bytes", f"{BYTES:,}")):
        value = figures[name]
        table.add_row(name, f"{value:,}" if name == "bytes" else f"{value:.3f} s", bar)
    Console(width=WIDTH).print(table)
    if output is not None:
        output.write_text(json.dumps({"look": figures, "machine": machine()}, indent=2))
    raise typer.Exit(0 if figures["p50"] < SECONDS and size < BYTES else 1)


if __name__ == "__main__":
    typer.run(main)
