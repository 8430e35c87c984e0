"""Reads what was written: the stages of a corpus folder and what they hold together."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.corpus.writer import parse_size, size_name


@dataclass(slots=True)
class Contents:
    """What a server holds after all stages up to a size: resources by type, family names, observation codes."""

    size: int
    resources: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    families: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """The size as `100k`, `5m`."""
        return size_name(self.size)


def manifest(stage: Path) -> dict[str, Any]:
    """Returns the manifest of one stage. Raises FileNotFoundError."""
    found: dict[str, Any] = json.loads((stage / "manifest.json").read_text("utf-8"))
    return found


def stage_folder(corpus: Path, size: str) -> Path:
    """Returns the folder of a size such as `100k`."""
    return corpus / f"stage-{size_name(parse_size(size))}"


def contents(corpus: Path, size: str) -> Contents:
    """Adds up the stages of a corpus up to and including a size. Raises FileNotFoundError if that one is missing."""
    wanted = parse_size(size)
    manifest(stage_folder(corpus, size))
    total = Contents(wanted)
    for stage in sorted(corpus.glob("stage-*/manifest.json")):
        part = manifest(stage.parent)
        if part["size"] <= wanted:
            total.resources += part["resources"]
            total.counts.update(part["counts"])
            total.families.update(part["families"])
            total.codes.update(part["observation_codes"])
    return total
