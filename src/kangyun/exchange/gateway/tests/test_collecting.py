"""Reading on by pages, of databases that compare, round and write in ways of their own."""

import types
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest

from kangyun.exchange.gateway.collecting import Collecting
from kangyun.exchange.gateway.sources.dialects import dialect
from kangyun.exchange.gateway.sources.opening import Columns

BEGAN = datetime(2026, 1, 5, 8)  # noqa: DTZ001
TICKS = (0.0, 1 / 300, 2 / 300)


class Database:
    """A table of two columns: BGDH, and GXSJ as the driver gives it. asked: what is made of what is asked for."""

    def __init__(self, rows: list[tuple[str, object, datetime]], asked: Callable[[datetime], datetime]) -> None:
        self.all, self.asked = sorted(rows, key=lambda row: row[2]), asked
        self.source = types.SimpleNamespace(kind="sqlserver")
        self.dialect = dialect("sqlserver")

    def columns(self, table):
        return Columns(["BGDH", "GXSJ"], [True, False])

    def rows(self, table, columns, condition="", values=(), order="", most=0):
        since = self.asked(values[0]) if ">=" in condition else datetime.min  # noqa: DTZ901
        found = [row for row in self.all if since <= row[2] <= values[-1]][: most or None]
        return (([name, given], [name, str(given)]) for name, given, _ in found)


def as_it_is(moment):
    return moment


def without_fractions(moment):
    """As Oracle's driver asks, which binds a DATE."""
    return moment.replace(microsecond=0)


def shown(moment):
    """As the driver of SQL Server shows a `datetime`, of whose 1/300 s it makes milliseconds."""
    return moment.replace(microsecond=round(moment.microsecond / 1000) * 1000)


@pytest.fixture
def read(gateway, hospital, centre):
    table = msgspec.structs.replace(hospital.table, by="time", key=[], business="", sums=[], overlap=0)

    def reading(rows, asked=as_it_is, **changed):
        database = Database(rows, asked)
        while Collecting(gateway.queue, msgspec.structs.replace(table, **changed), gateway.pace).round(database):
            pass
        gateway.send()
        return [row[0] for row in centre.rows("lis")]

    return reading


@pytest.mark.parametrize("asked", [as_it_is, without_fractions])
@pytest.mark.parametrize("page", [1, 2, 7])
def test_instants_that_are_rounded_when_they_are_compared_lose_and_double_nothing(read, asked, page):
    moments = [BEGAN + timedelta(seconds=n // 9, microseconds=round(TICKS[n // 3 % 3] * 1e6)) for n in range(60)]
    rows = [(f"R{n}", shown(moment), moment) for n, moment in enumerate(moments)]
    found = read(rows, asked, page=page)
    assert len(found) == len(set(found)) == 60


def test_a_date_of_noughts_stops_no_table(read):
    """MySQL's, which its driver gives as a text."""
    rows = [(f"R{n}", BEGAN + timedelta(minutes=n), BEGAN + timedelta(minutes=n)) for n in range(5)]
    noughts = [(f"N{n}", "0000-00-00 00:00:00", datetime.min) for n in range(3)]  # noqa: DTZ901
    assert sorted(read([*rows, *noughts], page=2)) == ["N0", "N1", "N2", "R0", "R1", "R2", "R3", "R4"]
