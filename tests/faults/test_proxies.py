"""Headers that say who calls: believed of the operator's own gateway, of nobody else."""

from urllib.parse import quote

import asyncpg
import httpx
import pytest

from kangyun.access.client_identity import has_signed, holder_of
from kangyun.access.platform import open_platform
from kangyun.access.signing.register import Register
from kangyun.base import clock
from kangyun.base.crypto import PrivateKey
from kangyun.base.crypto.authority import Authority, named
from kangyun.base.errors import Invalid, SignInNeeded
from kangyun.testing.plugin import ADMIN_TOKEN
from kangyun.web.app import Application
from kangyun.web.proxies import VERIFIED, Proxies, client_certificate

GATEWAY = "10.1.0.9"


@pytest.fixture
async def from_address(fresh_database, make_settings):
    """A client whose connection comes from an address; the gateway's is trusted."""
    application = Application(make_settings(trusted_proxies=f"{GATEWAY}, 10.2.0.0/16"), fresh_database)
    await application.open()

    def client(address):
        transport = httpx.ASGITransport(application, client=(address, 5555))
        headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/fhir/", headers=headers)

    yield client
    await application.close()


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        (GATEWAY, "192.0.2.7", "192.0.2.7"),
        (f"::ffff:{GATEWAY}", "192.0.2.7", "192.0.2.7"),
        (GATEWAY, "198.51.100.1, 192.0.2.7", "192.0.2.7"),  # The first was written by the caller.
        (GATEWAY, "192.0.2.7, 10.2.3.4", "192.0.2.7"),  # Two gateways of ours.
        (GATEWAY, "192.0.2.7, <script>", GATEWAY),
        (GATEWAY, "", GATEWAY),
        (GATEWAY, "2001:db8::1", "2001:db8::1"),
        ("192.0.2.66", "10.0.0.1", "192.0.2.66"),
        ("10.1.0.8", "192.0.2.7", "10.1.0.8"),
    ],
)
async def test_the_source_of_a_row(from_address, fresh_database, peer, forwarded, source):
    await from_address(peer).get("Patient", headers={"x-forwarded-for": forwarded, "x-real-ip": "203.0.113.9"})
    connection = await asyncpg.connect(fresh_database)
    assert await connection.fetchval("SELECT source FROM audit ORDER BY id DESC LIMIT 1") == source
    await connection.close()


@pytest.fixture(scope="module")
def issued():
    root = Authority.new("根", PrivateKey.new("sm2"), clock.now(), 30)
    key = PrivateKey.new("sm2")
    return root, key, root.issue(named("李医生"), key.public, clock.now(), 30)


def scope_of(peer, *values):
    headers = [(b"x-client-certificate", quote(value).encode()) for value in values]
    return {"type": "http", "client": (peer, 1), "headers": [(b"accept", b"*/*"), *headers]}


def settled(scope):
    Proxies(GATEWAY).settle(scope)
    assert scope["headers"] == [(b"accept", b"*/*")]
    return client_certificate(scope)


def test_a_certificate_is_believed_of_the_gateway_only(issued):
    pem = issued[2].pem
    assert settled(scope_of(GATEWAY, pem)).fingerprint == issued[2].fingerprint
    for peer in ("192.0.2.66", "10.1.0.8", "", "unix"):
        assert settled(scope_of(peer, pem)) is None
    assert settled(scope_of(GATEWAY, pem, pem)) is None  # The caller's own beside the gateway's.
    assert settled(scope_of(GATEWAY, "not one")) is None
    assert settled(scope_of(GATEWAY, "")) is None
    assert settled(scope_of(GATEWAY, "x" * 20_000)) is None
    assert settled({"type": "http", "client": None, "headers": [(b"accept", b"*/*"), (b"forwarded", b"for=1")]}) is None


def test_nobody_named_means_nobody_believed(issued):
    scope = scope_of("127.0.0.1", issued[2].pem)
    Proxies("").settle(scope)
    assert VERIFIED not in scope


@pytest.mark.parametrize("setting", ["gateway.local", "10.0.0.1/8", "10.0.0.0/33", "1,2,x"])
def test_what_is_no_address_is_refused_at_start(setting):
    with pytest.raises(Invalid):
        Proxies(setting)


async def test_whose_a_certificate_is(fresh_database, make_settings, issued):
    root, key, certificate = issued
    platform = await open_platform(make_settings(), fresh_database)
    store = platform.gate.store
    register = Register(store)
    with pytest.raises(SignInNeeded):
        await holder_of(store, certificate)  # Of an authority that nobody believes.
    await register.believe(root.certificate)
    with pytest.raises(SignInNeeded):
        await holder_of(store, certificate)  # Nobody's.
    await register.bind("Practitioner/li", certificate)
    assert (await holder_of(store, certificate)).reference == "Practitioner/li"
    assert (await has_signed(store, certificate, b"challenge", key.sign(b"challenge"))).reference == "Practitioner/li"
    for signature in (key.sign(b"other"), b"", PrivateKey.new("sm2").sign(b"challenge")):
        with pytest.raises(SignInNeeded):
            await has_signed(store, certificate, b"challenge", signature)
    await register.take_list(root.revocation_list({certificate.serial: clock.now()}, clock.now(), 3))
    with pytest.raises(SignInNeeded):
        await holder_of(store, certificate)
    await platform.close()
