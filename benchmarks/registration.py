"""`python -m benchmarks.registration`: what it costs to read, look up and compare registrations, and what chance gives.

In memory, of made-up residents; no server. `first`: the first time that a value is compared, `again`: later, since
names, numbers and addresses are understood once and remembered.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from kangyun.identity.registration.comparing import COMPARATORS
from kangyun.identity.registration.keys import keys
from kangyun.identity.registration.reading import read
from kangyun.simulate import district

UNTIL = date(2025, 11, 1)
FIELDS = {
    "chinese-name": "name", "id-number": "id_number", "phone": "phone", "birth-date": "birth_date",
    "address": "address", "sex": "sex",
}  # fmt: skip


def main(
    residents: Annotated[int, typer.Option(help="Residents to make.")] = 1000,
    pairs: Annotated[int, typer.Option(help="Pairs of them to compare.")] = 100_000,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    made = [
        entry["resource"]
        for bundle in islice(district(7, residents, UNTIL), residents + 1)
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "Patient"
    ]
    console = Console(highlight=False, width=WIDTH)
    read(made[0], UNTIL, demo=True)  # loads tables
    figures: dict[str, Any] = {"read_first_us": _each(lambda patient: read(patient, UNTIL, demo=True), made)}
    figures["read_again_us"] = _each(lambda patient: read(patient, UNTIL, demo=True), made)
    found = [read(patient, UNTIL, demo=True).fields for patient in made]
    figures["keys_us"] = _each(keys, found)
    figures["keys_a_registration"] = sum(map(len, map(keys, found))) / len(found)
    table = Table("comparator", "first, µs", "again, µs", "pairs of different residents by grade", title="registration")
    rng = Random(7)
    for name, field in FIELDS.items():
        values = [fields[field][0] for fields in found if field in fields]
        chosen = [tuple(rng.sample(values, 2)) for _ in range(pairs)]
        compare, grades = COMPARATORS[name].compare, (*COMPARATORS[name].grades, "-")
        first = _each(lambda pair, compare=compare: compare(*pair), chosen[: len(values) // 2])
        again = _each(lambda pair, compare=compare: compare(*pair), chosen)
        counted = Counter(grades[compare(*pair)] for pair in chosen)
        shares = {grade: counted[grade] / pairs for grade in grades if counted[grade]}
        figures[name] = {"first_us": first, "again_us": again, "grades": shares}
        table.add_row(name, f"{first:.1f}", f"{again:.2f}", ", ".join(f"{g} {s:.3%}" for g, s in shares.items()))
    console.print(table)
    console.print({name: round(value, 1) for name, value in figures.items() if isinstance(value, float)})
    if output:
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1, ensure_ascii=False), "utf-8")


def _each(work: Callable[[Any], object], of: Sequence[Any]) -> float:
    """Returns the CPU time of one call, µs."""
    begun = time.process_time()
    for one in of:
        work(one)
    return (time.process_time() - begun) / len(of) * 1e6


if __name__ == "__main__":
    typer.run(main)
