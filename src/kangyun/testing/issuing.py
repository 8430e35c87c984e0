"""An issuer of codes, for tests and trials: a small server that takes what `care/health_card` sends and answers it.

It holds callers to their signature, and knows a dynamic code once.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from kangyun.access.messages.senders import signature

KEY = "issuer-test-key"


class IssuerStub:
    """codes: what is answered by code; `raw` is sent as it is. asked: what was asked, in order."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, Any]] = {}
        self.raw: bytes | None = None
        self.status = 200
        self.asked: list[dict[str, Any]] = []
        self._used: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/verify"

    def answer(self, body: bytes, signed: str) -> bytes:
        """Returns what is answered to a message."""
        if signed != signature(KEY.encode(), body):
            return msgspec.json.encode({"status": "unknown"})
        asked = msgspec.json.decode(body)
        self.asked.append(asked)
        if self.raw is not None:
            return self.raw
        code = asked["code"]
        found = self.codes.get(code, {"status": "unknown"})
        if code in self._used:
            found = {"status": "used"}
        elif found.get("dynamic") or ":0:" in found.get("plain", ""):
            self._used.add(code)
        return msgspec.json.encode(found)

    @contextmanager
    def running(self) -> Iterator["IssuerStub"]:
        """Serves until the end."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _handler(stub) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                answer = stub.answer(body, self.headers.get("x-kangyun-signature", ""))
                self.send_response(stub.status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        return Handler
