"""Signature and time-stamp servers, stood in for by one of ours."""

import base64
import os
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from kangyun.access.signing.server import ServerProvider, SignatureServer, with_servers
from kangyun.access.signing.time_stamps import read_stamp, request, token_of
from kangyun.access.trail.roots import CERTIFICATE, Roots
from kangyun.access.trail.signatures import examine
from kangyun.base import clock
from kangyun.base.crypto import DeviceFailed, PrivateKey, SoftwareProvider, der, digest, sm3
from kangyun.base.crypto.authority import Authority, named
from kangyun.base.crypto.certificates import read_all
from kangyun.base.crypto.schemes import to_der
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings

SM3, SHA256 = "1.2.156.10197.1.401", "2.16.840.1.101.3.4.2.1"


class Servers:
    """Both servers: `says` puts another answer in place of the right one."""

    def __init__(self, scheme):
        self.key, self.stamping = PrivateKey.new(scheme), PrivateKey.new(scheme)
        self.root = Authority.new("根", PrivateKey.new(scheme), clock.now(), 30)
        self.certificate = self.root.issue(named("平台"), self.key.public, clock.now(), 30)
        self.stamp_certificate = self.root.issue(named("时间戳"), self.stamping.public, clock.now(), 30, stamping=True)
        self.says = {}
        self.late = timedelta()

    def answer(self, path, body):
        name = path.strip("/")
        if name in self.says:
            return self.says[name]
        if name == "stamp":
            return 200, self.stamp(body)
        asked = msgspec.json.decode(body)
        assert asked["reqType"] == name
        if name == "ExportCert":
            told = {"respValue": 0, "cert": base64.b64encode(self.certificate.der).decode()}
        else:
            asked = asked["request"]
            assert (asked["keyIndex"], asked["keyValue"]) == (3, "p")
            signature = self.key.sign(base64.b64decode(asked["inData"]))
            told = {"respValue": 0, "signature": base64.b64encode(to_der(signature)).decode()}
        return 200, msgspec.json.encode({"respond": told})

    def stamp(self, asked):
        """RFC 3161, 2.4.2, in CMS SignedData."""
        _, imprint, nonce, _ = der.read(asked).pieces
        info = der.sequence(
            der.integer(1), der.oid("1.2.3.4"), imprint.whole, der.integer(7),
            der.generalized(clock.now() + self.late), nonce.whole,
        )  # fmt: skip
        scheme = self.stamping.scheme
        oid, name = (SM3, "sm3") if scheme == "sm2" else (SHA256, "sha-256")
        attributes = [
            der.sequence(der.oid("1.2.840.113549.1.9.3"), der.set_of([der.oid("1.2.840.113549.1.9.16.1.4")])),
            der.sequence(der.oid("1.2.840.113549.1.9.4"), der.set_of([der.octets(digest(name, info))])),
        ]
        signature = self.stamping.sign(der.set_of(attributes))
        certificate = self.stamp_certificate
        signer = der.sequence(
            der.integer(1),
            der.sequence(certificate.x509.issuer.public_bytes(), der.integer(certificate.x509.serial_number)),
            der.sequence(der.oid(oid)),
            der.written(0xA0, der.read(der.set_of(attributes)).content),
            der.sequence(der.oid("1.2.840.10045.2.1")),
            der.octets(to_der(signature)),
        )
        enclosed = der.sequence(der.oid("1.2.840.113549.1.9.16.1.4"), der.written(0xA0, der.octets(info)))
        signed = der.sequence(
            der.integer(3), der.set_of([der.sequence(der.oid(oid))]), enclosed,
            der.written(0xA0, certificate.der), der.set_of([signer]),
        )  # fmt: skip
        token = der.sequence(der.oid("1.2.840.113549.1.7.2"), der.written(0xA0, signed))
        return der.sequence(der.sequence(der.integer(0)), token)


@pytest.fixture(scope="module", params=["sm2", "ecdsa"])
def made(request):
    return Servers(request.param)


