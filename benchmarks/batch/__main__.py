"""`python -m benchmarks.batch`: linking a whole city in a batch, ours and Splink alone, on the same rows in one run.

Both read the same file, block by the same keys and the same hard rule, and have the same cores and memory. Each run is
a process of its own; they take turns. What the city's registrations are made into a file by is not counted for either.
`--spark MASTER` runs ours on Spark besides (`local[2]`, `local-cluster[2,1,1536]`) and says whether it found the same.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.batch.rows import by, made
from benchmarks.bench import machine
from kangyun.identity.batch.linking import link, link_on_spark, model_by
from kangyun.identity.rules import prior_among
from kangyun.identity.standing import MOST_OF_A_KEY

CORES = 2
OURS, ALONE = "ours", "splink alone"


def main(
    rows: Annotated[int, typer.Option(help="Registrations, four of each resident.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Of the city.")] = 2,
    rounds: Annotated[int, typer.Option(help="How often each runs; the median is taken.")] = 1,
    spark: Annotated[str, typer.Option(help="Ours on this master of Spark, too.")] = "",
    one: Annotated[str, typer.Option(hidden=True, help="Runs one here.")] = "",
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    file = made(rows, seed)
    if one:
        print(json.dumps(run(one, file, rows)))
        return
    ways = [OURS, ALONE, *([spark] if spark else [])]
    runs = [(way, _apart(way, rows, seed)) for _ in range(rounds) for way in ways]
    found = {
        way: sorted((it for of, it in runs if of == way), key=lambda it: it["seconds"])[rounds // 2] for way in ways
    }
    console = Console(highlight=False)
    console.print(_table(found, rows))
    console.print(f"bar: no slower than Splink alone: {'met' if _met(found) else 'missed'}")
    if spark:
        console.print(f"the same clusters on {spark}: {found[spark]['clusters'] == found[OURS]['clusters']}")
    if output:
        output.write_text(json.dumps({"machine": machine(), "rows": rows, "seed": seed, **found}, indent=1), "utf-8")


def _met(found: dict[str, Any]) -> bool:
    return bool(found[OURS]["seconds"] <= found[ALONE]["seconds"])


def _apart(way: str, rows: int, seed: int) -> dict[str, Any]:
    arguments = ["--rows", str(rows), "--seed", str(seed), "--one", way]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.batch", *arguments], stdout=subprocess.PIPE, check=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run(way: str, file: Path, rows: int) -> dict[str, Any]:
    """Links, and returns what it took and how it agrees with the truth."""
    if len(os.sched_getaffinity(0)) > CORES:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    steps: dict[str, float] = {}
    began = last = time.perf_counter()
    step = ""

    def tell(next_: str) -> None:
        nonlocal last, step
        now = time.perf_counter()
        steps[step or "start"] = round(now - last, 2)
        last, step = now, next_

    clusters, figures = _linked(way, file, rows, tell)
    tell("")
    seconds = time.perf_counter() - began
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    truth = pq.read_table(file, columns=["resident"])["resident"].to_pylist()
    return {
        "seconds": round(seconds, 1),
        "cpu_s": round(sum(one.ru_utime + one.ru_stime for one in (own, children)), 1),
        "memory_mb": round(own.ru_maxrss / 1024),
        "largest_child_mb": round(children.ru_maxrss / 1024),
        "steps": {name: took for name, took in steps.items() if took >= 0.01},
        **figures,
        **judged(clusters, truth),
        "clusters": hash(tuple(_lowest(clusters))),
    }


def _linked(way: str, file: Path, rows: int, tell: Callable[[str], None]) -> tuple[list[int], dict[str, int]]:
    if way == ALONE:
        from benchmarks.batch import alone

        prior = prior_among(rows)
        least = model_by(by(rows)).least
        return alone.link(file, most=MOST_OF_A_KEY, cores=CORES, prior=prior, least=least, tell=tell), {}
    if way == OURS:
        linked = link(file, by(rows), cores=CORES, tell=tell)
    else:
        linked = link_on_spark(session(way), file, by(rows), tell=tell)
    return linked.home.tolist(), {"blocked": linked.found.blocked, "scored": linked.found.scored}


def session(master: str) -> Any:
    """Returns a session of Spark on this machine."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(master).appName("kangyun-batch")
    local = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false"}
    for name, value in {**local, "spark.sql.shuffle.partitions": "4", "spark.driver.memory": "2g"}.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def judged(clusters: Iterable[int], truth: Iterable[int]) -> dict[str, float]:
    """Returns precision and recall of pairs."""
    both = list(zip(clusters, truth, strict=True))
    linked, same, right = Counter(one for one, _ in both), Counter(other for _, other in both), Counter(both)
    precision = _pairs(right) / max(1, _pairs(linked))
    return {"precision": round(precision, 6), "recall": round(_pairs(right) / max(1, _pairs(same)), 5)}


def _pairs(sizes: Counter[Any]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes.values())


def _lowest(clusters: list[int]) -> list[int]:
    """Returns for each place the lowest one of its cluster, whatever the clusters are called."""
    first: dict[int, int] = {}
    return [first.setdefault(cluster, place) for place, cluster in enumerate(clusters)]


def _table(found: dict[str, Any], rows: int) -> Table:
    table = Table("", *found, title=f"linking {rows:,} registrations, {CORES} cores")
    for name in ("seconds", "cpu_s", "memory_mb", "largest_child_mb", "blocked", "scored", "precision", "recall"):
        table.add_row(name, *(str(one.get(name, "")) for one in found.values()))
    for step in dict.fromkeys(step for one in found.values() for step in one["steps"]):
        table.add_row(f"  {step}", *(str(one["steps"].get(step, "")) for one in found.values()))
    return table


if __name__ == "__main__":
    typer.run(main)
