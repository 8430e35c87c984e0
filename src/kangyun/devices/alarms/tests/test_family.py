"""What the resident and the family are told of an alarm beside its ladder."""

import pytest

from kangyun.access.relations.whom import by_id
from kangyun.devices.alarms.tests.conftest import PERSON
from kangyun.testing.linking import link

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
