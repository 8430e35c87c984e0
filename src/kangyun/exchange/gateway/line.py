"""The line to the centre: HTTPS outward, by a proxy where there is one, and who we are said by a signed assertion.

One connection that is kept; a token that is asked for again when it ends. What goes wrong is a `LineFailed` that names
the cause in words. Plain HTTP goes to this machine itself only.

Source: RFC 6749 4.4, RFC 7523 2.2 (client credentials by assertion), ADR 32.
"""

import base64
import contextlib
import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from kangyun.base.errors import PlatformError
from kangyun.exchange.gateway.configuration import Centre
from kangyun.exchange.gateway.keys import ClientKey
from kangyun.exchange.protocol import unpack

TEXTS = "exchange.gateway."
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECONDS = 60
_EARLY = 30  # seconds before its end that a token is not used any more
_MOST = 64 << 20
# Of OpenSSL's X509_V_ERR_*.
_NOT_YET, _EXPIRED, _OTHER_HOST = 9, 10, (62, 64)


class LineFailed(PlatformError):
    """The centre could not be reached, or did not do what was asked; the text is the cause."""

    code = "transient"
    default_text = "exchange.gateway.line-fault"


class Answer(NamedTuple):
    """What the centre answered. headers: their names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """The line of one thread. proxy_login: `user:password`, where the proxy wants one."""

    def __init__(self, centre: Centre, key: ClientKey, folder: Path, proxy_login: str = "") -> None:
        self._centre, self._key, self._folder, self._proxy_login = centre, key, folder, proxy_login
        self._connection: http.client.HTTPConnection | None = None
        self._token, self._token_ends = "", 0.0
        parts = urlsplit(centre.url.rstrip("/"))
        self._secure, self._host, self._base = parts.scheme == "https", parts.hostname or "", parts.path
        self._port = parts.port or (443 if self._secure else 80)
        if not self._host or (not self._secure and self._host not in LOOPBACK):
            raise LineFailed(TEXTS + "not-https")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Asks the centre as ourselves. Raises LineFailed; an answer of any status is returned but for 401."""
        for _ in range(2):
            given = {"authorization": f"Bearer {self.token()}", **(headers or {})}
            answer = self.plain(method, path, body, given)
            if answer.status != http.HTTPStatus.UNAUTHORIZED:
                return answer
            self._token = ""
        raise LineFailed(TEXTS + "cause-token")

    def token(self) -> str:
        """Returns a token that is good. Raises LineFailed, saying why there is none."""
        if self._token and time.monotonic() < self._token_ends:
            return self._token
        audience = self._centre.audience or f"{self._centre.url.rstrip('/')}/oauth/token"
        form = {
            "grant_type": "client_credentials", "scope": self._centre.scope, "client_assertion_type": ASSERTION,
            "client_assertion": self._key.assertion(self._centre.client, audience),
        }  # fmt: skip
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = self.plain("POST", "/oauth/token", urlencode(form).encode(), kind)
        try:
            told = json.loads(answer.body)
            if answer.status == http.HTTPStatus.OK:
                self._token = str(told["access_token"])
                self._token_ends = time.monotonic() + float(told.get("expires_in", 60)) - _EARLY
                return self._token
            why = str(told.get("error", ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            why = ""
        if answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise LineFailed(TEXTS + "cause-centre", status=answer.status)
        text = "cause-clock" if abs(skew(answer)) > _EARLY else "cause-client" if why else "cause-no-platform"
        raise LineFailed(TEXTS + text, why=why, status=answer.status, seconds=round(skew(answer)))

    def plain(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Asks the centre as nobody. Raises LineFailed."""
        given = {"accept": "application/json", "accept-language": "zh", "connection": "keep-alive", **(headers or {})}
        for attempt in range(2):
            fresh = self._connection is None
            try:
                return self._asked(method, self._base + path, body, given)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A connection that was kept may have been closed meanwhile: that is no failure yet.
                if fresh or attempt or isinstance(error, TimeoutError):
                    raise LineFailed(explain(error), what=type(error).__name__) from None
        raise AssertionError

    def _asked(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._connection is None:
            self._connection = self.connect()
        self._connection.request(method, path, body or None, dict(headers))
        with self._connection.getresponse() as response:
            told = response.read(_MOST + 1)
            found = {name.lower(): value for name, value in response.getheaders()}
            if response.will_close:
                self.close()
        if len(told) > _MOST:
            raise http.client.HTTPException("too large")
        if found.get("content-encoding") == "gzip":
            with contextlib.suppress(ValueError):
                told = unpack(told)
        return Answer(response.status, found, told)

    def connect(self) -> http.client.HTTPConnection:
        """Returns an open connection. Raises OSError, HTTPException."""
        if not self._secure:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        else:
            context = tls(self._centre, self._folder)
            proxy = urlsplit(self._centre.proxy if "//" in self._centre.proxy else f"//{self._centre.proxy}")
            if proxy.hostname:
                connection = http.client.HTTPSConnection(
                    proxy.hostname, proxy.port or 8080, timeout=SECONDS, context=context
                )
                login = base64.b64encode(self._proxy_login.encode()).decode()
                connection.set_tunnel(
                    self._host, self._port, {"Proxy-Authorization": f"Basic {login}"} if self._proxy_login else {}
                )
            else:
                connection = http.client.HTTPSConnection(self._host, self._port, timeout=SECONDS, context=context)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection


def tls(centre: Centre, folder: Path) -> ssl.SSLContext:
    """Returns how the centre is spoken to. Raises LineFailed where a file of certificates cannot be read."""
    try:
        context = ssl.create_default_context(cafile=str(folder / centre.ca) if centre.ca else None)
        if centre.certificate:
            context.load_cert_chain(
                folder / centre.certificate, folder / (centre.certificate_key or centre.certificate)
            )
    except (OSError, ssl.SSLError):
        raise LineFailed(TEXTS + "cause-ca-file") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if centre.tls == "1.3" else ssl.TLSVersion.TLSv1_2
    return context


def explain(error: BaseException) -> str:
    """Returns the text of what an error of a connection means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        names = {_NOT_YET: "cause-not-yet", _EXPIRED: "cause-expired"} | dict.fromkeys(_OTHER_HOST, "cause-other-host")
        return TEXTS + names.get(error.verify_code, "cause-issuer")
    if isinstance(error, ssl.SSLError):
        reason = str(error.reason or error)
        if any(part in reason for part in ("PROTOCOL", "NO_CIPHERS", "HANDSHAKE_FAILURE")):
            return TEXTS + "cause-old-tls"
        if any(part in reason for part in ("WRONG_VERSION", "HTTP_REQUEST", "RECORD_LAYER", "PACKET_LENGTH")):
            return TEXTS + "cause-no-tls"
        return TEXTS + ("cause-certificate" if "CERTIFICATE" in reason else "cause-tls")
    if isinstance(error, socket.gaierror):
        return TEXTS + "cause-name"
    if isinstance(error, ConnectionRefusedError):
        return TEXTS + "cause-port"
    if isinstance(error, TimeoutError):
        return TEXTS + "cause-timeout"
    if "Tunnel connection failed" in str(error):
        return TEXTS + ("cause-proxy-login" if "407" in str(error) else "cause-proxy")
    if isinstance(error, http.client.HTTPException | ConnectionError):
        return TEXTS + "cause-broken"
    return TEXTS + "line-failed"


def skew(answer: Answer) -> float:
    """Returns how many seconds our clock is ahead of the centre's, by its answer; 0 where that says nothing."""
    from email.utils import parsedate_to_datetime

    try:
        return time.time() - parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return 0.0
