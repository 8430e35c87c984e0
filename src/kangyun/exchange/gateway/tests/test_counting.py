"""A day is the same day however a hospital writes it, and however the column is written that its table is read by."""

import sqlite3
import threading
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from kangyun.exchange.gateway.configuration import Source, Table
from kangyun.exchange.gateway.counting import Counting
from kangyun.exchange.gateway.pace import Pace
from kangyun.exchange.gateway.sources.opening import open_session

TABLE = Table(source="his", table="T", feed="f", by="time", column="GXSJ", key=["ID"], business="RQ", sums=["JE"])
DAYS = [date(2026, 1, day) for day in (4, 5, 6)]


@pytest.mark.parametrize(
    "form", ["%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d000000", "%Y%m%d235959", "%Y-%m-%d 23:59:59", "%Y-%m-%dT08:00:00"]
)
@pytest.mark.parametrize("kind", ["TEXT", "INTEGER"])
def test_a_day_is_counted_however_it_is_written(tmp_path: Path, form: str, kind: str) -> None:
    if kind == "INTEGER" and not DAYS[0].strftime(form).isdecimal():
        pytest.skip("no number")
    file = tmp_path / "his.db"
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(f"CREATE TABLE T (ID TEXT, RQ {kind}, JE TEXT, GXSJ TEXT)")
        rows = [(str(n), day.strftime(form), "1.50", f"{day} 08:00:00") for n, day in enumerate(DAYS)]
        db.executemany("INSERT INTO T VALUES (?, ?, ?, ?)", rows)
    with closing(open_session(Source(name="his", kind="sqlite", database=str(file)), "")) as session:
        counting = Counting(None, TABLE, Pace(threading.Event()))  # type: ignore[arg-type] # It reads nothing of it.
        told = [counting.of_day(session, session.columns("T"), day) for day in DAYS]
    assert [(one.day, one.rows, one.sums) for one in told] == [(day, 1, {"JE": "1.50"}) for day in DAYS]
