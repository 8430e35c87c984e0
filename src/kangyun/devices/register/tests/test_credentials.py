"""Who may connect as which device: secrets, and that what is taken away is heard of at once."""

import pytest

from kangyun.devices.register.changes import tell


async def test_a_device_comes_in_by_its_own_secret(register, given_device):
    device, secret = await given_device()
    admitted = await register.credentials.check("bp-0001", secret)
    assert (admitted.device, admitted.name, admitted.house) == (device, "bp-0001", "Organization/county")
    assert (admitted.format, admitted.zone, admitted.region) == ("plain", 480, "cn")
    assert await register.credentials.still(admitted)


@pytest.mark.parametrize("name", ["bp-0002", "bp-0003", "BP-0001", "", "bp/+/#", "x" * 500])
async def test_no_other_comes_in_by_it(register, given_device, name):
    _, secret = await given_device()
    await given_device("bp-0002")
    assert await register.credentials.check(name, secret) is None


@pytest.mark.parametrize("state", ["stopped", "revoked"])
async def test_a_device_that_is_stopped_stays_out(register, given_device, state):
    _, secret = await given_device(state=state)
    assert await register.credentials.check("bp-0001", secret) is None


async def test_what_is_revoked_elsewhere_is_heard_of_and_ends(platform, register, given_device):
    device, secret = await given_device()
    admitted = await register.credentials.check("bp-0001", secret)
    await register.changes.look()
    heard = []
    register.changes.on(heard.append)
    async with platform.pool.connection() as connection, connection.transaction():
        await connection.execute("UPDATE device SET state = 'revoked' WHERE id = $1", device)
        await tell(connection, [device])
    assert await register.credentials.still(admitted)  # What is kept stands until it is told of.
    await register.changes.look()
    assert heard == [frozenset({device})]
    assert not await register.credentials.still(admitted)
    await register.changes.look()
    assert len(heard) == 1
