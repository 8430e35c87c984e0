"""`python -m benchmarks.federation`: what it costs to tell the node above of a registration, and that one to take it.

Two installations of `kangyun up` on this machine. One is filled with the registrations of a synthetic city, each with
an encounter; then the other is put above it, and what both use until it has them all is counted: the processes and
their databases. The rate is bound by one transaction after the other, and by what else runs here.
"""

import asyncio
import json
import time
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import httpx
import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from kangyun.simulate import City, error_model
from kangyun.testing.folders import database_folder
from kangyun.testing.installation import Installation, kangyun

A_BUNDLE, UNTIL, EACH = 50, date(2026, 11, 23), 2
BY = ("--by", "system-administrator")
OWN, ABOVE = "county-1", "city-1"


def main(
    registrations: Annotated[int, typer.Option(help="How many are told.")] = 5000,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    with database_folder("bench-federation") as folder:
        places = [folder / name for name in ("county", "city")]
        for place in places:
            place.mkdir()
        county, city = (Installation(place / "data", workers=1, demo="true") for place in places)
        try:
            county.start()
            city.start()
            asyncio.run(_fill(county, registrations))
            figures = _measured(county, city, registrations, folder)
        finally:
            county.stop()
            city.stop()
    table = Table("", "CPU-ms a registration", title="federation: telling upward")
    table.add_row("the node below", f"{figures['below_ms']:.2f}")
    table.add_row("the node above", f"{figures['above_ms']:.2f}")
    console = Console(highlight=False, width=WIDTH)
    console.print(table)
    console.print(f"{registrations} registrations, {figures['per_second']:.0f} a second, and {figures['again_ms']:.2f} "
                  "CPU-ms each below for a walk over them that finds nothing new")  # fmt: skip
    if output:
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1), "utf-8")


async def _fill(county: Installation, count: int) -> None:
    made = iter(City(2, count, UNTIL).registrations(error_model("judging"), EACH))
    async with county.client() as client:
        sent = 0
        while sent < count:
            entries: list[dict[str, Any]] = []
            for patient, _ in islice(made, min(A_BUNDLE, count - sent)):
                patient.pop("managingOrganization", None)
                visit = {
                    "resourceType": "Encounter", "id": f"v-{patient['id']}", "status": "finished",
                    "class": {"code": "AMB"}, "subject": {"reference": f"Patient/{patient['id']}"},
                    "period": {"start": "2026-03-01", "end": "2026-03-01"},
                }  # fmt: skip
                entries += [_put(patient), _put(visit)]
                sent += 1
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            (await client.post("", json=bundle)).raise_for_status()


def _put(resource: dict[str, Any]) -> dict[str, Any]:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url}}


def _measured(county: Installation, city: Installation, count: int, folder: Path) -> dict[str, float]:
    keys = folder / "keys.json"
    keys.write_text(_said("node", "key", "--data", county.data))
    _said("node", "add", OWN, "--child", "--jwks", keys, "--evidence", "-", *BY, "--data", city.data)
    _said("apps", "review", OWN, "--pass", *BY, "--data", city.data)
    time.sleep(10)  # What follows the filling ends.
    before = [_cpu(one) for one in (county, city)]
    url = f"{city.url}/fhir"
    _said("node", "add", ABOVE, "--parent", "--url", url, "--as", OWN, *BY, "--data", county.data)
    begun = time.perf_counter()
    while _told(city) < count:
        time.sleep(1)
        if time.perf_counter() - begun > 3600:
            raise SystemExit("Not all registrations were told within an hour.")
    seconds = time.perf_counter() - begun
    below, above = (_cpu(one) - was for one, was in zip((county, city), before, strict=True))
    county.kill("background work")  # A walk begins anew with a new day; here by hand.
    again = _walked(county)
    return {
        "registrations": count, "per_second": count / seconds, "below_ms": below / count * 1000,
        "above_ms": above / count * 1000, "again_ms": again / count * 1000,
    }  # fmt: skip


def _walked(county: Installation) -> float:
    """Returns the CPU seconds of a walk that finds nothing new."""
    county.until(lambda: county.is_ready)
    time.sleep(5)
    before = _cpu(county)
    asyncio.run(_begin(county))
    while asyncio.run(_walks(county)):
        time.sleep(0.5)
    return _cpu(county) - before


async def _begin(county: Installation) -> None:
    connection = await asyncpg.connect(county.database)
    await connection.execute("UPDATE node SET walk_done = NULL")
    await connection.close()


async def _walks(county: Installation) -> bool:
    connection = await asyncpg.connect(county.database)
    running: bool = await connection.fetchval("SELECT walk_done IS NULL FROM node")
    await connection.close()
    return running


def _told(city: Installation) -> int:
    headers = {"authorization": next(iter(city.client().headers.get_list("authorization")))}
    answer = httpx.get(f"{city.url}/fhir/Patient?_summary=count&_total=accurate", headers=headers, timeout=60)
    return int(answer.json()["total"])


def _cpu(installation: Installation) -> float:
    """Returns the CPU seconds of an installation's processes, its database's included."""
    top = psutil.Process(installation.part("up"))
    total = 0.0
    for process in (top, *top.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _said(*words: object) -> str:
    done = kangyun(*words, demo="true")
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    return done.stdout


if __name__ == "__main__":
    typer.run(main)
