"""`python -m benchmarks.registering`: what registering costs where the resident index decides, and finding by `$match`.

Starts `kangyun up` on a new data folder of a demonstration (99… numbers are taken nowhere else) without data, and
registers the residents of a synthetic city, four registrations each, mixed: three quarters in bundles, the rest singly.
Then `$match` is asked with what is registered. Bars: 1,000 a second singly, 3,000 in bundles.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import Lot, our_server
from benchmarks.bench import WIDTH, Bench, machine
from benchmarks.load import Over, User
from kangyun.simulate import City, error_model

EACH, A_BUNDLE, UNTIL = 4, 100, date(2026, 11, 23)


def registrations(residents: int) -> list[dict[str, Any]]:
    """Returns the registrations of a city without their institutions, mixed as desks see people."""
    city = City(2, residents, UNTIL)
    made = [patient for patient, _ in city.registrations(error_model("judging"), EACH)]
    for one in made:
        one.pop("managingOrganization", None)
    return sorted(made, key=lambda one: str(one["id"]))  # Ids are drawn: as good as shuffled.


class Sending:
    """Sends requests, each once; over where there is none left."""

    def __init__(self, name: str, requests: Iterator[bytes], expect: int, operations: int = 1) -> None:
        self._name, self._requests, self._expect, self._operations = name, requests, expect, operations

    async def iterate(self, user: User) -> None:
        """Sends the next."""
        request = next(self._requests, None)
        if request is None:
            raise Over
        await user.do(self._name, request, expect=(self._expect,), operations=self._operations)


def bundles(bench: Bench, made: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Gives transactions that register."""
    while some := list(islice(made, A_BUNDLE)):
        entries = [{"resource": one, "request": {"method": "PUT", "url": f"Patient/{one['id']}"}} for one in some]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        yield bench.target.request("POST", "", json.dumps(bundle).encode())


def matches(bench: Bench, made: list[dict[str, Any]]) -> Iterator[bytes]:
    """Gives questions who somebody is, as a desk has written him down."""
    for one in made:
        asked = {name: value for name, value in one.items() if name not in ("id", "meta")}
        given = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": asked}]}
        yield bench.target.request("POST", "Patient/$match", json.dumps(given).encode())


async def measure(lot: Lot, made: list[dict[str, Any]], before: int) -> dict[str, Any]:
    """Returns by step the rate a second, CPU-ms a registration of server and database, and the 99th percentile."""
    bench, found = Bench("registering", lot.server, lot.token), {}
    rest = iter(made)
    works = (
        ("in bundles", Sending("put", bundles(bench, islice(rest, before)), 200, A_BUNDLE), 16),
        ("singly", Sending("post", (bench.target.request("PUT", f"Patient/{one['id']}", json.dumps(one).encode())
                                    for one in rest), 201), 32),
        ("$match", Sending("match", matches(bench, made), 200), 32),
    )  # fmt: skip
    for name, work, users in works:
        _, row = await bench.step(name, work.iterate, users=users, seconds=lot.seconds)
        found[name] = row.as_json()
    return found


def main(
    residents: Annotated[int, typer.Option(help="Of the city, each registered four times.")] = 20_000,
    seconds: Annotated[float, typer.Option(help="Of each step, at most.")] = 30.0,
    out: Annotated[Path, typer.Option(help="Folder of logs.")] = Path("results/bench"),
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Registers and asks; prints rates and CPU."""
    out.mkdir(parents=True, exist_ok=True)
    os.environ["KANGYUN_DEMO"] = "true"
    made = registrations(residents)
    lot = Lot([], out, out, seconds)
    with our_server(lot):
        figures = asyncio.run(measure(lot, made, len(made) * 3 // 4))
    table = Table(title=f"{len(made):,} registrations of {residents:,} residents", title_justify="left")
    for heading in ("", "a second", "server CPU ms", "database CPU ms", "p99 ms", "errors"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, row in figures.items():
        table.add_row(
            name, f"{row['per_second']:,.0f}", f"{row['server_cpu'] or 0:.2f}", f"{row['database_cpu'] or 0:.2f}",
            f"{row['p99']:.0f}", f"{row['errors']:,}",
        )  # fmt: skip
    Console(width=WIDTH, highlight=False).print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1), "utf-8")
    raise typer.Exit(any(row["errors"] for row in figures.values()))


if __name__ == "__main__":
    typer.run(main)
