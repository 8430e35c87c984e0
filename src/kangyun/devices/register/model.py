"""What the register answers with: a device that was let in, and what changed."""

import re
from typing import TypeAlias

import msgspec

NAME = re.compile(r"[a-z0-9][a-z0-9\-]{2,63}")
"""A device's name: its client id, its user name and the part of its topics that is its own."""
ADMITTED_STATES = ("made", "claimed")
"""Not: stopped (for a time), revoked (for good)."""
FOREVER = float("inf")

Changed: TypeAlias = frozenset[int] | None
"""Numbers of devices of which something changed; None: all may have, for nobody looked for too long."""


class Known(msgspec.Struct, frozen=True):
    """A device as the intake knows it. house: `Organization/…`, of the number `institution`. zone: minutes east of UTC.

    resource: the number of its Device in the record, 0 for none. admitted: whether it may send at all. erased: when
    one of its users was, microseconds, 0 for never.
    """

    device: int
    name: str
    region: str
    institution: int
    house: str
    format: str
    zone: int
    kind: str = "other"
    model: str = ""
    resource: int = 0
    admitted: bool = True
    erased: int = 0


class Admitted(msgspec.Struct, frozen=True):
    """A device that proved itself. credential: by which; until: how long that is good, seconds since the epoch."""

    device: int
    name: str
    region: str
    institution: int
    house: str
    format: str
    zone: int
    credential: int
    until: float = FOREVER
