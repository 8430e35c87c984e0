"""The power cut in the middle of writes: what was acknowledged is on the disk, not in the memory of the system.

The data folder is a file system of its own on a loop device. The cut is ext4's own (`EXT4_IOC_SHUTDOWN` without a
flush of its log): from that instant nothing more reaches the device, neither data nor journal, and everything that was
written and not synced is gone. Then the file system is mounted again, as after a cut.

What it shows: PostgreSQL had handed to the device, by fsync, whatever an answer had acknowledged: writes, and the audit
rows of reads; and what is left is whole. A control without fsync loses what it acknowledged, so the cut does cut. What
it does not show: that a device keeps its word once it said that a flush was done.

Needs root and a loop device.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest

from kangyun.database.embedded import EmbeddedServer
from kangyun.testing.witnesses import Told, Witness, all_is_held

# _IOR('X', 125, __u32) of the kernel's fs/ext4/ext4.h; 2: without a flush of the log.
EXT4_IOC_SHUTDOWN, WITHOUT_FLUSH = 0x8004587D, 2


class Disk:
    """A file system that can lose its power."""

    def __init__(self, folder: Path) -> None:
        self._image, self.folder = folder / "image", folder / "disk"
        self.folder.mkdir()
        with self._image.open("wb") as image:
            image.truncate(3_000_000_000)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", str(self._image))
        self.mount()

    def mount(self) -> None:
        # A device of its own each time: some other process's mount namespace may still hold the one that was cut.
        device = run("losetup", "--find", "--show", str(self._image)).decode().strip()
        run("mount", device, str(self.folder))
        run("losetup", "--detach", device)  # Once nobody uses it any more.

    def cut(self) -> None:
        """Lets nothing more come to the device."""
        top = os.open(self.folder, os.O_RDONLY)
        fcntl.ioctl(top, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        os.close(top)

    def unmount(self) -> None:
        deadline = time.monotonic() + 60
        while subprocess.run(["umount", str(self.folder)], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, "the file system is still in use"
            time.sleep(0.1)


def run(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.fixture
def disk():
    """A file system whose power can be cut."""
    if os.geteuid() or not Path("/dev/loop-control").exists() or not shutil.which("mkfs.ext4"):
        pytest.skip("needs root, a loop device and mkfs.ext4")
    with tempfile.TemporaryDirectory(prefix="kangyun-power-") as folder:
        made = Disk(Path(folder))
        yield made
        with contextlib.suppress(AssertionError):
            made.unmount()


async def test_nothing_acknowledged_is_lost_when_the_power_fails(disk, new_installation):
    installation, told = new_installation(disk.folder / "data", workers=2), Told()
    installation.output = disk.folder.parent / "up.out"
    for seconds in (0.3, 4.0):
        await asyncio.to_thread(installation.start)
        stop = asyncio.Event()
        async with installation.client() as client:
            witnesses = [asyncio.ensure_future(Witness(f"w{n}-{seconds}", client, told).run(stop)) for n in range(6)]
            await asyncio.sleep(seconds)
            disk.cut()
            answered = told.answered - told.refused
            await asyncio.sleep(0.5)
            stop.set()
            await asyncio.gather(*witnesses)
        # Nothing was acknowledged once the disk was gone, but for what was on its way.
        assert told.answered - told.refused <= answered + len(witnesses)
        installation.kill("up")
        await asyncio.to_thread(disk.unmount)
        disk.mount()
    await asyncio.to_thread(installation.start)
    await all_is_held(installation, told)
    await asyncio.to_thread(installation.stop)
    assert len(told.written) > 20 and told.transactions and told.read


async def test_without_fsync_the_same_cut_loses_what_was_acknowledged(disk):
    """The control: were the cut no cut, the test above would show nothing."""
    server = EmbeddedServer(disk.folder / "data", {"fsync": "off"})
    await asyncio.to_thread(server.start)
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE TABLE told (number int)")
    await connection.execute("CHECKPOINT")
    run("sync", "-f", str(disk.folder))
    for number in range(200):
        await connection.execute("INSERT INTO told VALUES ($1)", number)
    disk.cut()
    connection.terminate()
    os.kill(server.pid, 9)
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(disk.unmount)
    disk.mount()
    again = EmbeddedServer(disk.folder / "data")
    await asyncio.to_thread(again.start)
    connection = await asyncpg.connect(again.url)
    assert await connection.fetchval("SELECT count(*) FROM told") < 200
    await connection.close()
    await asyncio.to_thread(again.stop)
