"""What devices sent is taken in once, whatever comes twice, at once, broken, or is read again."""

import asyncio

import pytest

from kangyun.devices.intake.opening import asides_of
from kangyun.devices.intake.state import state_of
from kangyun.devices.intake.taking import Elsewhere
from kangyun.devices.model import Lane, Mark
from kangyun.devices.register import erasing, questions
from kangyun.devices.register.register import open_register

MINUTE = 60_000_000  # microseconds
SAMPLES = "SELECT s.metric, v.value, v.mark FROM device_sample AS v JOIN device_series AS s ON s.id = v.series"
ALARMS = "SELECT rule, person, count FROM alarm ORDER BY id"


def reading(world, value=72, ago=0, **more):
    return {"m": "hr", "v": value, "t": (world.now - ago) // 1000} | more


async def test_readings_become_samples_of_their_wearer(world):
    await world.make(2)
    await world.log.append(Lane.LIVE, [world.record(reading(world, 60 + n), device=n) for n in range(2)])
    await world.take()
    found = await world.rows(
        "SELECT s.holder - s.device, v.value FROM device_sample AS v JOIN device_series AS s ON s.id = v.series"
        " ORDER BY v.value"
    )
    assert [(wearer, round(value)) for wearer, value in found] == [(4096, found[0][1]), (4096, found[1][1])]
    assert len(found) == 2
    health = await world.rows("SELECT count(heard), count(reading) FROM device_health")
    assert health == [(2, 2)]


@pytest.mark.parametrize("lane", list(Lane))
async def test_the_same_again_is_taken_in_once(world, lane):
    await world.make()
    record = world.record(reading(world, 190, ago=MINUTE))
    await world.log.append(lane, [record, record])
    await world.take()
    before = await world.table()
    await world.log.append(lane, [record])
    await world.take()
    assert await world.table() == before
    assert len(before[0]) == 1 and [row[3] for row in before[2]] == [1]


@pytest.mark.parametrize(
    ("message", "after", "count"),
    [
        ({"m": "hr", "v": 72, "s": 5}, 1, 1),
        ({"m": "hr", "v": 72, "s": 5}, 120, 2),
        ({"m": "hr", "v": 75, "s": 5}, 1, 2),
        ({"m": "hr", "v": 72, "s": 6}, 1, 2),
    ],
)
async def test_without_a_time_the_sequence_tells_what_is_the_same(world, message, after, count):
    await world.make()
    first = world.record({"m": "hr", "v": 72, "s": 5}, received=world.now - 200 * MINUTE)
    again = world.record(message, received=world.now - (200 - after) * MINUTE)
    await world.log.append(Lane.LIVE, [first])
    await world.take()
    await world.log.append(Lane.LIVE, [again, again])
    await world.take()
    assert len(await world.rows(SAMPLES)) == count
    before, intake = await world.table(), world.intake()
    await intake.begin_again()
    await world.take(intake)
    assert await world.table() == before


async def test_a_button_that_counts_anew_is_heard_again(world):
    await world.make()
    pressed = [world.record({"e": "sos", "s": 1}, received=world.now - ago * MINUTE) for ago in (30, 29, 3)]
    for record in pressed:
        await world.log.append(Lane.EVENT, [record])
        await world.take()
    assert len(await world.rows("SELECT FROM device_event")) == 2


async def test_another_value_at_the_same_instant_is_refused_for_its_owner_to_see(world):
    await world.make()
    await world.log.append(Lane.LIVE, [world.record(reading(world, 72)), world.record(reading(world, 75))])
    await world.take()
    assert len(await world.rows(SAMPLES)) == 1
    assert await world.rows("SELECT reason, count FROM device_refusal") == [("devices.intake.another-value", 1)]


async def test_everything_read_again_changes_nothing(world):
    await world.make(3)
    await world.log.append(Lane.EVENT, [world.record({"e": "sos", "t": world.now // 1000}, device=1)])
    await world.log.append(Lane.LIVE, [world.record(reading(world, 190, ago=n * MINUTE)) for n in range(5)])
    await world.log.append(Lane.LIVE, [world.record({"m": "hr", "v": 66, "s": n}, device=2) for n in range(3)])
    await world.log.append(Lane.LIVE, [world.record(b"no json"), world.record({"m": "nothing", "v": 1})])
    await world.log.append(Lane.LIVE, [world.record(reading(world), device=999)])
    await world.log.append(Lane.BACKFILL, [world.record(reading(world, 185, ago=n * 60 * MINUTE)) for n in range(1, 5)])
    await world.take()
    before = await world.table()
    assert len(before[0]) == 10 and len(before[1]) == 1 and len(before[2]) == 2 and len(before[4]) == 2
    intake = world.intake()
    await intake.begin_again()
    assert await world.waiting() == 16
    await world.take(intake)
    assert await world.waiting() == 0
    assert await world.table() == before


async def test_history_is_marked_and_what_came_old_by_the_lane_of_the_living_too(world):
    await world.make()
    await world.log.append(Lane.BACKFILL, [world.record(reading(world, ago=MINUTE))])
    await world.log.append(Lane.LIVE, [world.record(reading(world, ago=20 * MINUTE)), world.record(reading(world))])
    await world.take()
    marks = sorted(row[2] & Mark.LATE for row in await world.rows(SAMPLES))
    assert marks == [0, Mark.LATE, Mark.LATE]


async def test_an_event_overtakes_a_hundred_thousand_that_wait(world):
    await world.make(2)
    old = [world.record(reading(world, ago=60 * MINUTE + n * 1000)) for n in range(1000)]
    for _ in range(100):
        await world.log.append(Lane.BACKFILL, old)
    await world.log.append(Lane.LIVE, [world.record(reading(world, ago=n)) for n in range(1000)])
    intake, stop, order = world.intake(), asyncio.Event(), []

    def note(lane, taken):
        order.append(lane)
        if {Lane.EVENT, Lane.LIVE} <= set(order):
            stop.set()

    intake.on_group = note
    await world.log.append(Lane.EVENT, [world.record({"e": "sos", "t": world.now // 1000}, device=1)])
    await intake.run(stop)
    assert order.count(Lane.BACKFILL) < 10
    assert [row[0] for row in await world.rows(ALARMS)] == ["sos"]
    assert await world.waiting() > 97_000


async def test_a_reading_of_nobody_certain_is_asked_about_and_judged_by_nobody(world):
    await world.make(users=2)
    await world.log.append(
        Lane.LIVE,
        [
            world.record({"v": {"sys": 152, "dia": 94}, "t": world.now // 1000}),
            world.record({"v": {"sys": 132, "dia": 84}, "t": world.now // 1000 - 60_000, "k": "1"}),
            world.record(reading(world)),
        ],
    )
    await world.take()
    assert len(await world.rows("SELECT FROM device_question")) == 1
    assert await world.rows("SELECT count(*) FROM device_series WHERE holder IS NULL") == [(3,)]
    assert sum(len(group) for judging in world.judgings for group in judging.groups) == 2


def press(world, systolic, diastolic, ago=0, key="0"):
    return world.record({"v": {"sys": systolic, "dia": diastolic}, "t": (world.now - ago) // 1000, "k": key})


async def test_a_reading_that_fits_the_other_user_better_is_put_back_as_a_question(world):
    await world.make(users=2)
    usual = [press(world, 118 + n % 3, 74 + n % 2, n * 60 * MINUTE, "0") for n in range(1, 10)]
    usual += [press(world, 150 + n % 3, 92 + n % 2, n * 60 * MINUTE, "1") for n in range(1, 10)]
    await world.log.append(Lane.BACKFILL, usual)
    await world.take()
    assert await world.rows("SELECT FROM device_question") == []
    await world.log.append(Lane.LIVE, [press(world, 151, 93, 2000, "0"), press(world, 119, 75, 1000, "0")])
    await world.take()
    asked = await world.rows("SELECT reason, supposed - device FROM device_question")
    assert asked == [("does-not-fit", 4096)]
    judged = [group for judging in world.judgings for group in judging.groups if len(group)]
    assert sorted(judged[-1].value.tolist()) == [75, 119]
    before = await world.table()
    intake = world.intake()
    await intake.begin_again()
    await world.take(intake)
    assert await world.table() == before


async def test_an_answer_stands_when_the_same_comes_again(world):
    await world.make(users=2)
    record = press(world, 152, 94, key="")
    await world.log.append(Lane.LIVE, [record])
    await world.take()
    holder = 4096 + world.devices[0]
    async with world.platform.pool.connection() as connection, connection.transaction():
        question = await connection.fetchval("SELECT id FROM device_question")
        await questions.answer(connection, question, holder, [holder], "Patient/1", world.intake().parts.samples)
    before = await world.table()
    assert {row[2] for row in before[0]} == {holder}
    await world.log.append(Lane.LIVE, [record])
    await world.take()
    assert await world.table() == before


async def test_a_cry_for_help_from_a_shared_device_is_heard(world):
    await world.make(users=2)
    await world.log.append(Lane.EVENT, [world.record({"e": "sos", "t": world.now // 1000})])
    await world.take()
    assert [row[0] for row in await world.rows(ALARMS)] == ["sos"]


async def test_an_event_of_nobody_is_told_to_the_owner_and_a_cry_to_the_desk(world):
    await world.make(users=0)
    old = world.now - 25 * 3600 * 1_000_000  # Older than a cry for help without a send time is taken for of now.
    for event, at in (("sos", world.now), ("worn", world.now), ("sos", world.now), ("fall", old)):
        await world.log.append(Lane.EVENT, [world.record({"e": event, "t": at // 1000})])
    await world.take()
    assert await world.rows(ALARMS) == []
    ((template, reader),) = await world.rows("SELECT template, reader FROM outbox_message")
    assert template == "stray"
    assert reader == "desk/county"
    await (intake := world.intake()).begin_again()
    await world.take(intake)
    assert await world.rows("SELECT count(*) FROM outbox_message") == [(1,)]
    told = await world.rows("SELECT DISTINCT reason, place FROM device_refusal ORDER BY place")
    assert told == [("devices.intake.event-of-nobody", kind) for kind in ("fall", "sos", "worn")]


async def test_a_cry_from_before_the_hand_over_is_about_who_has_it(world):
    await world.make()
    await world.rows("UPDATE device_user SET since = clock_timestamp() - interval '10 seconds'")
    await world.log.append(Lane.EVENT, [world.record({"e": "sos", "t": world.now // 1000 - 120_000})])
    await world.take()
    assert [row[0] for row in await world.rows(ALARMS)] == ["sos"]


async def test_a_replay_gives_nobody_what_was_an_erased_persons(world):
    await world.make(users=2)
    stays, goes = sorted(row[0] for row in await world.rows("SELECT holder FROM device_user"))
    records = [press(world, 120 + key, 80, 60_000_000 * key, str(key)) for key in (0, 1)]
    await world.log.append(Lane.LIVE, records)
    await world.take()
    async with world.platform.pool.connection() as connection, connection.transaction():
        await erasing.forget(connection, [goes], [])
        await connection.execute("DELETE FROM device_sample WHERE series IN (SELECT id FROM device_series"
            " WHERE holder = $1)", goes)  # fmt: skip
        await connection.execute("DELETE FROM device_series WHERE holder = $1", goes)
    kept = await world.rows(SAMPLES)
    world.register = open_register(world.platform)
    await (intake := world.intake()).begin_again()
    await world.take(intake)
    assert await world.rows(SAMPLES) == kept
    later = world.record({"v": {"sys": 130, "dia": 84}, "t": world.now // 1000 + 1000}, received=world.now + 60_000_000)
    await world.log.append(Lane.LIVE, [later])
    await world.take()
    assert len(await world.rows(SAMPLES)) == len(kept) + 2
    assert {row[0] for row in await world.rows("SELECT holder FROM device_series")} == {stays}


async def test_what_nobody_can_take_in_is_put_aside_and_stops_nobody(world, monkeypatch):
    await world.make(2)
    poison = world.record(reading(world, 111))
    intake = world.intake()
    insert = type(intake.parts.samples).insert

    async def fails(self, connection, batch):
        if 111 in batch.value:
            raise ZeroDivisionError
        return await insert(self, connection, batch)

    monkeypatch.setattr(type(intake.parts.samples), "insert", fails)
    records = [world.record(reading(world, 60 + n, ago=n * MINUTE), device=1) for n in range(20)]
    await world.log.append(Lane.LIVE, [*records[:7], poison, *records[7:]])
    await world.take(intake)
    assert len(await world.rows(SAMPLES)) == 20
    ((digest, reason, sealed),) = await world.rows("SELECT digest, reason, sealed FROM device_aside")
    assert reason == "devices.intake.not-taken"
    assert asides_of(world.platform).opened(digest, sealed) == poison.payload


async def test_a_cry_for_help_that_cannot_be_taken_in_is_heard_at_the_desk_all_the_same(world, monkeypatch):
    await world.make()
    intake = world.intake()

    async def fails(self, connection, warnings):
        raise ZeroDivisionError

    monkeypatch.setattr(type(intake.parts.alarms), "raise_", fails)
    await world.log.append(Lane.EVENT, [world.record({"e": "sos", "t": world.now // 1000})])
    await world.take(intake)
    assert await world.rows("SELECT reason FROM device_aside") == [("devices.intake.not-taken",)]
    assert await world.rows("SELECT template, urgency FROM outbox_message") == [("stray", 0)]


async def test_a_device_that_is_not_registered_is_put_aside(world):
    await world.make()
    await world.log.append(Lane.LIVE, [world.record(reading(world), device=77), world.record(reading(world))])
    await world.take()
    assert await world.rows("SELECT device, reason FROM device_aside") == [(77, "devices.intake.unknown-device")]
    assert len(await world.rows(SAMPLES)) == 1


async def test_it_says_how_far_behind_it_is(world):
    await world.make()
    records = [world.record(reading(world, ago=n * MINUTE)) for n in range(5)]
    for lane in Lane:
        await world.log.append(lane, records)
    await world.log.append(Lane.LIVE, [world.record(reading(world), device=77)])
    intake, stop = world.intake(), asyncio.Event()
    async with world.platform.pool.connection() as connection:
        assert (await state_of(connection)).silent
        house = asyncio.create_task(intake.keep_house(stop))
        while (found := await state_of(connection)).silent:
            await asyncio.sleep(0.01)
    stop.set()
    await house
    assert (found.records, found.history) == (11, 5) and found.seconds > 0
    await world.take()
    async with world.platform.pool.connection() as connection:
        found = await state_of(connection)
    assert (found.sources, found.asides) == (3, 1)


async def test_two_intakes_take_in_once(world):
    await world.make()
    await world.log.append(Lane.LIVE, [world.record(reading(world, 190, ago=n * MINUTE)) for n in range(5)])
    one, other = world.intake(), world.intake()
    batches = await one.log.read(Lane.LIVE, {}, most=100, most_bytes=1 << 20)
    await one.positions.know(Lane.LIVE, [batch.source for batch in batches])
    await one.others.take(Lane.LIVE, batches, {}, {})
    with pytest.raises(Elsewhere):
        await other.others.take(Lane.LIVE, batches, {}, {})
    assert len(await world.rows(SAMPLES)) == 5


async def test_the_trail_says_what_was_taken_in(world):
    await world.make()
    await world.log.append(Lane.LIVE, [world.record(reading(world))])
    await world.rows("ALTER TABLE device_log_position ALTER audited_at SET DEFAULT '2020-01-01Z'")
    await world.take()
    ((actor, shape),) = await world.rows("SELECT actor, shape FROM audit WHERE action = 'device-intake'")
    assert actor == "Device/kangyun" and shape.endswith(" 1")
