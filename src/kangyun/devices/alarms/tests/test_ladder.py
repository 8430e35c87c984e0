"""The ladder: told once and in order, next at once where nobody is reached, late and said so."""

import asyncio
from datetime import timedelta

import pytest

from kangyun.devices.alarms import watching
from kangyun.devices.alarms.erasing import forget_patients
from kangyun.devices.alarms.flags import flag_some
from kangyun.devices.alarms.ladder import Ladder
from kangyun.devices.alarms.tests.conftest import TOLD
from kangyun.devices.alarms.watching import look

EVENTS = "SELECT what, by, detail FROM alarm_event WHERE what IN ('told', 'nobody') ORDER BY id"


class Broken(Exception):
    """A defect, of whatever kind."""


async def test_the_ladder_of_an_sos_is_climbed_in_order_and_once(region):
    await region.raise_(position=(30.1, 104.2))
    await region.later(0.01)
    assert await region.told() == ["0/desk", "0/family/0"]
    await region.later(0.01)
    await region.later(3)
    await region.later(2)
    assert await region.told() == ["0/desk", "0/family/0", "1/nurse", "1/head", "2/family-doctor"]
    await region.later(3)
    assert (await region.told())[5:] == ["3/emergency"]
    assert await region.ask("SELECT state FROM alarm") == [("escalated",)]


async def test_where_nobody_is_reached_the_next_is_told_at_once(region):
    alarm = await region.raise_()
    await region.later(0.01)
    await region.answer("not-reached", f"alarm/{alarm}/1/0/desk", "desk/platform")
    await region.later(0.01)
    await region.later(0.01)
    assert (await region.told())[2:] == ["1/nurse", "1/head"]


async def test_a_red_alarm_that_nobody_answers_is_told_again_and_again(region):
    alarm = await region.raise_()
    for minutes in (0.01, 3, 2, 3):
        await region.later(minutes)
    await region.later(9)
    assert len(await region.told()) == 6
    await region.later(1)
    await region.later(10)
    assert (await region.told())[6:] == ["4/desk", "4/head", "5/desk", "5/head"]
    await region.act(alarm, "acknowledge")
    await region.later(60)
    assert [key.split("/")[1] for key in (await region.told())[10:]] == ["family"]


async def test_where_nobody_at_all_is_reached_it_is_told_again_and_not_at_once(region):
    alarm = await region.raise_()
    for _ in range(8):
        await region.later(0.01)
        for key in await region.told():
            await region.answer("not-reached", f"alarm/{alarm}/1/{key}", "desk/platform")
    assert (await region.told())[-1] == "3/emergency"
    assert await region.ask("SELECT kind, whom FROM alarm_timer WHERE done IS NULL ORDER BY id") == [
        ("repeat", "desk"), ("repeat", "head"),
    ]  # fmt: skip
    await region.later(10)
    assert (await region.told())[-2:] == ["4/desk", "4/head"]


async def test_with_nobody_in_the_roster_all_who_hold_the_role_are_rung(region):
    gone = await region.admit("gone")
    for name in ("b", "a"):
        await region.admit(name)
    await region.platform.sign_in.identities.suspend(gone, "Device/t", "x")
    await region.raise_()
    await region.later(0.01)
    await region.later(3)
    rung = await region.ask(EVENTS)
    called = "Practitioner/a Practitioner/b desk/platform"
    assert [detail for _, _, detail in rung if detail.startswith(("desk", "head"))] == [
        f"desk {called}", f"head {called}",
    ]  # fmt: skip


async def test_only_red_alarms_are_told_again(region):
    await region.raise_("glucose-low", 2)
    await region.later(24 * 60)
    told = await region.told()
    await region.later(60)
    assert told and await region.told() == told


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("device-silent", {"Patient/p": "您的血压计已 3 天没有数据，可能没电或没联网。",
                           "RelatedPerson/son": "父亲的血压计已 3 天没有数据，可能没电或没联网。"}),
        ("battery-low", {"Patient/p": "您的设备只剩 5% 的电，请充电。",
                         "RelatedPerson/son": "王建国（父亲）的设备只剩 5% 的电，请提醒充电。"}),
        ("measure-again", {"Patient/p": "这次家测收缩压量出来是 260，不太像。请照说明坐好，5 分钟后再量一次。"}),
        ("heart-rate-unusual", {}),
    ],
)  # fmt: skip
async def test_who_can_charge_connect_or_measure_again_is_told_by_day(region, rule, said):
    value = 5 if rule == "battery-low" else 260
    await region.raise_(
        rule, 1, figures={"device": "blood-pressure", "days": 3, "value": value, "metric": "systolic-home"}
    )
    await region.later(24 * 60)
    letters = region.platform.gate.outbox.letters
    rows = await region.ask("SELECT key, reader, sealed, urgency FROM outbox_message ORDER BY id")
    told = {reader: letters.open(key, sealed).readers[0].variables["sentence"] for key, reader, sealed, _ in rows}
    late = "（系统中断，迟发"
    assert {reader: text.rpartition("分钟）")[2] if late in text else text for reader, text in told.items()} == said
    assert {urgency for *_, urgency in rows} <= {2}


