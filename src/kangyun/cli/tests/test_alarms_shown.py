"""Who raises the alarms of the demonstration is the same each time, and of each level there is one; the desk acts."""

import asyncio
from types import SimpleNamespace

import pytest

from kangyun.base.errors import RuleBroken
from kangyun.cli import alarms_shown
from kangyun.cli.alarms_shown import ALL, BEHIND, chosen, look_after, measure, show
from kangyun.simulate.physiology import Person
from kangyun.simulate.telemetry import Drive, Faults, Line, Place, Worn, kit_of


def drives():
    ill = frozenset({"hypertension", "diabetes"})
    return [
        Drive(Worn(one, 60_000_000, Faults.none()), Line(Place("127.0.0.1", 1), one.serial, "", "r"), 0)
        for number in range(BEHIND - 5, BEHIND + 10)
        for one in kit_of(Person(number, 80.0, conditions=ill))
    ]


def serials(found):
    return [drive.worn.owned.serial for _, drive in found]


def test_the_same_people_measure_the_same_and_nobody_twice():
    found = chosen(drives())
    assert [one for one, _ in found] == list(ALL)
    assert serials(found) == serials(chosen(drives()))
    assert len(set(serials(found))) == len(ALL)
    assert all(drive.worn.owned.person.number >= BEHIND for _, drive in found)


def test_a_city_without_such_people_shows_fewer():
    assert chosen([one for one in drives() if one.worn.owned.key == "watch"]) == []


def test_what_is_measured_waits_for_the_device_to_speak():
    found = chosen(drives())
    measure(found, 1_800_000_000_000_000)
    assert [drive.line.waiting for _, drive in found] == [1] * len(ALL)


@pytest.fixture
def desk(monkeypatch):
    """The desk with all alarms open. done: the steps that were taken; refused: those that are not, once each."""
    found = chosen(drives())
    states = dict.fromkeys(range(len(found)), "raised")
    desk = SimpleNamespace(found=found, done=[], refused=set(), states=states)
    desk.holders = {drive.worn.owned.person.number: f"p{drive.worn.owned.person.number}" for _, drive in found}
    desk.wanted = [(step, nth) for nth, (one, _) in enumerate(found) for step, _ in one.steps]

    async def carry_out(platform, name, said):
        if name == "alarms":
            return {
                "parameter": [
                    {"name": "alarm", "part": [
                        {"name": "id", "valueInteger": nth}, {"name": "rule", "valueCode": one.rule},
                        {"name": "state", "valueCode": states[nth]},
                        {"name": "patient", "valueReference": {
                            "reference": f"Patient/p{drive.worn.owned.person.number}"
                        }},
                    ]}
                    for nth, (one, drive) in enumerate(found)
                ]
            }  # fmt: skip
        if (name, said["id"]) in desk.refused:
            desk.refused.remove((name, said["id"]))
            raise RuleBroken
        desk.done.append((name, said["id"]))
        return {}

    monkeypatch.setattr(alarms_shown, "_carry_out", carry_out)
    monkeypatch.setattr(alarms_shown, "LOOK_EVERY", 0.001)
    return desk


async def test_the_desk_does_what_is_to_be_done_once_the_alarm_is_there(desk):
    await look_after(None, desk.found, desk.holders, asyncio.Event())
    assert sorted(desk.done) == sorted(desk.wanted)


async def test_a_step_that_is_refused_is_taken_later_and_the_one_before_not_twice(desk):
    desk.refused = {("close", nth) for step, nth in desk.wanted if step == "close"}
    await look_after(None, desk.found, desk.holders, asyncio.Event())
    assert sorted(desk.done) == sorted(desk.wanted)


async def test_what_is_acknowledged_already_is_not_so_again(desk):
    desk.states |= dict.fromkeys(desk.states, "acknowledged")
    await look_after(None, desk.found, desk.holders, asyncio.Event())
    assert sorted(desk.done) == sorted(one for one in desk.wanted if one[0] == "close")


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_what_was_broken_off_is_shown_at_the_next_start(desk, tmp_path, is_stopped):
    stop, done = asyncio.Event(), tmp_path / "done"
    if is_stopped:
        stop.set()
    await show(None, drives(), desk.holders, 1_800_000_000_000_000, stop, done)
    assert done.exists() is not is_stopped
