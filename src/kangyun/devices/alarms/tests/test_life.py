"""The life of an alarm: the table by itself, and whatever warnings, people and the clock do to one in the database."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kangyun.access.platform import open_platform
from kangyun.base import clock
from kangyun.base.errors import PlatformError
from kangyun.base.settings import Settings
from kangyun.devices.alarms import Alarms
from kangyun.devices.alarms.acting import Act, act
from kangyun.devices.alarms.ladder import Ladder
from kangyun.devices.alarms.relinking import relink
from kangyun.devices.alarms.states import after, known_outcome, table
from kangyun.devices.alarms.watching import look
from kangyun.devices.signals import Level, Warning
from kangyun.testing.linking import link

RULES = ("sos", "glucose-low")
SAID = {"words", "to", "outcome"}
OPEN = [name for name, state in table().states.items() if state.open]


@pytest.mark.parametrize("state", OPEN)
def test_every_open_alarm_can_be_answered_noted_handed_over_and_closed(state):
    assert after(state, "acknowledge") == "acknowledged"
    assert after(state, "hand-over", {"to"}) == "acknowledged"
    assert after(state, "note", {"words"}) == state
    assert after(state, "close", {"outcome"}) == "closed"


@pytest.mark.parametrize("step", [one.name for one in table().steps])
def test_what_is_closed_stays_closed(step):
    possible = "closed" in table().step(step).from_
    try:
        assert after("closed", step, SAID) == "closed" and possible
    except PlatformError:
        assert not possible


@pytest.mark.parametrize("word", ["已联系", "已调药", "已约诊", "已叫120", "误报", "联系不上"])
def test_outcomes_are_known_by_their_words(word):
    assert table().outcomes[known_outcome(word)].zh == word


class World:
    """Two registrations, two rules, and a clock that is turned by hand."""

    def __init__(self, runner: asyncio.Runner, database: str, data) -> None:
        self.run = runner.run
        self.platform = self.run(open_platform(Settings(data=data, connections=4), database))
        self.alarms = Alarms.of(self.platform.gate)
        self.ladder = Ladder(self.platform.gate, self.alarms)
        self.used = 0
        self.begin()

    def begin(self) -> None:
        """Two people whom nothing has happened to."""
        self.now = clock.now()
        self.used += 1
        self.holders = [self.used << 14, (self.used << 14) + 4096]
        self.seen: list[Warning] = []

    async def do(self, what: str, which: int, level: int) -> None:
        async with self.platform.pool.connection() as connection:
            if what == "link":
                await link(connection, self.holders[which], (self.used << 14) + 1 if level > 1 else None)
            async with connection.transaction():
                match what:
                    case "warn":
                        at = time.time_ns() // 1000
                        found = Warning(
                            rule=RULES[which], level=Level(level), holder=self.holders[level % 2], at=at, since=at
                        )
                        self.seen.append(found)
                        await self.alarms.raise_(connection, [found])
                    case "again":
                        assert await self.alarms.raise_(connection, self.seen) == []
                    case "link":
                        await relink(connection, self.alarms, self.now)
                    case _:
                        await self._act(connection, what, which)

    async def _act(self, connection, what: str, which: int) -> None:
        rows = await connection.fetch("SELECT id FROM alarm WHERE holder = ANY ($1) ORDER BY id DESC", self.holders)
        asked = Act(
            what, f"Practitioner/{which}", "x", "误报", "Practitioner/other", 5 if what == "acknowledge" else None
        )
        for row in rows[which : which + 1]:
            try:
                async with connection.transaction():
                    await act(connection, self.alarms, self.platform.gate.outbox, row["id"], asked, self.now)
            except PlatformError as error:
                assert error.code == "business-rule"

    async def pass_(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        while await look(self.ladder, self.now, {}):
            pass

    async def faults(self) -> list[str]:
        """Returns what cannot be."""
        async with self.platform.pool.connection() as connection:
            found = [
                f"{name}: {row[0]}"
                for name, sql in IMPOSSIBLE.items()
                for row in await connection.fetch(sql, self.holders)
            ]
            for row in await connection.fetch(LIVES, self.holders):
                if replayed(row["first"] or "raised", row["events"]) != row["state"]:
                    found.append(f"{row['state']} after {row['events']}")
        return found


def replayed(state: str, events: list[str]) -> str:
    """The state that the events come to by the table."""
    for event in events[1:]:
        steps = [one for one in table().steps if one.name == event]
        state = after(state, steps[0].name, SAID) if steps else state
    return state


MINE = "a.holder = ANY ($1::int8[])"
IMPOSSIBLE = {
    "two open": (
        f"SELECT person FROM alarm AS a WHERE state <> 'closed' AND {MINE} GROUP BY person, rule HAVING count(*) > 1"
    ),
    "told after an answer": (
        f"SELECT a.id FROM alarm AS a JOIN alarm_timer AS t ON t.alarm = a.id WHERE t.done IS NULL AND t.kind = 'tell' "
        f"AND a.state IN ('acknowledged', 'closed') AND {MINE}"
    ),
    "nobody has it and nobody is told": (
        f"SELECT a.id FROM alarm AS a WHERE a.state = 'raised' AND a.joined IS NULL AND {MINE} AND level > 1 "
        "AND NOT EXISTS (SELECT FROM alarm_timer AS t WHERE t.alarm = a.id AND t.done IS NULL)"
    ),
    "miscounted": (
        f"SELECT a.id FROM alarm AS a WHERE a.joined IS NULL AND {MINE} "
        "AND a.count <> (SELECT count(*) FROM alarm_evidence AS e WHERE e.alarm = a.id)"
    ),
    "lost evidence": "SELECT holder FROM alarm_evidence WHERE alarm IS NULL AND holder = ANY ($1::int8[])",
}  # fmt: skip
LIVES = f"""
SELECT a.state, (SELECT array_agg(what ORDER BY id) FROM alarm_event AS e WHERE e.alarm = a.id) AS events,
    (SELECT split_part(detail, ' ', 2) FROM alarm_event AS e WHERE e.alarm = a.id AND what = 'parted') AS first
FROM alarm AS a WHERE {MINE}
"""


@pytest.fixture(scope="module")
def world(shared_database: str, tmp_path_factory) -> Iterator[World]:
    with asyncio.Runner() as runner:
        made = World(runner, shared_database, tmp_path_factory.mktemp("alarms"))
        yield made
        runner.run(made.platform.close())


actions = st.lists(
    st.tuples(
        st.sampled_from(
            ["warn", "warn", "again", "link", "acknowledge", "escalate", "hand-over", "note", "close", "pass"]
        ),
        st.integers(0, 1), st.integers(1, 3),
    ),
    max_size=16,
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions)
def test_whatever_happens_there_is_one_open_alarm_and_it_is_told_or_answered(world: World, steps):
    world.begin()
    for what, which, level in steps:
        world.run(world.pass_(level * 4) if what == "pass" else world.do(what, which, level))
        assert world.run(world.faults()) == []
