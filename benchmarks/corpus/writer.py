"""Writes the stages of a corpus: what to load to come from one size to the next.

Stages are prefixes of one endless stream of copies, so that 1 million resources contain the 100 thousand, and every
size has the same composition. A stage is a folder:

    bundles-000.ndjson   transaction bundles, one a line; `manifest.json` has offset, length and entries of each
    ndjson/Type-000.ndjson   the same resources for `$import`, one a line, references as `Type/id`
    hospitalInformation.json, practitionerInformation.json   in the first stage only

The observations of one patient in eight carry the tag of an era if they lie in the oldest fifth of a size: frequent,
but old, which is what the hard searches look for.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

from benchmarks.corpus.base import SEED, Bundle
from benchmarks.corpus.institutions import TYPES, Institutions
from benchmarks.corpus.resource_json import encode
from benchmarks.corpus.template import Copy, Template

FORMS = ("bundles", "ndjson")
PART_BYTES = 512 * 1024 * 1024
MOST_DAYS_MOVED = 540
TAGGED_OF = 8  # one patient in so many carries the tag of its era


def size_name(size: int) -> str:
    """Returns `100k` for 100000, `5m` for 5000000."""
    for unit, name in ((1_000_000, "m"), (1_000, "k")):
        if size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)


def parse_size(text: str) -> int:
    """Reads `100k`, `5m` or a number. Raises ValueError."""
    units = {"k": 1_000, "m": 1_000_000}
    return int(text[:-1]) * units[text[-1].lower()] if text[-1:].lower() in units else int(text)


class Parts:
    """One kind of file, continued in a next part when the size limit is reached."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._number = -1
        self._room = 0
        self._file: BinaryIO | None = None
        self.paths: list[str] = []

    def write(self, data: bytes) -> tuple[int, int]:
        """Appends `data`; returns part number and offset."""
        if self._file is None or len(data) > self._room:
            self.close()
            self._number += 1
            self._room = PART_BYTES
            path = self._folder / f"{self._name}-{self._number:03d}.ndjson"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")
            self.paths.append(str(path.relative_to(self._folder)))
        offset = self._file.tell()
        self._file.write(data)
        self._room -= len(data)
        return self._number, offset

    def close(self) -> None:
        """Closes the part that is open."""
        if self._file is not None:
            self._file.close()


@dataclass(slots=True)
class Names:
    """Names for the copies, common and rare ones: the family of rank r is drawn with weight 1/(r+3)."""

    families: list[str]
    given: dict[str, list[str]]

    @classmethod
    def of(cls, templates: list[Template]) -> "Names":
        """Collects the names of the base patients."""
        families = sorted({t.original[0] for t in templates})
        Random(SEED).shuffle(families)
        given: dict[str, list[str]] = {}
        for template in templates:
            given.setdefault(template.gender, []).append(template.original[1])
        return cls(families, given)

    def draw(self, gender: str, rng: Random) -> tuple[str, str]:
        """Returns family and given name."""
        weights = [1 / (rank + 3) for rank in range(len(self.families))]
        return rng.choices(self.families, weights)[0], rng.choice(self.given[gender])


@dataclass(slots=True)
class Stage:
    """What is written while the corpus grows to `size` resources."""

    size: int
    folder: Path
    patients: int = 0
    resources: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    families: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    index: list[tuple[int, int, int, int]] = field(default_factory=list)


