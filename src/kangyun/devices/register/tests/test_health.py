"""How a device is: what is said of it, and what never makes it look well."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base import clock
from kangyun.devices.register import health as healths
from kangyun.devices.register.health import Health, Heard, Refused, note_heard, note_refused, state_of
from kangyun.devices.register.kinds import kinds
from kangyun.devices.register.sentences import owner_word, sentence
from kangyun.devices.register.sweeping import sweep

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
BEIJING = ZoneInfo("Asia/Shanghai")
GIVEN = Health(1, "bp-1", "blood-pressure", "", "SN", 9, "claimed", NOW - 30 * DAY, used=True, heard=NOW,
               reading=NOW - timedelta(hours=1), battery=80.0)  # fmt: skip


def of(**changed):
    return msgspec.structs.replace(GIVEN, **changed)


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, "sending"),
        ({"reading": NOW - 3 * DAY - timedelta(hours=1)}, "silent"),
        ({"reading": NOW - 3 * DAY - timedelta(hours=1), "heard": NOW}, "silent"),  # What came now is old.
        ({"reading": None}, "never"),
        ({"reading": NOW - 31 * DAY}, "never"),  # It was somebody else's then.
        ({"battery": 20.0}, "battery"),
        ({"offset_s": -301.0}, "clock"),
        ({"refused_at": NOW - timedelta(hours=23)}, "refused"),
        ({"refused_at": NOW - timedelta(hours=25)}, "sending"),
        ({"used": False}, "unused"),
        ({"state": "stopped"}, "stopped"),
        ({"state": "revoked", "used": False}, "revoked"),
        ({"kind": "watch", "reading": NOW - timedelta(hours=13)}, "silent"),
        ({"kind": "what-we-do-not-know", "reading": NOW - timedelta(hours=73)}, "silent"),
    ],
)  # fmt: skip
def test_the_worst_that_is_so_is_said(changed, state):
    assert state_of(of(**changed), kinds(), NOW) == state


@pytest.mark.parametrize(
    ("changed", "owner", "said"),
    [
        ({"reading": NOW - 3 * DAY}, "father", "爸爸的血压计最近一次测量在 2026-11-20 12:00。"),
        ({"reading": NOW - 3.1 * DAY}, "father", "爸爸的血压计已 3 天没有数据，可能没电或没联网。"),
        ({"reading": NOW - 4 * DAY, "battery": 5.0}, "self",
         "您的血压计已 4 天没有数据，上次电量只有 5%，多半是没电了，请充电或换电池。"),
        ({"reading": None, "since": NOW - 2 * DAY}, "mother",
         "妈妈的血压计领用 2 天，还没有收到过数据，请看看是否开机、联网。"),
        ({"reading": NOW - 3 * DAY, "since": NOW - timedelta(minutes=5)}, "mother",
         "妈妈的血压计领用 不到 1 小时，领用后还没有收到过数据（2026-11-20 12:00 的是领用之前的），"
         "请看看是否开机、联网。"),
        ({"kind": "watch", "reading": NOW - timedelta(hours=13)}, "resident",
         "该居民的手环已 13 小时没有数据，可能没电或没联网。"),
    ],
)  # fmt: skip
def test_it_is_said_in_a_sentence(changed, owner, said):
    assert sentence(of(**changed), owner, kinds(), "zh", NOW, BEIJING) == said


@given(
    st.builds(
        of, kind=st.sampled_from([*kinds().kind, "?"]),
        state=st.sampled_from(["made", "claimed", "stopped", "revoked"]), used=st.booleans(),
        reading=st.none() | st.integers(0, 400).map(lambda hours: NOW - timedelta(hours=hours)),
        battery=st.none() | st.floats(0, 100), offset_s=st.none() | st.floats(-1e6, 1e6),
        refused_at=st.none() | st.just(NOW),
    ),
    st.sampled_from(["zh", "en"]),
)  # fmt: skip
def test_nothing_is_ever_said_to_be_well(health, language):
    said = sentence(health, "family", kinds(), language, NOW, BEIJING)
    assert "正常" not in said
    assert "normal" not in said
    quiet = health.reading is None or NOW - health.reading > timedelta(hours=kinds().silent_hours(health.kind, ""))
    assert not (quiet and state_of(health, kinds(), NOW) in ("sending", "battery", "clock", "refused"))


@pytest.mark.parametrize(
    ("relation", "gender", "word"),
    [("CHILD", "male", "father"), ("CHILD", "female", "mother"), ("SPS", "female", "wife"), ("PRN", "male", "son"),
     ("CHILD", "unknown", "family"), ("GUARD", "male", "family"), ("", "male", "family")],
)  # fmt: skip
def test_an_owner_is_called_as_his_family_calls_him(relation, gender, word):
    assert owner_word(relation, {"gender": gender}) == word


@pytest.fixture
def noted(platform, given_device):
    async def note(*heard, refused=()):
        async with platform.pool.connection() as connection, connection.transaction():
            await note_heard(connection, heard)
            await note_refused(connection, refused, date(2026, 11, 23))

    return note


async def found(platform, device):
    async with platform.pool.connection() as connection:
        return await healths.of_device(connection, device)


async def test_nothing_goes_back_in_time_or_is_from_the_future(platform, given_device, noted):
    device, _ = await given_device()
    await noted(Heard(device, NOW, NOW - DAY, battery=40.0, firmware="1.0"))
    await noted(Heard(device, NOW - DAY, NOW - 2 * DAY))
    health = await found(platform, device)
    assert (health.heard, health.reading, health.battery, health.firmware) == (NOW, NOW - DAY, 40.0, "1.0")
    await noted(Heard(device, NOW + DAY, NOW + 400 * DAY))
    assert (await found(platform, device)).reading == NOW + DAY


async def test_what_was_heard_without_a_reading_makes_nothing_fresh(platform, given_device, noted):
    device, _ = await given_device()
    await noted(Heard(device, NOW, NOW - 4 * DAY))
    await noted(Heard(device, NOW + DAY, None, battery=90.0))
    assert (await found(platform, device)).reading == NOW - 4 * DAY


async def test_refusals_are_counted_by_reason_and_place(platform, given_device, noted):
    device, _ = await given_device()
    refused = [
        Refused(device, "a.b", NOW, "$.v"),
        Refused(device, "a.b", NOW - DAY, "$.v"),
        Refused(device, "a.c", NOW),
    ]
    await noted(refused=refused)
    await noted(refused=refused[:1])
    async with platform.pool.connection() as connection:
        rows = await healths.refusals(connection, device, date(2026, 11, 1))
    assert sorted((row["reason"], row["place"], row["count"]) for row in rows) == [("a.b", "$.v", 3), ("a.c", "", 1)]
    assert [row["first"] for row in rows if row["reason"] == "a.b"] == [NOW - DAY]
    assert (await found(platform, device)).refused == 4


async def test_refusals_are_dropped_when_nobody_is_shown_them_any_more(platform, given_device, noted):
    device, _ = await given_device()
    old = clock.now() - timedelta(days=healths.REFUSALS_KEPT_DAYS + 1)
    await noted(refused=[Refused(device, "a.old", old), Refused(device, "a.new", clock.now())])
    await sweep(platform.pool)
    async with platform.pool.connection() as connection:
        rows = await healths.refusals(connection, device, date(2020, 1, 1))
    assert [row["reason"] for row in rows] == ["a.new"]
