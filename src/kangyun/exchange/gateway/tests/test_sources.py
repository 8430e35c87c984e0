"""Databases of the hospital: real ones where they can be run, and what all of them have in common."""

import shutil
import sqlite3
import subprocess
import sys
import time
import tracemalloc
import types
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.exchange.gateway.collecting import Collecting
from kangyun.exchange.gateway.configuration import Source, Table
from kangyun.exchange.gateway.marks import Marks
from kangyun.exchange.gateway.sources.cells import joined, texts
from kangyun.exchange.gateway.sources.dialects import bound, dialect, dialects, seven_bit_columns
from kangyun.exchange.gateway.sources.opening import SourceFailed, cause, open_session

# Sources know no zone.
EARLY = datetime(2026, 1, 5, 8, 5, 0, 500)  # noqa: DTZ001
NAMES = ["甲", "测试", "𠮷田", "Müller", "<0.5", ""]


@pytest.mark.parametrize(
    ("charset", "given", "expected"),
    [
        ("", None, None),
        ("", "测试", "测试"),
        ("", EARLY, "2026-01-05 08:05:00.000500"),
        ("", EARLY.replace(microsecond=0), "2026-01-05 08:05:00"),
        ("", datetime(2026, 1, 5, 0, 5, tzinfo=UTC), "2026-01-05 08:05:00"),
        ("", datetime(2026, 1, 5, 8, 5, tzinfo=timezone(timedelta(hours=8))), "2026-01-05 08:05:00"),
        ("", datetime(1988, 6, 1, tzinfo=timezone(timedelta(hours=9))), "1988-06-01 00:00:00"),
        ("", date(2026, 1, 5), "2026-01-05"),
        ("", Decimal("12.50"), "12.50"),
        ("", Decimal("1E+3"), "1000"),
        ("", 0.1, "0.1"),
        ("", 5.0, "5"),
        ("", True, "1"),
        ("", 123456789012345678, "123456789012345678"),
        ("gbk", "测试".encode("gb18030"), "测试"),
        ("utf-8", "测试".encode(), "测试"),
        ("us7ascii", "测试".encode("gbk").decode("latin-1"), "测试"),
        ("us7ascii", b"\x82\xe2".decode("cp1252"), b"\x82\xe2".decode("gbk")),
        ("us7ascii", "Müller", "Müller"),
        ("us7ascii", b"\xb2\xe2\xca\xd4", "测试"),
        ("gbk", b"\xb2\xe2\xca", "测\ufffd"),
        ("", "filled\x00\x00", "filled"),
    ],
)
def test_a_cell_is_the_text_that_it_is_in_the_source(charset, given, expected):
    assert texts(charset)([given]) == [expected]


@given(st.lists(st.text(st.characters(codec="gb18030"), max_size=2_000), min_size=1, max_size=4))
def test_texts_in_two_parts_are_whole_again(cells):
    row = []
    for cell in cells:
        written = cell.encode("gb18030")
        row += [written[:2000] or None, written[2000:] or None]
    assert [b"" if cell is None else cell for cell in joined(row, [True] * len(cells))] == [
        cell.encode("gb18030") for cell in cells
    ]


def test_oracle_gives_the_bytes_of_texts_that_it_takes_for_seven_bits():
    found = seven_bit_columns(dialect("oracle"), ["BGDH", "JE"], [True, False])
    assert found == [
        'UTL_RAW.CAST_TO_RAW(SUBSTRB("BGDH", 1, 2000)) AS KY_0_0',
        'UTL_RAW.CAST_TO_RAW(SUBSTRB("BGDH", 2001, 2000)) AS KY_1_1',
        '"JE"',
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("oracle", 'SELECT * FROM (SELECT * FROM "S"."T" WHERE "C" >= ? ORDER BY "C") WHERE ROWNUM <= 5'),
        ("sqlserver", "SELECT TOP 5 * FROM [S].[T] WHERE [C] >= ? ORDER BY [C]"),
        ("mysql", "SELECT * FROM `S`.`T` WHERE `C` >= ? ORDER BY `C` LIMIT 5"),
        ("postgresql", 'SELECT * FROM "S"."T" WHERE "C" >= ? ORDER BY "C" LIMIT 5'),
        ("dameng", 'SELECT * FROM "S"."T" WHERE "C" >= ? ORDER BY "C" LIMIT 5'),
        ("kingbase", 'SELECT * FROM "S"."T" WHERE "C" >= ? ORDER BY "C" LIMIT 5'),
        ("odbc", "SELECT * FROM S.T WHERE C >= ? ORDER BY C"),
    ],
)
def test_a_page_is_asked_for_in_the_database_s_own_words(kind, expected):
    one = dialect(kind)
    assert one.select("S.T", f"{one.name('C')} >= ?", "C", 5) == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("qmark", "a ? b ?"),
        ("format", "a %s b %s"),
        ("pyformat", "a %s b %s"),
        ("numeric", "a :1 b :2"),
        ("named", "a :1 b :2"),
    ],
)
def test_values_are_bound_as_the_driver_wants_them(style, expected):
    assert bound("a ? b ?", style) == expected


