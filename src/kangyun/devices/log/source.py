"""One shard's lane as it is read: where the cursor stands, what is damaged, what may go."""

import logging
import os
from pathlib import Path

from kangyun.base.crypto import Unreadable
from kangyun.devices.log.frames import FRAME, PLACES, SEGMENT, Header, Sealers, header_at, opened, segment_header
from kangyun.devices.log.layout import follows, lane_folder, segment_file, segments
from kangyun.devices.log.model import Batch, Damage, Record
from kangyun.devices.model import Lane

logger = logging.getLogger(__name__)

CHUNK = 1 << 18


class Source:
    """Reads one lane of one shard from a position on."""

    def __init__(self, folder: Path, identity: bytes, shard: int, lane: Lane, sealers: Sealers) -> None:
        self.name = f"{identity.hex()[:8]}/{shard:05}/{lane.name.lower()}"
        self.shard = shard
        self._folder = lane_folder(folder, shard, lane)
        self._identity, self._lane, self._sealers = identity, lane, sealers
        self._file = -1
        self._given = 0
        """The position behind which the cursor stands; what was read since then waits in the next two."""
        self._segment = self._place = self._offset = 0
        self._header = b""
        self._buffer = memoryview(b"")
        self._buffer_at = 0
        self._records: list[Record] = []
        self._damage: list[Damage] = []
        self._nothing: tuple[int, int] | None = None
        """Time of the folder and size of the file at which there was nothing more."""
        self._counts: dict[int, tuple[int, int]] = {}

    def next(self, position: int, most: int, most_bytes: int) -> Batch | None:
        """Returns what follows a position, None where there is nothing yet."""
        self._stand_at(position)
        found: list[Record] = []
        while most > 0 and most_bytes > 0:
            if not self._records and not self._bring():
                break
            taken = 0
            for record in self._records:
                if most <= 0 or most_bytes <= 0:
                    break
                most -= 1
                most_bytes -= len(record.payload)
                taken += 1
            found += self._records[:taken]
            del self._records[:taken]
            self._place += taken
        damage, self._damage = tuple(self._damage), []
        if not found and not damage:
            return None
        self._given = self._segment * PLACES + self._place
        return Batch(self.name, self._given, found, damage)

    def has_more(self, position: int) -> bool:
        """Whether something follows a position."""
        self._stand_at(position)
        if self._records or self._damage:
            return True
        # What cannot have changed is not looked through again: this is asked fifty times a second.
        seen = os.stat(self._folder).st_mtime_ns, self._size() if self._file >= 0 else 0
        if seen == self._nothing:
            return False
        found = self._bring() or bool(self._damage)
        self._nothing = None if found else seen
        return found

    def peek(self, position: int) -> int | None:
        """Returns when the record that follows a position was received."""
        self._stand_at(position)
        return self._records[0].received if self._records or self._bring() else None

    def start(self) -> int:
        """Returns the position of the oldest record."""
        found = self._all()
        return found[0] * PLACES if found else 0

    def close(self) -> None:
        """Closes the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def count_from(self, position: int) -> int:
        """Returns how many records follow a position. Each header is looked at once only."""
        segment, place = divmod(position, PLACES)
        return sum(
            self._count(one) - (min(place, self._count(one)) if one == segment else 0)
            for one in self._all()
            if one >= segment
        )

    def release(self, position: int, before: float) -> int:
        """Removes segments that were taken in and last written before an instant; returns their bytes."""
        freed = 0
        for one in self._all():
            path = segment_file(self._folder, one)
            if one >= position // PLACES or (found := path.stat()).st_mtime >= before:
                break
            path.unlink()
            self._counts.pop(one, None)
            freed += found.st_size
        return freed

    def empty(self, position: int, before: float) -> int:
        """Empties the last segment of a shard that nobody writes to. It stays: the next one's number follows it."""
        segment, place = divmod(position, PLACES)
        path = segment_file(self._folder, segment)
        if not segment or self._all()[-1:] != [segment] or place < self._count(segment):
            return 0
        found = path.stat()
        if found.st_mtime >= before or found.st_size <= SEGMENT.size:
            return 0
        os.truncate(path, SEGMENT.size)
        return found.st_size - SEGMENT.size

    def _all(self) -> list[int]:
        return segments(self._folder)

    def _stand_at(self, position: int) -> None:
        """Moves the cursor to a position, which may be before it where what was read was not taken in."""
        if position == self._given:
            return
        self._given, self._nothing = position, None
        self._records, self._damage = [], []
        self.close()
        segment, place = divmod(position, PLACES)
        found = self._all()
        if segment and segment not in found:
            self._tell(f"{segment:010}", "missing")
            segment, place = next((one for one in found if one > segment), segment), 0
        self._segment, self._place = segment, place
        if segment not in found:
            return
        self._open()
        while (header := self._whole()) is not None and header.first + header.count <= place:
            self._offset += FRAME.size + header.length

    def _open(self) -> None:
        path = segment_file(self._folder, self._segment)
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._header = segment_header(self._identity, self.shard, self._lane, self._segment)
        self._offset, self._buffer, self._buffer_at = SEGMENT.size, memoryview(b""), 0
        if os.pread(self._file, SEGMENT.size, 0) != self._header:
            self._tell(path.name, "header of the segment")

    def _bring(self) -> bool:
        """Opens the next frame that can be read. Returns whether there is one."""
        while True:
            header = self._whole() if self._file >= 0 else None
            if header is None:
                if not self._go_on():
                    return False
                continue
            body = self._bytes(self._offset + FRAME.size, header.length)
            at = f"{self._segment:010}@{self._offset}"
            self._offset += FRAME.size + header.length
            if header.first > self._place:
                self._tell(at, "records before are missing", header.first - self._place)
            given = max(self._place - header.first, 0)
            self._place = header.first + given
            try:
                self._records = opened(header, body, self._sealers.of(header.epoch), self._header)[given:]
                return True
            except (ValueError, Unreadable) as error:
                self._tell(at, "seal" if isinstance(error, Unreadable) else "checksum", header.count - given)
                self._place = header.first + header.count

    def _go_on(self) -> bool:
        """Passes what is no frame, or goes to the next segment. False where the end is reached, for now."""
        following = [one for one in self._all() if one > self._segment]
        if self._file >= 0:
            # After it was seen that this one is finished: a frame may have come meanwhile.
            if following and self._whole() is not None:
                return True
            rest = os.pread(self._file, 1 << 30, self._offset) if self._size() > self._offset else b""
            found = follows(rest, 1) if rest else None
            if found is not None:
                self._tell(f"{self._segment:010}@{self._offset}", f"{found} bytes are no frame")
                self._offset += found
                return True
            if rest and following:
                self._tell(f"{self._segment:010}@{self._offset}", f"{len(rest)} bytes at the end are no frame")
        if not following:
            return False
        if self._segment and following[0] != self._segment + 1:
            self._tell(f"{self._segment + 1:010}", "missing")
        self.close()
        self._segment, self._place = following[0], 0
        self._open()
        return True

    def _tell(self, place: str, reason: str, records: int = 0) -> None:
        logger.error("log: %s %s is damaged: %s, %s records", self.name, place, reason, records or "?")
        self._damage.append(Damage(f"{self.name}/{place}", reason, records))

    def _whole(self) -> Header | None:
        """Returns the header of the next frame, where all of the frame is there."""
        header = header_at(self._bytes(self._offset, FRAME.size), 0)
        if header is None or len(self._bytes(self._offset + FRAME.size, header.length)) < header.length:
            return None
        return header

    def _bytes(self, offset: int, length: int) -> memoryview:
        """Returns bytes of the file, fewer at its end."""
        at = offset - self._buffer_at
        if at < 0 or at + length > len(self._buffer):
            self._buffer = memoryview(os.pread(self._file, max(length, CHUNK), offset))
            self._buffer_at, at = offset, 0
        return self._buffer[at : at + length]

    def _size(self) -> int:
        return os.fstat(self._file).st_size

    def _count(self, segment: int) -> int:
        count, offset = self._counts.get(segment, (0, SEGMENT.size))
        file = os.open(segment_file(self._folder, segment), os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(file).st_size
            while (header := header_at(os.pread(file, FRAME.size, offset), 0)) is not None:
                if offset + FRAME.size + header.length > size:
                    break
                count, offset = header.first + header.count, offset + FRAME.size + header.length
        finally:
            os.close(file)
        self._counts[segment] = count, offset
        return count
