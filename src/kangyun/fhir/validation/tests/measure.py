"""Prints what validation costs in CPU time on the Synthea bundles.

.venv/bin/python src/kangyun/fhir/validation/tests/measure.py [every nth bundle, 10 if not given]
"""

import sys
import tarfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from kangyun.fhir.definitions import Definitions, definitions
from kangyun.fhir.json import decode
from kangyun.fhir.validation import validator

ARCHIVE = Path(__file__).parents[6] / "shared/data/fhir/synthea-r4.tar.xz"
REPEATS = 5


def main() -> None:
    out = sys.stdout.write
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    file = (Path(sys.modules[Definitions.__module__].__file__ or "").parent / "r4.bin").read_bytes()
    out(f"definitions: {len(file) / 1e6:.2f} MB, loaded in {_cpu(lambda: Definitions(file)) * 1e3:.1f} ms\n")
    out(f"first validation of each of {len(definitions().resource_types)} types: {_cold() * 1e3:.0f} ms in all\n")
    by_type: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with tarfile.open(ARCHIVE) as tar:
        for i, member in enumerate(m for m in tar if m.isfile()):
            content = tar.extractfile(member)
            if content is not None and i % every == 0:
                for entry in decode(content.read())["entry"]:
                    by_type[entry["resource"]["resourceType"]].append(entry["resource"])
    validate = validator().validate
    total = count = 0.0
    for type_name, resources in sorted(by_type.items(), key=lambda item: -len(item[1])):
        best = min(_cpu(lambda found=resources: [validate(r) for r in found]) for _ in range(REPEATS))
        closely = _cpu(lambda found=resources: [validate(r, warnings=True) for r in found[:1000]])
        total, count = total + best, count + len(resources)
        out(f"{type_name:28}{len(resources):7}{best / len(resources) * 1e6:9.1f} µs")
        out(f"{closely / len(resources[:1000]) * 1e6:9.0f} µs with warnings\n")
    out(f"{'all':28}{count:7.0f}{total / count * 1e6:9.1f} µs a resource\n")


def _cold() -> float:
    names = sorted(definitions().resource_types)
    return _cpu(lambda: [validator().validate({"resourceType": name, "id": "a"}) for name in names])


def _cpu(work: Any) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
