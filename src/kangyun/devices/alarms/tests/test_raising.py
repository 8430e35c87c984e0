"""Warnings become one open alarm a person and rule, whatever races, is replayed, or comes late."""

import asyncio

import asyncpg
import pytest

from kangyun.access.platform import Platform
from kangyun.devices.alarms import Alarms, Raised
from kangyun.devices.alarms.vitals import alarm_vitals
from kangyun.testing.linking import link

STATE = "SELECT rule, level, state, count, quiet, round FROM alarm ORDER BY id"
PENDING = "SELECT whom FROM alarm_timer WHERE done IS NULL ORDER BY due, id"


@pytest.fixture
def alarms(platform: Platform) -> Alarms:
    return Alarms.of(platform.gate)


async def raised(platform: Platform, alarms: Alarms, *warnings) -> list[Raised]:
    async with platform.pool.connection() as connection, connection.transaction():
        return await alarms.raise_(connection, warnings)


async def asked(platform: Platform, sql: str) -> list[asyncpg.Record]:
    async with platform.pool.connection() as connection:
        return [tuple(row) for row in await connection.fetch(sql)]


async def test_a_warning_raises_an_alarm_and_sets_its_ladder(platform, alarms, found):
    (one,) = await raised(platform, alarms, found())
    assert (one.rule, one.level, one.new, one.pages) == ("sos", 3, True, True)
    assert await asked(platform, STATE) == [("sos", 3, "raised", 1, False, 1)]
    whom = [row[0] for row in await asked(platform, PENDING)]
    assert whom[:2] == ["desk", "family"]
    assert whom[-1] == "emergency"


async def test_forty_intakes_at_once_make_one_alarm(platform, alarms, found):
    several = await asyncio.gather(*(raised(platform, alarms, found(ago=n)) for n in range(40)))
    assert sum(one.new for (one,) in several) == 1
    assert sum(one.pages for (one,) in several) == 1
    assert await asked(platform, STATE) == [("sos", 3, "raised", 40, False, 1)]


async def test_the_same_warnings_again_come_to_nothing_also_when_it_is_closed(platform, alarms, found):
    warnings = [found(ago=n) for n in range(3)]
    await raised(platform, alarms, *warnings)
    assert await raised(platform, alarms, *warnings) == []
    await asked(platform, "UPDATE alarm SET state = 'closed', outcome = 'contacted', closed = now()")
    assert await raised(platform, alarms, *warnings) == []
    assert await asked(platform, STATE) == [("sos", 3, "closed", 3, False, 1)]
    (one,) = await raised(platform, alarms, found(ago=-1))
    assert one.new


PAGED_AGO = "UPDATE alarm SET paged = now() - interval '{} seconds'"


@pytest.mark.parametrize("rule", ["sos", "fall"])
@pytest.mark.parametrize(("seconds", "pages", "state"), [(50, False, "acknowledged"), (70, True, "raised")])
async def test_a_further_cry_pages_again_after_a_minute_also_when_answered(
    platform, alarms, found, rule, seconds, pages, state
):
    first, further = found(rule, ago=70), found(rule)
    await raised(platform, alarms, first)
    await asked(platform, "UPDATE alarm SET state = 'acknowledged'")
    await asked(platform, PAGED_AGO.format(seconds))
    (one,) = await raised(platform, alarms, further)
    assert (one.new, one.pages) == (False, pages)
    assert await asked(platform, STATE) == [(rule, 3, state, 2, False, 1 + pages)]
    await asked(platform, PAGED_AGO.format(300))
    assert await raised(platform, alarms, first, further) == []


@pytest.mark.parametrize(
    ("hours", "level", "pages"), [(11.9, 3, False), (12.1, 3, True), (12.1, 2, False)],
)  # fmt: skip
async def test_what_was_answered_and_never_closed_swallows_nothing_of_another_day(
    platform, alarms, found, hours, level, pages
):
    await raised(platform, alarms, found("glucose-low", ago=600))
    await asked(platform, "UPDATE alarm SET state = 'acknowledged', owner = 'Practitioner/li'")
    await asked(platform, PAGED_AGO.format(hours * 3600))
    (one,) = await raised(platform, alarms, found("glucose-low", level))
    assert (one.new, one.pages, one.level) == (False, pages, 3)
    assert (await asked(platform, "SELECT state, count FROM alarm")) == [("raised" if pages else "acknowledged", 2)]
    said = await asked(platform, "SELECT what FROM alarm_event ORDER BY id")
    assert said == [("raised",), *([("again",)] if pages else [])]


