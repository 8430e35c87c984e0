"""The city's own register: each resident as a row, and the traps: pairs of residents who look like one.

This is the truth about people; what is true of a registration says `registrations.truth`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import msgspec

from kangyun.simulate.people import Resident


class Trap(msgspec.Struct, frozen=True):
    """Two residents who are not one. `kind`: twins, alike (parent and child or siblings of one sex whose names share
    a character), phone (relatives with one telephone), namesakes (same name, born the same day).
    """

    kind: str
    residents: tuple[str, str]


class Row(msgspec.Struct, frozen=True):
    """A resident on the last day. `former` has what held until which day: name, number, phone or address."""

    id: str
    name: str
    latin: str
    sex: str
    birth: date
    death: date | None
    document: str
    number: str
    phone: str
    address: str
    registered_at: str
    people: str
    occupation: str
    household: int
    father: str
    mother: str
    spouse: str
    twin: str
    adopted: date | None
    is_ward: bool
    guardian: str
    former: list[tuple[date, str, str]]


def row(who: Resident, until: date) -> Row:
    """Returns the row of a resident. until: the last day, on which the guardian is whose ward is alive."""
    papers = who.papers
    return Row(
        id=who.id, name=papers.name.text, latin=papers.name.latin, sex=who.sex, birth=who.birth, death=who.death,
        document=who.document, number=papers.number, phone=papers.phone,
        address=str(papers.home), registered_at=who.registered_home, people=who.people,
        occupation=who.occupation, household=who.household, father=_id(who.father), mother=_id(who.mother),
        spouse=_id(who.spouse), twin=_id(who.twin),
        adopted=who.adopted, is_ward=who.is_ward,
        guardian=_id(who.guardian(until)) if who.death is None else "",
        former=[(on, what, str(former)) for on, what, former in who.history],
    )  # fmt: skip


def _id(who: Resident | None) -> str:
    return who.id if who else ""


@dataclass(slots=True)
class Traps:
    """Finds traps as residents come. Holds name and birth of all of them."""

    _seen: dict[tuple[str, date], str] = field(default_factory=dict)

    def of(self, who: Resident) -> Iterator[Trap]:
        """Gives the traps that a resident makes with those before."""
        like = self._seen.setdefault((who.papers.name.text, who.birth), who.id)
        if like != who.id:
            yield Trap("namesakes", (like, who.id))
        if who.twin is not None and who.twin.index < who.index:
            yield Trap("twins", (who.twin.id, who.id))
        for other in _relatives(who):
            if other.sex == who.sex and other is not who.twin and _alike(other, who):
                yield Trap("alike", (other.id, who.id))
        if not who.papers.phone:
            lender = next((one for one in who.kin() if one.papers.phone), None)
            if lender is not None:
                yield Trap("phone", (lender.id, who.id))


def _relatives(who: Resident) -> Iterator[Resident]:
    """Gives parents and siblings, each pair once."""
    for parent in (who.father, who.mother):
        if parent is not None:
            yield parent
    parent = who.mother or who.father
    yield from (sibling for sibling in (parent.children if parent else []) if sibling.index < who.index)


def _alike(one: Resident, other: Resident) -> bool:
    first, second = one.papers.name, other.papers.name
    return first.surname == second.surname and bool(set(first.given) & set(second.given))
