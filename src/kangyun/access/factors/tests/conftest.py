"""What holds a factor in tests: an authenticator of passkeys in software, and a vendor's local service for USB keys."""

import hashlib
import json
import os
import threading
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from gmalg import SM2

# A key pair and certificate made by OpenSSL 3.0 for these tests only.
SM2_SECRET = bytes.fromhex("37cfefa372266c692218fb96d2dc3da21e24b6cb6799741d2a95bec8d5a68c0d")
SM2_POINT = bytes.fromhex(
    "0472649692cb72ee3ee8dc70ee0ded254569b20154d99274ae46a2e5bda3bdb5b2746bc6836cd6596532eb961b195056fc6616c6ee9ed2d1150dec63"
    "20f7cb8319"
)
CERTIFICATE = b64decode(
    "MIIBuTCCAV+gAwIBAgIUIdoyT0u6Y7Sb7hPk3l9Wmn7/gz4wCgYIKoEcz1UBg3UwMTELMAkGA1UEBhMCQ04xFTATBgNVBAoMDEthbmd5dW4gdGVzdDEL"
    "MAkGA1UEAwwCbGkwIBcNMjYxMTIyMTMyNTM1WhgPMjEyNjEwMjkxMzI1MzVaMDExCzAJBgNVBAYTAkNOMRUwEwYDVQQKDAxLYW5neXVuIHRlc3QxCzAJ"
    "BgNVBAMMAmxpMFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEcmSWksty7j7o3HDuDe0lRWmyAVTZknSuRqLlvaO9tbJ0a8aDbNZZZTLrlhsZUFb8ZhbG"
    "7p7S0RUN7GMg98uDGaNTMFEwHQYDVR0OBBYEFK6iUdDdgTiQT40PskH+6DTo6f5CMB8GA1UdIwQYMBaAFK6iUdDdgTiQT40PskH+6DTo6f5CMA8GA1Ud"
    "EwEB/wQFMAMBAf8wCgYIKoEcz1UBg3UDSAAwRQIgT86/q1ePR18Kg74KKd6N6IiF3F5kUlk9Ijs0Bs096HUCIQDy5tyX93FVMa55TztdOT25V/gHWzrt"
    "TYb07tvQsOmARA=="
)


class Authenticator:
    """Passkeys in software: ES256, without attestation."""

    def __init__(self, origin="http://127.0.0.1:8080", flags=0x05):
        self.origin = origin
        self.flags = flags  # user present, user verified
        self.counter = 0
        self.id = os.urandom(16)
        self.key = ec.generate_private_key(ec.SECP256R1())

    def create(self, asked):
        """Answers `navigator.credentials.create`."""
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        data = self._data(asked["rp"]["id"], 0x40) + credential
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", asked["challenge"])
        response = {"clientDataJSON": text(client), "attestationObject": text(attestation)}
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response}

    def get(self, asked):
        """Answers `navigator.credentials.get`."""
        self.counter += 1
        data = self._data(asked["rpId"], 0)
        client = self._client("webauthn.get", asked["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(signature)}
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response}

    def _data(self, host, more):
        flags = bytes([self.flags | more])
        return hashlib.sha256(host.encode()).digest() + flags + self.counter.to_bytes(4, "big")

    def _client(self, kind, challenge):
        assert urlsafe_b64decode(challenge + "==")
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()


def text(raw):
    return urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
def authenticator():
    return Authenticator()


@pytest.fixture
def make_authenticator():
    return Authenticator


@pytest.fixture
def certificate():
    """The certificate as it is, and as one whose days have gone; who made it is not looked at."""
    begun = CERTIFICATE.replace(b"261122132535Z", b"200101000000Z")
    return begun, begun.replace(b"21261029132535Z", b"20210101000000Z")


def sm2_signature(message):
    """Returns r and s, 32 bytes each: the library leaves out zeros in front."""
    r, s = SM2(SM2_SECRET, b"1234567812345678", SM2_POINT).sign(message)
    return r.rjust(32, b"\0") + s.rjust(32, b"\0")


@pytest.fixture
def sm2_key():
    """What it signs with, and its public point."""
    return sm2_signature, SM2_POINT


@pytest.fixture
def local_service():
    """A vendor's service on this computer, as `generic` of usb_keys.toml describes it: gives its port."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            signature = sm2_signature(b64decode(asked["message"]))
            body = {"signature": b64encode(signature).decode(), "certificate": b64encode(CERTIFICATE).decode()}
            sent = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()
