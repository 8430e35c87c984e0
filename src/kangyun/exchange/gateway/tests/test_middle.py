"""Middle tables: what the vendor fills is sent, and he sees at each row what became of it."""

import sqlite3
from contextlib import closing

import pytest

from kangyun.exchange.gateway import ddl
from kangyun.exchange.gateway.configuration import Table
from kangyun.exchange.gateway.middle import Marking
from kangyun.exchange.gateway.sources.opening import Session, open_session
from kangyun.exchange.protocol import Answered, Refused
from kangyun.exchange.tables.recognition import tables

TABLE = Table(source="his", table="TB_LIS_INDICATORS", feed="lis", by="flag", column="SCBZ")


@pytest.fixture
def filled(hospital):
    """The hospital, with a middle table of three rows."""
    hospital.run(ddl.script("sqlite", "shanghai-hub-2026", TABLE.table).partition(";")[0])
    for number in range(3):
        hospital.run("INSERT INTO TB_LIS_INDICATORS (JYZBMC, JYZBDM) VALUES (?, ?)", ("血糖", f"G{number}"))
    return hospital


@pytest.fixture
def started(filled, start):
    return start(tables=[TABLE])


def flags(hospital):
    return hospital.ask("SELECT KYXH, SCBZ, coalesce(CWDM, ''), coalesce(CWMS, '') FROM TB_LIS_INDICATORS ORDER BY 1")


def write_back(gateway, hospital):
    with closing(open_session(hospital.source, "", writes=True)) as session:
        Marking(gateway.queue, TABLE, gateway.pace).write_back(session)


def test_rows_are_marked_as_on_their_way_and_then_with_what_became_of_them(filled, centre, started):
    refused = Refused("code-unknown", "代码不在表中。", 2, "JYZBDM", "G*")
    centre.refused = lambda delivery: [refused]
    assert started.read(TABLE) == 3
    assert [row[1] for row in flags(filled)] == ["3", "3", "3"]
    assert started.read(TABLE) == 0
    started.send()
    write_back(started, filled)
    assert flags(filled) == [
        (1, "1", "", ""),
        (2, "2", "code-unknown", "JYZBDM 代码不在表中。"),
        (3, "1", "", ""),
    ]


def test_our_columns_are_not_sent(filled, centre, started):
    started.read(TABLE)
    started.send()
    ((_, delivery),) = centre.kept["lis"]
    assert not {"KYXH", "SCBZ", "CWDM", "CWMS"} & set(delivery.columns)


def test_a_row_that_was_put_right_goes_again(filled, centre, started):
    centre.refused = lambda delivery: [Refused("x", "不对。", 1)]
    started.read(TABLE)
    started.send()
    write_back(started, filled)
    centre.refused = lambda delivery: []
    filled.run("UPDATE TB_LIS_INDICATORS SET JYZBDM = 'RIGHT', SCBZ = '0' WHERE SCBZ = '2'")
    assert started.read(TABLE) == 1
    started.send()
    write_back(started, filled)
    assert [row[1] for row in flags(filled)] == ["1", "1", "1"]


def test_the_answer_to_an_older_version_is_not_written_on_a_newer_one(filled, centre, started):
    centre.refused = lambda delivery: [Refused("x", "旧的不对。", 1)]
    started.read(TABLE)
    filled.run("UPDATE TB_LIS_INDICATORS SET JYZBDM = 'RIGHT', SCBZ = '0' WHERE KYXH = 1")
    assert started.read(TABLE) == 1
    started.sending.soon()
    started.sending.step()
    write_back(started, filled)
    assert flags(filled)[0][1] == "3"
    centre.refused = lambda delivery: []
    started.send()
    write_back(started, filled)
    assert flags(filled)[0][1] == "1"


def test_a_stop_between_queue_and_mark_sends_nothing_twice(filled, centre, started):
    started.read(TABLE)
    filled.run("UPDATE TB_LIS_INDICATORS SET SCBZ = '0'")  # as if the marks had not been written
    assert started.read(TABLE) == 0
    assert [row[1] for row in flags(filled)] == ["3", "3", "3"]


def meanwhile(monkeypatch, does, before):
    """Lets the vendor do something once, just before a statement of ours that holds these words."""
    once, run, rows = iter([does]), Session.run, Session.rows

    def now(statement):
        for does in once if before in statement else ():
            does()

    monkeypatch.setattr(Session, "run", lambda session, one, *rest: (now(one), run(session, one, *rest))[1])
    monkeypatch.setattr(Session, "rows", lambda session, *one: (now(f"SELECT {one[2]}"), rows(session, *one))[1])


@pytest.mark.parametrize("before", ["SELECT", "UPDATE", "IN (?"])
def test_what_the_vendor_writes_while_his_row_is_marked_is_not_lost(filled, centre, started, monkeypatch, before):
    change = "UPDATE TB_LIS_INDICATORS SET JYZBDM = 'NEWER', SCBZ = '0' WHERE KYXH = 2"
    meanwhile(monkeypatch, lambda: filled.run(change), before)
    started.read(TABLE)
    started.read(TABLE)
    started.send()
    write_back(started, filled)
    place = centre.kept["lis"][0][1].columns.index("JYZBDM")
    assert "NEWER" in [row[place] for row in centre.rows("lis")]
    assert [row[1] for row in flags(filled)] == ["1", "1", "1"]


def test_rows_that_were_marked_and_not_queued_are_queued_then(filled, centre, started, start):
    filled.run("UPDATE TB_LIS_INDICATORS SET SCBZ = '3'")  # as if the stop had come between mark and queue
    again = start(tables=[TABLE])
    assert again.read(TABLE) == 3


def test_what_was_only_tried_says_so_and_goes_again_once_it_counts(filled, centre, started):
    centre.open("lis", "testing")
    started.sending.sync()
    started.read(TABLE)
    started.send()
    write_back(started, filled)
    assert flags(filled)[0] == (1, "1", "TRIED", "")
    centre.open("lis", "live")
    started.send()
    assert started.read(TABLE) == 3


def test_a_delivery_that_could_not_be_read_marks_all_its_rows(filled, centre, started):
    started.read(TABLE)
    started.send()
    started.sending.answering.take("lis", [Answered(1, "failed", refused=[Refused("whole", "读不出。")])])
    write_back(started, filled)
    assert {row[1:] for row in flags(filled)} <= {("2", "whole", "读不出。"), ("1", "", "")}


@pytest.mark.parametrize("database", ddl.dialects())
def test_scripts_have_each_column_once_with_its_chinese_name(database):
    script = ddl.script(database, "shanghai-hub-2026", "TB_LIS_REPORT")
    for name in (*tables()["shanghai-hub-2026", "TB_LIS_REPORT"], "KYXH", "SCBZ", "CWDM", "CWMS"):
        assert script.count(f"\n  {name} ") == 1
    assert "CREATE INDEX" in script


@pytest.mark.parametrize("name", [table for region, table in tables() if region == "shanghai-hub-2026"])
def test_scripts_are_accepted_by_a_database(tmp_path, name):
    with closing(sqlite3.connect(tmp_path / "empty.db")) as db:
        db.executescript(ddl.script("sqlite", "shanghai-hub-2026", name))
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
    assert columns == ["KYXH", "SCBZ", "CWDM", "CWMS", *tables()["shanghai-hub-2026", name]]
