"""The processes that `kangyun up` keeps alive, and how such a process and `up` speak to each other.

Each is started before the database answers, so that it loads its modules meanwhile, and waits for a line on its
standard input. One that ends is started again, at once the first time and then after longer and longer waits.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from kangyun.base.errors import Unavailable
from kangyun.database.lifeline import end_with_parent

# Set in the environment of a child: the number of the `up` that started it.
UP = "KANGYUN_UP_PROCESS"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
# A process that lived so long had not ended because of how it was started.
SETTLED = 60.0  # seconds
STOP_WITHIN = 15.0  # seconds
LARGEST_LOG = 64_000_000  # bytes
LINES_SHOWN = 6


@dataclass(slots=True)
class Child:
    """One process that we keep alive."""

    name: str
    part: str
    log: Path
    environment: dict[str, str]
    _process: subprocess.Popen[bytes] | None = None
    _pause: float = FIRST_PAUSE
    _since: float = 0.0
    _told: bool = field(default=False)

    def start(self) -> None:
        """Starts the process; it waits for `go`."""
        _rotate(self.log)
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(
                part(self.part),
                env=self.environment | {UP: str(os.getpid())},
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=sink,
                # A group of its own: Ctrl-C reaches us alone, and we stop the parts in order.
                start_new_session=True,
            )
        self._since = time.monotonic()
        self._told = False

    def go(self) -> None:
        """Tells the process that the database is ready."""
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(b"go\n")
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # It has ended; `ended` says so.
        self._told = True

    @property
    def ended(self) -> int | None:
        return self._process.poll() if self._process else None

    def revive(self) -> int | None:
        """Starts the process again where it has ended and its pause is over. Returns the status it had ended with."""
        status, now = self.ended, time.monotonic()
        if status is None:
            if now - self._since > SETTLED:
                self._pause = FIRST_PAUSE
                _rotate(self.log)
            return None
        if now - self._since < self._pause:
            return None
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self.start()
        self.go()
        return status

    def ask_to_stop(self) -> None:
        """Asks the process to finish what it does and end."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """Waits until the process has ended, and ends it with everything it started when it takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def last_words(self) -> str:
        """Returns the last lines of its log."""
        with self.log.open("rb") as source:
            source.seek(max(0, self.log.stat().st_size - 4096))
            return "\n".join(source.read().decode("utf-8", "replace").splitlines()[-LINES_SHOWN:])


def part(name: str) -> list[str]:
    """Returns the command line of a part."""
    return [sys.executable, "-m", "kangyun.cli.part", name]


def _rotate(log: Path) -> None:
    """Keeps one older log. The writer appends, so what is cut off here starts again at the front."""
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.with_suffix(".log.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)


def tie_to_up() -> None:
    """Ends this process with the `up` that started it. Nothing happens where none did."""
    if UP in os.environ:
        end_with_parent(signal.SIGTERM, int(os.environ[UP]))


def wait_for_up() -> None:
    """Waits until the `up` that started this process says go. Raises Unavailable when it ends instead."""
    if UP in os.environ and sys.stdin.readline().strip() != "go":
        raise Unavailable("cli.up-ended")
