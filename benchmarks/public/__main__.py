"""`python -m benchmarks.public`: the public workloads against any FHIR server."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.bench import SERVER, Bench, DatabasePids, DataFolder, Json, Pids, Ports, Server, Token, go
from benchmarks.public.searching import load_list, probe, sample
from benchmarks.public.steps import crud_step, import_step, search_steps

# step: (users, seconds) of the original
LOADS = {"prewarm": (10, 30.0), "crud": (300, 600.0), "import": (20, 300.0), "search": (30, 120.0)}


async def _run(
    bench: Bench,
    steps: list[str],
    users: int | None,
    seconds: float | None,
    bundles: Path,
    alone: float,
    by: str,
    keep_going: bool,
) -> None:
    for step in steps:
        default_users, default_seconds = LOADS[step]
        load = (users or default_users, seconds or default_seconds)
        if step in ("prewarm", "crud"):
            await crud_step(bench, step, *load)
        elif step == "import":
            await import_step(bench, *load, bundles)
        else:
            searches = await sample(bench.target, load_list())
            bad = await probe(bench.target, searches, keep_going=keep_going)
            bench.facts["dropped_parameters"] = bad
            if bad:
                bench.console.print(f"[yellow]left out, since the server drops or refuses them: {', '.join(bad)}[/]")
            await search_steps(bench, [s for s in searches if s.name not in bad], *load, alone, by)
    bench.write()


def main(
    server: Server = SERVER,
    token: Token = None,
    steps: Annotated[str, typer.Option(help="Some of prewarm,crud,import,search, or all.")] = "all",
    users: Annotated[int | None, typer.Option(help="Users of each step; the original's by default.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Seconds of each step; the original's by default.")] = None,
    bundles: Annotated[Path, typer.Option(help="A corpus stage, or a folder of bundles.")] = Path(
        "results/corpus/stage-100k"
    ),
    alone: Annotated[float, typer.Option(help="Seconds for each search family alone; 0 leaves it out.")] = 5.0,
    by: Annotated[str, typer.Option(help="What runs alone: family or parameter.")] = "family",
    keep_going: Annotated[bool, typer.Option(help="Leave out search parameters that the server drops.")] = False,
    pids: Pids = None,
    database_pids: DatabasePids = None,
    ports: Ports = None,
    data: DataFolder = None,
    json_file: Json = None,
) -> None:
    """Runs the public workloads, each step alone or all together."""
    chosen = list(LOADS) if steps == "all" else steps.split(",")
    if unknown := [step for step in chosen if step not in LOADS]:
        raise typer.BadParameter(f"no such step: {', '.join(unknown)}")

    async def work() -> None:
        bench = Bench(
            "public", server, token,
            pids=pids, database_pids=database_pids, ports=ports, json_file=json_file, data=data,
        )  # fmt: skip
        await _run(bench, chosen, users, seconds, bundles, alone, by, keep_going)

    go(work())


if __name__ == "__main__":
    typer.run(main)
