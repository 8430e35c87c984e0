"""Certificates, batch keys and what is heard of them: who comes in, until when, and who never does."""

import asyncio
import time
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kangyun.access.erasing import erase_also
from kangyun.base import clock
from kangyun.base.errors import Conflict, Invalid, NotFound, Throttled
from kangyun.devices.register import keys, rows, users
from kangyun.devices.register.claims import TRIES
from kangyun.devices.register.credentials import digester, pem_of
from kangyun.devices.register.health import Heard, note_heard

DAY = timedelta(days=1)


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A certificate authority of a maker."""

    def __init__(self, name="maker", ca=True, days=10):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name_of(name)
        self.certificate = self._signed(self.name, self.key.public_key(), -DAY, days * DAY, ca)

    def issue(self, name, since=-DAY, until=DAY):
        key = ec.generate_private_key(ec.SECP256R1())
        return self._signed(name_of(name), key.public_key(), since, until, False)

    def _signed(self, name, key, since, until, ca):
        now = clock.now()
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now + since).not_valid_after(now + until)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        return builder.sign(self.key, hashes.SHA256())


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


@pytest.fixture
def on_device(platform):
    """`await on_device(device, act, …)`: an act of `keys` or `users` on a device, in a transaction of its own."""

    async def do(device, act, *given):
        async with platform.pool.connection() as connection, connection.transaction():
            return await act(connection, await rows.by_number(connection, device, lock=True), *given)

    return do


@pytest.fixture
def in_transaction(platform):
    async def do(act, *given):
        async with platform.pool.connection() as connection, connection.transaction():
            return await act(connection, *given)

    return do


@pytest.fixture
async def house(platform, given_device):
    device, _ = await given_device("bp-house")
    async with platform.pool.connection() as connection:
        return (await rows.by_number(connection, device)).institution


async def test_a_device_comes_in_by_a_certificate_that_is_known(register, given_device, on_device):
    device, _ = await given_device()
    shown = Authority().issue("whatever")
    await on_device(device, keys.add_certificate, shown, "test")
    admitted = await register.credentials.by_certificate(der(shown))
    assert admitted.device == device
    assert admitted.until <= time.time() + 86400 + 60  # As long as the certificate is good.
    assert await register.credentials.by_certificate(der(Authority().issue("whatever"))) is None
    assert "BEGIN CERTIFICATE" in pem_of(await register.credentials.anchors())


async def test_a_device_comes_in_by_its_subject_under_a_registered_authority(
    register, given_device, on_device, in_transaction, house
):
    device, _ = await given_device()
    maker, stranger = Authority(), Authority()
    await in_transaction(keys.add_authority, house, maker.certificate, "test")
    await on_device(device, keys.add_subject, "SN-0001", "test")
    admitted = await register.credentials.by_certificate(der(maker.issue("SN-0001")))
    assert admitted.device == device
    for other in (
        maker.issue("SN-0002"), stranger.issue("SN-0001"), maker.issue("SN-0001", until=-timedelta(hours=1)),
        maker.issue("SN-0001", since=timedelta(hours=1)),
    ):  # fmt: skip
        assert await register.credentials.by_certificate(der(other)) is None
    assert await register.credentials.by_certificate(b"no certificate") is None
    await on_device(device, keys.revoke, "test", "报废")
    await register.changes.look()
    assert not await register.credentials.still(admitted)
    assert await register.credentials.by_certificate(der(maker.issue("SN-0001"))) is None


async def test_an_authority_is_one_and_there_once(given_device, on_device, in_transaction, house):
    device, _ = await given_device()
    with pytest.raises(NotFound):
        await on_device(device, keys.add_subject, "SN-0001", "test")
    with pytest.raises(Invalid):
        await in_transaction(keys.add_authority, house, Authority(ca=False).certificate, "test")
    maker = Authority()
    await in_transaction(keys.add_authority, house, maker.certificate, "test")
    with pytest.raises(Conflict):
        await in_transaction(keys.add_authority, house, maker.certificate, "test")


@pytest.fixture
async def batch(platform, given_device, in_transaction, house):
    """A batch with its key, and a device of it that has no secret: number, serial SN-9."""
    digests = digester(platform.gate.store.keys.index_key)
    key = await in_transaction(keys.add_batch, digests, house, "2026-11", "test", None)
    device, _ = await given_device("bp-batch")
    async with platform.pool.connection() as connection:
        await connection.execute("DELETE FROM device_credential WHERE device = $1", device)
        await connection.execute(
            "UPDATE device SET serial = 'SN-9', batch = (SELECT id FROM device_batch) WHERE id = $1", device
        )
    return key, device


async def test_a_batch_key_brings_a_device_its_own_secret(register, batch):
    key, device = batch
    assert await register.provisioning.batch("x" * 43) is None
    found = await register.provisioning.batch(key)
    given = await register.provisioning.provision(found, "SN-9", "10.0.0.1")
    assert (given.name, given.region) == ("bp-batch", "cn")
    assert (await register.credentials.check("bp-batch", given.secret)).device == device
    assert await register.credentials.check("bp-batch", key) is None


async def test_what_is_in_use_is_not_taken_over_by_a_batch_key(platform, register, batch, in_transaction):
    key, device = batch
    found = await register.provisioning.batch(key)
    first = await register.provisioning.provision(found, "SN-9", "10.0.0.1")
    again = await register.provisioning.provision(found, "SN-9", "10.0.0.1")  # The answer was lost.
    await register.changes.look()
    assert await register.credentials.check("bp-batch", first.secret) is None
    assert await register.credentials.check("bp-batch", again.secret)
    await in_transaction(note_heard, [Heard(device, clock.now())])
    with pytest.raises(Conflict):
        await register.provisioning.provision(found, "SN-9", "10.6.6.6")
    assert await register.credentials.check("bp-batch", again.secret)


async def test_guessed_serial_numbers_are_counted_by_address(register, batch):
    found = await register.provisioning.batch(batch[0])
    for number in range(TRIES):
        with pytest.raises(NotFound):
            await register.provisioning.provision(found, f"SN-{number}00", "10.6.6.6")
    with pytest.raises(Throttled):
        await register.provisioning.provision(found, "SN-9", "10.6.6.6")
    assert await register.provisioning.provision(found, "SN-9", "10.0.0.1")


async def test_of_two_who_provision_at_once_one_secret_holds(register, batch):
    found = await register.provisioning.batch(batch[0])
    given = await asyncio.gather(*(register.provisioning.provision(found, "SN-9", f"10.0.0.{n}") for n in range(4)))
    await register.changes.look()
    held = [await register.credentials.check("bp-batch", one.secret) is not None for one in given]
    assert held.count(True) == 1


async def test_a_device_renews_its_secret_without_a_gap(register, given_device):
    device, secret = await given_device()
    fresh = await register.provisioning.renew(device)
    for good in (secret, fresh.secret):
        assert await register.credentials.check("bp-0001", good)


async def test_a_revocation_is_heard_within_a_second(register, given_device, on_device):
    device, secret = await given_device()
    admitted = await register.credentials.check("bp-0001", secret)
    stop, closed = asyncio.Event(), asyncio.get_running_loop().create_future()

    def hear(changed):
        if not closed.done() and device in (changed or {device}):
            closed.set_result(time.monotonic())

    await register.changes.look()
    register.changes.on(hear)
    following = asyncio.create_task(register.changes.follow(stop))
    began = time.monotonic()
    await on_device(device, keys.revoke, "test", "被盗")
    took = await asyncio.wait_for(closed, 5) - began
    assert took < 1
    assert not await register.credentials.still(admitted)
    stop.set()
    await following


async def test_of_an_erased_person_nothing_is_left_but_the_device(platform, register, given_device, on_device):
    device, secret = await given_device()
    await on_device(device, users.assign, "", 77, "test")

    class Extent:
        patients, resources, institutions = (77,), (), ()

    async with platform.pool.connection() as connection, connection.transaction():
        await erase_also(connection, Extent)
    await register.changes.look()
    assert await register.wearers.uses([device]) == {device: ()}
    assert await register.credentials.check("bp-0001", secret)