@pytest.fixture
def servers(made):
    """The servers, answering at `url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = made.answer(self.path, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *words):
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
    made.says.clear()
    made.late = timedelta()


@pytest.fixture
def inner(servers):
    return SoftwareProvider(os.urandom(32), "sm4" if servers.key.scheme == "sm2" else "aes")


@pytest.fixture
def provider(servers, inner):
    return ServerProvider(inner, SignatureServer(servers.url, 3, "p"), f"{servers.url}/stamp")


def test_the_server_signs(provider, servers, inner):
    assert provider.public_key == servers.key.public
    assert servers.key.public.verify(b"text", provider.sign(b"text"))
    assert inner.unwrap(provider.wrap(b"k" * 16, b"1"), b"1") == b"k" * 16
    assert provider.description.back_end == "server"
    assert not provider.description.counts  # The root key is still in memory.


def test_the_settings_name_the_servers(servers, inner):
    assert with_servers(inner, Settings()) is inner
    named_ = Settings(signing_server=servers.url, signing_server_key=3, signing_server_pin="p")
    assert with_servers(inner, named_).public_key == servers.key.public
    stamping = with_servers(inner, Settings(time_stamp_server=f"{servers.url}/stamp"))
    assert stamping.public_key == inner.public_key
    assert read_stamp(stamping.time_stamp(b"text")).is_of(b"text")


@pytest.mark.parametrize(
    "answer",
    [
        (500, b""), (200, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"respond":{"respValue":67108864}}'),
        (200, b'{"respond":{"respValue":0}}'), (200, b'{"respond":{"respValue":0,"signature":"AA==","cert":"AA=="}}'),
        (200, b'{"respond":{"respValue":0,"signature":7,"cert":7}}'), (302, b""),
    ],
)  # fmt: skip
def test_a_server_that_fails_is_said_to(provider, servers, inner, answer):
    servers.says["SignData"] = answer
    with pytest.raises(DeviceFailed):
        provider.sign(b"text")
    servers.says = {"ExportCert": answer}
    with pytest.raises(DeviceFailed):
        ServerProvider(inner, SignatureServer(servers.url, 3, "p"), "")


def test_a_server_that_signs_by_another_key_is_not_used(servers, inner):
    other = base64.b64encode(PrivateKey.new(servers.key.scheme).sign(b"self-test")).decode()
    servers.says["SignData"] = 200, msgspec.json.encode({"respond": {"respValue": 0, "signature": other}})
    with pytest.raises(DeviceFailed):
        ServerProvider(inner, SignatureServer(servers.url, 3, "p"), "")


def test_a_server_that_is_not_there(inner):
    for url in ("http://127.0.0.1:1", "ftp://127.0.0.1", "http://", "x"):
        with pytest.raises(DeviceFailed):
            ServerProvider(inner, SignatureServer(url, 3, "p"), "")


def test_a_time_stamp_holds(provider, servers):
    stamp = read_stamp(provider.time_stamp(b"text"))
    assert stamp.is_true and stamp.is_of(b"text") and not stamp.is_of(b"other")
    assert stamp.certificate.der == servers.stamp_certificate.der and stamp.certificate.may_stamp
    assert abs(stamp.instant - clock.now()) < timedelta(minutes=1)


def test_a_time_stamp_of_something_else_is_refused(provider, servers):
    servers.says["stamp"] = 200, servers.stamp(request(b"other", "sm3"))
    with pytest.raises(DeviceFailed):
        provider.time_stamp(b"text")
    servers.says["stamp"] = 200, der.sequence(der.sequence(der.integer(2)))
    with pytest.raises(DeviceFailed):
        provider.time_stamp(b"text")
    servers.says.clear()
    servers.late = timedelta(hours=1)
    with pytest.raises(DeviceFailed):
        provider.time_stamp(b"text")


def test_a_changed_token_is_not_true(provider):
    token = provider.time_stamp(b"text")
    true = read_stamp(token)
    for place in range(0, len(token), 1 if provider.public_key.scheme == "ecdsa" else 11):
        changed = bytearray(token)
        changed[place] ^= 1
        try:
            stamp = read_stamp(bytes(changed))
        except Invalid:
            continue
        # What the signature is not over: names of algorithms, versions, the certificate. Never the instant.
        held = stamp.is_true and stamp.is_of(b"text")
        assert not held or stamp.instant == true.instant


def test_roots_are_stamped(tmp_path, provider):
    roots = Roots(tmp_path / "roots.ndjson", provider)
    for number in (1, 2):
        roots.add(clock.now(), number, sm3(b"1"))
    certificates = read_all(roots.path.with_name(CERTIFICATE).read_bytes())
    found = examine(roots.lines(), certificates)
    assert (found.signed, found.stamped, found.faults) == (2, 2, [])
    other = base64.b64encode(provider.time_stamp(b"other"))
    lines = roots.lines()
    lines[1] = lines[1][: lines[1].index(b'"stamp"')] + b'"stamp":"' + other + b'"}'
    assert [tuple(one) for one in examine(lines, certificates).faults] == [("root-stamp", 2)]


@pytest.mark.parametrize("data", [b"", b"0", bytes(range(50)), der.sequence(), der.sequence(der.sequence())])
def test_what_is_no_answer_is_refused(data):
    for read in (token_of, read_stamp):
        with pytest.raises(Invalid):
            read(data)
