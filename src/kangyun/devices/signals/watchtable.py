"""The table of what is found by the clock and by night: `data/watch.toml`. Pure."""

from functools import cache
from importlib.resources import files

import msgspec


class Night(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the heart rate by night."""

    hours: tuple[int, int]
    red_above: float
    yellow_above: float
    running: int
    fewest_nights: int
    fewest_minutes: int
    kept_nights: int


class Pulse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of an uneven pulse."""

    ratio: float
    fewest_minutes: int
    fewest_hours: int


class Suspect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a pressure that is high for days."""

    home_days: int
    home_least_days: int
    home_least_readings: int
    office_days: int
    office_least_days: int


class Away(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of what does not come back: the bed, movement. alive_minutes: the sensor itself was heard of since."""

    hours: tuple[int, int]
    minutes: float
    alive_minutes: float
    from_hour: int | None = None

    def within(self, hour: int) -> bool:
        """Whether an hour of the day is one of those; they may reach over midnight."""
        first, last = self.hours
        return first <= hour < last if first < last else hour >= first or hour < last


class Missed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of measurements that are left out."""

    of_days: int
    usual_days: int
    silent_days: int
    metrics: tuple[str, ...]


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of where somebody usually is."""

    days: int


class WatchTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table."""

    night: Night
    pulse: Pulse
    suspect: Suspect
    bed: Away
    still: Away
    missed: Missed
    area: Area


@cache
def watch_table() -> WatchTable:
    """Returns the table."""
    return msgspec.toml.decode(files(__package__).joinpath("data", "watch.toml").read_bytes(), type=WatchTable)
