"""Divisions by name."""

from collections.abc import Collection, Iterator
from datetime import date

from kangyun.fhir.china.divisions import places
from kangyun.fhir.china.divisions.table import Division, Level, in_use, level_of, lookup, table, with_path

MOST = 100
_OF_TABLE: tuple[Level, ...] = ("province", "prefecture", "county")


def search(
    words: str, *, levels: Collection[Level] = _OF_TABLE, within: str = "", on: date | None = None, limit: int = MOST
) -> list[Division]:
    """Returns divisions in whose name, or whose names with those above it, all words occur; what is nearer
    in length to the words first, then by code.

    levels: which to look through; towns and villages take a second, less `within` the first digits of codes.
    on:     a day on which they were in use, None for any day: abolished ones too.
    """
    wanted = words.split()
    if not wanted:
        return []
    candidates = _candidates(wanted[-1], levels, within, on)
    found = [one for one in candidates if all(word in one.whole_name for word in wanted)]
    return sorted(found, key=lambda one: (abs(len(one.name) - len(wanted[-1])), one.code))[:limit]


def _candidates(last: str, levels: Collection[Level], within: str, on: date | None) -> Iterator[Division]:
    for code, uses in table().items():
        if code.startswith(within) and uses[0].level in levels:
            yield from (with_path(use, on) for use in uses if last in use.name and (on is None or in_use(use, on.year)))
    if "town" in levels or "village" in levels:
        yield from _below(last, levels, within, on)


def _below(last: str, levels: Collection[Level], within: str, on: date | None) -> Iterator[Division]:
    for prefecture in places.prefectures():
        if prefecture.startswith(within[:4]):
            for code, name in places.names(prefecture).items():
                if last in name and level_of(code) in levels and code.startswith(within):
                    found = lookup(code, on)
                    if found is not None:
                        yield found
