"""Whether the roots are signed as they were, and by whom. Pure.

A signature vouches for its own line and, as each line names the one before, for all above it down to a break. So of a
run of lines that are linked the last one that is true is enough, and what stands behind it is at fault.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, NamedTuple

from kangyun.access.signing.time_stamps import read_stamp
from kangyun.access.trail.roots import Root, link, parsed
from kangyun.base.crypto.certificates import Certificate
from kangyun.base.errors import Invalid

Kind = Literal["root-forged", "root-strange-key", "root-unsigned", "root-cut", "root-stamp"]
LATE = timedelta(minutes=5)
"""That a time stamp may differ from what the platform's clock said."""


class RootFault(NamedTuple):
    """A line that is not as it was written, by its number."""

    kind: Kind
    line: int


@dataclass(slots=True)
class Examination:
    """What was found. signed, unsigned, stamped: how many lines are so. keys: fingerprints of those that signed."""

    signed: int = 0
    unsigned: int = 0
    stamped: int = 0
    keys: set[str] = field(default_factory=set)
    faults: list[RootFault] = field(default_factory=list)


class _Line(NamedTuple):
    number: int
    root: Root
    is_linked: bool


def examine(lines: Sequence[bytes], certificates: Iterable[Certificate]) -> Examination:
    """Looks at the lines of a file of roots with the certificates of the keys that may have signed them."""
    keys = {key.fingerprint: key for one in certificates if (key := one.public_key) is not None}
    found, runs = Examination(), _runs(lines)
    for run in runs:
        first = run[0]
        if first.root.signature and not first.is_linked and first.number > 1:
            found.faults.append(RootFault("root-cut", first.number))
        for line in reversed(run):
            key = keys.get(line.root.key)
            if not line.root.signature:
                if found.signed or any(one.root.signature for one in run):
                    found.faults.append(RootFault("root-unsigned", line.number))
                continue
            if key is None:
                found.faults.append(RootFault("root-strange-key", line.number))
            elif not key.verify(line.root.to_sign, bytes.fromhex(line.root.signature)):
                found.faults.append(RootFault("root-forged", line.number))
            else:
                found.keys.add(line.root.key)
                if line.root.stamp and not _is_stamped(line.root):
                    found.faults.append(RootFault("root-stamp", line.number))
                break
        found.signed += sum(bool(one.root.signature) for one in run)
        found.unsigned += sum(not one.root.signature for one in run)
        found.stamped += sum(bool(one.root.stamp) for one in run)
    found.faults.sort(key=lambda fault: fault.line)
    return found


def _runs(lines: Sequence[bytes]) -> list[list[_Line]]:
    """Returns the lines that can be read, in runs that are linked; lines without signatures are runs of their own."""
    runs: list[list[_Line]] = []
    before = b""
    for number, text in enumerate(lines, 1):
        if not text:
            continue
        root = parsed(text)
        if root is not None:
            is_linked = bool(root.signature) and root.before == link(before)
            if is_linked and runs and runs[-1][-1].number == number - 1 and runs[-1][-1].root.signature:
                runs[-1].append(_Line(number, root, is_linked))
            else:
                runs.append([_Line(number, root, is_linked)])
        before = text
    return runs


def _is_stamped(root: Root) -> bool:
    try:
        stamp = read_stamp(root.stamp)
    except Invalid:
        return False
    is_of = stamp.is_true and stamp.is_of(bytes.fromhex(root.signature))
    return is_of and abs(stamp.instant - root.instant) < LATE
