"""What the agreement with an institution says that its tables do not."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed of one institution.

    prefix:      how its ids begin. institution: the reference to its Organization.
    code:        its code in names of systems: of its cards, staff and local codes.
    dialect:     whose meaning its flags and codes have; see `recognition`. Empty where the mapping's own is meant.
    widths:      columns of fixed width, whose lost zeros are put back.
    """

    prefix: str
    institution: str
    code: str
    dialect: str = ""
    widths: Mapping[str, int] = field(default_factory=dict)
