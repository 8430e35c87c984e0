"""The ladder: told once and in order, stopped by an answer, next at once where nobody is reached, late and said so."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from kangyun.access.identities.model import Proxy
from kangyun.access.platform import Platform
from kangyun.access.relations.whom import by_id
from kangyun.base import clock
from kangyun.base.errors import RuleBroken
from kangyun.devices.alarms import Alarms, watching
from kangyun.devices.alarms.acting import Act, act
from kangyun.devices.alarms.erasing import forget_patients
from kangyun.devices.alarms.flags import flag_some
from kangyun.devices.alarms.ladder import Ladder
from kangyun.devices.alarms.watching import look
from kangyun.testing.linking import link

TEAM = {
    "resourceType": "CareTeam", "id": "t", "status": "active", "subject": {"reference": "Patient/p"},
    "category": [{"coding": [{"system": "urn:kangyun:care-team", "code": "family-doctor"}]}],
    "participant": [
        {"member": {"reference": "Practitioner/li"}},
        {"member": {"reference": "Practitioner/hua"}, "role": [{"coding": [{"code": "224535009"}]}]},
    ],
}  # fmt: skip
PERSON = {
    "resourceType": "Patient", "id": "p", "name": [{"text": "王建国"}], "gender": "male", "birthDate": "1956-02-03",
    "telecom": [{"system": "phone", "value": "13900000001"}], "address": [{"text": "测试市福田路 1 号"}],
}  # fmt: skip
TOLD = "SELECT key FROM outbox_message ORDER BY id"
EVENTS = "SELECT what, by, detail FROM alarm_event WHERE what IN ('told', 'nobody') ORDER BY id"


class Region:
    """One resident with a team and a son, and a clock that is turned by hand."""

    def __init__(self, platform: Platform, found) -> None:
        self.platform, self.found = platform, found
        self.alarms = Alarms.of(platform.gate)
        self.ladder = Ladder(platform.gate, self.alarms)
        self.now = clock.now()
        self.holder = 0

    async def settle(self, client: httpx.AsyncClient) -> None:
        for resource in (PERSON, TEAM):
            answer = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
            assert answer.status_code == 201, answer.text
        await self.platform.sign_in.identities.admit(
            "guardian", "RelatedPerson/son", "Organization/platform", "王明", roles=["guardian"], vouched_by="Device/t",
            evidence="x", proxies=[Proxy("p", "CHILD", hears=True)],
        )  # fmt: skip
        self.holder = (await by_id(self.platform.gate.store, "p")).patient

    async def admit(self, name: str) -> int:
        return await self.platform.sign_in.identities.admit(
            "staff", f"Practitioner/{name}", "Organization/platform", name, roles=["duty-officer"],
            vouched_by="Device/t", evidence="x",
        )  # fmt: skip

    async def raise_(self, rule: str = "sos", level: int = 3, **given) -> int:
        async with self.platform.pool.connection() as connection, connection.transaction():
            (one,) = await self.alarms.raise_(connection, [self.found(rule, level, self.holder, **given)])
        self.now = max(self.now, clock.now())
        return one.alarm

    async def later(self, minutes: float) -> int:
        self.now += timedelta(minutes=minutes)
        return await look(self.ladder, self.now, {})

    async def act(self, alarm: int, step: str, by: str = "Practitioner/li", **given) -> str:
        async with self.platform.pool.connection() as connection, connection.transaction():
            return await act(
                connection, self.alarms, self.platform.gate.outbox, alarm, Act(step, by, **given), self.now
            )

    async def answer(self, what: str, key: str, reader: str, person: str = "") -> None:
        sql = (
            "INSERT INTO outbox_outcome (asker, key, what, reader, channel, person, at) "
            "VALUES ($1, $2, $3, $4, 'sms', $5, now())"
        )
        async with self.platform.pool.connection() as connection:
            await connection.execute(sql, "/".join(key.split("/")[:2]), key, what, reader, person)

    async def ask(self, sql: str) -> list[tuple]:
        async with self.platform.pool.connection() as connection:
            return [tuple(row) for row in await connection.fetch(sql)]

    async def told(self) -> list[str]:
        return [key.split("/", 3)[3] for (key,) in await self.ask(TOLD)]


@pytest.fixture
async def region(platform: Platform, client: httpx.AsyncClient, found) -> Region:
    made = Region(platform, found)
    await made.settle(client)
    return made


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


async def test_an_answer_stops_it(region):
    alarm = await region.raise_()
    await region.later(0.01)
    assert await region.act(alarm, "acknowledge") == "acknowledged"
    await region.later(60)
    # The desk and the family; and the family that somebody has it.
    assert [key.split("/")[1] for key in await region.told()] == ["desk", "family", "family"]
    assert await region.ask("SELECT owner, count(*) FROM alarm, alarm_event WHERE what = 'acknowledge' GROUP BY 1") == [
        ("Practitioner/li", 1)
    ]
    await region.act(alarm, "acknowledge")
    await region.act(alarm, "close", outcome="已联系", words="接通了，人没事")
    with pytest.raises(RuleBroken):
        await region.act(alarm, "close", outcome="误报")
    assert await region.ask("SELECT state, outcome FROM alarm") == [("closed", "contacted")]


async def test_an_answer_by_a_message_of_somebody_who_was_suspended_is_none(region):
    alarm = await region.raise_()
    await region.platform.sign_in.identities.suspend(await region.admit("wang"), "Device/t", "x")
    await region.later(0.01)
    await region.answer("answered", f"alarm/{alarm}/1/0/desk", "Practitioner/wang")
    await region.later(0.01)
    await region.later(0.01)
    assert await region.ask("SELECT state, owner FROM alarm") == [("escalated", None)]
    assert (await region.told())[2:] == ["1/nurse", "1/head"]


@pytest.mark.parametrize(("who", "owner"), [("wang", "Practitioner/wang"), ("gone", None)])
async def test_who_answers_for_the_desk_has_it_by_name_if_he_is_let_in(region, who, owner):
    await region.admit("wang")
    await region.platform.sign_in.identities.suspend(await region.admit("gone"), "Device/t", "x")
    alarm = await region.raise_()
    await region.later(0.01)
    await region.answer("answered", f"alarm/{alarm}/1/0/desk", "desk/platform", f"Practitioner/{who}")
    await region.later(0.01)
    assert await region.ask("SELECT owner FROM alarm") == [(owner,)]


async def test_an_answer_by_a_message_is_one(region):
    await region.admit("wang")
    alarm = await region.raise_()
    await region.later(0.01)
    await region.answer("answered", f"alarm/{alarm}/1/0/family/0", "RelatedPerson/son")
    await region.later(0.01)
    assert await region.ask("SELECT state FROM alarm") == [("raised",)]
    await region.answer("answered", f"alarm/{alarm}/1/0/desk", "Practitioner/wang")
    await region.later(0.01)
    assert await region.ask("SELECT state, owner FROM alarm") == [("acknowledged", "Practitioner/wang")]


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
        ("measure-again", {"Patient/p": "这次量出来是 260，不太像。请照说明坐好，5 分钟后再量一次。"}),
        ("heart-rate-unusual", {}),
    ],
)  # fmt: skip
async def test_who_can_charge_connect_or_measure_again_is_told_by_day(region, rule, said):
    value = 5 if rule == "battery-low" else 260
    await region.raise_(rule, 1, figures={"device": "blood-pressure", "days": 3, "value": value})
    await region.later(24 * 60)
    letters = region.platform.gate.outbox.letters
    rows = await region.ask("SELECT key, reader, sealed, urgency FROM outbox_message ORDER BY id")
    told = {reader: letters.open(key, sealed).readers[0].variables["sentence"] for key, reader, sealed, _ in rows}
    late = "（系统中断，迟发"
    assert {reader: text.rpartition("分钟）")[2] if late in text else text for reader, text in told.items()} == said
    assert {urgency for *_, urgency in rows} <= {2}


async def test_what_was_promised_and_not_done_comes_back(region):
    alarm = await region.raise_()
    await region.later(0.01)
    await region.act(alarm, "acknowledge", minutes=10)
    await region.later(9)
    assert await region.ask("SELECT state FROM alarm") == [("acknowledged",)]
    await region.later(2)
    await region.later(0.01)
    assert await region.ask("SELECT state, owner, round FROM alarm") == [("escalated", None, 2)]
    assert len(await region.told()) == 5


async def test_a_promise_that_is_made_twice_in_a_moment_is_one(region):
    alarm = await region.raise_()
    for _ in range(2):  # A button that was pressed twice.
        await region.act(alarm, "acknowledge", minutes=10)
    await region.later(11)
    assert await region.ask("SELECT state, owner FROM alarm") == [("escalated", None)]


async def test_a_second_answer_does_not_stop_a_promise_that_stands(region):
    alarm = await region.raise_()
    await region.act(alarm, "acknowledge", minutes=10)
    await region.act(alarm, "acknowledge", words="在路上")
    await region.act(alarm, "acknowledge", by="Practitioner/zhao")
    await region.later(11)
    assert await region.ask("SELECT state, owner FROM alarm") == [("escalated", None)]


async def test_who_it_is_handed_to_is_told_and_takes_it_by_his_answer(region):
    await region.admit("zhao")
    alarm = await region.raise_()
    await region.act(alarm, "hand-over", to="Practitioner/zhao")
    await region.later(0.01)
    ((key, reader),) = await region.ask("SELECT key, reader FROM outbox_message")
    assert (key.split("/")[4], reader) == ("owner", "Practitioner/zhao")
    await region.answer("answered", key, "Practitioner/zhao")
    await region.later(11)
    assert await region.ask("SELECT state, owner FROM alarm") == [("acknowledged", "Practitioner/zhao")]


async def test_what_was_handed_over_and_not_taken_comes_back(region):
    alarm = await region.raise_()
    await region.act(alarm, "hand-over", to="Practitioner/zhao")
    await region.later(11)
    assert await region.ask("SELECT state FROM alarm") == [("escalated",)]
    await region.act(alarm, "hand-over", to="Practitioner/zhao")
    await region.act(alarm, "acknowledge", by="Practitioner/zhao")
    await region.later(11)
    assert await region.ask("SELECT state, owner FROM alarm") == [("acknowledged", "Practitioner/zhao")]


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


class Broken(Exception):
    """A defect, of whatever kind."""


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


async def test_who_it_is_handed_to_is_told_of_whom(region):
    await region.admit("zhao")
    alarm = await region.raise_("blood-pressure-high")
    await region.later(0.01)
    await region.act(alarm, "acknowledge")
    await region.act(alarm, "hand-over", to="Practitioner/zhao")
    await region.later(0.01)
    ((key, sealed),) = await region.ask("SELECT key, sealed FROM outbox_message WHERE key LIKE '%/owner'")
    assert region.platform.gate.outbox.letters.open(key, sealed).variables["sentence"].startswith("王建国")


async def test_who_answers_an_alarm_that_became_part_of_another_has_that_one(region):
    await region.admit("wang")
    first, second = await region.raise_(), await region.raise_("fall")
    await region.later(0.01)
    await region.ask(f"UPDATE alarm SET state = 'closed', closed = now(), joined = {second} WHERE id = {first}")
    await region.answer("answered", f"alarm/{first}/1/0/desk", "Practitioner/wang")
    await region.later(0.01)
    assert await region.ask(f"SELECT state, owner FROM alarm WHERE id = {second}") == [
        ("acknowledged", "Practitioner/wang")
    ]


PAGED_AGO = "UPDATE alarm SET paged = paged - interval '{} minutes'"


async def said_to(region, whom: str) -> list[tuple[int, str]]:
    """What one reader was told, and how urgently."""
    letters = region.platform.gate.outbox.letters
    rows = await region.ask(f"SELECT key, sealed, urgency FROM outbox_message WHERE reader = '{whom}' ORDER BY id")
    return [(urgency, letters.open(key, sealed).readers[0].variables["sentence"]) for key, sealed, urgency in rows]


def pressure(upper: int) -> dict[str, object]:
    return {"figures": {"value": f"{upper}/112", "limit": 180}}


@pytest.mark.parametrize(("minutes", "answered", "told"), [(2, False, 1), (5, False, 2), (5, True, 2)])
async def test_a_further_red_reading_is_told_to_the_resident_and_pages_nobody(region, minutes, answered, told):
    alarm = await region.raise_("blood-pressure-high", ago=minutes * 60, **pressure(186))
    await region.later(0.01)
    if answered:
        await region.act(alarm, "acknowledge", by="Practitioner/wang")
    await region.ask(PAGED_AGO.format(minutes))
    before = await region.ask("SELECT state, round FROM alarm")
    await region.raise_("blood-pressure-high", **pressure(184))
    await region.later(0.01)
    mine = await said_to(region, "Patient/p")
    assert [urgency for urgency, _ in mine] == [0] * told
    assert ("184/112" in mine[-1][1]) is (told == 2)
    assert await region.ask("SELECT state, round FROM alarm") == before
    assert len([key for key in await region.told() if key.endswith("/desk")]) == 1


@pytest.mark.parametrize(("by", "words"), [("li", "家庭医生已收到。"), ("wang", "值守人员已收到。")])
async def test_the_family_that_was_told_hears_that_somebody_has_it_and_is_not_woken(region, by, words):
    alarm = await region.raise_("blood-pressure-high", **pressure(186))
    await region.later(0.01)
    await region.act(alarm, "acknowledge", by=f"Practitioner/{by}")
    await region.later(0.01)
    await region.act(alarm, "acknowledge", by=f"Practitioner/{by}", words="在路上")
    await region.later(0.01)
    (red, first), (amber, then) = await said_to(region, "RelatedPerson/son")
    assert (red, amber) == (0, 1)
    assert words in then and "已收到" not in first
    assert await region.ask("SELECT state FROM alarm") == [("acknowledged",)]


@pytest.mark.parametrize("rule", ["sos", "fall"])
async def test_the_family_hears_that_somebody_has_a_cry_for_help_and_of_a_further_one_again(region, rule):
    alarm = await region.raise_(rule, ago=120)
    await region.later(0.01)
    await region.act(alarm, "acknowledge", by="Practitioner/wang")
    await region.later(0.01)
    (red, first), (amber, then) = await said_to(region, "RelatedPerson/son")
    assert (red, amber) == (0, 1)
    assert then.endswith("已有人接手：值守人员正在联系本人。") and "接手" not in first
    await region.ask(PAGED_AGO.format(2))
    await region.raise_(rule)
    await region.later(0.01)
    *_, (urgency, again) = await said_to(region, "RelatedPerson/son")
    assert urgency == 0 and "接手" not in again


async def test_the_family_that_was_told_nothing_hears_nothing_of_an_answer(region):
    alarm = await region.raise_("blood-pressure-high", **pressure(186))
    await region.act(alarm, "acknowledge")
    await region.later(0.01)
    assert await region.told() == []


@pytest.mark.parametrize(("own", "readers"), [(True, ["Patient/p"]), (False, ["Patient/p", "Patient/q"])])
async def test_the_resident_is_told_by_a_registration_that_names_a_telephone(region, client, own, readers):
    await client.put("Patient/q", json=PERSON | {"id": "q"})
    if not own:
        await client.put("Patient/p", json={name: value for name, value in PERSON.items() if name != "telecom"})
    other = (await by_id(region.platform.gate.store, "q")).patient
    async with region.platform.pool.connection() as connection:
        for number in (region.holder, other):
            await link(connection, number, region.holder + 1)
    await region.raise_("blood-pressure-high", **pressure(186))
    await region.later(0.01)
    ((key, sealed),) = await region.ask("SELECT key, sealed FROM outbox_message WHERE key LIKE '%/resident'")
    assert [one.reference for one in region.platform.gate.outbox.letters.open(key, sealed).readers] == readers
