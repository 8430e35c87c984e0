"""The sending side of a connection: what was said may be read to its end, but nobody need wait for ever.

Not what is said: that is `web.connections`. Source of the careful end: RFC 9112, section 9.6.
"""

import asyncio
from collections.abc import Callable

LINGER = 2.0  # seconds that a client may take to read an answer that came before it had sent its whole request
STALL = 30.0  # seconds between two looks at what is still to be read
SLOWEST_READER = 16_384  # bytes a second


class Line:
    """A transport that is closed with care. `unread` tells whether the client is still sending what it began."""

    def __init__(self, raw: asyncio.Transport, loop: asyncio.AbstractEventLoop, unread: Callable[[], bool]) -> None:
        self.raw = raw
        self.lingering = False
        self._loop = loop
        self._unread = unread
        self._left = 0
        self._look_at: asyncio.TimerHandle | None = None
        self.write = raw.write
        self.pause_reading, self.resume_reading = raw.pause_reading, raw.resume_reading
        self.get_extra_info, self.set_protocol = raw.get_extra_info, raw.set_protocol

    def is_closing(self) -> bool:
        """Whether nothing more can be said."""
        return self.lingering or self.raw.is_closing()

    def close(self) -> None:
        """Ends the connection when all was sent."""
        if self.is_closing():
            return
        if self._unread():
            # Closed while more comes in, it would be reset, and the answer lost on its way.
            self.lingering = True
            self.raw.write_eof()
            self.raw.resume_reading()
            self._loop.call_later(LINGER, self.raw.abort)
        else:
            self.raw.close()
            self.watch()

    def watch(self) -> None:
        """Begins to look whether the client takes what waits for it; it is cut off where it does not."""
        if self._look_at is None:
            self._left = self.raw.get_write_buffer_size()
            self._look_at = self._loop.call_later(STALL, self._look)

    def unwatch(self) -> None:
        """Stops looking."""
        if self._look_at is not None:
            self._look_at.cancel()
            self._look_at = None

    def _look(self) -> None:
        self._look_at = None
        left = self.raw.get_write_buffer_size()
        if left > max(self._left - STALL * SLOWEST_READER, 0):
            self.raw.abort()
        elif left:
            self.watch()
