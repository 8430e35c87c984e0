"""The three rights, and what they are in the register. Pure."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, time, tzinfo
from typing import Literal, TypeAlias

from kangyun.access.identities.model import RELATIONS, Proxy
from kangyun.access.labels import Labels
from kangyun.base.errors import Invalid

Right: TypeAlias = Literal["see", "act", "hear"]
RIGHTS: tuple[Right, ...] = ("see", "act", "hear")
PARENTS = frozenset({"GUARD", "PRN", "GRPRN"})
"""As what somebody is responsible for a child; at 18 years that is over (Civil Code of the PRC, articles 17 and 27)."""
OF_AGE = 18  # years
NAMES_ONLY = "personal"
"""The category of what is shown to who acts and does not see."""


def checked(rights: Iterable[str], *, none: bool = False) -> tuple[Right, ...]:
    """Returns rights in their order, each once. Raises Invalid for another word, and for none but where `none`."""
    wanted = set(rights)
    if wanted - set(RIGHTS) or not (wanted or none):
        raise Invalid("access.family.rights", at="right", known=", ".join(RIGHTS))
    return tuple(one for one in RIGHTS if one in wanted)


def checked_relation(relation: str | None) -> str:
    """Returns what the member is to the resident. Raises Invalid."""
    if relation is None or relation not in RELATIONS:
        raise Invalid("access.family.relation", at="relation", known=", ".join(RELATIONS))
    return relation


def proxy(
    patient: str, relation: str, rights: Collection[Right], labels: Labels, tie: str, ends: datetime | None
) -> Proxy:
    """Returns what the register has of rights over one registration."""
    names = labels.mask(NAMES_ONLY, *(f"level-{number}" for number in labels.levels))
    return Proxy(
        patient, relation, mask=-1 if "see" in rights else names, ends=ends,
        hears="hear" in rights, sees="see" in rights, acts="act" in rights, tie=tie,
    )  # fmt: skip


def end_of(relation: str, birth: date | None, zone: tzinfo) -> datetime | None:
    """Returns when it ends by itself: of a parent's at the child's 18th birthday; None for never."""
    if relation not in PARENTS or birth is None:
        return None
    day = date(birth.year + OF_AGE, 3, 1) if (birth.month, birth.day) == (2, 29) else birth.replace(birth.year + OF_AGE)
    return datetime.combine(day, time(), zone)
