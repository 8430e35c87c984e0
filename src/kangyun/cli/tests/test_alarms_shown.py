"""Who raises the alarms of the demonstration is the same each time, and of each level there is one; the desk acts."""

from types import SimpleNamespace

from kangyun.cli import alarms_shown
from kangyun.cli.alarms_shown import ALL, BEHIND, chosen, look_after, measure
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


async def test_the_desk_does_what_is_to_be_done_once_the_alarm_is_there(monkeypatch):
    found, done = chosen(drives()), []
    holders = {drive.worn.owned.person.number: f"p{drive.worn.owned.person.number}" for _, drive in found}

    async def carry_out(platform, name, said):
        done.append((name, said.get("id")))
        return {
            "parameter": [
                {"name": "alarm", "part": [
                    {"name": "id", "valueInteger": nth}, {"name": "rule", "valueCode": one.rule},
                    {"name": "patient", "valueReference": {"reference": f"Patient/p{drive.worn.owned.person.number}"}},
                ]}
                for nth, (one, drive) in enumerate(found)
            ]
        }  # fmt: skip

    monkeypatch.setattr(alarms_shown, "_carry_out", carry_out)
    monkeypatch.setattr(alarms_shown, "LOOK_EVERY", 0.001)
    stop = SimpleNamespace(is_set=lambda: False, wait=alarms_shown.asyncio.Event().wait)
    await look_after(None, found, holders, stop)
    wanted = [(step, nth) for nth, (one, _) in enumerate(found) for step, _ in one.steps]
    assert sorted(one for one in done if one[0] != "alarms") == sorted(wanted)