async def test_after_an_outage_all_is_told_late_and_in_order_and_that_is_said(region):
    await region.raise_()
    await region.later(20.5)
    assert [key.split("/")[0] for key in await region.told()] == ["0", "0", "1", "1", "2", "3"]
    events = await region.ask(EVENTS)
    assert [detail.rpartition("+")[2] for _, _, detail in events] == [
        "20min",
        "20min",
        "17min",
        "17min",
        "15min",
        "12min",
    ]


async def test_an_alarm_is_a_flag_of_the_record_while_it_is_open(region, client):
    alarm = await region.raise_()
    gate = region.platform.gate
    asked = f"Flag?patient=Patient/p&identifier=urn:kangyun:identifier:alarm|{alarm}"

    async def flagged() -> tuple[str, str]:
        async with region.platform.pool.connection() as connection:
            assert await flag_some(gate, connection) == 1
            assert await flag_some(gate, connection) == 0
        (entry,) = (await client.get(asked)).json()["entry"]
        return entry["resource"]["status"], entry["resource"]["code"]["coding"][0]["code"]

    assert await flagged() == ("active", "sos")
    await region.act(alarm, "close", outcome="误报")
    assert await flagged() == ("inactive", "sos")


async def test_who_is_erased_leaves_no_alarm(region):
    alarm = await region.raise_()
    await region.act(alarm, "note", words="老人独居")
    async with region.platform.pool.connection() as connection:
        await forget_patients(connection, [region.holder], [])
    for name in ("alarm", "alarm_event", "alarm_evidence", "alarm_timer"):
        assert await region.ask(f"SELECT count(*) FROM {name}") == [(0,)]


async def test_two_climb_at_once_and_somebody_answers_and_each_is_told_once(region):
    alarm = await region.raise_()
    region.now += timedelta(minutes=6)
    other = Ladder(region.platform.gate, region.alarms)
    await asyncio.gather(
        region.ladder.climb(alarm, region.now), other.climb(alarm, region.now), region.act(alarm, "acknowledge"),
    )  # fmt: skip
    told, state = await region.told(), await region.ask("SELECT state FROM alarm")
    assert state == [("acknowledged",)]
    assert len(told) in (0, 5) and len(set(told)) == len(told)
    await region.later(60)
    assert await region.told() == told


async def test_an_alarm_that_cannot_be_told_holds_up_no_other_and_is_tried_again(region, monkeypatch):
    first, second = await region.raise_(), await region.raise_("glucose-low")
    climb, failed = Ladder.climb, {}

    async def breaks(self, alarm, now):
        if alarm == first:
            raise Broken
        return await climb(self, alarm, now)

    monkeypatch.setattr(Ladder, "climb", breaks)
    await look(region.ladder, region.now, failed)
    assert {key.split("/")[1] for (key,) in await region.ask(TOLD)} == {str(second)}
    assert await region.ladder.due(region.now, list(failed)) == []
    monkeypatch.undo()
    assert await look(region.ladder, region.now + timedelta(seconds=31), failed) and not failed


async def test_an_outcome_that_cannot_be_heard_keeps_nobody_from_hearing_the_others(region):
    await region.admit("wang")
    alarm = await region.raise_()
    await region.later(0.01)
    await region.answer("answered", "alarm/17", "Practitioner/wang")  # A key that none of ours has.
    await region.answer("answered", f"alarm/{alarm}/1/0/desk", "Practitioner/wang")
    await region.ask("UPDATE outbox_outcome SET asker = (SELECT 'alarm/' || min(id) FROM alarm)")
    await region.later(0.01)
    assert await region.ask("SELECT state, owner FROM alarm") == [("acknowledged", "Practitioner/wang")]
    assert await region.ask("SELECT count(*) FROM outbox_outcome") == [(0,)]


async def test_who_was_erased_since_it_fell_due_holds_up_nobody(region):
    alarm = await region.raise_()
    async with region.platform.pool.connection() as connection:
        await forget_patients(connection, [region.holder], [])
    assert await region.ladder.climb(alarm, region.now) == 0


@pytest.mark.parametrize("fails", ["relink", "tell_gaps"])
async def test_alarms_are_told_whatever_fails_beside_them(region, monkeypatch, fails):
    async def breaks(*given, **more):
        raise Broken

    monkeypatch.setattr({"relink": watching, "tell_gaps": Ladder}[fails], fails, breaks)
    await region.raise_()
    stop = asyncio.Event()
    climbing = asyncio.ensure_future(watching.keep_climbing(region.platform, stop))
    async with asyncio.timeout(20):
        while not await region.told():
            assert not climbing.done()
            await asyncio.sleep(0.02)
    stop.set()
    await climbing
