"""`python -m benchmarks.gate`: what the gate costs: the same requests of one who sees everything, and of one who does
not.

Starts `kangyun up` with a policy in which a doctor sees everybody's record as consent has it, loads the corpus, and
writes consents of a million residents as rows (three each, as compiled from FHIR Consents; the residents of the corpus
among them). Then the search list and reads by id run by turns with the administrator's token, for whom no condition is
made, with the doctor's, and with that of a nurse who sees the same and is shown persons masked. Audit is part of all.
"""

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import Lot, module, our_server
from benchmarks.bench import WIDTH, Bench, machine
from benchmarks.client import Connection, Target
from benchmarks.load import User
from benchmarks.public.searching import Searching, load_list, sample
from kangyun.access.platform import open_platform
from kangyun.access.policy import ANY_PURPOSE, shipped_text
from kangyun.access.policy.sights import party
from kangyun.base.settings import Settings
from kangyun.store.types import TYPE_NUMBERS

ROLE = """masked = {masked}
own = {{ closed = [] }}
all = {{ closed = ["@sensitive"] }}
granted = {{ closed = ["@sensitive"] }}
"""
STAFF = ("doctor", "nurse")
READ = "Observation"
SAMPLES = 1_000
# Three words of each resident: one that names another hospital, one for another purpose, one of a sensitive label.
_CONSENTS = """
INSERT INTO denial (patient, about, purposes, labels, low, high, parties, besides, source)
SELECT p, p, CASE n WHEN 2 THEN 4 ELSE $2::int8 END, CASE n WHEN 3 THEN 65536 ELSE 63 END, '-infinity', 'infinity',
    CASE n WHEN 1 THEN ARRAY[p # 4711::int8] ELSE ARRAY[$3::int8] END, '{}', 'Consent/' || p || '-' || n
FROM unnest($1::int8[]) AS p CROSS JOIN generate_series(1, 3) AS n
"""
_RESIDENTS = "SELECT res FROM resource AS r WHERE r.type = $1 AND TRUE"


def staff_sees_all(data: Path) -> None:
    """Writes a policy in which a doctor sees everybody, as consent has it, and a nurse persons masked."""
    text = shipped_text()
    for role, masked in (("doctor", "false"), ("nurse", "true")):
        place = text.index("own = ", text.index(f"[roles.{role}]"))
        end = text.index("[roles.", place)
        text = text[:place] + ROLE.format(masked=masked) + text[end:]
    data.mkdir(parents=True, exist_ok=True)
    (data / "policy.toml").write_text(text, "utf-8")


async def prepare(lot: Lot, residents: int) -> tuple[dict[str, str], int]:
    """Writes the consents and returns the tokens of doctor and nurse, and how many consents there are."""
    data = lot.data
    assert data is not None
    database = f"postgresql:///kangyun?host={data / 'socket'}&user=kangyun"
    platform = await open_platform(
        Settings(data=data, port=Target.of(lot.server).port, demo=True, connections=2), database
    )
    try:
        hasher = platform.gate.store.keys.hasher
        async with platform.pool.connection() as connection:
            found = await connection.fetch(_RESIDENTS, TYPE_NUMBERS["Patient"])
            known = [row["res"] for row in found]
            # Others have numbers that nothing else has.
            others = [(1 << 40) + (number << 12) for number in range(residents - len(known))]
            for begin in range(0, residents, 100_000):
                part = [*known, *others][begin : begin + 100_000]
                await connection.execute(_CONSENTS, part, ANY_PURPOSE, party(hasher, "*"), timeout=600)
            await connection.execute("VACUUM ANALYZE denial", timeout=600)
            count = await connection.fetchval("SELECT count(*) FROM denial", timeout=600)
        await platform.identities.admit(
            "staff", "Practitioner/bench", "Organization/bench", "Bench", roles=STAFF, vouched_by="bench",
            evidence="bench",
        )  # fmt: skip
        identity = await platform.identities.find("Practitioner/bench")
        assert identity is not None
        sign_in = platform.sign_in.admit_without_password
        return {role: await sign_in(identity, "bench", role) for role in STAFF}, count
    finally:
        await platform.close()


