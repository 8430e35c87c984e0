"""A hospital and a centre for the gateway: a database with rows, and an honest server of ADR 32 on 127.0.0.1.

The centre keeps in memory what is delivered; it maps and stores nothing. It can lose its answers on the way.
"""

import base64
import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from kangyun.exchange.gateway import configuration as told
from kangyun.exchange.gateway.configuration import Centre, Configuration, Source, Table
from kangyun.exchange.gateway.keys import client_key, is_signed, sealer
from kangyun.exchange.gateway.pace import Pace
from kangyun.exchange.gateway.queue import Queue
from kangyun.exchange.protocol import (
    Answered,
    Answers,
    Asked,
    Delivery,
    FeedState,
    Refused,
    Rows,
    digest_of,
    read_delivery,
    unpack,
)

DAY = "2026-01-05 00:00:00"


class FakeCentre:
    """Keeps what is delivered as ADR 32 says, in memory. `cut`: how many of the next answers are lost on the way."""

    def __init__(self) -> None:
        self.kept: dict[str, list[tuple[str, Delivery]]] = {}
        self.states: dict[str, Any] = {}
        self.answers: dict[str, list[Answered]] = {}
        self.asked: dict[str, list[Asked]] = {}
        self.told: dict[str, list[Any]] = {}
        self.declared: list[dict[str, Any]] = []
        self.keys: dict[str, Any] = {}
        self.cut, self.requests, self.dialect = 0, 0, ""
        self.refused: Callable[[Delivery], list[Refused]] = lambda delivery: []
        self._lock = threading.Lock()
        centre = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def answer(self) -> None:
                length = int(self.headers.get("content-length", 0))
                status, body = centre.answer(self.command, self.path, dict(self.headers), self.rfile.read(length))
                if centre.is_cut():
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def open(self, feed: str, state: Any = "live") -> None:
        self.states[feed] = state
        self.kept.setdefault(feed, [])

    def state(self, feed: str) -> FeedState:
        return FeedState(feed, "一个接入", self.states[feed], len(self.kept[feed]) + 1, dialect=self.dialect)

    def count(self, feed: str) -> int:
        """How many rows were delivered."""
        with self._lock:
            return sum(len(one.rows) for _, one in self.kept[feed] if isinstance(one, Rows))

    def rows(self, feed: str) -> list[list[str | None]]:
        """All rows that were delivered, in order."""
        return [list(row) for _, one in self.kept[feed] if isinstance(one, Rows) for row in one.rows]

    def is_cut(self) -> bool:
        """Whether this answer is to be lost."""
        with self._lock:
            self.cut = max(0, self.cut - 1) if (lost := self.cut > 0) else 0
            return lost

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Returns status and body."""
        headers = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            self.requests += 1
            parts = urlsplit(path)
            match method, parts.path.strip("/").split("/"):
                case "POST", ["oauth", "token"]:
                    return self._token(parse_qs(body.decode()))
                case "GET", ["oauth", "jwks"]:
                    return 200, b"{}"
                case _ if headers.get("authorization") != "Bearer good":
                    return 401, b"{}"
                case "GET", ["feeds"]:
                    return 200, msgspec.json.encode([self.state(feed) for feed in self.states])
                case "GET", ["feeds", feed]:
                    return (200, msgspec.json.encode(self.state(feed))) if feed in self.states else (404, b"{}")
                case "PUT", ["feeds", feed, "deliveries", number]:
                    return self._keep(feed, int(number), headers["repr-digest"], unpack(body))
                case "GET", ["feeds", feed, "answers"]:
                    after = int(parse_qs(parts.query)["after"][0])
                    found = [one for one in self.answers.get(feed, []) if one.number > after]
                    return 200, msgspec.json.encode(Answers(found[:50], len(found) > 50))
                case "PUT", ["feeds", feed, "declared"]:
                    self.declared += msgspec.json.decode(unpack(body))
                    return 204, b""
                case "GET", ["feeds", feed, "asked"]:
                    return 200, msgspec.json.encode(self.asked.get(feed, []))
                case "PUT", ["feeds", feed, "asked", number]:
                    self.told.setdefault(feed, []).append(msgspec.json.decode(unpack(body)) if body else None)
                    self.asked[feed] = [one for one in self.asked[feed] if one.id != int(number)]
                    return 204, b""
            return 404, b"{}"

    def _token(self, form: dict[str, list[str]]) -> tuple[int, bytes]:
        head, said, signature = form["client_assertion"][0].split(".")

        def part(text: str) -> bytes:
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

        key = self.keys.get(json.loads(part(head))["kid"])
        if key is None or not is_signed(f"{head}.{said}".encode(), part(signature), key):
            return 401, b'{"error":"invalid_client"}'
        assert json.loads(part(said))["aud"] == f"{self.url}/oauth/token"
        return 200, b'{"access_token":"good","token_type":"Bearer","expires_in":600}'

    def _keep(self, feed: str, number: int, digest: str, body: bytes) -> tuple[int, bytes]:
        assert digest == digest_of(body)
        kept = self.kept[feed]
        if self.states[feed] == "paused":
            return 423, msgspec.json.encode(self.state(feed))
        if 1 <= number <= len(kept) and kept[number - 1][0] == digest:
            return 200, msgspec.json.encode(self.state(feed))
        if number != len(kept) + 1:
            return 409, msgspec.json.encode(self.state(feed))
        delivery = read_delivery(body)
        kept.append((digest, delivery))
        refused = self.refused(delivery)
        rows = len(delivery.rows) if isinstance(delivery, Rows) else 1
        fate: Any = "tried" if self.states[feed] == "testing" else "taken"
        self.answers.setdefault(feed, []).append(
            Answered(number, fate, rows, rows - len(refused), aside=len(refused), refused=refused)
        )
        return 201, msgspec.json.encode(self.state(feed))


class Hospital:
    """A database of SQLite with one table, and the gateway's folder."""

    def __init__(self, folder: Path, centre: FakeCentre) -> None:
        self.folder = folder / "gateway"
        self.folder.mkdir()
        self.database = folder / "his.db"
        self.table = Table(
            source="his", table="TB_LIS_REPORT", feed="lis", by="text", column="GXSJ", key=["YLJGDM", "BGDH"],
            business="BGRQ", sums=["JE"], form="%Y-%m-%d %H:%M:%S", settle=0, overlap=60,
        )  # fmt: skip
        self.source = Source(name="his", kind="sqlite", database=str(self.database))
        self.centre = Centre(url=centre.url, client="gw")
        self.pace = Pace(threading.Event())
        key = client_key(self.folder)
        centre.keys[key.id] = key.jwk
        self.run(
            "CREATE TABLE TB_LIS_REPORT (YLJGDM TEXT, BGDH TEXT, BGRQ TEXT, JZLSH TEXT, BGDLB TEXT, JE TEXT, GXSJ TEXT)"
        )

    def run(self, statement: str, values: Any = ()) -> None:
        with closing(sqlite3.connect(self.database)) as db, db:
            db.execute(statement, values)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute(query).fetchall()

    def report(self, number: int, at: str = "2026-01-05 08:00:00", day: str = DAY) -> None:
        """Writes a report."""
        self.run(
            "INSERT INTO TB_LIS_REPORT VALUES (?, ?, ?, ?, ?, ?, ?)",
            ("H1", f"R{number:05d}", day, f"V{number}", "血常规", "12.50", at),
        )

    def report_wide(self, number: int) -> None:
        """Writes a report into a table that has one more column."""
        self.run(
            "INSERT INTO TB_LIS_REPORT VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ("H1", f"R{number:05d}", DAY, f"V{number}", "血常规", "12.50", "2026-01-05 08:00:00", None),
        )

    def reports(self, numbers: range, at: str = "2026-01-05 08:{:02d}:{:02d}") -> None:
        """Writes reports, ten a second."""
        rows = (
            ("H1", f"R{number:05d}", DAY, f"V{number}", "血常规", "12.50", at.format(number // 600, number // 10 % 60))
            for number in numbers
        )
        with closing(sqlite3.connect(self.database)) as db, db:
            db.executemany("INSERT INTO TB_LIS_REPORT VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def configuration(self, **changed: Any) -> Configuration:
        """Returns the configuration, and writes it."""
        said: dict[str, Any] = {"centre": self.centre, "sources": [self.source], "tables": [self.table]}
        made = Configuration(**(said | changed))
        told.write(self.folder, made)
        return made

    def queue(self, **disk: int) -> Queue:
        return Queue(self.folder, sealer(self.folder), told.Disk(**disk))
