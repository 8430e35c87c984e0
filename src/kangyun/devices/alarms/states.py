"""The life of an alarm as a table: which step may follow in which state, who takes it, what it needs. Pure.

The table is data/states.toml.
"""

import tomllib
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec

from kangyun.base.errors import Invalid, RuleBroken

State: TypeAlias = Literal["raised", "escalated", "acknowledged", "closed"]
By: TypeAlias = Literal["person", "clock", "warning", "index"]
TEXTS = "devices.alarms."


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state: how it is called, and whether an alarm in it is open."""

    zh: str
    open: bool


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to an alarm. to: the state after it, None where it stays. needs: what must be said with it."""

    name: str
    zh: str
    by: By
    from_: tuple[State, ...] = msgspec.field(name="from")
    to: State | None = None
    needs: tuple[Literal["words", "to", "outcome"], ...] = ()


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an alarm ended."""

    zh: str
    en: str
    false_alarm: bool = False


class States(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table."""

    edition: str
    states: dict[State, Shown]
    steps: tuple[Step, ...]
    outcomes: dict[str, Outcome]

    def step(self, name: str) -> Step:
        """Returns the step of a name, which there is."""
        return next(one for one in self.steps if one.name == name)


@cache
def table() -> States:
    """Returns data/states.toml."""
    return msgspec.convert(tomllib.loads(files(__package__).joinpath("data", "states.toml").read_text("utf-8")), States)


def after(now: State, name: str, said: Collection[str] = ()) -> State:
    """Returns the state after a step. said: which of `needs` were said.

    Raises RuleBroken where the step may not follow, Invalid where something was not said.
    """
    step = table().step(name)
    if now not in step.from_:
        raise RuleBroken(f"{TEXTS}no-such-step", now=table().states[now].zh, step=step.zh)
    for needed in step.needs:
        if needed not in said:
            raise Invalid("fhir.search.value", parameter=needed, at=needed)
    return step.to or now


def known_outcome(given: str) -> str:
    """Returns the code of an outcome that was given by its code or its word. Raises Invalid."""
    for code, outcome in table().outcomes.items():
        if given in (code, outcome.zh):
            return code
    raise Invalid(f"{TEXTS}outcome", words="、".join(one.zh for one in table().outcomes.values()), at="outcome")
