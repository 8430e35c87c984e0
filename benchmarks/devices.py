"""`python -m benchmarks.devices`: from the log to the desk: rates, CPU by process, and how soon an alarm is seen.

An installation of its own with many devices, each worn by somebody; `kangyun ingest` as it runs in one; a load in a
process of its own that writes into the log as the listener does, or with --mqtt speaks to `kangyun listen`; and a desk
that looks as often as the platform's does.
Steps: *warm* (each device is met for the first time), *steady* (so many readings a second for some time, with readings
that alarm and SOS among them), *back-fill* (the same while history waits), *drain* (as fast as it can), and *drain
again* when ten times as much is stored. A message has two readings. Latencies are from the instant that stands in a
message to when the desk has its alarm.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import asyncpg
import msgspec
import psutil
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from benchmarks.deviceload import READINGS, Wish, loading
from benchmarks.recorder import percentile
from kangyun.access.platform import open_platform
from kangyun.base.settings import Settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer
from kangyun.devices.alarms.live import LOOK
from kangyun.devices.register.credentials import digester, draw_secret
from kangyun.devices.series import days

HOLDERS = 1_000_000  # the wearer of device n is HOLDERS + n: the number of no registration, and none is needed here
PATIENCE = 600.0  # seconds that a drain may take
BEHIND_MOST = 1.0  # seconds by which the load may be late before its figures mean nothing
BARS = {"readings a second": 10_000, "alarm, p99 ms": 1000.0, "SOS, p99 ms": 300.0}
_DEVICES = """
INSERT INTO device (name, institution, format)
SELECT 'bench-' || n, i.id, 'plain' FROM generate_series(1, $1::int4) AS n, institution AS i
WHERE i.reference = 'Organization/bench'
"""
_CREDENTIAL = "INSERT INTO device_credential (device, kind, digest, by) VALUES ($1, 'secret', $2, 'bench')"
_USERS = "INSERT INTO device_user (device, holder, since) SELECT id, $1 + id, '2020-01-01Z' FROM device"
_FILL = """
INSERT INTO device_sample (series, at, value, mark)
SELECT s.id, $1::int8 - n * 500000::int8, 70, 0 FROM device_series AS s, generate_series(1, $2::int4) AS n
ON CONFLICT DO NOTHING
"""
_SEEN = """
SELECT e.rule, (extract(epoch FROM e.at) * 1000000)::int8 AS at, e.holder FROM alarm_evidence AS e
WHERE e.at > to_timestamp($1) AND e.alarm IS NOT NULL
"""
_TAKEN = "SELECT coalesce(sum(records), 0)::int8 FROM device_log_position WHERE lane = ANY ($1::int2[])"


@dataclass
class Step:
    """What a step came to. cpu: microseconds a reading, by process."""

    name: str
    readings: int = 0
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    alarms: list[float] = field(default_factory=list)
    sos: list[float] = field(default_factory=list)
    late: float = 0.0

    def row(self) -> list[str]:
        """Returns the row of the table."""
        return [
            self.name, f"{self.readings:,}", f"{self.readings / self.seconds:,.0f}" if self.seconds else "",
            *(f"{self.cpu.get(name, 0):.1f}" for name in ("listener", "ingest", "database", "load")),
            _shares(self.alarms), _shares(self.sos),
        ]  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Returns the figures as JSON values."""
        found = {"readings": self.readings, "seconds": self.seconds, "cpu_us": self.cpu, "load_late_s": self.late}
        for name, waits in (("alarm", self.alarms), ("sos", self.sos)):
            if waits:
                ordered = sorted(waits)
                found[name] = {"count": len(waits)} | {
                    f"p{share}_ms": percentile(ordered, share / 100) * 1000 for share in (50, 99, 100)
                }
        return found


def main(
    devices: Annotated[int, typer.Option(help="How many devices.")] = 20_000,
    rate: Annotated[int, typer.Option(help="Readings a second of the steady steps.")] = 10_000,
    seconds: Annotated[float, typer.Option(help="How long the steady steps last.")] = 30.0,
    history: Annotated[int, typer.Option(help="Readings of the back-fill.")] = 1_000_000,
    drain: Annotated[int, typer.Option(help="Readings of each drain.")] = 200_000,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
    mqtt: Annotated[int, typer.Option(help="Devices that send by MQTT in the steady steps; 0: into the log.")] = 0,
) -> None:
    """Measures."""
    with TemporaryDirectory(prefix="kangyun-bench-") as folder:
        os.chmod(folder, 0o755)  # The embedded server's own user passes through.
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            bench = Bench(Path(folder), server.url, devices, mqtt)
            steps = uvloop.run(bench.run(rate, seconds, history, drain))
        finally:
            server.stop()
    table = Table(
        "step", "readings", "a second", "listener, µs", "ingest, µs", "database, µs", "load, µs", "alarm, p50/p99 ms",
        "SOS, p50/p99 ms", title=f"devices: CPU of a reading by process; {devices:,} devices",
    )  # fmt: skip
    for step in steps:
        table.add_row(*step.row())
    Console(highlight=False, width=WIDTH).print(table)
    if output:
        found = {"machine": machine(), "bars": BARS, **{step.name: step.as_json() for step in steps}}
        output.write_text(json.dumps(found, indent=1), "utf-8")


