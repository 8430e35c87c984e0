"""A real installation for tests: `kangyun up` as its own processes, on a data folder and a port of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from kangyun.database.embedded import EmbeddedServer

TOKEN = "installed-administrator-0123456789abcdef"
PATIENCE = 300.0  # seconds; a machine under load takes many times what a quiet one does
# The parts that a test may end, by words of their command lines.
PARTS: Mapping[str, tuple[str, ...]] = {
    "web server": ("kangyun.cli", "serve"),
    "background work": ("kangyun.cli", "work"),
    "postmaster": ("postgres", "-D"),
}


class Installation:
    """A data folder, a port, and what runs on them. `settings` are passed by the environment.

    demonstration: with its invented data, else empty.
    """

    def __init__(self, data: Path, *, demonstration: bool = False, **settings: object) -> None:
        self.data = data
        self._how = () if demonstration else ("--empty",)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = data.parent / f"{data.name}.out"
        self._settings = {f"KANGYUN_{name.upper()}": str(value) for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts `kangyun up`, again where it was killed, and waits until it is ready."""
        if self._process is not None:
            self._process.wait(PATIENCE)
        with self.output.open("wb") as sink:
            self._process = subprocess.Popen(
                self.command(),
                env=os.environ | {"KANGYUN_ADMIN_TOKEN": TOKEN, "KANGYUN_LANG": "en"} | self._settings,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        self.until(lambda: b"ready http" in self.output.read_bytes())

    def command(self) -> list[str]:
        """Returns the command line of `kangyun up`."""
        place = ["--data", str(self.data), "--port", str(self.port)]
        return [sys.executable, "-m", "kangyun.cli", "up", *place, *self._how]

    def client(self, **options: object) -> httpx.AsyncClient:
        """Returns an administrator's client; paths are below the FHIR base."""
        headers = {"authorization": f"Bearer {TOKEN}", "accept-language": "en"}
        return httpx.AsyncClient(base_url=f"{self.url}/fhir/", headers=headers, timeout=30, **options)  # type: ignore[arg-type]

    @property
    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        return False

    @property
    def metrics(self) -> str:
        """What `/metrics` says."""
        return httpx.get(f"{self.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}, timeout=5).text

    @property
    def database(self) -> str:
        """The URL of the embedded database."""
        return EmbeddedServer(self.data).url

    def until(self, true: Callable[[], object], patience: float = PATIENCE) -> None:
        """Waits until `true()` is. Raises AssertionError when it takes too long."""
        deadline = time.monotonic() + patience
        while not true():
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    @property
    def said(self) -> str:
        """What the installation has printed and logged last."""
        logs = [self.output, *sorted((self.data / "log").glob("*.log"))]
        return "\n".join(f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-3000:]}" for log in logs if log.exists())

    def part(self, name: str) -> int:
        """Returns the number of the process that is one of PARTS, a `web worker`, a `postgres backend`, or `up`."""
        assert self._process is not None
        if name == "up":
            return self._process.pid
        if name == "web worker":
            return children(self.part("web server"))[0]
        if name == "postgres backend":
            return next(one for one in children(self.part("postmaster")) if b"[local]" in command_line(one))
        words = [word.encode() for word in PARTS[name]]
        below = [one for child in children(self._process.pid) for one in (child, *children(child))]
        return next(one for one in below if all(word in command_line(one) for word in words))

    def kill(self, name: str) -> None:
        """Ends a part as kill -9 does."""
        os.kill(self.part(name), signal.SIGKILL)

    def stop(self) -> None:
        """Ends `kangyun up` as Ctrl-C does, and waits."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()  # What it started ends with it.
                self._process.wait()


def kangyun(*words: object, **settings: object) -> subprocess.CompletedProcess[str]:
    """Runs a command of the command line, in English, and returns what came of it."""
    given = {f"KANGYUN_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "kangyun.cli", *map(str, words)],
        env=os.environ | {"KANGYUN_LANG": "en"} | given, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def children(process: int) -> list[int]:
    """Returns the processes that a process has started and that are alive, oldest first."""
    found = []
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda entry: int(entry.name)):
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == process and state != "Z":
                found.append(int(entry.name))
    return found


def command_line(process: int) -> bytes:
    """Returns a process's command line, empty for one that has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""