class Corpus:
    """The endless stream of copies of the base patients, and its stages."""

    def __init__(self, bundles: list[Bundle]) -> None:
        self.institutions = Institutions()
        patients = [rest for bundle in bundles if (rest := self.institutions.take(bundle))]
        self._templates = [Template(entries, self.institutions) for entries in patients]
        self._names = Names.of(self._templates)

    @property
    def base_resources(self) -> int:
        """Resources of all base patients, institutions not counted."""
        return sum(template.count for template in self._templates)

    def copies(self, sizes: list[int]) -> Iterator[tuple[Template, Copy, Random]]:
        """Gives templates with what their copy gets, for ever; the first round is the base itself."""
        number = resources = 0
        while True:
            order = Random(f"{SEED}:round:{number}")
            for template in order.sample(self._templates, len(self._templates)):
                rng = Random(f"{SEED}:copy:{number}")
                era = next((f"oldest-fifth-of-{size_name(s)}" for s in sizes if resources < s // 5), None)
                tagged = era if number % TAGGED_OF == 0 else None
                if number < len(self._templates):
                    yield template, Copy(number, 0, *template.original, tagged), rng
                else:
                    family, given = self._names.draw(template.gender, rng)
                    yield template, Copy(number, rng.randint(0, MOST_DAYS_MOVED), family, given, tagged), rng
                number += 1
                resources += template.count

    def write(
        self, folder: Path, sizes: list[int], forms: tuple[str, ...], progress: Callable[[int], None]
    ) -> list[Path]:
        """Writes one stage for each size, ascending, and returns their folders."""
        copies = self.copies(sizes)
        total = 0
        written: list[Path] = []
        for size in sizes:
            stage = Stage(size, folder / f"stage-{size_name(size)}")
            stage.folder.mkdir(parents=True, exist_ok=True)
            begun = time.process_time()
            first = not written
            if first:
                total += self._write_institutions(stage, forms)
            total = self._write_stage(stage, copies, total, forms, progress)
            self._write_manifest(stage, total, forms, time.process_time() - begun)
            written.append(stage.folder)
        return written

    def _write_institutions(self, stage: Stage, forms: tuple[str, ...]) -> int:
        hospital = self.institutions.bundle("Organization", "Location")
        staff = self.institutions.bundle("Practitioner", "PractitionerRole")
        (stage.folder / "hospitalInformation.json").write_bytes(encode(hospital))
        (stage.folder / "practitionerInformation.json").write_bytes(encode(staff))
        for kind in TYPES:
            resources = self.institutions.resources(kind)
            stage.counts[kind] += len(resources)
            if "ndjson" in forms and resources:
                parts = Parts(stage.folder / "ndjson", kind)
                parts.write(b"".join(encode(resource) + b"\n" for resource in resources))
                parts.close()
        return len(hospital["entry"]) + len(staff["entry"])

    def _write_stage(
        self,
        stage: Stage,
        copies: Iterator[tuple[Template, Copy, Random]],
        total: int,
        forms: tuple[str, ...],
        progress: Callable[[int], None],
    ) -> int:
        bundles = Parts(stage.folder, "bundles")
        lines: dict[str, Parts] = {}
        for template, copy, rng in copies:
            values = template.values(copy, rng)
            if "bundles" in forms:
                body = template.bundle(values)
                part, offset = bundles.write(body + b"\n")
                stage.index.append((part, offset, len(body), template.count))
            if "ndjson" in forms:
                for kind, data in template.lines(values).items():
                    lines.setdefault(kind, Parts(stage.folder / "ndjson", kind)).write(data)
            stage.patients += 1
            stage.resources += template.count
            stage.counts.update(template.counts)
            stage.families[copy.family] += 1
            stage.codes.update(template.codes)
            total += template.count
            progress(template.count)
            if total >= stage.size:
                break
        for parts in (bundles, *lines.values()):
            parts.close()
        return total

    def _write_manifest(self, stage: Stage, total: int, forms: tuple[str, ...], seconds: float) -> None:
        manifest: dict[str, Any] = {
            "size": stage.size,
            "resources_so_far": total,
            "resources": sum(stage.counts.values()),
            "patients": stage.patients,
            "forms": list(forms),
            "cpu_seconds_to_write": round(seconds, 2),
            "counts": dict(stage.counts.most_common()),
            "families": dict(stage.families.most_common()),
            "observation_codes": dict(stage.codes.most_common()),
            "bundles": stage.index,
        }
        (stage.folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False), "utf-8")
