"""Carrying out again what the ledger says, on a database that was restored from a backup, before the gate opens.

Erasures are known here. Who writes entries of another kind into the ledger registers a replayer for it; while an entry
has none, replaying fails: a restored installation must not serve what somebody has withdrawn or revoked. Replaying
twice does no harm.
"""

from collections.abc import Awaitable, Callable

import asyncpg
import msgspec

from kangyun.access.erasing import KIND as ERASURE
from kangyun.access.erasing import erase_also
from kangyun.access.identities import erased
from kangyun.access.ledger import Entry, Ledger, LedgerBroken
from kangyun.base.errors import Unavailable
from kangyun.store.erasure import erase_again, extent_of

Replayer = Callable[[asyncpg.Connection, Entry], Awaitable[bool]]
"""Carries out an entry once more; returns whether anything was left to do. It makes its own transaction."""


async def _erase(connection: asyncpg.Connection, entry: Entry) -> bool:
    extent = extent_of(entry.detail)
    async with connection.transaction():
        await erase_also(connection, extent)
        if "registered" in entry.detail:  # Entries of older installations have none.
            await erased.remove(connection, msgspec.convert(entry.detail["registered"], erased.Registered))
        return await erase_again(connection, extent, str(entry.detail["request"]), entry.n)


_replayers: dict[str, Replayer] = {ERASURE: _erase}


def register(kind: str, replayer: Replayer) -> None:
    """Says how entries of a kind are carried out again."""
    _replayers[kind] = replayer


async def replay(connection: asyncpg.Connection, ledger: Ledger, after: int = 0) -> dict[str, int]:
    """Carries out again the entries behind number `after`, in order; returns by kind how many had to be.

    Nobody else may be using the database. Raises LedgerBroken, and Unavailable for a kind that nobody registered; what
    stands before that is carried out.
    """
    done: dict[str, int] = {}
    for entry in ledger.entries(after):
        if entry.kind not in _replayers:
            raise Unavailable("access.ledger-kind", kind=entry.kind, entry=entry.n)
        try:
            if await _replayers[entry.kind](connection, entry):
                done[entry.kind] = done.get(entry.kind, 0) + 1
        except (KeyError, TypeError, ValueError):
            raise LedgerBroken("access.ledger-broken", file=str(ledger.path), line=entry.n) from None
    return done
