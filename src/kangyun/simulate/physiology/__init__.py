"""Plausible physiology of people who do not exist: what their devices would measure, and when something happened.

Pure and seeded: the same person and days give the same traces. `Body.of(person)`, then `span(body, day, days)`, then a
generator for each metric; `episodes` puts true events with a known start into them, `faults` what devices do wrong.
It is no model of disease, and no figure that is measured on it transfers to people. Numbers: `data/`, all unverified.
"""

from kangyun.simulate.physiology.home import glucose, glucose_course, positions, pressure, weight
from kangyun.simulate.physiology.person import Body, Person, person_of
from kangyun.simulate.physiology.span import MINUTE, Span, Trace, span
from kangyun.simulate.physiology.vital import (
    battery,
    heart_rate,
    in_bed,
    motion,
    respiratory_rate,
    sleep_stage,
    spo2,
    steps,
    temperature,
)

__all__ = [
    "MINUTE", "Body", "Person", "Span", "Trace", "battery", "glucose", "glucose_course", "heart_rate", "in_bed",
    "motion", "person_of", "positions", "pressure", "respiratory_rate", "sleep_stage", "span", "spo2", "steps",
    "temperature", "weight",
]  # fmt: skip
