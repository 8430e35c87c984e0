"""A hospital, a centre, and the gateway between them, one step at a time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from kangyun.exchange.gateway.answering import Answering
from kangyun.exchange.gateway.collecting import Collecting
from kangyun.exchange.gateway.configuration import Configuration, Table
from kangyun.exchange.gateway.counting import Counting
from kangyun.exchange.gateway.keys import client_key
from kangyun.exchange.gateway.line import Line
from kangyun.exchange.gateway.middle import Marking
from kangyun.exchange.gateway.pace import Pace
from kangyun.exchange.gateway.queue import Queue
from kangyun.exchange.gateway.sending import Sending
from kangyun.exchange.gateway.sources.opening import open_session
from kangyun.testing.hospital import FakeCentre, Hospital


@pytest.fixture
def centre() -> Iterator[FakeCentre]:
    """A centre with one feed, `lis`."""
    made = FakeCentre()
    made.open("lis")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def hospital(tmp_path: Path, centre: FakeCentre) -> Hospital:
    return Hospital(tmp_path, centre)


class Gateway:
    """The gateway, one step at a time."""

    def __init__(self, hospital: Hospital, queue: Queue, configuration: Configuration) -> None:
        self.queue, self.hospital = queue, hospital
        self.pace = Pace(threading.Event())
        self.line = Line(configuration.centre, client_key(hospital.folder), hospital.folder)
        self.sending = Sending(configuration, queue, self.line, Answering(queue, hospital.folder), self.pace)

    def read(self, table: Table | None = None) -> int:
        """Reads what is new of a table. Returns how many rows were queued."""
        table = table or self.hospital.table
        kind = Marking if table.by == "flag" else Collecting
        with closing(open_session(self.hospital.source, "", writes=table.by == "flag")) as session:
            return kind(self.queue, table, self.pace).round(session)

    def count(self, days: int) -> None:
        """Counts the last days."""
        with closing(open_session(self.hospital.source, "")) as session:
            Counting(self.queue, self.hospital.table, self.pace).declare(session, days)

    def unread(self) -> int:
        """Returns how many rows are never read."""
        with closing(open_session(self.hospital.source, "")) as session:
            return Counting(self.queue, self.hospital.table, self.pace).unread(session)

    def answer(self) -> None:
        """Does what the centre asked."""
        with closing(open_session(self.hospital.source, "")) as session:
            Counting(self.queue, self.hospital.table, self.pace).answer(session)

    def send(self) -> None:
        """Sends until nothing waits and all was asked."""
        steps = 1
        while steps:
            self.sending.soon()
            steps = self.sending.step()


@pytest.fixture
def start(hospital: Hospital) -> Iterator[Callable[..., Gateway]]:
    """Starts a gateway in the hospital's folder, with so much disk; the one before stays as it is."""
    with ExitStack() as stack:

        def make(disk: dict[str, int] | None = None, **changed: Any) -> Gateway:
            queue = stack.enter_context(closing(hospital.queue(**(disk or {}))))
            made = Gateway(hospital, queue, hospital.configuration(**changed))
            stack.enter_context(closing(made.line))
            made.sending.sync()
            return made

        yield make


@pytest.fixture
def gateway(start: Callable[..., Gateway]) -> Gateway:
    """The gateway of the hospital, which the centre has spoken to."""
    return start()
