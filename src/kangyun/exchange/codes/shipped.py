"""The lists and maps that come with the platform: insurance edition (医保 2.0) of diagnoses and operations, and what
codes of the clinical edition stand for in it. Of the clinical edition only the codes are here: no free source has its
names. LOINC is loaded by the site, under its own licence. Source: data/SOURCE.md
"""

import csv
import io
import lzma
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from kangyun.access.codes.table import Listed

EDITION = "2.0"
SYSTEM = "urn:kangyun:code-system:"
LISTS = {f"{SYSTEM}diagnosis-insurance": "diagnosis-insurance", f"{SYSTEM}operation-insurance": "operation-insurance"}
CODES = {f"{SYSTEM}diagnosis-clinical": "diagnosis-map", f"{SYSTEM}operation-clinical": "operation-map"}
MAPS = {
    (f"{SYSTEM}diagnosis-clinical", f"{SYSTEM}diagnosis-insurance"): "diagnosis-map",
    (f"{SYSTEM}operation-clinical", f"{SYSTEM}operation-insurance"): "operation-map",
}


@cache
def listed(system: str) -> tuple[Listed, ...]:
    """Returns the codes of a list that comes with the platform, none of one that does not."""
    if system in LISTS:
        return tuple(Listed(row["code"], row["name"]) for row in _rows(LISTS[system]))
    return tuple(Listed(row["code"], "") for row in _rows(CODES[system])) if system in CODES else ()


@cache
def national(system: str, target_system: str) -> Mapping[str, str]:
    """Returns what codes of one list stand for in another by the national map; nothing where there is none."""
    file = MAPS.get((system, target_system))
    return {row["code"]: row["target"] or row["code"] for row in _rows(file)} if file else {}


def _rows(file: str) -> list[dict[str, str]]:
    raw = files(__package__).joinpath("data", f"{file}.csv.xz").read_bytes()
    return list(csv.DictReader(io.StringIO(lzma.decompress(raw).decode())))
