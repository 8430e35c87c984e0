"""`python -m benchmarks.growth`: how search slows down while the store grows.

Loads the stages of a corpus one after the other into an empty server and runs the search list and the hard searches at
each size; then compares the last size with the first. `--load none` measures the size that is there.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.bench import SERVER, Bench, DatabasePids, DataFolder, Json, Pids, Ports, Server, Stopped, Token, go
from benchmarks.corpus.stages import contents, stage_folder
from benchmarks.hard import prepare, run_hard
from benchmarks.ndjson_import import import_stage
from benchmarks.public.searching import load_list, probe, sample
from benchmarks.public.steps import import_step, search_steps
from benchmarks.recorder import Summary

LOADS = ("ndjson", "bundles", "none")
IMPORT_USERS = 20
FOREVER = 10 * 3600.0  # seconds: a stage ends when its bundles are used up


async def _load(bench: Bench, corpus: Path, size: str, how: str, url_base: str | None) -> list[Summary]:
    if how == "ndjson":
        return [await import_stage(bench, corpus, size, url_base)]
    if how == "bundles":
        return [await import_step(bench, IMPORT_USERS, FOREVER, stage_folder(corpus, size))]
    return []


async def _measure(bench: Bench, corpus: Path, size: str, users: int, seconds: float, times: int) -> list[Summary]:
    searches = await sample(bench.target, load_list())
    bad = await probe(bench.target, searches, keep_going=True)
    if bad:
        bench.console.print(f"[yellow]left out, since the server drops or refuses them: {', '.join(bad)}[/]")
    mixed = await search_steps(bench, [s for s in searches if s.name not in bad], users, seconds, alone=seconds / 4)
    return [*mixed, *await run_hard(bench, await prepare(bench, contents(corpus, size)), times)]


def latency(row: Summary) -> float | None:
    """Returns the median latency in milliseconds, or None if nothing succeeded."""
    return row.p50 if row.requests else None


def cpu(row: Summary) -> float | None:
    """Returns CPU milliseconds of server and database an operation, or None if not measured."""
    if row.server_cpu is None or row.database_cpu is None or not row.requests:
        return None
    return row.server_cpu + row.database_cpu


Figure = Callable[[Summary], float | None]


def ratios(by_size: dict[str, list[Summary]], figure: Figure) -> list[tuple[str, list[float], float]]:
    """Returns for each name that has the figure at every size its values by size, and the last over the first."""
    sizes = list(by_size)
    rows = []
    for first in by_size[sizes[0]]:
        same = [row for size in sizes for row in by_size[size] if row.name == first.name]
        values = [value for row in same if (value := figure(row)) is not None]
        if len(values) == len(sizes):
            rows.append((first.name, values, values[-1] / values[0] if values[0] else math.nan))
    return rows


def _print(bench: Bench, by_size: dict[str, list[Summary]]) -> None:
    for title, figure in (("p50 in ms", latency), ("CPU ms an operation, server and database", cpu)):
        found = ratios(by_size, figure)
        if not found:
            continue
        table = Table(title=f"growth: {title} at each size, and the last over the first", title_justify="left")
        for heading in ("", *by_size, "ratio"):
            table.add_column(heading, justify="left" if not heading else "right")
        for name, values, ratio in found:
            table.add_row(name, *(f"{value:,.2f}" for value in values), f"{ratio:.2f}")
        bench.console.print(table)
        bench.facts[title] = [
            {"name": name, "by_size": dict(zip(by_size, values, strict=True)), "ratio": ratio}
            for name, values, ratio in found
        ]


async def _run(
    bench: Bench, corpus: Path, sizes: list[str], how: str, url_base: str | None, users: int, seconds: float, times: int
) -> None:
    by_size: dict[str, list[Summary]] = {}
    for size in sizes:
        bench.console.rule(size)
        loaded = await _load(bench, corpus, size, how, url_base)
        for row in loaded:
            row.name = "load"
        by_size[size] = [*loaded, *await _measure(bench, corpus, size, users, seconds, times)]
    _print(bench, by_size)
    bench.write()


def main(
    server: Server = SERVER,
    token: Token = None,
    corpus: Annotated[Path, typer.Option(help="Folder of python -m benchmarks.corpus.")] = Path("results/corpus"),
    sizes: Annotated[
        str, typer.Option(help="Sizes, ascending; each stage is loaded after the one before.")
    ] = "100k,1m",
    load: Annotated[str, typer.Option(help="How stages are loaded: ndjson, bundles or none.")] = "ndjson",
    url_base: Annotated[str | None, typer.Option(help="Where the server finds the corpus folder.")] = None,
    users: Annotated[int, typer.Option(help="Users of the search list.")] = 30,
    seconds: Annotated[float, typer.Option(help="Seconds of the search list at each size.")] = 20.0,
    times: Annotated[int, typer.Option(help="How often each hard search is asked at least.")] = 50,
    pids: Pids = None,
    database_pids: DatabasePids = None,
    ports: Ports = None,
    data: DataFolder = None,
    json_file: Json = None,
) -> None:
    """Measures searches while the store grows from size to size."""
    if load not in LOADS:
        raise typer.BadParameter(f"--load is one of {', '.join(LOADS)}")

    async def work() -> None:
        bench = Bench(
            "growth", server, token,
            pids=pids, database_pids=database_pids, ports=ports, json_file=json_file, data=data,
        )  # fmt: skip
        for size in sizes.split(","):
            if not (stage_folder(corpus, size) / "manifest.json").exists():
                raise Stopped(f"no stage {size} in {corpus}: run python -m benchmarks.corpus --sizes {sizes}")
        await _run(bench, corpus, sizes.split(","), load, url_base, users, seconds, times)

    go(work())


if __name__ == "__main__":
    typer.run(main)
