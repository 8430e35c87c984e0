"""`kangyun up`: everything in one place: the embedded database or the one that is set, web processes, background work.

A process that ends is started again; Ctrl-C, or the end of the terminal, stops all that was started here. Killed
outright, it leaves nothing running: what it started notices (`database.lifeline`).
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

from kangyun.base.errors import PlatformError, Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.children import UP, Child, part
from kangyun.cli.demonstration import is_demonstration, is_loaded, read_mark, sign_ins
from kangyun.cli.folder import claimed
from kangyun.cli.speech import announce, speak
from kangyun.cli.stopping import signals
from kangyun.cli.workers import refuse_taken
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.replication import STANDBY
from kangyun.database.unfinished import refuse_unfinished

READY_WITHIN = 180.0  # seconds
LOOK_EVERY = 0.2  # seconds
MQTT_PORT = 1883  # As registered with IANA for what is not encrypted.
OFFICERS_WITHIN = 10.0  # seconds
FIRST_SIGN_INS = "first-sign-ins.json"  # As in `access.identities.officers`, which need not be loaded to say it.
# What a killed `up` had started notices and ends, its requests first; until then it holds the port.
LEAVES_WITHIN = 30.0  # seconds
# An embedded server that ended is started again after so long, doubled each time it ends within a minute.
DATABASE_PAUSE, LONGEST_DATABASE_PAUSE = 0.5, 30.0  # seconds


def up(data: Path | None, port: int | None, host: str | None, *, empty: bool) -> None:
    """Runs everything until a signal. Raises Unavailable when a part cannot start."""
    settings = read_settings(data=data, port=port, host=host)
    stopping = signals()
    with claimed(settings.data, _url(settings)) as left_behind:
        refuse_unfinished(settings.data)
        refuse_taken(settings.host, settings.port, LEAVES_WITHIN if left_behind else 0.0)
        _Run(settings, stopping, demonstration=is_demonstration(settings, empty)).run()


class _Run:
    """One run of `kangyun up`."""

    def __init__(self, settings: Settings, stopping: Callable[[], bool], *, demonstration: bool) -> None:
        self._settings = settings
        self._stopping = stopping
        self._demonstration = demonstration
        self._server = None if settings.database else EmbeddedServer(settings.data, _replication(settings))
        self._database = settings.database or (self._server.url if self._server else "")
        device_port = settings.device_port or (_free_port(settings.device_host) if demonstration else 0)
        self._environment = os.environ | {
            "KANGYUN_DATABASE": self._database,
            "KANGYUN_DATA": str(settings.data.resolve()),
            "KANGYUN_HOST": settings.host,
            "KANGYUN_PORT": str(settings.port),
            "KANGYUN_DEVICE_PORT": str(device_port),
            "KANGYUN_DEMO": "true" if demonstration else "false",
        }
        logs = settings.data / "log"
        self._web = Child("web", "serve", logs / "web.log", self._environment)
        self._work = Child("work", "work", logs / "work.log", self._environment)
        self._children = [
            self._web, self._work, Child("ingest", "ingest", logs / "ingest.log", self._environment)
        ]  # fmt: skip
        if settings.backup_folder:
            self._children.append(Child("archive", "archive", logs / "archive.log", self._environment))
        if device_port:
            self._children.append(Child("devices", "listen", logs / "devices.log", self._environment))
        # They speak to what runs, so they come when it does, and go before.
        self._senders = [
            Child(name, name, logs / f"{name}.log", self._environment) for name in ("hospitals", "wearers")
        ]
        # Once, and it ends by itself: it is not kept alive.
        self._drill = Child("drill", "drill", logs / "drill.log", self._environment)
        self._url = _url(settings)
        self._is_new = not (settings.data / FIRST_SIGN_INS).exists() and not (self._server and self._server.exists)
        self._database_pause, self._database_since = DATABASE_PAUSE, 0.0

    def run(self) -> None:
        try:
            self._start()
            while not self._stopping():
                self._keep_alive()
                time.sleep(LOOK_EVERY)
        finally:
            announce(speak("cli.stopping"))
            self._stop()
            announce(speak("cli.stopped"))

    def _start(self) -> None:
        if self._server is not None:
            self._launch(self._server)
        (self._settings.data / "log").mkdir(mode=0o700, exist_ok=True)
        for child in self._children:
            child.start()  # They load their modules while the database comes up.
        if self._server is not None:
            self._wait_for(self._server.accepts, Unavailable("database.did-not-start", log=str(self._server.log)))
        if self._stopping():
            return
        self._migrate()
        for child in self._children:
            child.go()
        self._wait_for(self._answers, Unavailable("cli.not-ready", seconds=int(READY_WITHIN), log=str(self._web.log)))
        if self._demonstration and not self._stopping():
            self._load_demonstration()
            self._start_senders()
        if not self._stopping():
            if self._demonstration:
                announce(sign_ins(self._settings))
            self._tell_first_sign_ins()
            announce(speak("cli.open-here", url=f"{self._url}/"))
            announce(f"ready {self._url}", style="bold green")

    def _tell_first_sign_ins(self) -> None:
        """Says where the officers' initial passwords are, on the start at which the background work has made them."""
        if not self._is_new:
            return
        file = self._settings.data / FIRST_SIGN_INS
        deadline = time.monotonic() + OFFICERS_WITHIN
        while not file.exists() and time.monotonic() < deadline and not self._stopping():
            time.sleep(0.02)
        if file.exists():
            announce(speak("cli.first-sign-ins", file=str(file)), style="yellow")

    def _launch(self, server: EmbeddedServer) -> None:
        if os.geteuid() == 0:
            announce(speak("cli.made-user" if server.owner.made_now else "cli.using-user", user=server.owner.name))
        # Nobody else holds the folder, so a server in it was left by a process that was killed.
        if server.end_orphan():
            announce(speak("cli.ended-orphan"), style="yellow")
        announce(speak("cli.starting-database" if server.exists else "cli.making-database"))
        server.launch()
        self._database_since = time.monotonic()

    def _migrate(self) -> None:
        # Loaded here, while the database starts: the driver is a third of this process's own starting time.
        from kangyun.cli.serve import prepare_database

        asyncio.run(self._prepare(prepare_database))

    async def _prepare(self, prepare_database: Callable[[str], Awaitable[object]]) -> None:
        import asyncpg

        from kangyun.access.recovery import refuse_older

        await prepare_database(self._database)
        connection = await asyncpg.connect(self._database)
        try:
            await refuse_older(connection, self._settings.data)
        finally:
            await connection.close()

    def _wait_for(self, done: Callable[[], bool], failure: Unavailable) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not done() and not self._stopping():
            for child in self._children:
                if child.ended is not None:
                    announce(child.last_words())
                    asyncio.run(self._refuse_other_root_key())
                    raise Unavailable("cli.part-ended", name=child.name, log=str(child.log))
            ended = self._server is not None and self._server.ended is not None
            if ended or time.monotonic() > deadline:
                raise failure
            time.sleep(0.02)

    async def _refuse_other_root_key(self) -> None:
        """Raises Unavailable where the root key is not that of the data: then no part of it can start."""
        if self._settings.crypto != "software":
            return  # A device that refuses once more may lock itself.
        # Loaded here: only a start that has failed needs them.
        import asyncpg

        from kangyun.base.crypto.opening import cipher_of
        from kangyun.cli.backup import root_file
        from kangyun.store.keys import open_key_ring
        from kangyun.store.root import root_key

        try:
            connection = await asyncpg.connect(self._database, timeout=10)
            try:
                if await connection.fetchval("SELECT EXISTS (SELECT FROM key_epoch)"):
                    root = root_key(root_file(self._settings), may_make=False)
                    await open_key_ring(connection, root, cipher_of(self._settings))
            finally:
                await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return  # It was the database, then, and what ended has said so.

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/health/ready", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _load_demonstration(self) -> None:
        if is_loaded(self._settings):
            return
        # It draws its progress on our terminal; in a session of its own, so that Ctrl-C comes to it through us.
        loading = subprocess.Popen(
            part("demonstration"),
            env=self._environment | {UP: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        while loading.poll() is None and not self._stopping():
            time.sleep(0.05)
        loading.terminate()
        if loading.wait() and not self._stopping():
            announce(speak("cli.demonstration-not-loaded"), style="yellow")

    def _start_senders(self) -> None:
        """Starts those who send, where the demonstration is ours and all of it is in."""
        if not self._stopping() and is_loaded(self._settings) and read_mark(self._settings) is not None:
            for child in self._senders:
                child.start()
                child.go()
                self._children.append(child)
            self._drill.start()
            self._drill.go()

    def _keep_alive(self) -> None:
        for child in self._children:
            status = child.revive()
            if status is not None:
                announce(speak("cli.process-ended", name=child.name, status=status, log=str(child.log)), style="yellow")
        if self._server is not None and self._server.ended is not None:
            self._revive_database(self._server)

    def _revive_database(self, server: EmbeddedServer) -> None:
        alive = time.monotonic() - self._database_since
        if alive > READY_WITHIN:
            self._database_pause = DATABASE_PAUSE
        elif alive < self._database_pause:
            return
        else:
            self._database_pause = min(self._database_pause * 2, LONGEST_DATABASE_PAUSE)
        announce(speak("cli.database-ended", status=server.ended or 0, log=str(server.log)), style="yellow")
        self._database_since = time.monotonic()
        try:
            server.launch()
        except PlatformError as error:
            # What stops it now (a full disk) may pass; what is written meanwhile is refused, not lost.
            announce(speak(error.issues[0].text, **error.issues[0].parameters), style="red")

    def _stop(self) -> None:
        self._drill.ask_to_stop()
        self._drill.stop()
        # What the others write last is archived, too.
        first = [one for one in self._senders if one in self._children]
        for children in (first, [self._web, self._work], [one for one in self._children[2:] if one not in first]):
            for child in children:
                child.ask_to_stop()
            for child in children:
                child.stop()
        if self._server is not None:
            self._server.stop()


def _replication(settings: Settings) -> dict[str, str]:
    """Returns the server's settings about those who follow it."""
    return {"synchronous_standby_names": f"'{STANDBY}'"} if settings.synchronous_standby else {}


def _free_port(host: str) -> int:
    """Returns a port for the demonstration's devices: the one that is usual for MQTT, or where it is taken another."""
    for wished in (MQTT_PORT, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((host, wished))
            port: int = probe.getsockname()[1]
            return port
    return 0


def _url(settings: Settings) -> str:
    # An address that stands for all is none that one can open.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
