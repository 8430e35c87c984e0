"""What some people of the demonstration measure soon after its first start that somebody has to look at, and what the
duty desk does about it: so that the alarm centre shows an alarm of each level and in each state.

They measure with their own devices, over MQTT; the platform's rules find it odd and raise the alarms; the officer at
the desk answers and closes by the operations that his screen uses. No row is written around any of them.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.operations.model import Call
from kangyun.access.platform import Platform
from kangyun.base.errors import PlatformError
from kangyun.cli.demonstration import HOSPITAL
from kangyun.devices.alarms.desk import DESK
from kangyun.simulate.telemetry import Drive, Key

DUTY = Actor("Practitioner/demo-duty", "演示值守员", HOSPITAL, "TREAT", role="duty-officer")
DONE = "alarms-shown"  # in the data folder, once nothing is left to be done
BEHIND = 20
"""Residents who come before those who are chosen: the first of a list are what whoever tries something out takes."""
LOOK_EVERY = 3.0  # seconds
PATIENCE = 300.0  # seconds: each device speaks within a minute, and what it says is judged within seconds
Step = tuple[str, Mapping[str, str | int]]


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody measures, and what is done about the alarm of it.

    key, condition: of the residents who have such a device for such an illness the `nth`. rule: that raises the alarm.
    values: by the short names of `telemetry.worn`. event: what he says instead. steps: of the desk, with what is said.
    """

    key: Key
    condition: str
    nth: int
    rule: str
    values: Mapping[str, float] = field(default_factory=dict)
    event: str = ""
    steps: Sequence[Step] = ()


ALL = (
    Told("cuff", "hypertension", 2, "blood-pressure-high", {"sys": 196, "dia": 118}),
    Told(
        "cuff", "hypertension", 0, "blood-pressure-high", {"sys": 188, "dia": 112},
        steps=[("acknowledge", {"words": "已电话联系，家属在身边，休息后复测。", "minutes": 30})],
    ),
    Told("meter", "diabetes", 2, "glucose-low", {"glu": 3.7}),
    # More than a cuff can mean: it is to be measured again.
    Told("cuff", "hypertension", 1, "measure-again", {"sys": 268, "dia": 96}),
    Told(
        "meter", "diabetes", 0, "glucose-low", {"glu": 3.6},
        steps=[("acknowledge", {}), ("close", {"outcome": "contacted", "words": "已进食，15 分钟后再测。"})],
    ),
    Told(
        "meter", "diabetes", 1, "glucose-high", {"glu": 18.4},
        steps=[("acknowledge", {}), ("close", {"outcome": "appointment", "words": "已约内分泌科门诊。"})],
    ),
    Told(
        "button", "", 0, "sos", event="sos",
        steps=[("acknowledge", {}), ("close", {"outcome": "false-alarm", "words": "误按，本人平安。"})],
    ),
)  # fmt: skip


def chosen(drives: Sequence[Drive], told: Sequence[Told] = ALL) -> list[tuple[Told, Drive]]:
    """Returns who measures what: the same of the same people. Whoever has nobody like that is left out."""
    found = []
    for one in told:
        owners = [
            drive for drive in drives
            if drive.worn.owned.key == one.key and drive.worn.owned.person.number >= BEHIND
            and (not one.condition or one.condition in drive.worn.owned.person.conditions)
        ]  # fmt: skip
        found += [(one, owners[one.nth])] if len(owners) > one.nth else []
    return found


def measure(those: Sequence[tuple[Told, Drive]], now: int) -> None:
    """Has each measure: what he measured leaves with the next word of his device. now: microseconds."""
    for one, drive in those:
        worn = drive.worn
        drive.line.say(worn.happened(one.event, now) if one.event else worn.measured(one.values, now))


async def show(
    platform: Platform, drives: Sequence[Drive], holders: Mapping[int, str], now: int, stop: asyncio.Event, done: Path
) -> None:
    """Has those who are chosen measure, and the desk look after them. What is broken off is shown at the next start."""
    those = chosen(drives)
    measure(those, now)
    await look_after(platform, those, holders, stop)
    if not stop.is_set():
        done.touch(mode=0o600)


async def look_after(
    platform: Platform, those: Sequence[tuple[Told, Drive]], holders: Mapping[int, str], stop: asyncio.Event
) -> None:
    """Does what is to be done about each alarm once it is there. holders: ids of Patients by the people's numbers."""
    left = {
        (f"Patient/{holders[drive.worn.owned.person.number]}", one.rule): list(one.steps)
        for one, drive in those if one.steps
    }  # fmt: skip
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while left and not stop.is_set() and asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY)
        with contextlib.suppress(PlatformError):  # Looked at again: what comes from devices may have come between.
            open_ = {(one["patient"]["reference"], one["rule"]): one for one in await _open(platform)}
            for key in left.keys() & open_.keys():
                with contextlib.suppress(PlatformError):  # It holds up no other.
                    await _answer(platform, open_[key], left[key])
                if not left[key]:
                    del left[key]


async def _answer(platform: Platform, alarm: Mapping[str, Any], steps: list[Step]) -> None:
    """Takes the steps that are left about one alarm, each once. Raises PlatformError."""
    while steps:
        step, said = steps[0]
        if (step, alarm.get("state")) != ("acknowledge", "acknowledged"):
            await _carry_out(platform, step, {"id": alarm["id"], **said})
        del steps[0]


async def _open(platform: Platform) -> list[dict[str, Any]]:
    """Returns the open alarms that the officer sees."""
    answer = await _carry_out(platform, "alarms", {"_count": 500})
    return [
        {part["name"]: next(value for name, value in part.items() if name != "name") for part in one["part"]}
        for one in answer.get("parameter", ()) if one["name"] == "alarm"
    ]  # fmt: skip


async def _carry_out(platform: Platform, name: str, said: Mapping[str, str | int]) -> dict[str, Any]:
    """Carries out an operation of the desk as its officer."""
    operation = next(one for one in DESK if one.name == name)
    record = await platform.gate.open(DUTY, Circumstances(f"POST /${name}", "local", uuid4().hex))
    parameter = [
        {"name": key, "valueInteger" if isinstance(value, int) else "valueString": value}
        for key, value in said.items()
    ]  # fmt: skip
    call = Call(None, None, {"resourceType": "Parameters", "parameter": parameter})
    return cast(dict[str, Any], await operation.carry_out(record, call))
