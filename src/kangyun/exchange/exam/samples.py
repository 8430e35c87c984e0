"""A sample row for a mapping of tables, made of its rules: each column says what its rule wants. Persons are invented.

Pure. What it is for is to run a mapping end to end; that real rows are understood, the tests of the mappings hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kangyun.exchange.tables.mapping import Mapping as Table
from kangyun.exchange.tables.mapping.model import Leaf, columns_of, read_leaf
from kangyun.exchange.tables.values import coded

NUMBER = "990000199001010017"
"""An identity number of the fictitious division 990000."""
_KEY, _DAY, _MOMENT, _TEXT = "T1", "20260105", "20260105080500", "测试"
_WEAK: Mapping[str, str] = {
    "text": _TEXT, "answer": _TEXT, "joined": _TEXT, "text-or": _TEXT, "narrative": _TEXT, "address": "测试路1号",
    "key": _KEY, "value": _KEY, "reference": _KEY, "reference-first": _KEY,
}  # fmt: skip
"""What any column says unless another rule wants more of it."""
_STRONG: Mapping[str, Sequence[str]] = {
    "name": ("测试甲",), "patient-name": ("测试甲",),
    "phone": ("19900000001",), "day": (_DAY,), "moment": (_MOMENT,), "instant": (_MOMENT,),
    "hour": (_DAY, "8"), "period": (_MOMENT, _MOMENT), "number": ("1",), "signed": ("1", "1"), "positive": ("1",),
    "document": (NUMBER, "01", ""), "gender": ("1", ""), "laboratory": ("5.2", "mmol/L", "3.9-6.1", ""),
    "if-happened": (_MOMENT,), "if-ended": (_MOMENT, _MOMENT), "content": ("5rWL6K+V",),
}  # fmt: skip


def sample(mapping: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns a header and a row."""
    row = dict.fromkeys(sorted(name for name in columns_of(mapping) if "{" not in name), "")
    leaves = [leaf for template in mapping.resources for leaf in _leaves(template.body)]
    for leaf in leaves:
        _say(row, leaf, [_WEAK.get(leaf.rule, "")] * len(leaf.columns))
    for name in (name for key in (mapping.key, *(one.key for one in mapping.resources)) for name in key):
        _put(row, name.upper().removesuffix("?").split("|"), _KEY)
    for leaf in leaves:
        if leaf.rule not in _WEAK:
            _say(row, leaf, _wanted(leaf, mapping))
    if mapping.flag is not None:
        store = mapping.flag.store
        _put(row, mapping.flag.column.upper().split("|"), next(iter(store.get("*") or next(iter(store.values())))))
    return tuple(row), tuple(row.values())


def _leaves(value: Any) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, str) and value.startswith("@"):
        yield read_leaf(value)


def _wanted(leaf: Leaf, mapping: Table) -> Sequence[str]:
    if leaf.rule == "period" and leaf.args:
        return (_DAY, "8", _DAY, "9")
    if leaf.rule == "table":
        return (_code(mapping, leaf.args[0]) or _KEY,)
    if leaf.rule == "coding-by":
        return (_KEY, _TEXT, _code(mapping, leaf.args[0]))
    if leaf.rule in ("code", "coding") and leaf.args and ":" not in leaf.args[0]:
        return (_code(mapping, leaf.args[0]) or next(iter(coded.list_of(leaf.args[0]).names)), "")
    if leaf.rule in ("code", "coding"):
        return (_KEY, _TEXT)
    if leaf.rule == "period-first":
        return [_MOMENT] * len(leaf.columns)
    return _STRONG.get(leaf.rule, ())


def _code(mapping: Table, name: str) -> str:
    """Returns a code of the mapping's own table, empty where it has none that is not for any other."""
    return next((code for code in mapping.codes.get(name, ()) if code not in ("*", "")), "")


def _say(row: dict[str, str], leaf: Leaf, values: Sequence[str]) -> None:
    for names, value in zip(leaf.columns, values, strict=False):
        _put(row, [name.removesuffix("?") for name in names], value)


def _put(row: dict[str, str], names: Sequence[str], value: str) -> None:
    for name in names:
        if name in row:
            row[name] = value
