"""A real installation: `kangyun up` as its own process on a data folder and a port of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from kangyun.testing.folders import database_folder

TOKEN = "journey-administrator-0123456789abcdef"
PATIENCE = 300.0  # seconds; a machine under load takes many times what a quiet one does


class Installation:
    """A data folder, a port, and whatever runs on them."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[str] | None = None
        self.output = data.parent / f"{data.name}.out"

    def up(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Starts `kangyun up` and does not wait."""
        with self.output.open("w") as sink:
            self.process = subprocess.Popen(
                self.command(*arguments),
                # Buffered, as a user's Python is: what cannot be written stays in the buffer.
                env=os.environ | {"KANGYUN_ADMIN_TOKEN": TOKEN, "KANGYUN_LANG": "en", "PYTHONUNBUFFERED": ""},
                **({"stdin": subprocess.DEVNULL, "stdout": sink, "stderr": sink} | options),
                start_new_session=True,
                text=True,
            )
        return self.process

    def command(self, *arguments: str) -> list[str]:
        place = ["--data", str(self.data), "--port", str(self.port)]
        return [sys.executable, "-m", "kangyun.cli", "up", *place, *arguments]

    def start(self, *arguments: str) -> None:
        """Starts `kangyun up` and waits until it says that it is ready."""
        self.up(*arguments)
        self.until(lambda: "ready http" in self.said)

    def be_small(self, residents: int) -> Path:
        """Makes the demonstration, before it is first started, one of fewer residents. Returns its mark."""
        self.data.mkdir()
        mark = self.data / "demonstration.json"
        mark.write_text(json.dumps({"until": "2026-01-31", "seed": 1, "residents": residents, "loaded": 0}))
        return mark

    @property
    def said(self) -> str:
        return self.output.read_text()

    def until(self, true: Callable[[], Any]) -> None:
        """Waits until `true()` is. Fails when it takes too long."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def processes(self) -> list[psutil.Process]:
        """Returns everything that runs below `kangyun up`, and itself."""
        assert self.process is not None
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def pid_of(self, *words: str) -> int:
        """Returns the first process whose command line has these words; 0 when none has."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # ZombieProcess is one of these.
                if set(words) <= {Path(part).name for part in process.cmdline()}:
                    return process.pid
        return 0

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Asks the server as the administrator. Returns status and body; status 0 when nobody answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"authorization": f"Bearer {TOKEN}", "content-type": "application/fhir+json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, None
        except OSError:
            return 0, None

    def answers(self) -> bool:
        return self.ask("/fhir/Patient?_count=1")[0] == 200

    def stop(self, number: int = signal.SIGINT) -> int:
        """Sends a signal to the foreground group, as a terminal does. Returns the exit status."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        return self.process.wait(PATIENCE)

    def clear(self) -> None:
        """Leaves nothing running, however the test ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)


@pytest.fixture
def new_installation() -> Iterator[Callable[[], Installation]]:
    """Makes installations; each ends with the test."""
    made: list[Installation] = []

    def make() -> Installation:
        made.append(Installation(folder / str(len(made)) / "data"))
        made[-1].data.parent.mkdir()
        return made[-1]

    with database_folder("journey") as folder:
        yield make
        for installation in made:
            installation.clear()


@pytest.fixture
def installation(new_installation: Callable[[], Installation]) -> Installation:
    """An installation that nothing runs on yet."""
    return new_installation()