class Reading:
    """Reads resources by id."""

    def __init__(self, target: Target, ids: list[str]) -> None:
        self._target, self._ids, self._rng = target, ids, Random(1)

    async def iterate(self, user: User) -> None:
        """Reads one."""
        await user.do("read", self._target.request("GET", f"{READ}/{self._rng.choice(self._ids)}"))


async def measure(lot: Lot, tokens: dict[str, str], rounds: int) -> dict[str, Any]:
    """Returns CPU-ms a request by what was asked and who asked, the least of the rounds."""
    tokens = {"everything": lot.token, **tokens}
    sides = {side: Bench("gate", lot.server, token) for side, token in tokens.items()}
    searches = await sample(sides["everything"].target, load_list())
    with Connection(sides["everything"].target) as connection:
        response = await connection.request("GET", f"{READ}?_count={SAMPLES}&_elements=id")
    ids = [entry["resource"]["id"] for entry in json.loads(response.body)["entry"]]
    figures: dict[str, Any] = {}
    for _ in range(rounds):
        for side, bench in sides.items():
            works = {"search": (Searching(bench.target, searches), 8), "read": (Reading(bench.target, ids), 16)}
            for name, (work, users) in works.items():
                _, row = await bench.step(f"{name}, {side}", work.iterate, users=users, seconds=lot.seconds)
                cpu = (row.server_cpu or 0) + (row.database_cpu or 0)
                kept = figures.setdefault(name, {}).setdefault(side, {"cpu": [], "errors": 0})
                kept["cpu"].append(cpu)
                kept["errors"] += row.errors
    return figures


def main(
    residents: Annotated[int, typer.Option(help="Residents with three consents each.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(help="Of each step.")] = 10.0,
    rounds: Annotated[int, typer.Option(help="How often both sides take turns.")] = 3,
    corpus: Annotated[Path, typer.Option(help="Folder of the corpus.")] = Path("results/corpus"),
    out: Annotated[Path, typer.Option(help="Folder of logs.")] = Path("results/bench"),
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Loads, writes consents, and lets both sides ask by turns."""
    out.mkdir(parents=True, exist_ok=True)
    lot = Lot(["100k"], corpus, out, seconds)
    with our_server(lot, prepare=staff_sees_all):
        base = corpus.resolve().as_uri()
        module(
            *("ndjson_import", "--server", lot.server, "--stages", "100k", "--corpus", str(corpus), "--url-base", base),
            token=lot.token,
        )
        tokens, consents = uvloop.run(prepare(lot, residents))
        figures = asyncio.run(measure(lot, tokens, rounds))
    table = Table(title=f"the gate: CPU ms a request, least of {rounds} rounds", title_justify="left")
    for heading in ("", "sees everything", "doctor", "more", "%", "persons masked", "more", "errors"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, sides in figures.items():
        everything, doctor, masked = (min(sides[side]["cpu"]) for side in ("everything", *STAFF))
        more = doctor - everything
        errors = sum(side["errors"] for side in sides.values())
        table.add_row(
            *(name, f"{everything:.3f}", f"{doctor:.3f}", f"{more:+.3f}", f"{more / everything * 100:+.1f}"),
            *(f"{masked:.3f}", f"{masked - doctor:+.3f}", f"{errors:,}"),
        )
    console = Console(width=WIDTH, highlight=False)
    console.print(table)
    console.print(f"{residents:,} residents, {consents:,} consents")
    if output:
        told = {"residents": residents, "consents": consents, "machine": machine(), "figures": figures}
        output.write_text(json.dumps(told, indent=1), "utf-8")


if __name__ == "__main__":
    typer.run(main)
