"""Fixtures of the benchmarks' tests: a tiny HTTP server that speaks just enough FHIR."""

import asyncio
import itertools
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

# `benchmarks` is no installed package: commands are run from the repository's root, and so are its tests.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.client import Connection, Target

NOTHING = ("NON-EXISTS", "2070", "missing", "non-existent", "99999", "benchmark-missing", "no-such-code")


class TinyServer:
    """Keeps resources in memory. `drops` are search parameters that it ignores in silence."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, dict[str, Any]]] = {}
        self.requests: Counter[str] = Counter()
        self.queries: list[str] = []
        self.drops: set[str] = set()
        self.refuses: set[str] = set()
        self.imported: Counter[str] = Counter()
        self.polls = 0
        self._ids = itertools.count(1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, url, _ = head[0].split(" ")
                headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests[method] += 1
                status, extra, answer = await self.answer(method, url, body)
                data = json.dumps(answer).encode() if answer is not None else b""
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", *extra]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def answer(self, method: str, url: str, body: bytes) -> tuple[int, list[str], Any]:
        parts = urlsplit(url)
        path = [p for p in parts.path.removeprefix("/fhir").split("/") if p]
        if path and path[0] in self.refuses:
            return 422, [], {"resourceType": "OperationOutcome", "issue": [{"code": "processing", "diagnostics": "no"}]}
        if path == ["$import"]:
            return await self.start_import(json.loads(body))
        if path == ["import-status"]:
            self.polls += 1
            done = self.polls > 1
            return (200, [], {"output": [], "error": []}) if done else (202, ["X-Progress: half"], None)
        if method == "POST" and not path:
            entries = json.loads(body)["entry"]
            for entry in entries:
                self.store(entry["resource"]["resourceType"], entry["resource"])
            return 200, [], {"resourceType": "Bundle", "type": "transaction-response", "entry": [{}] * len(entries)}
        if method == "POST":
            resource = self.store(path[0], json.loads(body))
            return 201, [f"Location: http://x/fhir/{path[0]}/{resource['id']}/_history/1"], resource
        if method == "GET" and len(path) == 1:
            return 200, [], self.search(path[0], parts.query)
        known = self.resources.get(path[0], {})
        if path[1] not in known:
            return 404, [], {"resourceType": "OperationOutcome", "issue": [{"code": "not-found"}]}
        if method == "PUT":
            known[path[1]] = json.loads(body)
        if method == "DELETE":
            del known[path[1]]
            return 204, [], None
        return 200, [], known[path[1]]

    def store(self, kind: str, resource: dict[str, Any]) -> dict[str, Any]:
        resource = resource | {"id": str(next(self._ids))}
        self.resources.setdefault(kind, {})[resource["id"]] = resource
        return resource

    def search(self, kind: str, query: str) -> dict[str, Any]:
        self.queries.append(unquote(f"{kind}?{query}"))
        parameters = {name.split(":")[0]: values[0] for name, values in parse_qs(query).items()}
        filters = [v for name, v in parameters.items() if not name.startswith("_c") and name not in self.drops]
        nothing = any(word in value for value in filters for word in NOTHING)
        found = [] if nothing else list(self.resources.get(kind, {}).values())
        page = [{"resource": resource} for resource in found[:20]]
        return {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": page}

    async def start_import(self, parameters: dict[str, Any]) -> tuple[int, list[str], Any]:
        for item in parameters["parameter"]:
            if item["name"] == "input":
                kind, url = (part.get("valueCode") or part["valueUrl"] for part in item["part"])
                target = Target.of(url)
                connection = Connection(target)
                response = await connection.request("GET", urlsplit(url).path)
                connection.close()
                assert response.status == 200
                self.imported[kind] += response.body.count(b"\n")
        return 202, ["Content-Location: http://x/fhir/import-status"], None


@pytest.fixture
def tiny() -> Iterator[TinyServer]:
    """A tiny server on a thread of its own; `tiny.url` is its base."""
    server = TinyServer()
    ready = threading.Event()
    ports: list[int] = []
    loop = asyncio.new_event_loop()

    async def begin() -> asyncio.Server:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        ports.append(listening.sockets[0].getsockname()[1])
        ready.set()
        return listening

    async def end(listening: asyncio.Server) -> None:
        listening.close()
        await listening.wait_closed()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def live() -> None:
        listening = loop.run_until_complete(begin())
        loop.run_forever()
        loop.run_until_complete(end(listening))
        loop.close()

    thread = threading.Thread(target=live)
    thread.start()
    assert ready.wait(5)
    server.url = f"http://127.0.0.1:{ports[0]}/fhir"
    yield server
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
