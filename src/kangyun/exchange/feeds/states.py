"""The life of a feed as a table: which state may follow which, who may say so, what the register must know by then.

Pure; the table is data/states.toml.
"""

import tomllib
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

import msgspec

from kangyun.base.errors import Forbidden, RuleBroken
from kangyun.exchange.protocol import State

Side: TypeAlias = Literal["centre", "institution"]
TEXTS = "exchange.feeds."


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """waits: who has to do something, empty for nobody. for_: what, a text."""

    zh: str
    waits: Literal["", "centre", "institution"] = ""
    for_: str = msgspec.field(name="for", default="")


class _Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    from_: tuple[State, ...] = msgspec.field(name="from")
    to: State
    by: Side
    needs: tuple[str, ...] = ()


class _Roles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    centre: frozenset[str]
    institution: frozenset[str]


class States(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table. roles: which roles of staff are of which side."""

    edition: str
    states: dict[State, _State]
    moves: tuple[_Move, ...]
    roles: _Roles


@cache
def table() -> States:
    """Returns data/states.toml."""
    text = files(__package__).joinpath("data", "states.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), States)


def check_move(now: State, to: State, side: Side, known: Collection[str]) -> None:
    """Raises RuleBroken where a state may not follow, or something is not known yet; Forbidden for who may not say so.

    known: what the register says of the feed: names of its members that are not empty.
    """
    move = next((one for one in table().moves if one.to == to and now in one.from_), None)
    names: dict[str, Any] = {"now": table().states[now].zh, "to": table().states[to].zh}
    if move is None:
        raise RuleBroken(f"{TEXTS}no-such-move", **names)
    if move.by == "centre" and side != "centre":
        raise Forbidden(f"{TEXTS}centre-only", **names)
    missing = [name for name in move.needs if name not in known]
    if missing:
        raise RuleBroken(f"{TEXTS}move-needs", needs=", ".join(missing), **names)


def side_of(role: str) -> Side | None:
    """Returns of which side a role of staff is, None for one that has nothing to do with feeds."""
    roles = table().roles
    return "centre" if role in roles.centre else "institution" if role in roles.institution else None
