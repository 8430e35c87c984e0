"""The papers that say who somebody is, and who has others than the identity card.

A number that its form cannot show to be fictitious is of a range that nobody was given: SOURCE.md.
"""

from dataclasses import replace
from random import Random
from typing import NamedTuple

from kangyun.simulate.coding import PASSPORT, RESIDENT_ID, Element, hl7
from kangyun.simulate.homes import Numbers
from kangyun.simulate.people import Resident
from kangyun.simulate.tables.people import Permits

_STRIDE = 4_827_191  # no common factor with 10^7: neighbours' permits do not look alike
_NAMESPACE = "urn:kangyun:identifier:"


class Document(NamedTuple):
    """How a paper is named: the type of an Identifier, its system, and its code in the tables of 2011."""

    type: Element
    system: str
    in_tables: str


DOCUMENTS = {
    "id": Document(hl7("v2-0203", "NI"), RESIDENT_ID, "1"),
    "passport": Document(hl7("v2-0203", "PPN"), PASSPORT, "3"),
    "residence-permit": Document({"text": "港澳台居民居住证"}, f"{_NAMESPACE}residence-permit", "9"),
    "travel-permit-hong-kong-macao": Document(
        {"text": "港澳居民来往内地通行证"}, f"{_NAMESPACE}travel-permit-hong-kong-macao", "5"
    ),
    "travel-permit-taiwan": Document({"text": "台湾居民来往大陆通行证"}, f"{_NAMESPACE}travel-permit-taiwan", "7"),
    "foreign-permanent-residence": Document(
        hl7("v2-0203", "PRC"), f"{_NAMESPACE}foreign-permanent-residence", "9"
    ),
}  # fmt: skip
"""By `Resident.document`."""
_ORIGINS = {"hong-kong": ("998100", "H9"), "macao": ("998200", "M9"), "taiwan": ("998300", "9")}
_FOREIGN = "998999"  # 9, a province and a nationality that there are not


class OtherPapers:
    """Gives some of those who live alone other papers. Draws from their own numbers, so that nobody else changes."""

    def __init__(self, table: Permits, numbers: Numbers) -> None:
        self._table, self._numbers = table, numbers

    def resident_from_elsewhere(self, who: Resident) -> None:
        """Makes a few of somebody from Hong Kong, Macao or Taiwan, with a residence or a travel permit."""
        rng = Random(f"{who.papers.number}:permit")
        if rng.random() >= self._table.share:
            return
        (origin,) = rng.choices(list(self._table.origins), list(self._table.origins.values()))
        division, letters = _ORIGINS[origin]
        if rng.random() < self._table.residence:
            who.document, number = "residence-permit", self._numbers.number(division, who.birth, who.sex)
        else:
            area = "taiwan" if origin == "taiwan" else "hong-kong-macao"
            who.document, number = f"travel-permit-{area}", f"{letters}{who.index * _STRIDE % 10**7:07d}"
        who.registered_home = ""
        who.papers = replace(who.papers, number=number)

    def foreigner(self, who: Resident) -> None:
        """Gives some foreigners the card of permanent residents, which they show instead of the passport."""
        # The number of a passport goes by the resident's place only, whatever the seed.
        rng = Random(f"{who.papers.number}:{who.birth}:permit")
        if rng.random() < self._table.permanent:
            who.document = "foreign-permanent-residence"
            who.papers = replace(who.papers, number=self._numbers.number(_FOREIGN, who.birth, who.sex))