@pytest.mark.parametrize("kind", [kind for kind in dialects() if kind not in ("sqlite",)])
def test_a_driver_that_is_missing_is_named(kind, monkeypatch):
    for name in dialect(kind).drivers:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SourceFailed) as refused:
        open_session(Source(name="x", kind=kind, host="127.0.0.1"), "")
    assert refused.value.issues[0].text == "exchange.gateway.no-driver"
    assert dialect(kind).drivers[0].partition(".")[0] in str(refused.value.issues[0].parameters["drivers"])


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("ORA-01017: invalid username/password; logon denied", "cause-password"),
        ("ORA-12541: TNS:no listener", "cause-port"),
        ("ORA-00942: table or view does not exist", "cause-no-table"),
        ("ORA-01031: insufficient privileges", "cause-no-right"),
        ("DPY-3010: connections to this database server version are not supported", "cause-old-server"),
        ("DPI-1047: Cannot locate a 64-bit Oracle Client library", "cause-no-client"),
        ("(18456, b\"Login failed for user 'x'\")", "cause-password"),
        ('(1142, "SELECT command denied to user")', "cause-no-right"),
        ("('IM002', 'Data source name not found')", "cause-no-client"),
        ("[CODE:-2501]用户名或密码错误", "cause-password"),
        ("something that nobody foresaw", "source-failed"),
    ],
)
def test_what_drivers_say_is_said_in_words_and_quotes_no_row(said, text):
    found = cause(RuntimeError(f"{said} 张三"))
    assert found.issues[0].text == f"exchange.gateway.{text}"
    assert "张三" not in str(found.issues[0].parameters)


def test_a_driver_of_another_paramstyle_gets_what_it_wants(monkeypatch):
    """The contract of PEP 249, with numbered values, as oracledb has it."""
    asked = []

    class Cursor:
        description = (("BGDH", "text"),)

        def execute(self, query, values=()):
            asked.append((query, values))

        def fetchmany(self, size):
            return []

        def close(self):
            pass

    connection = types.SimpleNamespace(cursor=Cursor, rollback=lambda: None, commit=lambda: None, close=lambda: None)
    driver = types.ModuleType("oracledb")
    driver.paramstyle, driver.STRING = "named", "text"
    driver.connect = lambda **given: connection
    monkeypatch.setitem(sys.modules, "oracledb", driver)
    source = Source(name="his", kind="oracle", host="127.0.0.1", database="orcl", charset="us7ascii")
    with closing(open_session(source, "")) as session:
        columns = session.columns("HIS.V")
        assert list(session.rows("HIS.V", columns, '"T" >= ?', ["x"], "T", 9)) == []
    query, values = asked[-1]
    assert [query for query, _ in asked[:2]] == [
        "ALTER SESSION SET TIME_ZONE = '+08:00'", "SET TRANSACTION READ ONLY",
    ]  # fmt: skip
    assert "UTL_RAW.CAST_TO_RAW" in query
    assert '"T" >= :1' in query
    assert values == {"1": "x"}


@pytest.mark.parametrize(
    ("by", "form", "value", "overlap", "earlier"),
    [
        ("time", "", EARLY, 600, "2026-01-04 22:05:00.000000"),
        ("time", "", EARLY.replace(tzinfo=UTC), 0, "2026-01-05 16:05:00.000000"),
        ("time", "", "0001-01-01", 1, "0001-01-01 00:00:00.000000"),
        ("time", "", "2026-01-01", 60, "2025-12-31 23:00:00.000000"),
        ("number", "", 1500, 1000, "00000000000000000500"),
        ("number", "", 5, 1000, "00000000000000000000"),
        ("text", "%Y%m%d%H%M%S", "20260101003000", 60, "20251231233000"),
        ("text", "%Y%m%d%H%M%S", "20260101003000      ", 60, "20251231233000"),
        ("text", "%Y%m%d%H%M%S", "20260101003000123", 60, "20251231233000"),
        ("text", "%Y-%m-%d %H:%M:%S", "2026-01-01 00:30:00.5", 0, "2026-01-01 00:30:00"),
        ("text", "%Y%m%d", "2026-01", 60, "2026-01"),
    ],
)
def test_a_reading_begins_some_time_before_the_last(by, form, value, overlap, earlier):
    marks = Marks(by, form)
    assert marks.earlier(marks.kept(value), overlap) == earlier


