"""The tables of `data/` as typed values, read once. What they mean is written in the files themselves."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec

from kangyun.simulate.tables.care import ConditionTable, ObservationTable, TreatmentTable
from kangyun.simulate.tables.city import CityTable, InstitutionTable
from kangyun.simulate.tables.names import NameTable
from kangyun.simulate.tables.people import PopulationTable


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the generator knows about its city."""

    city: CityTable
    institutions: InstitutionTable
    population: PopulationTable
    names: NameTable
    observations: ObservationTable
    treatments: TreatmentTable
    conditions: ConditionTable


_T = TypeVar("_T")


def _read(name: str, kind: type[_T]) -> _T:
    return msgspec.toml.decode(files("kangyun.simulate").joinpath("data", name).read_bytes(), type=kind)


@cache
def tables() -> Tables:
    """Returns all tables of the package."""
    return Tables(
        city=_read("city.toml", CityTable),
        institutions=_read("institutions.toml", InstitutionTable),
        population=_read("population.toml", PopulationTable),
        names=_read("names.toml", NameTable),
        observations=_read("observations.toml", ObservationTable),
        treatments=_read("treatments.toml", TreatmentTable),
        conditions=_read("conditions.toml", ConditionTable),
    )


def at_age(bands: Iterable[tuple[float, float]], age: float) -> float:
    """Returns the value of the last band that begins at or below `age`; 0 below the first."""
    found = 0.0
    for start, value in bands:
        if age < start:
            break
        found = value
    return found
