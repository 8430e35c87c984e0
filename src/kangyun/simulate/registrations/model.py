"""An error model: how often which error is made. The models are files of `data/errors/`, read once."""

from functools import cache
from importlib.resources import files
from random import Random

import msgspec

Rates = dict[str, float]


class Care(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: float
    factor: float


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    machine: float
    machine_from: int
    copied: float
    derived: float


class NumberAge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    infant: float
    child: float
    old: float


class Newborn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mothers_number: float


class Spelling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fuzzy: bool
    look_alikes: float


class Extent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    insurance: float
    again: float


class ErrorModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How registrations come about and what goes wrong. What each rate is of is written in the files."""

    edition: str
    entry: Entry
    care: list[Care]
    name: Rates
    number: Rates
    number_age: NumberAge
    birth: Rates
    sex: Rates
    phone: Rates
    address: Rates
    whole: Rates
    newborn: Newborn
    spelling: Spelling
    extent: Extent


def models() -> list[str]:
    """Returns the names of the models."""
    return sorted(
        file.name.removesuffix(".toml") for file in files("kangyun.simulate").joinpath("data/errors").iterdir()
    )


@cache
def error_model(name: str) -> ErrorModel:
    """Returns a model by the name of its file. Raises KeyError where there is none."""
    if name not in models():
        raise KeyError(name)
    source = files("kangyun.simulate").joinpath("data", "errors", f"{name}.toml")
    return msgspec.toml.decode(source.read_bytes(), type=ErrorModel)


def pick(rng: Random, rates: Rates, kinds: tuple[str, ...], factor: float) -> str:
    """Draws at most one of `kinds`, each by its rate times the factor; "" for none."""
    point = rng.random() / factor
    for kind in kinds:
        point -= rates[kind]
        if point < 0:
            return kind
    return ""