async def test_a_repetition_pages_nobody_and_a_rise_pages_again(platform, alarms, found):
    await raised(platform, alarms, found("glucose-low", 2, ago=30))
    await asked(platform, "UPDATE alarm SET state = 'acknowledged', owner = 'Practitioner/li'")
    (again,) = await raised(platform, alarms, found("glucose-low", 2, ago=20))
    assert (again.new, again.pages) == (False, False)
    (risen,) = await raised(platform, alarms, found("glucose-low", 3, ago=10), found("glucose-low", 1, ago=5))
    assert (risen.new, risen.pages, risen.level) == (False, True, 3)
    assert await asked(platform, STATE) == [("glucose-low", 3, "raised", 4, False, 2)]


async def test_what_is_old_is_shown_and_pages_nobody_until_something_fresh_comes(platform, alarms, found):
    (late,) = await raised(platform, alarms, found(ago=3600))
    assert (late.new, late.pages) == (True, False)
    assert await asked(platform, PENDING) == []
    (fresh,) = await raised(platform, alarms, found("sos", 2))
    assert fresh.pages
    assert await asked(platform, STATE) == [("sos", 2, "raised", 2, False, 1)]


async def test_an_old_one_of_a_higher_level_does_not_raise_the_open_alarm(platform, alarms, found):
    await raised(platform, alarms, found("glucose-low", 1))
    (late,) = await raised(platform, alarms, found("glucose-low", 3, ago=3600))
    assert not late.pages
    assert await asked(platform, STATE) == [("glucose-low", 1, "raised", 2, False, 1)]


async def test_what_is_to_be_shown_only_is_no_alarm(platform, alarms, found):
    assert await raised(platform, alarms, found(level=0)) == []


async def test_registrations_of_one_resident_share_an_alarm(platform, alarms, found):
    async with platform.pool.connection() as connection:
        await link(connection, 4096, 1)
        await link(connection, 8192, 1)
    several = await raised(platform, alarms, found(holder=4096, ago=9), found(holder=8192), found(holder=12288))
    assert len(several) == 2
    assert sorted(await asked(platform, "SELECT person, count FROM alarm")) == [(1, 2), (12288, 1)]


async def test_figures_say_what_nobody_has_answered_and_what_is_late(platform, alarms, found):
    await raised(platform, alarms, found(), found("glucose-low", 2))
    await asked(platform, "UPDATE alarm SET state = 'acknowledged' WHERE level = 2")
    await asked(platform, "UPDATE alarm_timer SET due = due - interval '1 minute'")
    async with platform.pool.connection() as connection:
        told = {name: value for name, _, value in await alarm_vitals(connection)}
    assert told['kangyun_alarms_open{level="amber"}'] == told['kangyun_alarms_unanswered{level="red"}'] == 1
    assert told['kangyun_alarms_unanswered{level="amber"}'] == 0
    assert 60 <= told["kangyun_alarms_lag_seconds"] < 120


async def test_what_it_rests_on_is_sealed(platform, alarms, found):
    await raised(platform, alarms, found(figures={"systolic": 186.0}))
    ((sealed,),) = await asked(platform, "SELECT sealed FROM alarm_evidence")
    assert b"systolic" not in sealed


TYPING = """
WITH device AS (INSERT INTO device (name, institution, format) VALUES ('typed-4096', 77, $1) RETURNING id)
INSERT INTO device_user (device, key, holder, since) SELECT id, '', 4096, '2026-01-01Z' FROM device RETURNING device
"""


@pytest.mark.parametrize(("format_", "of_the_device"), [("plain", True), ("typed", False)])
async def test_what_somebody_types_is_of_no_house_that_gives_devices_out(
    platform, alarms, found, format_, of_the_device
):
    async with platform.pool.connection() as connection:
        device = await connection.fetchval(TYPING, format_)
    await raised(platform, alarms, found(device=device))
    ((desk,),) = await asked(platform, "SELECT desk FROM alarm")
    assert (desk == 77) is of_the_device
