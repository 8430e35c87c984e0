"""The code system of administrative divisions: counties and above as a list, towns and villages as they are asked for.

Six hundred thousand villages are not kept as concepts: `get` finds one in the packed places. So they can be looked up
and validated, and stand below their county, and are not listed by an expansion nor reached by `:below`.
"""

from collections.abc import Iterable
from datetime import date

import msgspec

from kangyun.fhir.china.divisions import lookup
from kangyun.fhir.china.divisions.resources import concept
from kangyun.fhir.terminology.model import CodeSystem, Concept
from kangyun.fhir.terminology.systems import System

COUNTY = 6  # digits


class Divisions(System):
    """Divisions of an edition. `year`: the one whose uses count, None for all."""

    def __init__(self, definition: CodeSystem, supplements: Iterable[CodeSystem], year: int | None) -> None:
        super().__init__(definition, supplements)
        self._on = None if year is None else date(year, 12, 31)

    def get(self, code: str) -> Concept | None:
        found = super().get(code)
        if found is None and len(code) > COUNTY:
            below = lookup(code, self._on)
            if below is not None and below.code == code:
                return msgspec.convert(concept(below), Concept)
        return found

    def parents(self, code: str) -> Iterable[str]:
        if len(code) <= COUNTY:
            return super().parents(code)
        below = lookup(code, self._on)
        return [] if below is None else [below.path[-1][0]]

    def ancestors(self, code: str) -> set[str]:
        if len(code) <= COUNTY:
            return super().ancestors(code)
        below = lookup(code, self._on)
        return set() if below is None else {above for above, _ in below.path}
