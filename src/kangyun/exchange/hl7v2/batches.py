"""Batches: many messages in one frame, in the envelopes FHS … FTS and BHS … BTS. Pure.

A batch is taken whole or not at all: one whose end is missing, or that says another number than it has, was cut
somewhere, and nobody knows where. Its messages are then messages like others, each stored and answered for itself.

Source: HL7 v2.5.1 chapter 2, 2.10.3 (batch protocol), 2.14.2, 2.14.3, 2.14.6, 2.14.7 (BHS, BTS, FHS, FTS).
"""

import re
from collections.abc import Sequence

from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.hl7v2.splitting import TEXTS, Unreadable

MOST = 10_000
"""Messages of a batch."""
_BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"[^\r\n]+")


def is_batch(raw: bytes) -> bool:
    """Whether a frame holds a batch."""
    return raw[:64].removeprefix(_BOM).lstrip(b"\r\n \x0b").startswith((b"FHS", b"BHS"))


def messages(raw: bytes) -> list[bytes]:
    """Returns the messages of a batch. Raises Unreadable, and nothing else, whatever is given."""
    found: list[list[bytes]] = []
    since, batches, opened = 0, 0, [b"", b""]
    for number, match in enumerate(_LINE.finditer(raw.removeprefix(_BOM)), 1):
        line = match[0].lstrip(b" \x0b")
        name = line[:3]
        if name == b"MSH":
            found.append([line])
            if len(found) > MOST:
                raise Unreadable(_refusal("batch-too-large", number, "MSH", most=MOST))
        elif name == b"BHS":
            opened[1], since = name, len(found)
        elif name == b"FHS":
            opened[0] = name
        elif name == b"BTS":
            _counted(line, len(found) - since, number, "BTS-1")
            opened[1], batches = b"", batches + 1
        elif name == b"FTS":
            _counted(line, batches, number, "FTS-1")
            opened[0] = b""
        elif found:
            found[-1].append(line)
        elif line.strip():
            raise Unreadable(_refusal("no-segment", number, None))
    left = next((name for name in reversed(opened) if name), b"")
    if left:
        raise Unreadable(_refusal("batch-cut", None, left.decode()))
    return [b"\r".join(lines) + b"\r" for lines in found]


def enveloped(answers: Sequence[bytes]) -> bytes:
    """Returns the answers to the messages of a batch as one."""
    return b"BHS|^~\\&\r" + b"".join(answers) + f"BTS|{len(answers)}\r".encode()


def _counted(line: bytes, wanted: int, number: int, part: str) -> None:
    """Raises Unreadable where a trailer says another number."""
    said = line[4:].split(line[3:4], 1)[0].strip() if len(line) > 4 else b""
    if said and (not said.isdigit() or int(said[:9]) != wanted):
        raise Unreadable(_refusal("batch-count", number, part, found=wanted))


def _refusal(text: str, number: int | None, part: str | None, **parameters: int) -> Refusal:
    return Refusal(Place("", number, part), TEXTS + text, parameters=parameters)
