"""Scripts of middle tables for a vendor to fill, from the same columns that recognition and mapping read. Pure.

Each table has the columns of the standard's table as texts, and four of ours before them: 自增序号, 上传标志, 错误代码
and 错误描述 (`middle`). Texts, since what the vendor's dates look like is not decided here.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from kangyun.base.errors import Invalid
from kangyun.exchange.gateway.middle import CODE, FLAG, SERIAL, TEXT
from kangyun.exchange.tables.recognition import Column, tables

WIDTH = 200
"""Characters of a text that is not long."""
NARROW, MANY = 64, 60
"""In MySQL, of a table with more columns than this: all columns of a row share 65,535 bytes."""
_LONGEST_NAME = 26
"""Of an Oracle 11g name (30 bytes), less what stands before it."""
_OURS = {SERIAL: "自增序号", FLAG: "上传标志：0 待传 3 在途 1 成功 2 退回", CODE: "错误代码", TEXT: "错误描述"}


class _Kind(msgspec.Struct, frozen=True):
    serial: str
    short: str
    long: str
    flag: str
    comment: str
    end: str
    after: str


@cache
def _data() -> tuple[Mapping[str, _Kind], tuple[str, ...]]:
    told: dict[str, Any] = tomllib.loads(files(__package__).joinpath("data", "tables.toml").read_text("utf-8"))
    words = tuple(told.pop("words")["long"])
    return msgspec.convert(told, dict[str, _Kind]), words


def dialects() -> list[str]:
    """Returns the databases that scripts are written for."""
    return list(_data()[0])


def script(database: str, region: str, table: str) -> str:
    """Returns the script of one middle table.

    database: of `dialects`. region, table: of `recognition.tables`. Raises Invalid for what there is none of.
    """
    kinds, words = _data()
    columns = tables().get((region, table))
    if database not in kinds:
        raise Invalid("exchange.gateway.no-kind", kind=database, kinds="、".join(kinds))
    if columns is None:
        raise Invalid("exchange.gateway.no-columns", table=table, dialect=region)
    kind = kinds[database]
    width = NARROW if database == "mysql" and len(columns) > MANY else WIDTH
    lines = [f"-- {table}  {region}", f"CREATE TABLE {table} ("]
    ours = {SERIAL: kind.serial, FLAG: kind.flag, CODE: kind.short.format(width=64), TEXT: kind.short.format(width=500)}
    said = {name: (type_, _OURS[name]) for name, type_ in ours.items()}
    said |= {name: (_type(kind, column, words, width), column.zh) for name, column in columns.items()}
    for name, (type_, zh) in said.items():
        explained = f" COMMENT '{_quoted(zh)}'" if database == "mysql" else ""
        lines.append(f"  {name} {type_}{explained},")
    lines.append(f"  PRIMARY KEY ({SERIAL})")
    lines.append(f"){kind.end};")
    lines.append(f"CREATE INDEX IX_{table[:_LONGEST_NAME]} ON {table} ({FLAG}, {SERIAL});")
    if kind.comment:
        lines += [
            kind.comment.format(table=table, column=name, text=_quoted(zh)) for name, (_, zh) in said.items() if zh
        ]
    if kind.after:
        lines.append(kind.after.strip().format(table=table, short_table=table[:_LONGEST_NAME]))
    return "\n".join(lines) + "\n"


def _type(kind: _Kind, column: Column, words: tuple[str, ...], width: int) -> str:
    is_long = not column.key and any(word in column.zh for word in words)
    return kind.long if is_long else kind.short.format(width=width)


def _quoted(text: str) -> str:
    return " ".join(text.split()).replace("'", "''")
