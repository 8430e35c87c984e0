"""`python -m benchmarks.corpus`: prepares corpora of 100 thousand, 1 and 5 million resources."""

import gc
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.corpus.base import patients
from benchmarks.corpus.writer import FORMS, Corpus, parse_size


def main(
    folder: Annotated[Path, typer.Option(help="Where the stages go.")] = Path("results/corpus"),
    sizes: Annotated[str, typer.Option(help="Sizes in resources, ascending: 100k,1m,5m.")] = "100k,1m",
    forms: Annotated[str, typer.Option(help="bundles, ndjson or both.")] = "bundles,ndjson",
    generate: Annotated[int, typer.Option(help="Patients to generate beside the published 293.")] = 60,
) -> None:
    """Writes one stage for each size: what to load to come there from the size before."""
    wanted = sorted(parse_size(size) for size in sizes.split(","))
    chosen = tuple(form for form in FORMS if form in forms.split(","))
    console = Console()
    # The base is one large tree without cycles: walking it again and again would take longer than the work.
    gc.disable()
    with console.status(f"reading 293 published patients, generating {generate} (about a second each, once)"):
        corpus = Corpus(patients(folder / "base", generate))
    console.print(f"base: {corpus.base_resources:,} resources; writing {', '.join(chosen)}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("resources", total=wanted[-1])
        for path in corpus.write(folder, wanted, chosen, lambda count: bar.advance(task, count)):
            console.print(path)


if __name__ == "__main__":
    typer.run(main)
