"""What rules take and give: a group of samples, and warnings with the figures that they rest on. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

Reader: TypeAlias = Literal["resident", "family", "doctor"]
"""Whom a sentence is for."""

NOBODY = -1
"""The holder of samples of which it is not known whose they are."""


class Level(IntEnum):
    """How much a warning asks of whoever hears it. Ordered: what is more urgent is more."""

    INFO = 0
    """To be shown: pages nobody."""
    YELLOW = 1
    """To be looked at in working hours."""
    AMBER = 2
    """To be looked at today."""
    RED = 3
    """At once."""


@dataclass(frozen=True, slots=True)
class Group:
    """Samples of one group of messages as columns of one length, in any order.

    holder: number of the registration, NOBODY where it is not certain. series, metric: as stored. at: microseconds.
    value: in the unit of the metric. mark: `devices.model.Mark`. new: False for what was stored before.
    """

    holder: Ints
    series: Ints
    metric: Ints
    at: Ints
    value: Floats
    mark: Ints
    new: Bools

    def __len__(self) -> int:
        return len(self.holder)

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self.__slots__)

    def take(self, chosen: Any) -> "Group":
        """Returns the samples that an index or a mask chooses."""
        return Group(*(column[chosen] for column in self))


class Rest(msgspec.Struct, frozen=True, gc=False):
    """One sample that a warning rests on. series: 0 where it is an event. at: microseconds."""

    series: int
    metric: int
    at: int
    value: float


class Warning(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found. rule: its id in `data/rules.toml`. holder: whom it is about. at, since: microseconds.

    at:      the instant of the newest sample that it rests on, not of its arrival.
    since:   the beginning of what is found.
    figures: what its sentence says, numbers by name; no name of a person and no diagnosis.
    also:    rules that found something about the same person at the same time, of this or a lesser level.
    device:  number of the device where it is about a device. position: degrees of latitude and longitude, WGS-84.
    """

    rule: str
    level: Level
    holder: int
    at: int
    since: int
    rests: tuple[Rest, ...] = ()
    figures: dict[str, float | str] = {}
    also: tuple[str, ...] = ()
    device: int | None = None
    position: tuple[float, float] | None = None

    @property
    def key(self) -> str:
        """The same for the same finding, whenever and however often it is made: `holder:rule:at`."""
        return f"{self.holder}:{self.rule}:{self.at}"


class Names(NamedTuple):
    """Who is meant, for a sentence: said by whoever tells it, since rules know numbers only. "" where not known.

    person: 王建国. kinship: what the person is to the reader, 父亲. doctor: 李医生. age: years.
    conditions: as the doctor wrote them, 高血压. medicine: what is known of taken medicine. Both for the doctor only.
    received: whether the doctor's desk has it: the family is told so only then. at_desk: somebody else on duty has it.
    """

    person: str = ""
    kinship: str = ""
    doctor: str = ""
    age: int | None = None
    conditions: str = ""
    medicine: str = ""
    received: bool = False
    at_desk: bool = False
