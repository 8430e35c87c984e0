"""A connection to a database of the hospital, by whichever driver is installed, and what goes wrong with one in words.

Drivers are imported when they are needed. A session reads what is committed and writes nothing, unless it is opened to
write back. An error's own text may quote a row: only what `data/causes.toml` makes of it is shown.
"""

import importlib
import re
import ssl
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import msgspec

from kangyun.base.errors import PlatformError
from kangyun.exchange.gateway.configuration import Source
from kangyun.exchange.gateway.sources.cells import joined, texts
from kangyun.exchange.gateway.sources.dialects import Dialect, bound, dialect, seven_bit_columns
from kangyun.exchange.tables.reading.encodings import SEVEN_BITS

TEXTS = "exchange.gateway."
CHUNK = 500
"""Rows that a driver fetches at once."""
_SECONDS = 15
"""To connect."""


class SourceFailed(PlatformError):
    """A database of the hospital did not do what was asked; the text is the cause."""

    code = "transient"
    default_text = "exchange.gateway.source-fault"


class _Cause(msgspec.Struct, frozen=True):
    text: str
    pattern: str
    source: str


@cache
def _causes() -> list[tuple[str, re.Pattern[str]]]:
    text = files("kangyun.exchange.gateway").joinpath("data", "causes.toml").read_text("utf-8")
    found = msgspec.convert(tomllib.loads(text)["causes"], list[_Cause])
    return [(one.text, re.compile(one.pattern, re.IGNORECASE)) for one in found]


def cause(error: BaseException) -> SourceFailed:
    """Returns what a driver's error means, with its number where it has one, and nothing else of it."""
    said = f"{type(error).__name__} {error}"
    found = next((text for text, pattern in _causes() if pattern.search(said)), "source-failed")
    number = re.search(
        r"ORA-\d{5}|DPI-\d{4}|DPY-\d{4}|IM00\d|SQLSTATE\w*\W+\w{5}|\bC'?: '?\w{5}\b|\b\d{4,5}\b|\[CODE:-?\d+\]", said
    )
    return SourceFailed(TEXTS + found, what=type(error).__name__, number=number[0] if number else "-")


class Columns(NamedTuple):
    """Columns of a table. texts: which of them hold texts, as far as the driver says.

    expressions: how a query says those that are no columns of the table itself.
    """

    names: list[str]
    texts: list[bool]
    expressions: Mapping[str, str] = MappingProxyType({})


class Session:
    """A connection that reads, or writes back. Used by one thread."""

    def __init__(self, source: Source, module: ModuleType, connection: Any, *, writes: bool) -> None:
        self.source, self.dialect = source, dialect(source.kind)
        self._module, self._connection, self._writes = module, connection, writes
        self._text = texts(source.charset)
        self._as_bytes = (
            source.kind == "oracle" and source.charset.lower() == SEVEN_BITS and module.__name__ == "oracledb"
        )
        for statement in [*self.dialect.zone, *(() if writes else self.dialect.reading)]:
            self.run(statement)

    def columns(self, table: str) -> Columns:
        """Returns the columns of a table, none of whose rows is read."""
        with self._asking() as cursor:
            cursor.execute(self.dialect.select(table, "1 = 0"))
            described = cursor.description
        return Columns([one[0] for one in described], [self._is_text(one[1]) for one in described])

    def rows(
        self,
        table: str,
        columns: Columns,
        condition: str = "",
        values: Sequence[Any] = (),
        order: str = "",
        most: int = 0,
    ) -> Iterator[tuple[Sequence[Any], list[str | None]]]:
        """Yields rows as the driver gives them and as texts. most: rows of it, 0 for all.

        The query ends with the last row that is asked for; nothing is held in between. Raises SourceFailed.
        """
        listed = [self.dialect.name(name) for name in columns.names]
        if self._as_bytes:
            listed = seven_bit_columns(self.dialect, columns.names, columns.texts)
        own = {self.dialect.name(name): said for name, said in columns.expressions.items()}
        listed = [own.get(one, one) for one in listed]
        query = bound(self.dialect.select(table, condition, order, most, listed), self._module.paramstyle)
        left = most or -1
        with self._asking() as cursor:
            cursor.execute(query, self._values(values)) if values else cursor.execute(query)
            while left and (chunk := cursor.fetchmany(CHUNK if left < 0 else min(CHUNK, left))):
                left -= len(chunk)
                for raw in chunk:
                    row = joined(raw, columns.texts) if self._as_bytes else raw
                    yield row, self._text(row)

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """Returns the rows of a query that has few. Raises SourceFailed."""
        with self._asking() as cursor:
            written = bound(query, self._module.paramstyle)
            cursor.execute(written, self._values(values)) if values else cursor.execute(written)
            return list(cursor.fetchall())

    def run(self, statement: str, many: Sequence[Sequence[Any]] | None = None) -> None:
        """Runs a statement, or one for each row of values. Raises SourceFailed."""
        with self._asking(commit=True) as cursor:
            if many is None:
                cursor.execute(statement)
            else:
                cursor.executemany(bound(statement, self._module.paramstyle), [self._values(one) for one in many])

    def close(self) -> None:
        try:
            self._connection.close()
        except Exception as error:  # a driver's own, of any family: the connection was broken already
            cause(error)

    def _values(self, values: Sequence[Any]) -> Any:
        style = self._module.paramstyle
        return {str(place): value for place, value in enumerate(values, 1)} if style == "named" else tuple(values)

    def _is_text(self, type_code: Any) -> bool:
        return bool(type_code == getattr(self._module, "STRING", None))

    def _asking(self, *, commit: bool = False) -> "_Asking":
        return _Asking(self._connection, commit=commit)


