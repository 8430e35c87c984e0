"""What devices measure and say: the tables of metrics and events, as data. No I/O but reading them; no FHIR."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["episodic", "continuous", "daily", "position", "wave"]


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that is measured. unit: UCUM. resolution, lowest, highest: in that unit. place: of pressures.

    short: how our own JSON calls it; the pressures of all places share theirs. molar_mass: g/mol, of a concentration
    that some give by mass. unverified: which of its codes no source at hand confirmed.
    """

    name: str
    number: int
    unit: str
    resolution: float
    lowest: float
    highest: float
    kind: Kind
    loinc: str = ""
    mdc: int = 0
    place: str = ""
    short: str = ""
    molar_mass: float | None = None
    unverified: tuple[str, ...] = ()


class EventKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a device says by itself."""

    name: str
    urgent: bool


@cache
def metrics() -> Mapping[str, Metric]:
    """Returns the metrics by name."""
    table = tomllib.loads(files(__package__).joinpath("data", "metrics.toml").read_text("utf-8"))
    return {name: msgspec.convert({"name": name, **row}, Metric) for name, row in table.items()}


@cache
def metrics_by_number() -> Mapping[int, Metric]:
    """Returns the metrics by the number that is stored with samples."""
    return {one.number: one for one in metrics().values()}


@cache
def event_kinds() -> Mapping[str, EventKind]:
    """Returns the kinds of events by name."""
    table = tomllib.loads(files(__package__).joinpath("data", "events.toml").read_text("utf-8"))
    return {name: msgspec.convert({"name": name, **row}, EventKind) for name, row in table.items()}
