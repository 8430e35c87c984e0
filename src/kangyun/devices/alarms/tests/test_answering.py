"""Answers: who has an alarm, by which message, and what was promised or handed over comes back."""

import pytest

from kangyun.base.errors import RuleBroken


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
