"""From a notice to what became of it: channels, readers, receipts and answers, night, lists and the day's number."""

from datetime import UTC, datetime, timedelta

import pytest

from kangyun.access.messages.outbox import Urgency
from kangyun.access.messages.outbox.hearing import answer_by_link, find, hear, is_good, read_notes
from kangyun.access.messages.outbox.sending import Failed, Refused, Throttled, Unknown

LI, WANG = "Practitioner/li", "Practitioner/wang"
PHONE, OTHER = "13800000001", "13800000002"
NIGHT = datetime(2026, 11, 23, 15, tzinfo=UTC)  # 23:00 in the region
MORNING = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)


async def heard(world, channel, name, what):
    async with world.connection.transaction():
        return await hear(world.connection, await find(world.connection, channel, name), what, world.now)


async def test_red_goes_at_once_to_the_app_and_the_first_channel(world):
    await world.reach(LI)
    await world.put(holder=1)
    await world.run()
    assert world.sent() == [("sms", PHONE)]
    assert world.channels["sms"].got[0].template == "KY-URGENT"
    assert world.audited == [[1]]
    assert await world.connection.fetchval("SELECT count(*) FROM outbox_note WHERE reader = $1", LI) == 1


@pytest.mark.parametrize(
    ("words", "urgency", "said"),
    [
        ("warning", Urgency.RED, "KY-URGENT"),
        ("warning", Urgency.AMBER, "KY-NOTICE"),
        ("silent", Urgency.RED, "KY-URGENT"),
        ("sos", Urgency.RED, "KY-SOS"),
        ("fall", Urgency.RED, "KY-URGENT-AT"),
        ("escalated", Urgency.RED, "KY-ESCALATED"),
    ],
)
async def test_what_is_red_says_so_by_every_channel(world, words, urgency, said):
    await world.reach(LI)
    await world.put(template=words, urgency=urgency, variables={"minutes": "5"})
    await world.until_over(60)
    sms, voice = world.channels["sms"].got[0], world.channels["voice"].got
    assert sms.template == said and {parcel.template for parcel in voice} <= {said}
    assert ("120" in sms.sentence) == (said == "KY-URGENT")


@pytest.mark.parametrize("urgency", [Urgency.RED, Urgency.AMBER])
async def test_nobody_is_told_of_no_minutes(world, urgency):
    await world.reach(LI)
    await world.put(template="escalated", urgency=urgency, variables={"minutes": "0"})
    await world.run()
    (sms,) = world.channels["sms"].got
    assert sms.template == "KY-URGENT" and [name for name, _ in sms.variables] == ["link"]
    assert "0 分钟" not in sms.sentence


async def test_red_climbs_to_the_next_channel_and_the_next_person(world):
    await world.reach(LI)
    await world.reach(WANG, sms=OTHER)
    await world.put(readers=(LI, WANG))
    await world.run()
    world.later(seconds=30)
    await world.run()
    assert world.sent() == [("sms", PHONE), ("voice", PHONE)]
    world.later(seconds=60)
    await world.run()
    assert ("sms", OTHER) in world.sent()
    await world.until_over(300)
    assert await world.state() == "not-reached"
    assert await world.told() == [("not-reached", WANG, "")]


async def test_an_answer_ends_the_ladder_and_is_told(world):
    await world.reach(LI)
    await world.put(readers=(LI, WANG))
    await world.run()
    assert await heard(world, "sms", "ref-1-sms", "received") == 1
    assert await heard(world, "sms", "ref-1-sms", "received") == 0
    assert await heard(world, "sms", "ref-1-sms", "answered") == 1
    assert await heard(world, "sms", "ref-1-sms", "answered") == 0
    await world.until_over(300)
    assert world.sent() == [("sms", PHONE)]
    assert await world.told() == [("received", LI, "sms"), ("answered", LI, "sms")]
    assert await world.told() == []


async def test_a_receipt_stops_the_next_channel_until_an_answer_is_late(world):
    await world.reach(LI)
    await world.put()
    await world.run()
    world.later(seconds=29)
    await heard(world, "sms", "ref-1-sms", "received")
    world.later(seconds=89)
    await world.run()
    assert world.sent() == [("sms", PHONE)]
    world.later(seconds=1)
    await world.run()
    assert world.sent() == [("sms", PHONE), ("voice", PHONE)]
    await world.until_over(300)
    assert await world.state() == "unanswered"