class Bench:
    """One run."""

    def __init__(self, folder: Path, database: str, devices: int, mqtt: int) -> None:
        self.folder, self.database, self.count = folder, database, devices
        self.devices: list[int] = []
        self.sent = self.alarmed = 0
        self.ingest: subprocess.Popen[bytes] | None = None
        self.listener: subprocess.Popen[bytes] | None = None
        self.mqtt, self.port = mqtt, _free_port() if mqtt else 0
        self.secrets: list[str] = []

    async def run(self, rate: int, seconds: float, history: int, drain: int) -> list[Step]:
        await self._prepare()
        connection = await asyncpg.connect(self.database)
        first = self.devices[: len(self.devices) * 9 // 10]
        steps = []
        try:
            await self._written(Wish(**self._base(first), lane=1, readings=len(first) * READINGS, ago=800))
            self._start()
            steps.append(await self._drained(connection, "warm"))
            steps.append(await self._steady(connection, "steady", first, rate, seconds))
            await self._written(Wish(**self._base(first), lane=2, readings=history, ago=86_400))
            steps.append(await self._steady(connection, "back-fill", first, rate, seconds))
            steps.append(await self._drained(connection, "rest of the back-fill"))
            await self._drain(connection, "once", first, drain, 750)
            steps.append(await self._drain(connection, "drain", first, drain, 600))
            stored = await connection.fetchval("SELECT count(*) FROM device_sample")
            series = await connection.fetchval("SELECT count(*) FROM device_series")
            begun = (time.time_ns() // 1000) - 1_800_000_000
            await connection.execute(_FILL, begun, max(stored * 9 // series, 1))
            await connection.execute("ANALYZE device_sample")
            # The server's own caches, and the pages that it writes whole once after a checkpoint, come first.
            await self._drain(connection, "again", first, drain, 450)
            steps.append(await self._drain(connection, "drain at ten times the data", first, drain, 300))
            steps[-1].name += f" ({await connection.fetchval('SELECT count(*) FROM device_sample'):,})"
        finally:
            self._stop()
            await connection.close()
        return steps

    async def _prepare(self) -> None:
        await prepare_database(self.database)
        # The platform makes its keys as it opens the first time.
        platform = await open_platform(Settings(data=self.folder, connections=2), self.database)
        digests = digester(platform.gate.store.keys.index_key)
        await platform.close()
        connection = await asyncpg.connect(self.database)
        await connection.execute("INSERT INTO institution (reference) VALUES ('Organization/bench')")
        await connection.execute(_DEVICES, self.count)
        await connection.execute(_USERS, HOLDERS)
        await days.keep(connection, datetime.now(UTC))
        await connection.execute("ANALYZE")
        self.devices = [row["id"] for row in await connection.fetch("SELECT id FROM device ORDER BY id")]
        self.secrets = [draw_secret() for _ in range(self.mqtt)]
        for device, secret in zip(self.devices, self.secrets, strict=False):
            digest = digests.of("secret", self._name(device), secret)
            await connection.execute(_CREDENTIAL, device, digest)
        await connection.close()

    def _name(self, device: int) -> str:
        return f"bench-{device - self.devices[0] + 1}"

    def _base(self, devices: list[int]) -> dict[str, Any]:
        return {"data": str(self.folder), "database": self.database, "devices": devices}

    def _start(self) -> None:
        environment = os.environ | {"KANGYUN_DATABASE": self.database, "KANGYUN_DATA": str(self.folder)}
        self.ingest = subprocess.Popen([sys.executable, "-m", "kangyun.cli.part", "ingest"], env=environment)
        if self.mqtt:
            environment |= {"KANGYUN_DEVICE_PORT": str(self.port)}
            self.listener = subprocess.Popen([sys.executable, "-m", "kangyun.cli", "listen"], env=environment)

    def _stop(self) -> None:
        for process in (self.listener, self.ingest):
            if process is not None:
                process.terminate()
                process.wait()

    async def _written(self, wish: Wish) -> None:
        """Writes into the log and waits until all of it is there."""
        process = await loading(wish)
        if await process.wait():
            raise SystemExit("The load failed.")
        self.sent += wish.readings // READINGS

    async def _drain(
        self, connection: asyncpg.Connection, name: str, devices: list[int], readings: int, ago: float
    ) -> Step:
        assert self.ingest is not None
        self.ingest.send_signal(signal.SIGSTOP)  # So that all of it waits.
        await self._written(Wish(**self._base(devices), lane=1, readings=readings, ago=ago))
        return await self._drained(connection, name, stopped=True)

    async def _drained(self, connection: asyncpg.Connection, name: str, *, stopped: bool = False) -> Step:
        """Waits until nothing is left to take in. stopped: the intake is, and goes on now."""
        before, cpu, began = await _taken(connection), self._cpu(), time.monotonic()
        if stopped and self.ingest is not None:
            self.ingest.send_signal(signal.SIGCONT)
        while (count := await _taken(connection)) < self.sent:
            if time.monotonic() - began > PATIENCE:
                raise SystemExit(f"{name}: {count} of {self.sent} records were taken in.")
            await asyncio.sleep(0.05)
        step = Step(name, (count - before) * READINGS, time.monotonic() - began)
        step.cpu = self._each(cpu, step.readings)
        print(" ".join(step.row()), file=sys.stderr, flush=True)
        return step

    async def _steady(
        self, connection: asyncpg.Connection, name: str, devices: list[int], rate: int, seconds: float
    ) -> Step:
        # Each alarm is of a device that has not alarmed before: those are the last tenth.
        alarms = min(5.0, len(self.devices[: self.mqtt] or self.devices) / 10 / 4 / seconds)
        desk = Desk(self.database)
        await desk.open()
        before, cpu = await _taken(connection), self._cpu()
        senders = self.devices[: self.mqtt] or self.devices
        wish = Wish(
            **self._base(senders), lane=1, readings=int(rate * seconds), rate=rate, alarms=alarms, skip=self.alarmed,
            port=self.port, names=[self._name(one) for one in senders[: self.mqtt]], secrets=self.secrets,
        )  # fmt: skip
        process = await loading(wish)
        assert process.stdout is not None
        began = time.monotonic()
        said = msgspec.json.decode(await process.stdout.readline())
        took = time.monotonic() - began
        loaded = said["cpu"]
        self.sent += said["records"]
        self.alarmed += int(seconds * alarms + 1) * 2
        await asyncio.sleep(2)
        step = Step(name, (await _taken(connection) - before) * READINGS, took)
        step.cpu = self._each(cpu, step.readings) | {"load": loaded / (rate * seconds) * 1e6}
        step.late = said["late"]
        await process.wait()
        await desk.close()
        step.sos, step.alarms = desk.waits("sos"), desk.waits("glucose")
        print(" ".join(step.row()), file=sys.stderr, flush=True)
        if said["late"] > BEHIND_MOST:
            Console().print(f"[yellow]{name}: the load was {said['late']:.1f} s late[/]")
        return step

    def _cpu(self) -> dict[str, float]:
        found = {"database": 0.0, "ingest": 0.0, "listener": 0.0}
        for process in psutil.process_iter(["name", "pid"]):
            with suppress(psutil.Error):
                if self.ingest is not None and process.pid == self.ingest.pid:
                    found["ingest"] += sum(process.cpu_times()[:2])
                elif self.listener is not None and process.pid == self.listener.pid:
                    found["listener"] += sum(process.cpu_times()[:2])
                elif process.info["name"].startswith("postgres") and self._is_ours(process):
                    found["database"] += sum(process.cpu_times()[:4])
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        chain = [process, *process.parents()]
        return any(str(self.folder) in part for one in chain for part in one.cmdline() if one.name() == "postgres")

    def _each(self, before: dict[str, float], readings: int) -> dict[str, float]:
        now = self._cpu()
        return {name: (now[name] - before[name]) / readings * 1e6 for name in now} if readings else {}


class Desk:
    """Sees alarms as a duty desk does: it looks again and again."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._since = self._began = time.time()
        self._seen: dict[tuple[str, int, int], float] = {}

    async def open(self) -> None:
        """Begins to look."""
        self._connection = await asyncpg.connect(self._database)
        self._task = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Ends."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._connection.close()

    def waits(self, rule: str) -> list[float]:
        """Returns how long each alarm took, in seconds."""
        return [
            seen - at / 1e6
            for (name, at, _), seen in self._seen.items()
            if name.startswith(rule) and at / 1e6 >= self._began  # What is older belongs to the step before.
        ]

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            rows = await self._connection.fetch(_SEEN, self._since - 5)
            now = time.time()
            for row in rows:
                self._seen.setdefault((row["rule"], row["at"], row["holder"]), now)
            self._since = max(self._since, now - 5)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def _taken(connection: asyncpg.Connection) -> int:
    taken: int = await connection.fetchval(_TAKEN, [0, 1, 2])
    return taken


def _shares(waits: Iterable[float]) -> str:
    ordered = sorted(waits)
    return f"{percentile(ordered, 0.5) * 1000:.0f} / {percentile(ordered, 0.99) * 1000:.0f}" if ordered else ""


if __name__ == "__main__":
    typer.run(main)
