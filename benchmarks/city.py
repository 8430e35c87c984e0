"""`python -m benchmarks.city`: what it costs to make a synthetic city, CPU seconds of one core.

Two streams: whole lives as bundles, and registrations only; with the JSON that a file would get. No server.
"""

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import machine
from kangyun.fhir.json import encode
from kangyun.simulate import City, error_model

UNTIL = date(2025, 11, 1)
BAR = 60.0  # seconds of one core for 1,000 residents with 5 years of life


def main(
    residents: Annotated[int, typer.Option(help="Residents whose lives are made.")] = 1000,
    years: Annotated[float, typer.Option(help="Of each life.")] = 5.0,
    registered: Annotated[int, typer.Option(help="Residents who are only registered.")] = 100_000,
    each: Annotated[int, typer.Option(help="Registrations of each.")] = 4,
    errors: Annotated[str, typer.Option(help="Error model.")] = "judging",
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Makes both streams and throws them away."""
    model = error_model(errors)
    lives = _spent(
        (len(lived.bundle["entry"]), len(encode(lived.bundle)))
        for lived in City(1, residents, UNTIL, years).lives(model)
    )
    patients = _spent(
        (1, len(encode(patient))) for patient, _ in City(1, registered, UNTIL, years).registrations(model, each)
    )
    table = Table("", "residents", "resources", "MB", "CPU s", "resources a CPU s", title="a synthetic city")
    for name, people, figures in (("lives", residents, lives), ("registrations", registered, patients)):
        rate = figures["resources"] / figures["cpu_s"]
        cells = (f"{people:,}", f"{figures['resources']:,.0f}", f"{figures['mb']:,.0f}", f"{figures['cpu_s']:.1f}")
        table.add_row(name, *cells, f"{rate:,.0f}")
    console = Console(highlight=False)
    console.print(table)
    if (residents, years) == (1000, 5.0):
        console.print(f"bar: lives within {BAR:g} s of one core: {'met' if lives['cpu_s'] <= BAR else 'missed'}")
    if output:
        figures = {"lives": {"residents": residents, "years": years, **lives}}
        figures["registrations"] = {"residents": registered, "each": each, **patients}
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1), "utf-8")


def _spent(made: Iterator[tuple[int, int]]) -> dict[str, float]:
    """Returns resources, megabytes of JSON and CPU seconds of a stream."""
    began, resources, size = time.process_time(), 0, 0
    for count, bytes_ in made:
        resources += count
        size += bytes_
    return {"resources": resources, "mb": size / 1e6, "cpu_s": time.process_time() - began}


if __name__ == "__main__":
    typer.run(main)
