"""Open alarms follow what the index thinks of registrations: none is lost and none is doubled."""

import pytest

from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.devices.alarms import Alarms
from kangyun.devices.alarms.relinking import relink
from kangyun.testing.linking import link

FIRST, SECOND, RESIDENT = 4096, 8192, 4097
OPEN = "SELECT person, count, state FROM alarm WHERE state <> 'closed' ORDER BY person"


@pytest.fixture
def alarms(platform: Platform) -> Alarms:
    return Alarms.of(platform.gate)


@pytest.fixture
def region(platform: Platform, alarms: Alarms):
    """Raises, links, and lets alarms follow: `await region.raise_(…)`."""

    class Region:
        async def raise_(self, *warnings):
            async with platform.pool.connection() as connection, connection.transaction():
                return await alarms.raise_(connection, warnings)

        async def link(self, patient: int, resident: int | None) -> None:
            async with platform.pool.connection() as connection:
                await link(connection, patient, resident)

        async def follow(self) -> int:
            async with platform.pool.connection() as connection, connection.transaction():
                return await relink(connection, alarms, clock.now())

        async def ask(self, sql: str):
            async with platform.pool.connection() as connection:
                return [tuple(row) for row in await connection.fetch(sql)]

    return Region()


async def test_two_alarms_become_one_when_their_registrations_are_linked(region, found):
    await region.raise_(found(holder=FIRST, ago=60), found(holder=SECOND))
    await region.link(FIRST, RESIDENT)
    await region.link(SECOND, RESIDENT)
    assert await region.follow() == 2
    assert await region.ask(OPEN) == [(RESIDENT, 2, "raised")]
    assert await region.ask("SELECT count(*) FROM alarm WHERE joined IS NOT NULL") == [(1,)]
    assert await region.follow() == 0


async def test_one_alarm_becomes_two_when_they_are_parted(region, found):
    await region.link(FIRST, RESIDENT)
    await region.link(SECOND, RESIDENT)
    await region.raise_(found(holder=FIRST, ago=60), found(holder=SECOND), found(holder=SECOND, ago=5))
    await region.link(SECOND, None)
    assert await region.follow() == 1
    assert await region.ask(OPEN) == [(RESIDENT, 1, "raised"), (SECOND, 2, "raised")]
    whom = "SELECT count(*) FROM alarm_timer WHERE done IS NULL GROUP BY alarm"
    first, second = await region.ask(whom)
    assert first == second


async def test_a_warning_right_after_a_link_finds_the_open_alarm(region, found):
    await region.raise_(found(holder=FIRST, ago=60))
    await region.link(FIRST, RESIDENT)
    (again,) = await region.raise_(found(holder=FIRST))
    assert not again.new
    assert await region.ask(OPEN) == [(RESIDENT, 2, "raised")]


async def test_what_was_answered_at_a_lower_level_pages_again_for_what_was_not(region, found):
    await region.raise_(found("glucose-low", 1, holder=FIRST, ago=60), found("glucose-low", 3, holder=SECOND))
    await region.ask("UPDATE alarm SET state = 'acknowledged' WHERE level = 1")
    await region.link(FIRST, RESIDENT)
    await region.link(SECOND, RESIDENT)
    await region.follow()
    assert await region.ask("SELECT person, level, state FROM alarm WHERE state <> 'closed'") == [
        (RESIDENT, 3, "raised")
    ]


QUIET = 3600  # seconds: shown, and told to nobody


@pytest.mark.parametrize(
    ("first", "second"),
    [({"level": 3, "ago": QUIET}, {"level": 3}), ({"level": 2, "ago": 60}, {"level": 3}), ({"level": 1}, {"level": 2})],
)
@pytest.mark.parametrize("reverse", [False, True])
async def test_what_nobody_has_answered_is_told_on_as_it_was_whichever_takes_the_other(
    region, found, first, second, reverse
):
    holders = (SECOND, FIRST) if reverse else (FIRST, SECOND)
    given = [found("spo2-low", holder=holder, **one) for holder, one in zip(holders, (first, second), strict=True)]
    await region.raise_(*given)
    await region.link(FIRST, RESIDENT)
    await region.link(SECOND, RESIDENT)
    await region.follow()
    ((level, quiet),) = await region.ask("SELECT level, quiet FROM alarm WHERE state <> 'closed'")
    assert (level, quiet) == (second["level"], False)
    ladder = "SELECT string_agg(whom, ' ' ORDER BY due, id) FROM alarm_timer WHERE done IS NULL GROUP BY alarm"
    ((whom,),) = await region.ask(ladder)
    assert whom.split()[-1] == "head" and ("desk" in whom.split()) is (level == 3)


async def test_linked_parted_and_linked_again_is_as_it_was(region, found):
    await region.raise_(found(holder=FIRST, ago=60), found(holder=SECOND))
    for resident in (RESIDENT, None, RESIDENT):
        await region.link(FIRST, resident)
        await region.link(SECOND, resident)
        await region.follow()
    assert await region.ask(OPEN) == [(RESIDENT, 2, "raised")]
    assert await region.ask("SELECT count(*) FROM alarm_evidence AS e JOIN alarm AS a ON a.id = e.alarm "
                            "WHERE a.state = 'closed'") == [(0,)]  # fmt: skip
