"""Devices as rows, for tests of what asks for them."""

import pytest

from kangyun.devices.register.credentials import digester, draw_secret
from kangyun.devices.register.register import open_register


@pytest.fixture
def register(platform):
    return open_register(platform)


@pytest.fixture
def given_device(platform):
    """Makes a device of `Organization/county` with a secret; answers its number and the secret."""

    async def give(name="bp-0001", state="claimed"):
        secret = draw_secret()
        digest = digester(platform.gate.store.keys.index_key).of("secret", name, secret)
        async with platform.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO institution (reference) VALUES ('Organization/county') ON CONFLICT DO NOTHING"
            )
            device = await connection.fetchval(
                "INSERT INTO device (name, institution, format, state) SELECT $1, id, 'plain', $2 FROM institution"
                " WHERE reference = 'Organization/county' RETURNING id", name, state,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO device_credential (device, kind, digest, by) VALUES ($1, 'secret', $2, 'test')",
                device, digest,
            )  # fmt: skip
        return device, secret

    return give
