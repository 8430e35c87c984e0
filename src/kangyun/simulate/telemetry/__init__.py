"""Devices of people who do not exist, sending by the real protocol: what they measure, and what they do wrong.

`worn` and `kit` are pure: a person's devices, and what each says between two instants. `line` is a device's connection
over MQTT, `driving` keeps many of them going. What a body does is `simulate.physiology`.
"""

from kangyun.simulate.telemetry.driving import Drive, Figures, drive
from kangyun.simulate.telemetry.kit import CONTINUOUS, KINDS, SAYS, Key, Owned, kit_of
from kangyun.simulate.telemetry.line import Line, Place
from kangyun.simulate.telemetry.worn import Faults, Worn

__all__ = [
    "CONTINUOUS", "KINDS", "SAYS", "Drive", "Faults", "Figures", "Key", "Line", "Owned", "Place", "Worn", "drive",
    "kit_of",
]  # fmt: skip
