"""A channel that writes down what it is given, in place of a provider: for demonstrations and tests.

A file of mode 0600 in the data folder, a line a message: whoever shows the platform reads the codes there.
"""

import asyncio
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kangyun.access.messages.outbox.sending import Parcel, Sent
from kangyun.base import clock

FILE = "messages.ndjson"
LOOKED_AT = 20_000  # bytes at the end of the file, in which the newest messages are


@dataclass(frozen=True, slots=True)
class Recorder:
    """Appends to a file. It takes a key as often as it comes, so it promises no more than a provider without keys."""

    path: Path
    dedupes: bool = False
    receipts: bool = False
    rate: float = 0.0

    async def send(self, parcel: Parcel) -> Sent:
        """Writes a message down."""
        line = {
            "instant": clock.instant(clock.now()), "channel": parcel.channel, "phone": parcel.address,
            "template": parcel.template, "variables": dict(parcel.variables), "key": parcel.key,
        }  # fmt: skip
        if parcel.sentence:
            line["sentence"] = parcel.sentence
        await asyncio.to_thread(self._append, msgspec.json.encode(line) + b"\n")
        return Sent(parcel.key)

    def newest_code(self, phone: str) -> str:
        """Returns the code of the newest message to a telephone, for a demonstration's page to show; empty: none."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOOKED_AT))
                lines = file.read().splitlines()
        except FileNotFoundError:
            return ""
        for line in reversed(lines):
            with contextlib.suppress(msgspec.DecodeError):  # The first may be half of one.
                told = msgspec.json.decode(line)
                if told["phone"] == phone:
                    return str(told["variables"].get("code", ""))
        return ""

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
