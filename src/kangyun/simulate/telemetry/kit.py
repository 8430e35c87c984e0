"""Which devices a person has, and what each measures. Pure. The shares are our own choice, unverified."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from kangyun.simulate.physiology import Person

Key: TypeAlias = Literal["watch", "cuff", "meter", "scale", "bed", "button", "locator"]

KINDS: Mapping[Key, str] = {
    "watch": "手环", "cuff": "血压计", "meter": "血糖仪", "scale": "体重秤", "bed": "睡眠监测带", "button": "SOS 按钮",
    "locator": "定位器",
}  # fmt: skip
"""What each is in a list of devices to enrol."""
CONTINUOUS: frozenset[Key] = frozenset({"watch", "bed", "locator"})
"""They measure by themselves, and stay connected; of the others somebody measures, and each sends and hangs up."""
SAYS: Mapping[Key, tuple[str, ...]] = {
    "watch": ("heart-rate", "spo2", "body-temperature", "steps"),
    "cuff": ("systolic-home", "diastolic-home"),
    "meter": ("glucose",),
    "scale": ("weight",),
    "bed": ("in-bed", "respiratory-rate"),
    "button": (),
    "locator": ("latitude", "longitude"),
}
"""The metrics of each, by their names in `devices.metrics`."""
OLD = 75.0  # years


@dataclass(frozen=True, slots=True)
class Owned:
    """A device of a person. serial: the same person has the same ones on every day."""

    person: Person
    key: Key
    serial: str


def kit_of(person: Person) -> list[Owned]:
    """Returns the devices of a person: everybody wears a watch, the rest goes by what somebody has."""
    rng = Random(f"{person.seed}:kit:{person.number}")
    ill, old = person.conditions, person.age >= OLD
    has: dict[Key, bool] = {
        "watch": True,
        "cuff": "hypertension" in ill or rng.random() < 0.2,
        "meter": "diabetes" in ill,
        "scale": "heart-failure" in ill or rng.random() < 0.1,
        "bed": old and rng.random() < 0.3,
        "button": old,
        "locator": "dementia" in ill,
    }
    return [Owned(person, key, f"SIM-{person.seed}-{person.number}-{key}") for key, owned in has.items() if owned]
