"""What waits is sent, and what the centre says is taken in: the gateway's half of ADR 32.

A delivery leaves the queue when the centre has said that it is kept. What the centre does not know how to take stays
where it is and is told: nothing is passed over, since numbers are dense.
"""

import gzip
import http
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

import msgspec

from kangyun.exchange.gateway.answering import Answering
from kangyun.exchange.gateway.configuration import Configuration
from kangyun.exchange.gateway.line import Answer, Line, LineFailed
from kangyun.exchange.gateway.pace import Pace
from kangyun.exchange.gateway.queue import Queue
from kangyun.exchange.protocol import DIGEST, PATH, Answers, Asked, FeedState

SYNC = 60.0  # seconds between two questions of how the feeds stand
ANSWERS = 5.0  # while something is unanswered; else as often as the feeds are asked about
PATIENCE = 300.0  # seconds that a feed is left alone whose delivery the centre does not take
TEXTS = "exchange.gateway."
_JSON = {"content-type": "application/json"}
_PACKED = {**_JSON, "content-encoding": "gzip"}
_NOT_OURS = TEXTS + "cause-feed"
_KEPT = (http.HTTPStatus.OK, http.HTTPStatus.CREATED)
_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class Sending:
    """Sends what waits. One thread's. refused: feeds that stand still, and why."""

    configuration: Configuration
    queue: Queue
    line: Line
    answering: Answering
    pace: Pace
    refused: dict[str, LineFailed] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)

    def step(self) -> int:
        """Sends one delivery of each feed at most, and asks what there is to ask. Returns how many were sent.

        Raises LineFailed, Stopping.
        """
        if self._is_due("sync", SYNC):
            self.sync()
        sent = 0
        for feed in self.configuration.feeds:
            self.pace.check()
            row = self.queue.feed(feed)
            if row is not None and row[2] != "paused" and not self._waits(f"refused {feed}"):
                sent += self._send(feed, rate=row[3])
        for feed in self.configuration.feeds:
            row = self.queue.feed(feed)
            if row is not None:
                if self._is_due(f"answers {feed}", ANSWERS if row[1] < row[0] - 1 else SYNC):
                    self.take_answers(feed)
                self._declare(feed)
                self._tell_done(feed)
        return sent

    def soon(self) -> None:
        """Lets all that is asked now and then be asked with the next step."""
        self._due.clear()

    def sync(self) -> None:
        """Takes in how the feeds stand, and what the centre asks of them."""
        answer = self._asked("GET", PATH)
        states = {state.feed: state for state in _read(answer, list[FeedState])}
        for feed in self.configuration.feeds:
            state = states.get(feed)
            if state is None:
                self._stands_still(feed, LineFailed(_NOT_OURS, status=int(http.HTTPStatus.NOT_FOUND)))
                continue
            if feed in self.refused and self.refused[feed].issues[0].text == _NOT_OURS:
                del self.refused[feed]
            self._meet(state)
            for asked in _read(self._asked("GET", f"{_path(feed)}/asked"), list[Asked]):
                self.queue.ask(feed, asked.id, msgspec.json.encode(asked))

    def _meet(self, state: FeedState, *, conflict: bool = False) -> None:
        before = self.queue.feed(state.feed)
        places = [table.place for table in self.configuration.tables if table.feed == state.feed]
        shift = self.queue.meet(state, places, conflict=conflict)
        if before is not None and shift:
            _log.warning("numbers differ", extra={"fields": {"feed": state.feed, "next": state.next, "shift": shift}})

    def _send(self, feed: str, rate: int) -> int:
        waiting = self.queue.first(feed)
        if waiting is None:
            return 0
        path = f"{_path(feed)}/deliveries/{waiting.number}"
        answer = self.line.ask("PUT", path, waiting.content, {**_PACKED, DIGEST: waiting.digest})
        if answer.status in _KEPT:
            self.queue.kept(feed, waiting.number)
            self._due[f"answers {feed}"] = min(self._due.get(f"answers {feed}", 0.0), time.monotonic() + ANSWERS)
            self.refused.pop(feed, None)
            self.pace.rate = rate
            self.pace.took(waiting.rows)
            return 1
        if answer.status == http.HTTPStatus.CONFLICT:
            self._meet(_read(answer, FeedState), conflict=True)
        elif answer.status == http.HTTPStatus.LOCKED:
            self._due["sync"] = 0.0
            self._due[f"refused {feed}"] = time.monotonic() + SYNC
        elif (
            answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == http.HTTPStatus.TOO_MANY_REQUESTS
        ):
            raise LineFailed(TEXTS + "cause-centre", status=answer.status)
        else:
            why = LineFailed(TEXTS + "cause-refused", number=waiting.number, status=answer.status)
            self._stands_still(feed, why)
        return 0

    def _stands_still(self, feed: str, why: LineFailed) -> None:
        self.refused[feed] = why
        self._due[f"refused {feed}"] = time.monotonic() + PATIENCE

    def take_answers(self, feed: str) -> None:
        """Takes in all that became of deliveries of a feed since."""
        while True:
            self.pace.check()
            row = self.queue.feed(feed)
            after = row[1] if row else 0
            found = _read(self._asked("GET", f"{_path(feed)}/answers?after={after}"), Answers)
            self.answering.take(feed, found.answers)
            if not found.more or not found.answers:
                return

    def _tell_done(self, feed: str) -> None:
        for id_, _, answer in self.queue.asked(feed, done=True):
            # What was queued again stands before this in the queue: the centre hears of it first.
            if answer == DONE and feed in self.queue.waiting():
                continue
            body = b"" if answer == DONE else gzip.compress(answer, 5, mtime=0)
            self._asked("PUT", f"{_path(feed)}/asked/{id_}", body, _PACKED if body else _JSON)
            self.queue.told(feed, id_)

    def _declare(self, feed: str) -> None:
        counts = self.queue.counted([table.place for table in self.configuration.tables if table.feed == feed])
        if counts:
            told = b"[" + b",".join(said.encode() for _, _, said in counts) + b"]"
            self._asked("PUT", f"{_path(feed)}/declared", gzip.compress(told, 5, mtime=0), _PACKED)
            self.queue.known(counts)

    def _asked(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        answer = self.line.ask(method, path, body, headers)
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            text = "cause-feed" if answer.status in (403, 404) else "cause-centre"
            raise LineFailed(TEXTS + text, status=answer.status)
        return answer

    def _is_due(self, what: str, every: float) -> bool:
        if self._waits(what):
            return False
        self._due[what] = time.monotonic() + every
        return True

    def _waits(self, what: str) -> bool:
        return time.monotonic() < self._due.get(what, 0.0)


DONE = b"queued"
"""The answer to a request to send again: that it is queued."""


def _path(feed: str) -> str:
    return f"{PATH}/{quote(feed, safe='')}"


def _read(answer: Answer, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.DecodeError:
        raise LineFailed(TEXTS + "cause-no-platform", status=answer.status) from None