def collected(hospital, start, source, table, password=""):
    gateway = start(sources=[source], tables=[table])
    with closing(open_session(source, password)) as session:
        taken = Collecting(gateway.queue, table, gateway.pace).round(session)
        again = Collecting(gateway.queue, table, gateway.pace).round(session)
    gateway.send()
    return taken, again


def test_bytes_of_a_file_that_does_not_say_its_characters(hospital, centre, start):
    hospital.run("CREATE TABLE G (BGDH TEXT, GXSJ TEXT)")
    for number, name in enumerate(NAMES[:2]):
        hospital.run("INSERT INTO G VALUES (CAST(? AS TEXT), ?)", (name.encode("gbk"), f"2026-01-05 08:00:0{number}"))
    source = msgspec.structs.replace(hospital.source, charset="gbk")
    table = Table(source="his", table="G", feed="lis", by="text", column="GXSJ", form="%Y-%m-%d %H:%M:%S")
    assert collected(hospital, start, source, table) == (2, 0)
    assert [row[0] for row in centre.rows("lis")] == NAMES[:2]


@pytest.fixture
def postgresql(database_server) -> Source:
    pytest.importorskip("pg8000")
    parts = urlsplit(database_server.format(database="postgres"))
    asked = parse_qs(parts.query)
    return Source(
        name="his", kind="postgresql", host=asked["host"][0], port=int(asked.get("port", ["5432"])[0]),
        database="postgres", user=parts.username or asked.get("user", ["kangyun"])[0],
    )  # fmt: skip


