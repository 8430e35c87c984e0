"""After a restore: what was shut out since the backup is out again, and what was made since stays."""

import pytest

from kangyun.access import replaying
from kangyun.devices.register import again
from kangyun.testing.answers import told


@pytest.fixture
def restored(platform):
    """Carries out the ledger again, on the devices as they were before: in use, with the secrets of the list."""
    replaying.register(again.KIND, again.replay)

    async def restore():
        async with platform.pool.connection() as connection:
            await connection.execute("UPDATE device SET state = 'claimed'")
            await connection.execute("UPDATE device_credential SET until = NULL")
            return await replaying.replay(connection, platform.gate.ledger)

    return restore


@pytest.fixture
def comes_in(enrolled, register):
    """Whether the device still comes in by the secret of its list."""

    async def check(serial="SN-1"):
        await register.changes.look()
        register.credentials.forget(None)
        row = enrolled[serial]
        return await register.credentials.check(row["设备名"], row["密钥"]) is not None

    return check


async def test_what_was_revoked_since_is_out(call, claim, restored, comes_in):
    device = await claim()
    told(await call("officer", f"{device}/$revoke", reason="报废"))
    assert await restored() == {"device": 1}
    assert not await comes_in()
    assert await comes_in("SN-2")


async def test_what_was_stolen_since_is_out(call, claim, restored, comes_in):
    told(await call("wang", f"{await claim()}/$return", why="stolen"))
    assert await restored() == {"device": 1}
    assert not await comes_in()


async def test_a_former_secret_does_not_come_back(call, claim, restored, comes_in):
    told(await call("officer", f"{await claim()}/$rotate", overlap_hours=0))
    assert await restored() == {"device": 1}
    assert not await comes_in()


async def test_what_was_stopped_and_resumed_is_in(call, claim, restored, comes_in):
    device = await claim()
    told(await call("officer", f"{device}/$revoke", reason="维修", for_good=False))
    told(await call("officer", f"{device}/$resume", reason="修好"))
    await restored()
    assert await comes_in()
