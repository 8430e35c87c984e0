"""Whatever comes in whatever order, puts, receipts, failures, crashes, hours: what the outbox promises holds."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kangyun.access.messages.outbox import ENDS, Urgency
from kangyun.access.messages.outbox.hearing import find, hear
from kangyun.access.messages.outbox.sending import Failed, Refused, Sent, Throttled, Unknown

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
BUDGET = 1
READERS = ("Practitioner/a", "Practitioner/b", "Practitioner/nobody")
MAY_HAVE_LEFT = ("handed", "unknown", "crash")
FATES = {
    "handed": None, "unknown": Unknown("x"), "crash": asyncio.CancelledError(), "refused": Refused("x"),
    "failed": Failed("x"), "throttled": Throttled("x", 20),
}  # fmt: skip

fates = st.sampled_from(list(FATES))
puts = st.tuples(
    st.just("put"), st.integers(0, 11), st.sampled_from(list(Urgency)),
    st.lists(st.sampled_from(READERS), min_size=1, max_size=2, unique=True),
)  # fmt: skip
actions = st.one_of(
    puts,
    st.tuples(st.just("tick")),
    st.tuples(st.just("fate"), st.sampled_from(["sms", "webhook"]), fates),
    st.tuples(st.just("hear"), st.integers(0, 30), st.sampled_from(["received", "refused", "answered"])),
    st.tuples(st.just("later"), st.sampled_from([1, 5, 30, 90, 3600, 8 * 3600])),
)  # fmt: skip


class Channel:
    """A channel whose fate the test says; it notes each request with its hour and what became of it."""

    receipts, rate = True, 0.0

    def __init__(self, name, dedupes, clock, all_):
        self.name, self.dedupes, self.clock, self.all = name, dedupes, clock, all_
        self.fate = "handed"

    async def send(self, parcel):
        self.all.append((self.name, parcel, self.clock[0], self.fate))
        if FATES[self.fate] is not None:
            raise FATES[self.fate]
        return Sent(f"{parcel.key}/{len(self.all)}")


async def carry_out(world, sent, channels, steps):
    for kind, *said in steps:
        match kind:
            case "put":
                number, urgency, readers = said
                key = f"{urgency.name}/{number}"
                await world.put(key, readers, urgency, asker=f"alarm/{key}", holder=number % 4)
            case "tick":
                await world.run()
            case "fate":
                channels[said[0]].fate = said[1]
            case "hear":
                for name, parcel, _, _ in sent[said[0] : said[0] + 1]:
                    async with world.connection.transaction():
                        await hear(world.connection, await find(world.connection, name, parcel.key), said[1], world.now)
            case "later":
                world.later(seconds=said[0])


@settings(
    max_examples=40, deadline=None, derandomize=True, phases=[Phase.generate],  # A smaller example takes minutes.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    begin=st.tuples(fates, fates), first=st.lists(puts, min_size=3, max_size=9),
    steps=st.lists(actions, min_size=5, max_size=30),
)  # fmt: skip
async def test_what_is_promised_holds(world, begin, first, steps):
    await world.connection.execute("TRUNCATE outbox_message, outbox_outcome, outbox_day CASCADE")
    world.clock[0] = NOON
    sent = []
    channels = {"sms": Channel("sms", False, world.clock, sent), "webhook": Channel("webhook", True, world.clock, sent)}
    rules = msgspec.structs.replace(world.outbox.rules, budget={"doctor": BUDGET})
    world.teller.outbox = replace(world.outbox, rules=rules)
    world.teller.installed = replace(world.teller.installed, senders=channels)
    for reader in READERS[:2]:
        await world.reach(reader, sms="13800000001", webhook="https://hooks.example/a")
    channels["sms"].fate, channels["webhook"].fate = begin
    await carry_out(world, sent, channels, [*first, *steps])
    for _ in range(12):  # All that was begun comes to its end, over a night and a day.
        for wait in (1, 15, 60, 300, 1800, 7200):
            world.later(seconds=wait)
            await world.run()

    # Never twice: what may have left goes again only where its key is taken once.
    left = Counter(parcel.key for name, parcel, _, fate in sent if name == "sms" and fate in MAY_HAVE_LEFT)
    assert max(left.values(), default=0) <= 1
    # Nothing at night but red.
    for _, parcel, at, _ in sent:
        hour = at.astimezone(world.outbox.zone)
        night = (hour.hour, hour.minute) >= (22, 0) or (hour.hour, hour.minute) < (6, 30)
        assert parcel.about["urgency"] == "red" or not night
    # Red is never held, and nobody is told more than his number.
    held = await world.connection.fetch("SELECT urgency FROM outbox_message WHERE state = 'held-back'")
    assert 0 not in {row["urgency"] for row in held}
    assert (await world.connection.fetchval("SELECT max(told) FROM outbox_day") or 0) <= BUDGET
    # All ends, and whoever asked was told how.
    assert not await world.connection.fetchval(
        "SELECT count(*) FROM outbox_message WHERE state IN ('waiting', 'climbing', 'listed')"
    )
    told = await world.outbox.take(world.connection, "alarm", 10_000)
    ended = {one.key for one in told if one.what in ENDS | {"received"}}
    put = await world.connection.fetch("SELECT key FROM outbox_message WHERE asker <> ''")
    assert {row["key"] for row in put} <= ended
    assert max(Counter((one.key, one.what) for one in told if one.what == "answered").values(), default=0) <= 1
