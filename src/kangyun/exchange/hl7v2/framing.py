"""MLLP: messages out of a stream of bytes, however it was cut. Pure; it reads and writes no socket.

A frame is <VT> message <FS><CR>. The CR is not waited for, since some senders leave it out and wait for the answer.
Whatever stands wrong is told once, with where it begins in the stream, and the next frame is read as if nothing had
been: bytes between frames, a frame that has no end before the next one begins, one that is larger than may be.

Source: HL7 v2.5.1 appendix C, C.4 (minimal lower layer protocol).
"""

from dataclasses import dataclass

START, END = b"\x0b", b"\x1c"
LARGEST = 32 * 1024 * 1024
"""Bytes of a message, where nobody says otherwise."""
_HEAD = 4096
"""Bytes that are kept of what is refused: enough for MSH."""
_BETWEEN = b"\r\n \x00"


@dataclass(frozen=True, slots=True)
class Frame:
    """A message."""

    message: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """What is no message. text: a text id of this package. at: the byte of the stream, from 0. head: how it begins."""

    text: str
    at: int
    head: bytes


class Framer:
    """Takes bytes as they come in and gives frames and faults, in order."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._kept = bytearray()
        self._state = "outside"  # or: inside, skipping (a frame that was refused), garbage
        self._position = 0
        self._began = 0

    def feed(self, data: bytes) -> list[Frame | Fault]:
        """Returns what is complete with these bytes."""
        found: list[Frame | Fault] = []
        at = 0
        while at < len(data):
            at = self._inside(data, at, found) if self._state in ("inside", "skipping") else self._outside(
                data, at, found
            )  # fmt: skip
        self._position += len(data)
        return found

    def end(self) -> list[Frame | Fault]:
        """Returns what is left when the stream has ended: a message without its end."""
        found: list[Frame | Fault] = []
        if self._state == "inside":
            self._refuse("frame-cut", found)
        elif self._state == "garbage":
            self._refuse("between-frames", found)
        self._state = "outside"
        return found

    @property
    def waiting(self) -> bool:
        """Whether something has begun and not ended."""
        return self._state != "outside"

    @property
    def kept(self) -> int:
        """Bytes that are held until a message is complete."""
        return len(self._kept)

    def _outside(self, data: bytes, at: int, found: list[Frame | Fault]) -> int:
        start = data.find(START, at)
        between = data[at : start if start >= 0 else len(data)]
        if self._state == "outside" and (rubbish := between.lstrip(_BETWEEN + END)):
            self._state = "garbage"
            self._began = self._position + at + len(between) - len(rubbish)
            between = rubbish
        if self._state == "garbage":
            self._kept += between[: max(0, _HEAD - len(self._kept))]
        if start < 0:
            return len(data)
        if self._state == "garbage":
            self._refuse("between-frames", found)
        self._state, self._began = "inside", self._position + start
        return start + 1

    def _inside(self, data: bytes, at: int, found: list[Frame | Fault]) -> int:
        end, again = data.find(END, at), data.find(START, at)
        stop = min(place if place >= 0 else len(data) for place in (end, again))
        if self._state == "inside":
            # One byte more than may be tells that it is too large; a frame without an end takes no more memory.
            self._kept += data[at : min(stop, at + self._largest + 1 - len(self._kept))]
            if len(self._kept) > self._largest:
                self._refuse("frame-too-large", found)
                self._state = "skipping"
        if stop == len(data):
            return stop
        if stop == again:
            if self._state == "inside":
                self._refuse("frame-cut", found)
            self._state, self._began = "inside", self._position + stop
            return stop + 1
        if self._state == "inside":
            found.append(Frame(bytes(self._kept)))
            self._kept = bytearray()
        self._state = "outside"
        return stop + 1

    def _refuse(self, text: str, found: list[Frame | Fault]) -> None:
        found.append(Fault(f"exchange.hl7v2.{text}", self._began, bytes(self._kept[:_HEAD])))
        self._kept = bytearray()


def framed(message: bytes) -> bytes:
    """Returns a message in its frame."""
    return START + message + END + b"\r"
