"""The days of the feeds that are shown end with the last whole day; what is broken off goes on."""

from datetime import date
from types import SimpleNamespace

import pytest

from kangyun.cli import feeds_shown
from kangyun.cli.feeds_shown import ALL, DAYS, DONE, OURS, Showing
from kangyun.exchange.feeds.deliveries import Deliveries
from kangyun.exchange.feeds.register import Register
from kangyun.simulate.outpatients import VISITS

UNTIL = date(2026, 11, 23)


async def test_what_is_delivered_goes_up_to_the_last_day_of_the_record(monkeypatch):
    showing = Showing.__new__(Showing)
    showing._until = UNTIL
    came = []

    async def keep(feed, delivery):
        if delivery.table == VISITS:
            place = delivery.columns.index("JZKSRQ")
            came.extend(row[place][:10].replace("-", "") for row in delivery.rows)

    monkeypatch.setattr(showing, "_keep", keep, raising=False)
    await showing._deliver(next(one for one in ALL if one.feed == OURS))
    assert (min(came), max(came), len(set(came))) == ("20261110", "20261123", DAYS)


class Killed(Exception):
    """The process ends."""


async def test_what_was_broken_off_goes_on_at_the_next_start(platform, tmp_path, monkeypatch):
    houses = SimpleNamespace(institutions=SimpleNamespace(ids={"maternal": "house-2", "county": "house-3"}))
    done = tmp_path / DONE
    numbers = []
    real = Deliveries.keep

    async def keep(self, name, number, *rest):
        if len(numbers) in (3, 40, 60):  # in the middle of feeds
            numbers.append(("killed", 0))
            raise Killed
        numbers.append((name, number))
        return await real(self, name, number, *rest)

    monkeypatch.setattr(Deliveries, "keep", keep)
    for _ in range(3):
        with pytest.raises(Killed):
            await Showing(platform, houses, UNTIL, done)._make()
    # Nobody takes in: it is not all there yet.
    monkeypatch.setattr(feeds_shown, "PATIENCE", 0.0)
    assert not await Showing(platform, houses, UNTIL, done)._make()
    assert not await Showing(platform, houses, UNTIL, done)._make()
    delivered = [one for one in numbers if one[1]]
    assert len(delivered) == len(set(delivered))
    register = Register(platform.pool)
    for shown in ALL:
        feed = await register.get(shown.feed)
        assert feed.state == (shown.states or ("applied",))[-1]
        assert feed.next == 1 + sum(name == shown.feed for name, _ in delivered)
        moves = [row["state"] for row in await register.history(shown.feed) if row["act"] == "moved"]
        assert moves == list(shown.states)
    ours = sum(name == OURS for name, _ in delivered)
    assert ours == await unbroken(monkeypatch)


async def unbroken(monkeypatch):
    """Returns how many deliveries the first feed has where nothing is broken off."""
    showing, kept = Showing.__new__(Showing), []
    showing._until = UNTIL

    async def keep(feed, delivery):
        kept.append(delivery)

    monkeypatch.setattr(showing, "_keep", keep, raising=False)
    await showing._deliver(next(one for one in ALL if one.feed == OURS))
    return len(kept)
