"""The root key in parts that several persons keep: so many of them together bring it back, fewer say nothing of it.

A share is a file of its own, with a check value of its own (a damaged one is told) and that of the root key (a set of
another key, or a wrong result, is told). Shares of an earlier generation bring back the key of today as well: the root
key can be reckoned forward (`store.root`). For that reason they open backups from their time on: after an erasure that
must not be undone by anybody, share out anew and have the old shares destroyed.

Source: facts/store.md 2.3 and 5.5; GB/T 39786-2021 (key management: backup and recovery).
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec

from kangyun.base import shamir
from kangyun.base.crypto import sm3
from kangyun.base.errors import Invalid, Unavailable
from kangyun.store.root import ROOT_BYTES, Root

WHAT = "kangyun root key share"


class Share(msgspec.Struct, frozen=True):
    """One share, as it stands in its file. set: of those that were made together; digest: SM3 of all else."""

    what: str
    set: str
    check_value: str
    generation: int
    needed: int
    shares: int
    number: int
    share: str
    digest: str = ""

    def sealed(self) -> "Share":
        """Returns the share with its digest."""
        bare = msgspec.structs.replace(self, digest="")
        return msgspec.structs.replace(bare, digest=sm3(msgspec.json.encode(bare)).hex()[:16])


def share_out(root: Root, needed: int, shares: int) -> list[Share]:
    """Returns the shares of a root key. Raises Invalid for numbers that make no sense."""
    try:
        parts = shamir.split(root.key, needed, shares)
    except ValueError:
        raise Invalid("store.escrow-numbers", most=shamir.MOST_SHARES) from None
    name = secrets.token_hex(4)
    return [
        Share(WHAT, name, root.check_value, root.generation, needed, shares, number, part.hex()).sealed()
        for number, part in parts.items()
    ]


def write_shares(folder: Path, shares: Sequence[Share]) -> list[Path]:
    """Writes a file a share, mode 0600. Raises Unavailable where one is there already or none can be written."""
    paths = [folder / f"share-{one.set}-{one.number}-of-{one.shares}.json" for one in shares]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, one in zip(paths, shares, strict=True):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as sink:
                sink.write(msgspec.json.format(msgspec.json.encode(one), indent=2) + b"\n")
                sink.flush()
                os.fsync(sink.fileno())
    except OSError:
        raise Unavailable("store.escrow-not-written", folder=str(folder)) from None
    return paths


def read_share(path: Path) -> Share:
    """Reads a share. Raises Invalid for a file that is none, or that is damaged."""
    try:
        share = msgspec.json.decode(path.read_bytes(), type=Share)
        right = share.what == WHAT and share.sealed() == share and len(bytes.fromhex(share.share)) == ROOT_BYTES
    except (OSError, ValueError, msgspec.DecodeError):
        right = False
    if not right:
        raise Invalid("store.escrow-share", file=str(path))
    return share


def joined(shares: Sequence[Share], file: Path) -> Root:
    """Returns the root key of shares, to stand in `file`. Raises Invalid where they are too few or do not belong
    together."""
    by_number = {one.number: bytes.fromhex(one.share) for one in shares}
    if len({(one.set, one.check_value, one.generation, one.needed) for one in shares}) != 1:
        raise Invalid("store.escrow-sets")
    first = shares[0]
    if len(by_number) < first.needed:
        raise Invalid("store.escrow-few", needed=first.needed, given=len(by_number))
    root = Root(file, shamir.joined(by_number), first.generation)
    if root.check_value != first.check_value:
        raise Invalid("store.escrow-wrong")
    return root


async def note(connection: asyncpg.Connection, needed: int, shares: int) -> None:
    """Notes in the database how the root key was shared out."""
    await connection.execute("UPDATE root_key SET escrow = $1, escrowed = clock_timestamp()", f"{needed}/{shares}")
