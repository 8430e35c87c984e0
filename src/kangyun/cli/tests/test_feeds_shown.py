"""The days of the feeds that are shown end with the last whole day, so that the first page has yesterday's figures."""

from datetime import date

from kangyun.cli.feeds_shown import ALL, DAYS, OURS, Showing
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