@pytest.fixture
def pg_table(postgresql) -> Iterator[str]:
    with closing(open_session(postgresql, "", writes=True)) as session:
        session.run("CREATE TABLE ky_lis (bgdh varchar(20), je numeric(10,2), gxsj timestamp, bz text)")
        session.run(
            "INSERT INTO ky_lis VALUES (?, ?, ?, ?)",
            [[f"R{n}", Decimal("12.50"), EARLY.replace(second=n // 10), NAMES[n % 6]] for n in range(200)],
        )
        yield "public.ky_lis"
        session.run("DROP TABLE ky_lis")


def test_a_postgresql_is_read_by_its_times(hospital, centre, start, postgresql, pg_table):
    table = Table(source="his", table=pg_table, feed="lis", by="time", column="gxsj", page=33, business="gxsj")
    assert collected(hospital, start, postgresql, table) == (200, 0)
    rows = centre.rows("lis")
    assert next(row for row in rows if row[0] == "R1") == ["R1", "12.50", "2026-01-05 08:05:00.000500", "测试"]
    assert sorted(row[0] for row in rows) == sorted(f"R{n}" for n in range(200))


def test_a_driver_that_takes_all_rows_at_once_takes_few(hospital, centre, start, postgresql):
    columns = [f"c{n}" for n in range(30)]
    with closing(open_session(postgresql, "", writes=True)) as session:
        session.run(f"CREATE TABLE ky_wide (gxsj timestamp, {', '.join(f'{name} text' for name in columns)})")
        listed = ", ".join(f"'{name} ' || n" for name in columns)
        session.run(
            f"INSERT INTO ky_wide SELECT timestamp '2026-01-05' + n * interval '1 second', {listed}"
            " FROM generate_series(1, 20000) AS n"
        )
    table = Table(source="his", table="public.ky_wide", feed="lis", by="time", column="gxsj")
    gateway = start(sources=[postgresql], tables=[table])
    tracemalloc.start()
    try:
        with closing(open_session(postgresql, "")) as session:
            assert Collecting(gateway.queue, table, gateway.pace).round(session) == 20_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        with closing(open_session(postgresql, "", writes=True)) as session:
            session.run("DROP TABLE ky_wide")
    assert peak < 20_000_000


def test_instants_with_a_zone_are_read_as_a_wall_in_china_shows_them(hospital, centre, start, postgresql):
    with closing(open_session(postgresql, "", writes=True)) as session:
        session.run("CREATE TABLE ky_zoned (bgdh text, csrq timestamptz, gxsj timestamptz)")
        rows = [f"('R{n}', '1988-06-01 00:00 Asia/Shanghai', '2026-01-05 00:05:00Z')" for n in range(5)]
        session.run(f"INSERT INTO ky_zoned VALUES {', '.join(rows)}")
    table = Table(source="his", table="public.ky_zoned", feed="lis", by="time", column="gxsj", page=2, overlap=0)
    try:
        assert collected(hospital, start, postgresql, table) == (5, 0)
    finally:
        with closing(open_session(postgresql, "", writes=True)) as session:
            session.run("DROP TABLE ky_zoned")
    assert {tuple(row[1:]) for row in centre.rows("lis")} == {("1988-06-01 00:00:00", "2026-01-05 08:05:00")}


def test_a_session_that_reads_cannot_write(postgresql, pg_table):
    with closing(open_session(postgresql, "")) as session, pytest.raises(SourceFailed):
        session.run("DELETE FROM ky_lis")


@pytest.mark.parametrize(
    ("statement", "text"),
    [("SELECT * FROM nowhere", "cause-no-table"), ("SELECT nothing FROM ky_lis", "cause-no-column")],
)
def test_a_postgresql_says_what_is_wrong(postgresql, pg_table, statement, text):
    with closing(open_session(postgresql, "")) as session, pytest.raises(SourceFailed) as refused:
        session.ask(statement)
    assert refused.value.issues[0].text == f"exchange.gateway.{text}"


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory) -> Iterator[Source]:
    """A server of MariaDB, which stands for MySQL, with an account that may read one table."""
    pytest.importorskip("pymysql")
    program, prepare = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if program is None or prepare is None:
        pytest.skip("needs MariaDB (apt-get install mariadb-server)")
    folder = tmp_path_factory.mktemp("mariadb")
    subprocess.run(
        [
            prepare, "--no-defaults", "--user=root", f"--datadir={folder}/data",
            "--auth-root-authentication-method=normal",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    server = subprocess.Popen(
        [
            program, "--no-defaults", "--user=root", f"--datadir={folder}/data", "--port=38306",
            "--bind-address=127.0.0.1", f"--socket={folder}/s", f"--pid-file={folder}/pid", f"--log-error={folder}/log",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        root = Source(name="root", kind="mysql", host="127.0.0.1", port=38306, database="mysql", user="root")
        with closing(_patiently(root)) as session:
            for statement in (
                "CREATE DATABASE his",
                "CREATE TABLE his.old (BGDH VARCHAR(40) CHARACTER SET latin1, JE DECIMAL(10,2), GXSJ DATETIME)",
                "CREATE TABLE his.secret (A INT)",
                "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reads only'",
                "GRANT SELECT ON his.old TO reader@'127.0.0.1'",
            ):
                session.run(statement)
            for n, name in enumerate(NAMES[:2]):
                session.run(
                    f"INSERT INTO his.old VALUES (x'{name.encode('gbk').hex()}', 1.50, '2026-01-05 08:00:0{n}')"
                )
        yield Source(
            name="his", kind="mysql", host="127.0.0.1", port=38306, database="his", user="reader", charset="us7ascii"
        )
    finally:
        server.terminate()
        server.wait(30)


def _patiently(source):
    ends = time.monotonic() + 60
    while True:
        try:
            return open_session(source, "", writes=True)
        except SourceFailed:
            assert time.monotonic() < ends
            time.sleep(0.3)


def test_gbk_in_a_mysql_that_calls_it_latin(hospital, centre, start, mariadb):
    table = Table(source="his", table="old", feed="lis", by="time", column="GXSJ", page=1)
    assert collected(hospital, start, mariadb, table, "reads only") == (2, 0)
    assert centre.rows("lis") == [["甲", "1.50", "2026-01-05 08:00:00"], ["测试", "1.50", "2026-01-05 08:00:01"]]


@pytest.mark.parametrize(
    ("changed", "password", "table", "text"),
    [
        ({}, "wrong", "old", "cause-password"),
        ({"database": "nowhere"}, "reads only", "old", "cause-no-right"),
        ({"port": 38307}, "reads only", "old", "cause-port"),
        ({"host": "no-such-host.invalid"}, "reads only", "old", "cause-name"),
        ({}, "reads only", "secret", "cause-no-right"),
        ({"user": "root"}, "", "nowhere", "cause-no-table"),
        ({"user": "root", "database": "nowhere"}, "", "old", "cause-no-database"),
    ],
)
def test_a_mysql_says_what_is_wrong(mariadb, changed, password, table, text):
    with (
        pytest.raises(SourceFailed) as refused,
        closing(open_session(msgspec.structs.replace(mariadb, **changed), password)) as session,
    ):
        session.columns(table)
    assert refused.value.issues[0].text == f"exchange.gateway.{text}"


def test_anything_else_by_odbc(hospital, centre, start):
    pytest.importorskip("pyodbc")
    found = list(Path("/usr/lib").glob("*/odbc/libsqlite3odbc.so"))
    if not found:
        pytest.skip("needs an ODBC driver (apt-get install libsqliteodbc)")
    hospital.reports(range(30))
    source = Source(name="his", kind="odbc", connect=f"odbc:Driver={found[0]};Database={hospital.database}")
    table = msgspec.structs.replace(hospital.table, source="his", page=7)
    assert collected(hospital, start, source, table) == (30, 0)
    assert [row[4] for row in centre.rows("lis")] == ["血常规"] * 30


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SourceFailed) as refused:
        open_session(Source(name="x", kind="sqlite", database=str(tmp_path / "none.db")), "")
    assert refused.value.issues[0].text == "exchange.gateway.cause-no-database"
    assert not (tmp_path / "none.db").exists()
    assert sqlite3.sqlite_version
