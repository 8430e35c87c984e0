"""The newest seals, kept outside the database: one signed line a minute, in a file that only grows.

Each line names the digest of the line before, so that one signature vouches for all lines above it. The certificate to
look at them with stands beside the file. Lines of before there were signatures have none.

Who can write to the database and to this file, and has no signing key, cannot hide what he did; who has the key's
software form can, so copy the file to where he cannot write, or let a device sign.
"""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from kangyun.base.crypto import Signer, sm3
from kangyun.base.crypto.authority import self_signed

FILE, CERTIFICATE = Path("trail") / "roots.ndjson", "signing.pem"
NAME = "康云审计签名"
DAYS = 3650
LONGEST = 100_000  # bytes of a line, with a time stamp's token
_WHAT = b"kangyun audit root\n"


class Root(msgspec.Struct, frozen=True, omit_defaults=True):
    """A seal as it stood at an instant. sm3: its digest, before: that of the line before, in hexadecimal digits.

    cut: not 0 where an older state of the database was restored then: the epoch of the feed that began with it. The
    seal is the last one that was restored; what was told before of later ones was of a trail that was given up. since:
    the epoch that was restored.
    institutions: the highest number of an institution by then, named: the digest of which number stands for which.
    key: fingerprint of the public key that signed. stamp: a time stamp's token over the signature.
    """

    instant: datetime
    seal: int
    sm3: str
    before: str = ""
    key: str = ""
    signature: str = ""
    stamp: bytes = b""
    cut: int = 0
    since: int = 0
    institutions: int = 0
    named: str = ""

    @property
    def digest(self) -> bytes:
        return bytes.fromhex(self.sm3)

    @property
    def to_sign(self) -> bytes:
        """What its signature is over: all but the signature and what came after it."""
        return _WHAT + msgspec.json.encode(msgspec.structs.replace(self, signature="", stamp=b""))


@dataclass(frozen=True, slots=True)
class Roots:
    """The file of an installation, in its data folder. Without a signer it is only read."""

    path: Path
    signer: Signer | None = None

    def add(
        self, instant: datetime, seal: int, digest: bytes, cut: int = 0, since: int = 0,
        institutions: int = 0, named: bytes = b"",
    ) -> None:  # fmt: skip
        """Adds a line; it is on disk when this returns. May wait for a device.

        Raises OSError, or DeviceFailed: then the file is as it was.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            end = os.fstat(file).st_size
            tail = os.pread(file, min(end, LONGEST), max(0, end - LONGEST))
            before = link(tail.rstrip(b"\n").rpartition(b"\n")[2])
            said = {"cut": cut, "since": since, "institutions": institutions, "named": named.hex()}
            root = self._signed(Root(instant, seal, digest.hex(), before, **said))  # type: ignore[arg-type]
            line = msgspec.json.encode(root) + b"\n"
            if end and not tail.endswith(b"\n"):
                line = b"\n" + line  # Behind what a loss of power has left of the last one.
            if os.pwrite(file, line, end) < len(line):
                os.ftruncate(file, end)
                raise OSError("the disk is full")
            os.fsync(file)
        finally:
            os.close(file)

    def _signed(self, root: Root) -> Root:
        if self.signer is None:
            return msgspec.structs.replace(root, before="")
        key = self.signer.public_key
        root = msgspec.structs.replace(root, key=key.fingerprint)
        signature = self.signer.sign(root.to_sign)
        stamp = self.signer.time_stamp(signature) or b""
        self._publish(root.instant)
        return msgspec.structs.replace(root, signature=signature.hex(), stamp=stamp)

    def _publish(self, now: datetime) -> None:
        """Puts the certificate of the signing key beside the file, behind those of former keys."""
        assert self.signer is not None
        published, mark = self.path.with_name(CERTIFICATE), f"# {self.signer.public_key.fingerprint}\n"
        before = published.read_text("utf-8") if published.exists() else ""
        if mark not in before:
            certificate = self_signed(NAME, self.signer.public_key, self.signer.sign, now, DAYS)
            fresh = published.with_name(f".{CERTIFICATE}.{os.getpid()}")
            fresh.write_text(before + mark + certificate.pem, "utf-8")
            fresh.replace(published)

    def lines(self) -> list[bytes]:
        """Returns the lines of the file as they stand. Raises OSError; nothing where there is no file."""
        return self.path.read_bytes().split(b"\n") if self.path.exists() else []

    def read(self) -> tuple[list[Root], list[int]]:
        """Returns what the file says, oldest first, and the numbers of the lines that cannot be read. Raises OSError.

        Nothing where there is no file.
        """
        found: list[Root] = []
        unreadable = []
        for number, line in enumerate(self.lines(), 1):
            if line:
                root = parsed(line)
                found += [root] if root else []
                unreadable += [] if root else [number]
        return found, unreadable

    def last(self) -> Root | None:
        """Returns what was told last, without reading all of it. Raises OSError."""
        if not self.path.exists():
            return None
        with self.path.open("rb") as source:
            source.seek(max(0, source.seek(0, os.SEEK_END) - LONGEST))
            for line in reversed(source.read().split(b"\n")):
                with contextlib.suppress(msgspec.DecodeError):
                    return msgspec.json.decode(line, type=Root)
        return None


def parsed(line: bytes) -> Root | None:
    """Returns what a line says, None where it cannot be read."""
    try:
        root = msgspec.json.decode(line, type=Root)
        for digits in (root.sm3, root.before, root.key, root.signature, root.named):
            bytes.fromhex(digits)
    except (msgspec.DecodeError, ValueError):
        return None
    return root


def link(line: bytes) -> str:
    """Returns by what the next line names this one; empty for none."""
    return sm3(line).hex() if line else ""


class Standing(NamedTuple):
    """What of the lines holds today. roots: must agree with the trail. cuts: stand in it, oldest first. given_up: cuts
    of a trail that was itself given up by a later one."""

    roots: list[Root]
    cuts: list[Root]
    given_up: list[Root]


def standing(told: Iterable[Root]) -> Standing:
    """Returns what of the lines, oldest first, holds of the trail of today.

    A cut goes back to an earlier state, which may be one that another cut had given up: so the way is gone backwards,
    from the newest cut to the epoch that it was restored from, and so on. Of each epoch those roots hold that were told
    in it, up to the seal at which the next one left it.
    """
    begun: dict[int, Root] = {}
    of_epoch: dict[int, list[Root]] = {0: []}
    epoch = 0  # Before any cut, whatever its number was.
    for root in told:
        if root.cut:
            epoch = root.cut
            begun[epoch], of_epoch[epoch] = root, []
        if root.seal:
            of_epoch[epoch].append(root)
    roots: list[Root] = []
    cuts: list[Root] = []
    limit: int | None = None
    while True:
        roots = [root for root in of_epoch[epoch] if limit is None or root.seal <= limit] + roots
        if epoch == 0:
            return Standing(roots, cuts, [cut for cut in begun.values() if cut not in cuts])
        cut = begun[epoch]
        cuts.insert(0, cut)
        limit = cut.seal if limit is None else min(limit, cut.seal)
        epoch = max((one for one in begun if one <= cut.since and one < epoch), default=0)
