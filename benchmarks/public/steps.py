"""The steps of the public workloads, each measured and reported."""

from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.public.crud import Crud
from benchmarks.public.importing import TIMEOUT, Bundles, Import, set_up
from benchmarks.public.searching import Search, Searching
from benchmarks.recorder import Summary

WARM = 1.0  # seconds


async def crud_step(bench: Bench, step: str, users: int, seconds: float) -> None:
    """Runs the CRUD iteration and reports it whole and by verb."""
    crud = Crud(bench.target)
    recorder, whole = await bench.step(step, crud.iterate, users=users, seconds=seconds)
    groups = [
        recorder.summary(verb, whole.seconds, [name for name in recorder.names if name.startswith(verb)])
        for verb in ("create", "read", "update", "delete")
    ]
    bench.report(step, [whole, *groups], recorder)


async def import_step(bench: Bench, users: int, seconds: float, folder: Path) -> Summary:
    """Posts institutions, then patients' bundles, for some seconds or until there are none left."""
    bundles = Bundles(folder)
    await set_up(bench, folder)
    work = Import(bench, bundles)
    recorder, whole = await bench.step("import", work.iterate, users=users, seconds=seconds, timeout=TIMEOUT)
    if bundles.take() is None:
        bench.console.print("[yellow]all bundles of the corpus were used before the time was up[/]")
    bench.report("import", [whole], recorder, unit="resources")
    if size := whole.details.get("bytes_an_operation"):
        bench.console.print(f"disk: {size:,.0f} bytes a resource")
    return whole


async def search_steps(
    bench: Bench, searches: list[Search], users: int, seconds: float, alone: float = 0.0, by: str = "family"
) -> list[Summary]:
    """Runs the whole list, then each family (or parameter) alone, which is the only way to know its CPU.

    Returns the rows that were reported last: with CPU an operation for each family, or the mix and its families.
    """
    searching = Searching(bench.target, searches)
    # A server that was just started opens its connections to the database first.
    await bench.step("warm-up", searching.iterate, users=users, seconds=WARM)
    recorder, whole = await bench.step("search", searching.iterate, users=users, seconds=seconds)
    families = list(dict.fromkeys(search.family for search in searches))
    mixed = [
        recorder.summary(family, whole.seconds, [s.name for s in searches if s.family == family]) for family in families
    ]
    bench.report("search", [whole, *mixed], recorder)
    if alone <= 0:
        return [whole, *mixed]
    rows = []
    for name in families if by == "family" else [search.name for search in searches]:
        chosen = [search for search in searches if name in (search.family, search.name)]
        _, row = await bench.step(name, Searching(bench.target, chosen).iterate, users=users, seconds=alone)
        rows.append(row)
    bench.report(f"search, each {by} alone", rows)
    return [whole, *rows]
