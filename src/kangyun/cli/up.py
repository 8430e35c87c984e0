"""`kangyun up`: everything in one place: the embedded database (or the one that is set), web processes, background
work.

A process that ends is started again; Ctrl-C, or the end of the terminal, stops all that was started here.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.serve import DATABASE_VARIABLE, prepare_database
from kangyun.cli.speech import console, speak
from kangyun.database.embedded import EmbeddedServer

READY_WITHIN = 60  # seconds
RESTART_AFTER = 1.0
DEMO_MARK = "demo"


@dataclass(slots=True)
class _Child:
    """A process that we keep alive."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)


def up(data: Path | None, port: int | None, host: str | None, *, empty: bool) -> None:
    """Runs everything until a signal. Raises Unavailable when a part cannot start."""
    settings = read_settings(data=data, port=port, host=host)
    settings.data.mkdir(parents=True, exist_ok=True)
    demo = _is_demo(settings, empty)
    stopping = _signals()
    server = None if settings.database else EmbeddedServer(settings.data)
    children: list[_Child] = []
    try:
        database = settings.database or _start_database(server)
        asyncio.run(prepare_database(database))
        environment = os.environ | {
            DATABASE_VARIABLE: database,
            "KANGYUN_DATA": str(settings.data),
            "KANGYUN_DEMO": "true" if demo else "false",
        }
        arguments = ["--port", str(settings.port), "--host", settings.host]
        for name, extra in (("serve", arguments), ("work", [])):
            children.append(_started(name, [sys.executable, "-m", "kangyun.cli", name, *extra], environment))
        url = f"http://{settings.host}:{settings.port}"
        _wait_until_ready(url, children, stopping)
        console.print(f"ready {url}", style="bold green")
        while not stopping():
            _keep_alive(children, environment)
            time.sleep(0.2)
    finally:
        console.print(speak("cli.stopping"))
        _stop(children)
        if server is not None:
            server.stop()
        console.print(speak("cli.stopped"))


def _is_demo(settings: Settings, empty: bool) -> bool:
    """A data folder is a demonstration from its first start, or never."""
    mark = settings.data / DEMO_MARK
    fresh = not (settings.data / "postgresql").exists() and not settings.database
    if fresh and not empty:
        mark.touch()
    return mark.exists() or settings.demo


def _start_database(server: EmbeddedServer | None) -> str:
    assert server is not None
    if os.geteuid() == 0:
        console.print(speak("cli.made-user" if server.owner.made_now else "cli.using-user", user=server.owner.name))
    console.print(speak("cli.starting-database"))
    server.start()
    return server.url


def _started(name: str, command: list[str], environment: dict[str, str]) -> _Child:
    # A group of its own: Ctrl-C reaches us alone, and we stop the parts in order.
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    return _Child(name, command, process)


def _signals() -> Callable[[], bool]:
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: asked.append(received))
    return lambda: bool(asked)


def _wait_until_ready(url: str, children: list[_Child], stopping: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not stopping():
        if any(child.process.poll() is not None for child in children) or time.monotonic() > deadline:
            raise Unavailable("cli.not-ready", seconds=READY_WITHIN)
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)


def _keep_alive(children: list[_Child], environment: dict[str, str]) -> None:
    for place, child in enumerate(children):
        status = child.process.poll()
        if status is not None and time.monotonic() - child.started > RESTART_AFTER:
            console.print(speak("cli.process-ended", name=child.name, status=status), style="yellow")
            children[place] = _started(child.name, child.command, environment)


def _stop(children: list[_Child]) -> None:
    for child in children:
        if child.process.poll() is None:
            child.process.terminate()
    for child in children:
        try:
            child.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
