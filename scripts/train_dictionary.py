"""Trains the compression dictionary of bodies: synthetic residents only, or the dictionary would hold real ones.

    python scripts/train_dictionary.py OUT BUNDLE_OR_NDJSON…

Takes every resource of the given transaction bundles (JSON) and NDJSON files, samples them by type, and writes OUT.
A new dictionary gets a new number: rows name the one that they were compressed by.
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import zstandard

from kangyun.fhir.json import decode
from kangyun.store.body import text_of

SIZE = 112_640  # bytes
SAMPLES_A_TYPE = 3000


def resources(path: Path) -> Iterator[dict[str, object]]:
    """Gives the resources of a bundle, or of an NDJSON file."""
    if path.suffix == ".ndjson":
        yield from (decode(line) for line in path.read_bytes().splitlines() if line)
    else:
        yield from (entry["resource"] for entry in decode(path.read_bytes())["entry"])


def main() -> None:
    """Reads, samples, trains, writes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("sources", type=Path, nargs="+")
    given = arguments.parse_args()
    by_type: dict[str, list[bytes]] = defaultdict(list)
    for path in given.sources:
        for resource in resources(path):
            by_type[str(resource["resourceType"])].append(text_of(resource, None))
    draw = random.Random(1)
    samples = [text for texts in by_type.values() for text in draw.sample(texts, min(len(texts), SAMPLES_A_TYPE))]
    draw.shuffle(samples)
    given.out.write_bytes(zstandard.train_dictionary(SIZE, samples, level=3).as_bytes())


if __name__ == "__main__":
    main()