async def test_who_has_no_telephone_is_told_to_who_asked_at_once_and_the_next_is_told(world):
    await world.reach(WANG)
    await world.put(readers=(LI, WANG))
    await world.run()
    assert world.sent() == [("sms", PHONE)]
    assert await world.told() == [("no-address", LI, "")]


async def test_a_link_answers_once_and_a_preview_answers_nothing(world):
    await world.reach(LI, sms=PHONE)
    await world.put()
    await world.run()
    token = world.channels["sms"].got[0].link.rpartition("/")[2]
    letters, connection = world.outbox.letters, world.connection
    assert await is_good(connection, letters, token) and await is_good(connection, letters, token)
    assert await world.state() == "climbing"
    assert await answer_by_link(connection, letters, token, world.now)
    assert not await answer_by_link(connection, letters, token, world.now)
    assert not await answer_by_link(connection, letters, "another", world.now)
    assert await world.told() == [("answered", LI, "sms")]


async def test_a_tap_in_the_app_is_an_answer_and_nobody_else_s_tap_is(world):
    await world.put(readers=(LI,))
    await world.run()
    note = await world.connection.fetchval("SELECT id FROM outbox_note")
    assert await read_notes(world.connection, [WANG], [note], world.now, answered=True) == 0
    assert await read_notes(world.connection, [LI], [note], world.now, answered=False) == 1
    assert await read_notes(world.connection, [LI], [note], world.now, answered=True) == 1
    assert await read_notes(world.connection, [LI], [note], world.now, answered=True) == 0
    assert await world.state() == "answered"


@pytest.mark.parametrize("fate", [Refused("x"), Failed("x"), Throttled("x", 30), Unknown("x")])
async def test_red_goes_on_at_once_when_a_channel_does_not_take_it(world, fate):
    await world.reach(LI)
    world.channels["sms"].fate = fate
    await world.put()
    await world.run()
    assert world.sent() == [("sms", PHONE), ("voice", PHONE)]


async def test_what_may_have_left_goes_again_only_where_a_key_is_taken_once(world):
    await world.reach(LI, sms=PHONE, webhook="https://hooks.example/a")
    world.channels["sms"].fate = world.channels["webhook"].fate = Unknown("no-answer")
    await world.put()
    await world.until_over(300)
    assert len(world.channels["sms"].got) == 1
    assert len(world.channels["webhook"].got) == world.outbox.rules.tries.most
    assert len({parcel.key for parcel in world.channels["webhook"].got}) == 1


async def test_what_is_plain_is_tried_again_later_and_told_by_one_channel(world):
    await world.reach(LI)
    world.channels["sms"].fate = Failed("not-connected")
    await world.put(urgency=Urgency.AMBER)
    await world.run()
    world.channels["sms"].fate = None
    await world.until_over(120)
    assert [name for name, _ in world.sent()] == ["sms", "sms"]
    assert await world.told() == [("unconfirmed", LI, "")]
    assert await heard(world, "sms", "ref-2-sms", "received") == 1
    assert await world.state() == "reached"


async def test_a_night_ends_with_one_list(world):
    world.clock[0] = NIGHT
    await world.reach(LI)
    for number in range(5):
        await world.put(f"alarm/{number}", urgency=Urgency.AMBER, asker=f"alarm/{number}", holder=number)
        world.later(minutes=1)
    await world.put("again", urgency=Urgency.PLAIN, holder=2)
    await world.put("red", holder=9)
    await world.run()
    assert [parcel.template for parcel in world.channels["sms"].got] == ["KY-URGENT"]
    world.clock[0] = MORNING - timedelta(seconds=1)
    await world.run()
    templates = [parcel.template for parcel in world.channels["sms"].got]
    assert templates == ["KY-URGENT"]
    world.clock[0] = MORNING
    await world.run()
    last = world.channels["sms"].got[-1]
    assert (last.template, dict(last.variables)["count"]) == ("KY-LIST", "5")
    assert await world.connection.fetchval("SELECT max(times) FROM outbox_note") == 2


