"""Who is measured: what is usual for one person. Pure; the same person with the same seed is the same body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import msgspec
import numpy as np

from kangyun.simulate.people import Resident
from kangyun.simulate.traits import Traits

ADULT = 18.0


class Usual(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one thing is spread over persons."""

    mean: float
    spread: float
    by_age: float
    woman: float
    least: float
    most: float


@cache
def usual() -> Mapping[str, Usual]:
    """Returns the table of what is usual."""
    raw = files("kangyun.simulate.physiology").joinpath("data", "physiology.toml").read_bytes()
    return msgspec.toml.decode(raw, type=dict[str, Usual])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is measured. age: years. conditions: keys of `data/conditions.toml`, and heart-failure, dementia.

    adherence: share of days on which medicine is taken. latitude, longitude: of the home, degrees WGS-84; the default
    lies in a desert, where nobody lives.
    """

    number: int
    age: float
    sex: str = "female"
    conditions: frozenset[str] = frozenset()
    adherence: float = 0.8
    latitude: float = 38.9
    longitude: float = 82.6
    seed: int = 1


def person_of(who: Resident, traits: Traits, on: date, seed: int = 1) -> Person:
    """Returns the resident of the synthetic city as somebody who is measured on a day."""
    conditions = frozenset(key for key, onset in traits.onset.items() if onset <= on)
    adherence = min(traits.adherence.values(), default=1.0)
    return Person(who.index, who.age(on), who.sex, conditions, 0.5 + adherence / 2, seed=seed)


@dataclass(frozen=True, slots=True)
class Body:
    """What is usual for a person. bedtime: hour of the day. sleep: hours. walks: a day. Else the units of metrics."""

    person: Person
    heart_rate: float
    systolic: float
    diastolic: float
    spo2: float
    respiratory_rate: float
    temperature: float
    glucose: float
    weight: float
    walks: float
    bedtime: float
    sleep: float

    @classmethod
    def of(cls, person: Person) -> "Body":
        """Draws the body of a person."""
        rng = np.random.default_rng([person.seed, person.number, 0])
        woman, years = person.sex == "female", max(person.age, ADULT) - 40
        drawn = {}
        for name, one in usual().items():
            value = one.mean + one.by_age * years + one.woman * woman + one.spread * rng.standard_normal()
            drawn[name] = float(np.clip(value, one.least, one.most))
        ill = person.conditions
        high = "hypertension" in ill
        return cls(
            person, drawn["resting-heart-rate"] + 4 * ("heart-failure" in ill),
            drawn["systolic"] + 24 * high, drawn["diastolic"] + 12 * high,
            drawn["spo2"] - 4 * ("copd" in ill), drawn["respiratory-rate"] + 2 * ("copd" in ill),
            drawn["temperature"], drawn["glucose"] + 2.6 * ("diabetes" in ill), drawn["weight"],
            drawn["walks"], drawn["bedtime"], drawn["sleep"],
        )  # fmt: skip