class _Asking:
    """A cursor within a transaction that ends with it, so that no lock and no snapshot outlives a page."""

    def __init__(self, connection: Any, *, commit: bool) -> None:
        self._connection, self._commit = connection, commit

    def __enter__(self) -> Any:
        try:
            self._cursor = self._connection.cursor()
        except Exception as error:  # each driver has a family of its own
            raise cause(error) from None
        return self._cursor

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            self._cursor.close()
            if self._commit and error is None:
                self._connection.commit()
            else:
                self._connection.rollback()
        except Exception as failed:
            if error is None:
                raise cause(failed) from None
        if isinstance(error, Exception) and not isinstance(error, PlatformError):
            raise cause(error) from None


def open_session(source: Source, password: str, *, writes: bool = False) -> Session:
    """Opens a connection. Raises SourceFailed, saying which driver is missing or what went wrong."""
    kind = dialect(source.kind)
    module = driver(kind, source)
    try:
        connection = _CONNECT[module.__name__](module, source, kind, password)
    except SourceFailed:
        raise
    except Exception as error:  # each driver has a family of its own
        raise cause(error) from None
    try:
        return Session(source, module, connection, writes=writes)
    except BaseException:
        connection.close()
        raise


def driver(kind: Dialect, source: Source) -> ModuleType:
    """Returns the first driver that is installed. Raises SourceFailed, naming those that would do."""
    names = ["pyodbc"] if source.connect.lower().startswith("odbc:") else kind.drivers
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    wanted = "、".join(name.partition(".")[0] for name in names)
    raise SourceFailed(TEXTS + "no-driver", kind=kind.title, drivers=wanted)


def _sqlite(module: ModuleType, source: Source, kind: Dialect, password: str) -> Any:
    if not Path(source.database).is_file():
        raise SourceFailed(TEXTS + "cause-no-database")
    connection = module.connect(source.database, timeout=30)
    if source.charset:
        connection.text_factory = bytes
    return connection


def _oracle(module: ModuleType, source: Source, kind: Dialect, password: str) -> Any:
    # Before 12.1 there is no other way than by Oracle's own client.
    word, _, folder = source.connect.partition(":")
    if word == "thick":
        module.init_oracle_client(lib_dir=folder or None)
    where = f"{source.host}:{source.port or kind.port}/{source.database}"
    return module.connect(user=source.user, password=password, dsn=where, tcp_connect_timeout=_SECONDS)


def _odbc(module: ModuleType, source: Source, kind: Dialect, password: str) -> Any:
    told = source.connect.partition(":")[2] if source.connect.lower().startswith("odbc:") else source.connect
    quoted = "{" + password.replace("}", "}}") + "}"
    login = f"UID={source.user};PWD={quoted};" if source.user else ""
    connection = module.connect(f"{told.rstrip(';')};{login}", timeout=_SECONDS)
    if source.charset:
        codec = "gb18030" if source.charset.lower() == SEVEN_BITS else source.charset
        connection.setdecoding(module.SQL_CHAR, encoding=codec)
    return connection


def _mssql(module: ModuleType, source: Source, kind: Dialect, password: str) -> Any:
    given = {"charset": source.charset} if source.charset else {}
    return module.connect(
        server=source.host, port=str(source.port or kind.port), user=source.user, password=password,
        database=source.database, login_timeout=_SECONDS, **given,
    )  # fmt: skip


def _mysql(module: ModuleType, source: Source, kind: Dialect, password: str) -> Any:
    charset = "latin1" if source.charset.lower() == SEVEN_BITS else source.charset or "utf8mb4"
    cursor = importlib.import_module("pymysql.cursors").SSCursor  # one that does not fetch all at once
    return module.connect(
        host=source.host, port=source.port or kind.port, user=source.user, password=password, charset=charset,
        database=source.database, connect_timeout=_SECONDS, cursorclass=cursor, ssl=_tls(source),
    )  # fmt: skip


def _pg8000(module: ModuleType, source: Source, kind: Dialect, password: str) -> Any:
    where: dict[str, Any] = {"host": source.host, "port": source.port or kind.port}
    if source.host.startswith("/"):
        where = {"unix_sock": f"{source.host}/.s.PGSQL.{source.port or kind.port}"}
    return module.connect(
        user=source.user, password=password, database=source.database, timeout=None, ssl_context=_tls(source), **where
    )


def _libpq(module: ModuleType, source: Source, kind: Dialect, password: str) -> Any:
    mode = {"": "prefer", "off": "disable"}.get(source.tls, "require")
    return module.connect(
        host=source.host, port=source.port or kind.port, user=source.user, password=password, dbname=source.database,
        connect_timeout=_SECONDS, sslmode=mode,
    )  # fmt: skip


def _dameng(module: ModuleType, source: Source, kind: Dialect, password: str) -> Any:
    given = {"local_code": 1} if source.charset.lower() in ("utf-8", "utf8") else {}
    return module.connect(
        user=source.user, password=password, server=source.host, port=source.port or kind.port, **given
    )


def _tls(source: Source) -> ssl.SSLContext | None:
    """Returns how a database is spoken to under TLS, None where it is not. Old servers know old versions only."""
    if source.tls in ("", "off"):
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Databases have certificates that they made themselves.
    if source.tls in ("1.0", "1.1"):
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


_CONNECT: dict[str, Callable[[ModuleType, Source, Dialect, str], Any]] = {
    "sqlite3": _sqlite, "oracledb": _oracle, "pyodbc": _odbc, "pymssql": _mssql, "pymysql": _mysql,
    "pg8000.dbapi": _pg8000, "psycopg2": _libpq, "psycopg": _libpq, "ksycopg2": _libpq, "dmPython": _dameng,
}  # fmt: skip
