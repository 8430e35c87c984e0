"""The clock of a device: when it is taken for wrong, and what a time by it is then. Pure; the rules are data.

What is known of a clock is one offset: from the message's own send time, from coincident time stamps, or from what was
known of the device before. Without one, a time that cannot be is refused, not guessed.
"""

import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from kangyun.devices.model import Mark

SECOND: Final = 1_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK: Final = int(Mark.CLOCK)


class ClockRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As in `data/clocks.toml`."""

    ahead_seconds: int
    behind_seconds: int
    earliest: datetime


@cache
def rules() -> ClockRules:
    """Returns the rules."""
    table = tomllib.loads(files(__package__).joinpath("data", "clocks.toml").read_text("utf-8"))
    return msgspec.convert(table, ClockRules)


def microseconds(instant: datetime) -> int:
    """Returns an aware instant as microseconds since 1970."""
    since = instant - _EPOCH
    return (since.days * 86400 + since.seconds) * SECOND + since.microseconds


_EARLIEST: Final = microseconds(rules().earliest)
_AHEAD: Final = rules().ahead_seconds * SECOND
_BEHIND: Final = rules().behind_seconds * SECOND


def offset_between(device: int, true: int) -> int | None:
    """Returns what to add to a device's times where its clock is wrong, None where it is right. Microseconds.

    device: what its clock said at one moment. true: what that moment was.
    """
    behind = true - device
    return behind if behind < -_AHEAD or behind > _BEHIND or device < _EARLIEST else None


class Clock:
    """The clock of the device at one message. received, offset, and what it takes and gives: microseconds."""

    __slots__ = ("latest", "offset")

    def __init__(self, received: int, offset: int | None) -> None:
        self.latest = received + _AHEAD
        self.offset = offset

    def corrected(self, at: int) -> tuple[int, int]:
        """Returns when something was, and with what mark; (0, 0) where that cannot be known."""
        if self.offset is None:
            return (at, 0) if _EARLIEST <= at <= self.latest else (0, 0)
        at += self.offset
        return (at, _CLOCK) if _EARLIEST <= at <= self.latest else (0, 0)

    def why_not(self, at: int) -> str:
        """Returns the text for a time that was not taken."""
        return "devices.formats.clock-unset" if at < _EARLIEST else "devices.formats.future"
