"""The primary dies under load, the standby takes over: what was acknowledged is there, and only one of them goes on."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.resources import files

import pytest

from kangyun.testing.installation import kangyun
from kangyun.testing.witnesses import Told, Witness, all_is_held

OWN_RULES = "# Ours.\n" + files("kangyun.access.messages").joinpath("data", "messages.toml").read_text("utf-8")


@pytest.fixture
def followed(new_installation):
    """Starts a primary whose writes wait for a standby, and the standby. Gives both, and the process that follows."""
    started = []

    def start():
        # The standby is there before the first write comes: the primary waits for it, from its first start on.
        primary, second = new_installation(workers=2), new_installation(workers=2)
        (primary.data / "policy").mkdir(parents=True)
        (primary.data / "policy" / "messages.toml").write_text(OWN_RULES)
        primary.start()
        with second.output.open("wb") as output:
            words = [sys.executable, "-m", "kangyun.cli", "standby", "--of", primary.data, "--data", second.data]
            environment = os.environ | {"KANGYUN_LANG": "en"}
            started.append(subprocess.Popen(words, env=environment, stdout=output, stderr=output))
        second.until(lambda: b"and follows." in second.output.read_bytes())
        shutil.copy(primary.data / "root.key", second.data / "root.key")
        primary.stop()
        (primary.data / "kangyun.toml").write_text("synchronous_standby = true\n")
        primary.start()
        primary.until(lambda: "kangyun_standbys_synchronous 1\n" in primary.metrics)
        return primary, second, started[0]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.soak
async def test_no_acknowledged_write_is_lost_where_the_standby_is_synchronous(followed):
    primary, second, follower = await asyncio.to_thread(followed)
    told, stop = Told(), asyncio.Event()
    async with primary.client() as client:
        witnesses = [asyncio.ensure_future(Witness(f"w{n}", client, told).run(stop)) for n in range(4)]
        await asyncio.to_thread(primary.until, lambda: told.answered > 150)
        # The primary's settings are not those of this place, and none are not the region's either.
        refused = await asyncio.to_thread(kangyun, "promote", "--data", second.data)
        assert refused.returncode == 1 and "kangyun.toml.primary" in refused.stderr
        assert (second.data / "kangyun.toml.primary").read_text() == "synchronous_standby = true\n"
        (second.data / "kangyun.toml").write_text("password_length = 14\n")
        refused = await asyncio.to_thread(kangyun, "promote", "--data", second.data)
        assert refused.returncode == 1 and "uses the data folder" in refused.stderr
        for process in (primary.part("postmaster"), primary.part("up")):
            os.kill(process, signal.SIGKILL)
        await asyncio.sleep(0.5)
        stop.set()
        await asyncio.gather(*witnesses)
    done = await asyncio.to_thread(kangyun, "promote", "--data", second.data)
    assert done.returncode == 0, done.stderr
    assert await asyncio.to_thread(follower.wait, 60) == 0
    assert (second.data / "policy" / "messages.toml").read_text() == OWN_RULES
    await asyncio.to_thread(second.start)
    await all_is_held(second, told)
    assert len(told.written) > 20 and told.transactions and told.read
    verified = await asyncio.to_thread(kangyun, "audit", "verify", "--data", second.data)
    assert verified.returncode == 0, verified.stdout
    # The one that was superseded does not come back.
    back = await asyncio.to_thread(kangyun, "up", "--data", primary.data, "--port", primary.port)
    assert back.returncode == 1 and "taken over" in back.stderr


def test_a_standby_is_looked_at_as_one(followed):
    primary, second, follower = followed()
    second.until(lambda: (second.data / "trail" / "signing.pem").exists())
    # A root whose seal has not come is faster than the log, not a fault.
    newest = (primary.data / "trail" / "roots.ndjson").read_text().splitlines()[-1]
    ahead = second.data / "ahead.ndjson"
    ahead.write_text(re.sub(r'"seal":[0-9]+', '"seal":1000000', newest) + "\n")
    verified = kangyun("audit", "verify", "--data", second.data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "This is a standby" in verified.stdout
    assert "The seals of 1 roots" in kangyun("audit", "verify", "--data", second.data, "--roots", ahead).stdout
    (second.data / "kangyun.toml").write_text("password_length = 14\n")
    well = kangyun("doctor", "--data", second.data)
    assert well.returncode == 0, well.stdout
    for line in ("kangyun standby runs", "The primary's log comes", "This is a standby"):
        assert f"✓ {line}" in well.stdout
    primary.stop()
    second.until(lambda: kangyun("doctor", "--data", second.data).returncode == 1)
    (second.data / "kangyun.toml").unlink()
    follower.terminate()
    follower.wait()
    told = kangyun("doctor", "--data", second.data).stdout
    assert "✗ kangyun standby does not run" in told
    assert "✗ The primary has settings of its own" in told
