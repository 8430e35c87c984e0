"""`python -m benchmarks.linkage`: how well, and how fast, records are linked whose truth is known.

Weights are learnt from the records alone. The rule is fixed beforehand: pairs of a probability of a half or more, by
the learnt weights and the learnt prior, are links; for FEBRL 4, which is two files of which each holds a person once,
each record's best such pair ("one to one") is told beside. FEBRL 3 is clustered at the same probability. Truth is
looked at once all of that has been done. Sets that are not on the machine are named and left out.

CPU is of scoring alone, without making the pairs: each pair on its own, as when a register asks for one of them, and
one record against 80 taken at random, as when it asks for all candidates of a registration.
"""

import json
import random
import time
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from benchmarks.linkage.sets import Absent, Sets, febrl3, febrl4, uganda
from kangyun.identity.linkage.blocking import pairs
from kangyun.identity.linkage.clustering import Rule, best_pairs, cluster, scored
from kangyun.identity.linkage.learning import Setting, learn
from kangyun.identity.linkage.schema import Schema, read_schema
from kangyun.identity.linkage.scoring import Scorer

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "linkage"
HALF = 0.5
"""Probability of a link."""
CANDIDATES, QUERIES = 80, 200
HEADINGS = ("", "precision", "recall", "F1", "wrong", "missed", "bar", "µs a pair", "µs a candidate", "learn s")
Bars = dict[str, float]


def schema_of(name: str, *, without: Iterable[str] = ()) -> Schema:
    """Returns a shipped schema, without the comparisons and blocks of some fields."""
    gone = set(without)
    schema = read_schema(files("benchmarks.linkage").joinpath(f"{name}.toml").read_bytes())
    return msgspec.structs.replace(
        schema,
        comparison=tuple(one for one in schema.comparison if not one.fields & gone),
        block=tuple(one for one in schema.block if not {part.split()[0] for part in one.key} & gone),
    )


def judged(found: set[tuple[int, int]], truth: set[tuple[int, int]]) -> dict[str, float]:
    """Returns precision, recall and F1 of pairs, and what is wrong in numbers."""
    right = len(found & truth)
    return {
        "precision": right / max(len(found), 1),
        "recall": right / len(truth),
        "f1": 2 * right / (len(found) + len(truth)),
        "wrong": len(found) - right,
        "missed": len(truth) - right,
    }


def measure(sets: Sets, schema: Schema, setting: Setting) -> dict[str, Any]:
    """Learns, scores and judges; returns all figures of one set."""
    began = time.process_time()
    weights = learn(schema, sets.left, sets.right, date="benchmark", setting=setting)
    learning = time.process_time() - began
    scorer = Scorer(schema, weights)
    blocked = pairs(sets.left, sets.right, schema.block)
    codes = blocked.union()
    candidates = list(blocked.split(codes))
    right = sets.left if sets.right is None else sets.right
    began = time.process_time()
    found = [pair for pair in scored(scorer, sets.left, right, candidates) if pair.score.probability >= HALF]
    scoring = time.process_time() - began
    figures: dict[str, Any] = {
        "records": weights.learned.records,
        "pairs": len(candidates),
        "blocked": len(set(candidates) & sets.truth) / len(sets.truth),
        "expected": weights.learned.expected,
        "learn_seconds": learning,
        "pair_us": scoring / len(candidates) * 1e6,
        "candidate_us": _candidates_us(scorer, sets),
        "weights": weights.version,
        "links": judged({(pair.left, pair.right) for pair in found}, sets.truth),
    }
    if sets.right is not None:
        figures["one_to_one"] = judged({(pair.left, pair.right) for pair in best_pairs(found)}, sets.truth)
    else:
        clusters = cluster(scorer, sets.left, found, Rule(HALF))
        together = {(a, b) for members in clusters.members for a in members for b in members if a < b}
        figures["clusters"] = judged(together, sets.truth) | {"refused": len(clusters.refused)}
    return figures


def _candidates_us(scorer: Scorer, sets: Sets) -> float:
    generator = random.Random(1)
    right = sets.left if sets.right is None else sets.right
    asked = [(generator.choice(sets.left), generator.choices(right, k=CANDIDATES)) for _ in range(QUERIES)]
    began = time.process_time()
    for record, candidates in asked:
        query = scorer.prepare(record)
        for candidate in candidates:
            query.score(candidate)
    return (time.process_time() - began) / QUERIES / CANDIDATES * 1e6


def works(folder: Path) -> dict[str, tuple[Callable[[], Sets], Schema, Bars]]:
    """Returns how each set is read, its schema and the bars for its links."""
    number = ("insured",)
    return {
        "FEBRL 4": (febrl4, schema_of("febrl4"), {"f1": 0.9995}),
        "FEBRL 4 without number": (
            lambda: febrl4(without=number), schema_of("febrl4", without=number), {"f1": 0.9935},
        ),
        "FEBRL 3": (febrl3, schema_of("febrl4"), {}),
        "Uganda": (lambda: uganda(folder), schema_of("uganda"), {"precision": 1.0, "recall": 0.993}),
    }  # fmt: skip


def main(
    random_pairs: Annotated[int, typer.Option(help="Pairs that u is learnt from.")] = 300_000,
    seed: Annotated[int, typer.Option(help="Of these pairs.")] = 1,
    folder: Annotated[Path, typer.Option(help="Where the Uganda set is.")] = SHARED,
    only: Annotated[str, typer.Option(help="Sets whose name begins so.")] = "",
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures record linkage on published sets."""
    console = Console(highlight=False) if Console().is_terminal else Console(highlight=False, width=WIDTH)
    table = Table(title="record linkage, nothing learnt from labels", title_justify="left")
    for heading in (
        "",
        "precision",
        "recall",
        "F1",
        "wrong",
        "missed",
        "bar",
        "µs a pair",
        "µs a candidate",
        "learn s",
    ):
        table.add_column(heading, justify="right" if heading else "left")
    figures, failed = {}, False
    for name, (read, schema, bars) in works(folder).items():
        if not name.startswith(only):
            continue
        try:
            sets = read()
        except Absent as absent:
            console.print(f"[yellow]{name} is left out: {absent}[/]")
            continue
        found = figures[name] = measure(sets, schema, Setting(seed=seed, random_pairs=random_pairs))
        failed |= not _tell(table, name, found, bars)
    console.print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), "sets": figures}, indent=1), "utf-8")
    if failed:
        raise typer.Exit(1)


def _tell(table: Table, name: str, found: dict[str, Any], bars: Bars) -> bool:
    """Adds a set's rows to the table and returns whether its bars are met."""
    missed = [what for what, bar in bars.items() if found["links"][what] < bar]
    said = ", ".join(f"{'[red]' if what in missed else '[default]'}{what} ≥ {bar:g}[/]" for what, bar in bars.items())
    table.add_row(name, *_row(found["links"]), said, *_costs(found))
    for kind in ("one_to_one", "clusters"):
        if kind in found:
            table.add_row(f"  {kind.replace('_', ' ')}", *_row(found[kind]))
    return not missed


def _row(found: dict[str, float]) -> list[str]:
    return [*(f"{found[one]:.4f}" for one in ("precision", "recall", "f1")), f"{found['wrong']}", f"{found['missed']}"]


def _costs(found: dict[str, Any]) -> list[str]:
    return [f"{found[one]:.1f}" for one in ("pair_us", "candidate_us", "learn_seconds")]


if __name__ == "__main__":
    typer.run(main)