async def test_a_reader_s_longer_night_is_kept_within_the_region_s_bounds(world):
    from kangyun.access.messages.outbox.contacts import keep
    from kangyun.access.messages.outbox.rules import Chosen

    world.clock[0] = NIGHT
    await world.reach(LI)
    chosen = Chosen(night_ends="23:00")
    await keep(world.connection, world.outbox.letters, LI, world.now, chosen=chosen)
    await world.put(urgency=Urgency.AMBER)
    world.clock[0] = MORNING
    await world.run()
    assert world.sent() == []
    world.clock[0] = MORNING + timedelta(hours=2, minutes=30)  # 09:00, the latest
    await world.run()
    assert world.sent() == [("sms", PHONE)]


async def test_no_more_than_the_day_s_number_and_the_rest_is_held_back_and_told(world):
    await world.reach(LI)
    most = world.outbox.rules.budget["doctor"]
    for number in range(most + 3):
        await world.put(f"alarm/{number}", urgency=Urgency.AMBER, asker=f"alarm/{number}", holder=number)
    await world.put("red", holder=99, asker="alarm/red")
    await world.run()
    counted = await world.connection.fetchrow("SELECT told, held FROM outbox_day")
    assert tuple(counted) == (most, 3)
    assert len([what for what, _, _ in await world.told() if what == "held-back"]) == 3
    assert sorted(parcel.template for parcel in world.channels["sms"].got) == ["KY-LIST", "KY-URGENT"]


async def test_what_is_over_before_it_is_told_is_told_to_nobody(world):
    await world.reach(LI)
    await world.put(urgency=Urgency.PLAIN, not_after=world.now + timedelta(minutes=5))
    world.later(minutes=31)
    await world.run()
    assert world.sent() == [] and await world.told() == [("expired", LI, "")]


async def test_what_is_withdrawn_climbs_no_further(world):
    await world.reach(LI)
    await world.put()
    await world.run()
    await world.outbox.withdraw(world.connection, ["alarm/1"])
    await world.until_over(300)
    assert world.sent() == [("sms", PHONE)] and await world.told() == []


async def test_nothing_personal_leaves_by_other_hands(world):
    await world.reach(LI)
    await world.put(variables={"name": "王建国", "sentence": "收缩压 186 mmHg", "age": "70"})
    await world.until_over(60)
    assert len(world.sent()) == 2
    assert not [
        one for channel in world.channels.values() for one in channel.got if "王" in str(one) or "186" in str(one)
    ]


@pytest.mark.parametrize("wrong", ["sealed = '\\x00'", "template = 'that-there-was-once'"])
@pytest.mark.parametrize("urgency", [Urgency.RED, Urgency.AMBER, Urgency.PLAIN])
async def test_a_message_that_cannot_be_told_holds_up_no_other_and_is_tried_again(world, wrong, urgency):
    await world.reach(LI)
    await world.reach(WANG, sms=OTHER)
    for key, reader in (("alarm/1/doctor", LI), ("alarm/2/doctor", WANG)):
        await world.put(key, readers=(reader,), urgency=urgency)
        world.later(seconds=1)
    row = await world.connection.fetchrow("SELECT * FROM outbox_message WHERE reader = $1", LI)
    await world.connection.execute(f"UPDATE outbox_message SET {wrong} WHERE id = $1", row["id"])
    world.later(minutes=30)
    for _ in range(5):
        await world.teller.tick()
    assert [one for one in world.sent() if one[0] == "sms"] == [("sms", OTHER)]
    restore = "UPDATE outbox_message SET sealed = $2, template = $3 WHERE id = $1"
    await world.connection.execute(restore, row["id"], row["sealed"], row["template"])
    world.later(seconds=31)
    await world.run()
    assert ("sms", PHONE) in world.sent()


async def test_who_chose_what_cannot_be_read_is_told_all_the_same(world):
    await world.reach(LI)
    await world.reach(WANG, sms=OTHER)
    await world.connection.execute("UPDATE outbox_reader SET sealed = '\\x00' WHERE reader = $1", LI)
    await world.put(readers=(LI, WANG))
    await world.run()
    assert world.sent() == [("sms", OTHER)]
    assert await world.told() == [("no-address", LI, "")]
