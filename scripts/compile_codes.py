"""Compiles lists and maps of the insurance edition into src/kangyun/exchange/codes/data.

    .venv/bin/python scripts/compile_codes.py FILE

FILE is a JSON object, packed by xz or not, as it was collected (see SOURCE.md there): `diagnosis_names` and
`procedure_names` (code to name, 医保 2.0), `diagnosis_map` and `procedure_map` (国临 to 医保). The same file gives the
same bytes. A target that is the code itself is left empty. What a map leads to that no list has is left out, and told.
"""

import csv
import io
import json
import lzma
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src/kangyun/exchange/codes/data"
KINDS = {"diagnosis": "diagnosis", "operation": "procedure"}


def put(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a CSV, packed."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(header)
    out.writerows(sorted(rows))
    packed = lzma.compress(text.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME)
    (TARGET / f"{name}.csv.xz").write_bytes(packed)


def main(file: Path) -> None:
    """Compiles."""
    raw = file.read_bytes()
    known = json.loads(lzma.decompress(raw) if file.suffix == ".xz" else raw)
    for kind, named in KINDS.items():
        names = {code.strip(): " ".join(name.split()) for code, name in known[f"{named}_names"].items()}
        table = {code.strip(): target.strip() for code, target in known[f"{named}_map"].items()}
        lost = sorted(code for code, target in table.items() if target not in names)
        if lost:
            sys.stderr.write(f"{kind}: {len(lost)} lead nowhere: {' '.join(lost)}\n")
        put(f"{kind}-insurance", ("code", "name"), names.items())
        rows = [(code, "" if code == target else target) for code, target in table.items() if target in names]
        put(f"{kind}-map", ("code", "target"), rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
