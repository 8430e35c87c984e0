"""Whom rows about the registers concern, and why: for auditors, from the event that each such row names.

A row of the register says `/identity/NUMBER/EVENT/DIGEST`, older ones the number alone. The reason stands sealed in the
event; of one that is not what its row has sealed none is shown (`kangyun audit verify` names it).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import asyncpg

from kangyun.access.events.rows import Seen
from kangyun.access.identities.vault import Vault
from kangyun.access.trail.register_events import digest
from kangyun.base.crypto import Unreadable
from kangyun.store.keys import KeyRing

_SHAPE = re.compile(r"/identity/([0-9]{1,18})(?:/([0-9]{1,18})(?:/([0-9a-f]{64}))?)?")
_WHO = "SELECT id, reference FROM identity WHERE id = ANY ($1::int8[])"
_WHY = "SELECT id, identity, what, by, detail FROM identity_event WHERE id = ANY ($1::int8[])"


class Registered(NamedTuple):
    """Of whom or what the register was changed, by its reference in the record; why: empty where nothing was said."""

    reference: str
    why: str = ""


async def registered(connection: asyncpg.Connection, keys: KeyRing, rows: Iterable[Seen]) -> dict[int, Registered]:
    """Returns whom rows about the registers concern, by the number of the row."""
    named = {row.id: match for row in rows if (match := _SHAPE.fullmatch(row.shape))}
    if not named:
        return {}
    who = {row["id"]: row["reference"] for row in await connection.fetch(_WHO, [int(one[1]) for one in named.values()])}
    events = [int(one[2]) for one in named.values() if one[2]]
    vault = Vault(keys.index_key, keys.cipher)
    why = {
        (row["identity"], row["id"], sealed): _opened(vault, row["identity"], row["detail"])
        for row in await connection.fetch(_WHY, events)
        for sealed in (None, digest(row["identity"], row["what"], row["by"], row["detail"]))
    }
    return {
        row: Registered(who[int(one[1])], why.get((int(one[1]), int(one[2] or 0), one[3]), ""))
        for row, one in named.items()
        if int(one[1]) in who
    }


def _opened(vault: Vault, identity: int, detail: bytes) -> str:
    try:
        return vault.open(detail, f"event/{identity}").decode()
    except Unreadable:  # Sealed with a key that this installation has not: the row is shown all the same.
        return ""
