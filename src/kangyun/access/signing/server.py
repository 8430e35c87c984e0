"""The fourth back end: signatures and time stamps of servers, by HTTP. Keys of the record stay with another back end.

A signature server is asked by the messages of GM/T 0029 (SignData, ExportCert), their fields as JSON: the standard has
them in ASN.1 and each maker has its own way of HTTP, so a maker's gateway or a few lines before it may be needed. A
time-stamp server is asked by RFC 3161 over HTTP, which GM/T 0033 has with SM3 and SM2.

Called in threads, as all that a provider does. The addresses are the operator's own, by setting.

Source: GM/T 0029-2014 (signature server), GM/T 0033-2014 and RFC 3161 3.4 (time stamp), GM/T 0006-2012 (SGD_SM3_SM2).
"""

import base64
import http.client
import ssl
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kangyun.access.signing.time_stamps import LARGEST, read_stamp, request, token_of
from kangyun.base import clock
from kangyun.base.crypto import Description, DeviceFailed, OpenedKey, Provider, PublicKey
from kangyun.base.crypto.certificates import Certificate
from kangyun.base.crypto.schemes import DIGESTS, SIGNATURE_BYTES, from_der
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings

SECONDS = 5.0
SGD_SM3_SM2, ECDSA_SHA256 = 0x00020201, 0x00080002
OTHER_CLOCK = timedelta(minutes=5)
_FAILURES = (OSError, http.client.HTTPException, ValueError, msgspec.DecodeError, Invalid)


@dataclass(frozen=True, slots=True, repr=False)
class SignatureServer:
    """A signature server. key, pin: of the platform's key in it."""

    url: str
    key: int
    pin: str

    def certificate(self) -> Certificate:
        """Returns the certificate of the platform's key. Raises DeviceFailed."""
        told = self._asked("ExportCert", {"identification": str(self.key)})
        try:
            return Certificate(base64.b64decode(told["cert"], validate=True))
        except (KeyError, TypeError, *_FAILURES):
            raise _failed("ExportCert", "?") from None

    def sign(self, method: int, message: bytes) -> bytes:
        """Returns r and s over a message. Raises DeviceFailed."""
        text = base64.b64encode(message).decode()
        asked = {"signMethod": method, "keyIndex": self.key, "keyValue": self.pin, "inDataLen": len(message)}
        told = self._asked("SignData", asked | {"inData": text})
        try:
            signature = base64.b64decode(told["signature"], validate=True)
            return signature if len(signature) == SIGNATURE_BYTES else from_der(signature)
        except (KeyError, TypeError, *_FAILURES):
            raise _failed("SignData", "?") from None

    def _asked(self, what: str, asked: dict[str, Any]) -> dict[str, Any]:
        body = {"version": "1", "reqType": what, "request": asked, "reqTime": clock.instant(clock.now())}
        answer = _posted(f"{self.url.rstrip('/')}/{what}", "application/json", msgspec.json.encode(body), what)
        try:
            told = msgspec.json.decode(answer)["respond"]
            status = told["respValue"]
        except (KeyError, TypeError, msgspec.DecodeError):
            raise _failed(what, "?") from None
        if status != 0:
            raise _failed(what, f"0x{status:08x}" if isinstance(status, int) else "?")
        return dict(told)


class ServerProvider:
    """What signs by servers, before another back end for the rest."""

    def __init__(self, inner: Provider, server: SignatureServer | None, stamps: str) -> None:
        """stamps: URL of the time-stamp server; empty for none. Raises DeviceFailed."""
        self._inner, self._server, self._stamps = inner, server, stamps
        self._public = server.certificate().public_key if server else inner.public_key
        if self._public is None:
            raise DeviceFailed("access.signing.key-not-supported")
        if server is not None and not self._public.verify(b"self-test", self.sign(b"self-test")):
            raise DeviceFailed("base.crypto.self-test-failed", test="server sign")

    @property
    def description(self) -> Description:
        about = self._inner.description
        if self._server is None:
            return about
        host = urlsplit(self._server.url).hostname or ""
        return replace(about, back_end="server", device=f"{about.device} {host}".strip())

    @property
    def public_key(self) -> PublicKey:
        assert self._public is not None
        return self._public

    def sign(self, message: bytes) -> bytes:
        if self._server is None:
            return self._inner.sign(message)
        return self._server.sign(SGD_SM3_SM2 if self.public_key.scheme == "sm2" else ECDSA_SHA256, message)

    def time_stamp(self, message: bytes) -> bytes | None:
        if not self._stamps:
            return None
        asked = request(message, DIGESTS[self.public_key.scheme])
        answer = _posted(self._stamps, "application/timestamp-query", asked, "TimeStampReq")
        try:
            stamp = read_stamp(token_of(answer))
        except Invalid:
            raise _failed("TimeStampReq", "?") from None
        if not (stamp.is_true and stamp.is_of(message) and abs(stamp.instant - clock.now()) < OTHER_CLOCK):
            raise _failed("TimeStampReq", "?")
        return stamp.token

    def random(self, size: int) -> bytes:
        return self._inner.random(size)

    def digest(self, *parts: bytes) -> bytes:
        return self._inner.digest(*parts)

    def wrap(self, key: bytes, label: bytes) -> bytes:
        return self._inner.wrap(key, label)

    def unwrap(self, wrapped: bytes, label: bytes) -> bytes:
        return self._inner.unwrap(wrapped, label)

    def make_key(self) -> bytes:
        return self._inner.make_key()

    def key(self, wrapped: bytes) -> OpenedKey:
        return self._inner.key(wrapped)

    def verify(self, public: PublicKey, message: bytes, signature: bytes) -> bool:
        return self._inner.verify(public, message, signature)

    def close(self) -> None:
        """Ends the session of the other back end."""
        self._inner.close()


def with_servers(inner: Provider, settings: Settings) -> Provider:
    """Returns the provider with the servers that the settings name before it. Raises DeviceFailed; may wait."""
    if not settings.signing_server and not settings.time_stamp_server:
        return inner
    server = None
    if settings.signing_server:
        server = SignatureServer(settings.signing_server, settings.signing_server_key, settings.signing_server_pin)
    return ServerProvider(inner, server, settings.time_stamp_server)


def _posted(url: str, kind: str, body: bytes, what: str) -> bytes:
    """Returns the body of an answer. Raises DeviceFailed for any status but 200."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError
        connection = (
            http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=SECONDS, context=ssl.create_default_context()
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
        )
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, {"content-type": kind})
            answer = connection.getresponse()
            if answer.status != 200:
                raise _failed(what, str(answer.status))
            return answer.read(2 * LARGEST)
        finally:
            connection.close()
    except _FAILURES as error:
        raise _failed(what, type(error).__name__) from None


def _failed(what: str, status: str) -> DeviceFailed:
    return DeviceFailed("access.signing.server-failed", function=what, status=status)
