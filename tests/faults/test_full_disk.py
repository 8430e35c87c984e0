"""The disk full in the middle of writes: 503 and Retry-After, nothing half-written, and all well again once there is
room, without a restart by anybody's hand.

Needs root, for a small file system of its own.
"""

import asyncio
import errno
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from kangyun.testing.witnesses import Told, Witness, all_is_held

ROOM = 6_000_000  # bytes that are left when the disk is said to be full


@pytest.fixture
def small_disk():
    """A folder that holds 500 MB."""
    if os.geteuid():
        pytest.skip("needs root, to mount a small file system")
    with tempfile.TemporaryDirectory(prefix="kangyun-small-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500m,mode=0755", "tmpfs", folder], check=True)
        yield Path(folder)
        deadline = time.monotonic() + 60
        while subprocess.run(["umount", folder], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, "the small disk is still in use"
            time.sleep(0.1)


def fill(disk: Path, room: int) -> Path:
    """Fills the disk but for so many bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb") as sink:
        while True:
            facts = os.statvfs(disk)
            try:
                os.posix_fallocate(sink.fileno(), 0, facts.f_bavail * facts.f_frsize - room)
                return ballast
            except OSError as error:
                # The database took a new piece of log in this very moment.
                if error.errno != errno.ENOSPC:
                    raise


async def test_a_full_disk_gives_503_and_then_all_is_well_again(small_disk, new_installation):
    installation, told = new_installation(small_disk / "data", workers=2, disk_reserve=0), Told()
    installation.output = small_disk / "up.out"
    await asyncio.to_thread(installation.start)
    stop = asyncio.Event()
    async with installation.client() as client:
        witnesses = [asyncio.ensure_future(Witness(f"w{number}", client, told).run(stop)) for number in range(6)]
        await asyncio.sleep(1.0)
        ballast = fill(small_disk, ROOM)
        refused = told.refused
        await asyncio.to_thread(installation.until, lambda: told.refused > refused + 50)
        ballast.unlink()
        answered = told.answered - told.refused
        await asyncio.to_thread(installation.until, lambda: told.answered - told.refused > answered + 200)
        stop.set()
        await asyncio.gather(*witnesses)
    await asyncio.to_thread(installation.until, lambda: installation.is_ready)
    await all_is_held(installation, told)
    await asyncio.to_thread(installation.stop)
    assert told.written and told.transactions and told.read


async def test_near_its_end_the_disk_is_left_to_reading(small_disk, new_installation):
    installation = new_installation(small_disk / "data", workers=1, disk_reserve=100_000_000)
    installation.output = small_disk / "up.out"
    await asyncio.to_thread(installation.start)
    async with installation.client() as client:
        made = await client.post("Patient", json={"resourceType": "Patient"})
        ballast = fill(small_disk, 60_000_000)
        await asyncio.to_thread(installation.until, lambda: not installation.is_ready)
        refused = await client.post("Patient", json={"resourceType": "Patient"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "access.disk-full"
        assert (await client.get(f"Patient/{made.json()['id']}")).status_code == 200
        ballast.unlink()
        await asyncio.to_thread(installation.until, lambda: installation.is_ready)
        assert (await client.post("Patient", json={"resourceType": "Patient"})).status_code == 201
    await asyncio.to_thread(installation.stop)
