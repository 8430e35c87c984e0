"""Loading over HTTP: the same tasks, carried out by any FHIR server. Its refusals are told in its own words.

Lines become transactions of updates; where one is refused, its entries are sent one by one as a batch.
"""

import asyncio
import http.client
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kangyun.access.bulk.bundles import WHOLE
from kangyun.access.bulk.model import Refusal, Task, Written, told
from kangyun.base.errors import Invalid, Issue, PlatformError, Unavailable
from kangyun.fhir import Resource
from kangyun.fhir import xml as fhir_xml
from kangyun.fhir.json import decode, encode

AT_ONCE = 4
ENTRIES = 250  # of a transaction that is made of lines
TIMEOUT = 600.0  # seconds: a large transaction takes long
PASSING = frozenset({408, 425, 429, 502, 503, 504})
JSON = "application/fhir+json"
_ONE_BY_ONE = ("collection", "searchset", "batch")


@dataclass(frozen=True, slots=True)
class Server:
    """A FHIR server. `base`: without a slash at its end."""

    base: str
    token: str | None

    def send(self, method: str, path: str, body: bytes) -> tuple[int, Resource]:
        """Sends a request and returns status and body. Raises Unavailable where no answer comes."""
        parts = urlsplit(self.base)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        context: dict[str, Any] = {"context": ssl.create_default_context()} if parts.scheme == "https" else {}
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT, **context)
        headers = {"content-type": JSON, "accept": JSON, "prefer": "return=minimal"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, f"{parts.path}/{path}" if path else parts.path or "/", body, headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable("cli.load-no-answer", server=self.base, reason=type(error).__name__) from None
        finally:
            connection.close()
        if response.status in PASSING:
            raise Unavailable("cli.load-busy", server=self.base, status=response.status)
        if response.status in (401, 403):
            raise Invalid("cli.load-sign-in", server=self.base, status=response.status)
        try:
            return response.status, decode(text) if text else {}
        except PlatformError:
            return response.status, {}


def server_of(url: str, token: str | None) -> Server:
    """Returns a server by its base URL. Raises Invalid."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid("cli.load-server", server=url)
    return Server(url.rstrip("/"), token)


class Remote:
    """Writes to a server, several tasks at once."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._threads = ThreadPoolExecutor(AT_ONCE)
        self._free = asyncio.Semaphore(AT_ONCE)

    @property
    def places(self) -> int:
        """How many tasks are worked on at once."""
        return AT_ONCE

    async def give(self, task: Task) -> "asyncio.Future[Written]":
        """Sends what a task is about, waiting until there is room for it."""
        await self._free.acquire()
        answer = asyncio.get_running_loop().run_in_executor(self._threads, self._write, task)
        answer.add_done_callback(lambda _: self._free.release())
        return answer

    def close(self) -> None:
        """Sends nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _write(self, task: Task) -> Written:
        written = Written(task.number, refused=[])
        try:
            if task.kind == "lines":
                self._write_lines(task, written)
            else:
                self._write_file(task, written)
        except Unavailable as error:
            written.failed = error.issues
        except Invalid as error:
            if error.issues[0].text == "cli.load-sign-in":
                raise
            written.refused.append(told(WHOLE, error.issues))
        except PlatformError as error:
            written.refused.append(told(WHOLE, error.issues))
        return written

    def _write_lines(self, task: Task, written: Written) -> None:
        entries: list[tuple[int, Resource]] = []
        for line in task.lines:
            try:
                entries.append((line.number, _put(decode(line.text))))
            except PlatformError as error:
                written.refused.append(told(line.number, error.issues))
        self._send_entries(entries, written)
        written.refused.sort(key=lambda refusal: refusal.line)

    def _send_entries(self, entries: Sequence[tuple[int, Resource]], written: Written) -> None:
        """Sends entries that stand for themselves; one resource at most once in a bundle."""
        rest = list(entries)
        while rest:
            part: dict[str, tuple[int, Resource]] = {}
            later = []
            for number, entry in rest:
                url = entry["request"]["url"]
                if len(part) < ENTRIES and (url not in part or entry["request"]["method"] == "POST"):
                    part[url if url not in part else f"{url}#{number}"] = (number, entry)
                else:
                    later.append((number, entry))
            self._send_part(list(part.values()), written)
            rest = later

    def _send_part(self, part: list[tuple[int, Resource]], written: Written) -> None:
        status, answer = self._server.send("POST", "", _bundle("transaction", [entry for _, entry in part]))
        if status == 200:
            _count(answer, written)
            return
        if len(part) > 1:
            status, answer = self._server.send("POST", "", _bundle("batch", [entry for _, entry in part]))
        if status != 200:
            written.refused += [Refusal(number, _reasons(answer, status)) for number, _ in part]
            return
        responses = [entry.get("response", {}) for entry in answer.get("entry", ())]
        for (number, _), response in zip(part, responses, strict=False):
            if str(response.get("status", "")).startswith("2"):
                _count_one(response, written)
            else:
                written.refused.append(Refusal(number, _reasons(response.get("outcome", {}), 0)))

    def _write_file(self, task: Task, written: Written) -> None:
        text = task.lines[0].text
        resource = fhir_xml.decode(text) if text.lstrip()[:1] == b"<" else decode(text)
        kind = resource.get("type") if resource.get("resourceType") == "Bundle" else None
        if kind == "transaction":
            if task.keep_ids:
                resource["entry"] = [_kept(entry) for entry in resource.get("entry", [])]
            status, answer = self._server.send("POST", "", encode(resource))
            if status == 200:
                _count(answer, written)
            else:
                written.refused.append(Refusal(WHOLE, _reasons(answer, status)))
        elif kind in _ONE_BY_ONE:
            entries = [entry if "request" in entry else _put(entry["resource"]) for entry in resource.get("entry", [])]
            self._send_entries(list(enumerate(entries)), written)
        else:
            self._send_entries([(WHOLE, _put(resource))], written)


def _put(resource: Resource) -> Resource:
    type_, id_ = resource.get("resourceType"), resource.get("id")
    if not isinstance(type_, str):
        raise Invalid("base.invalid", at="resourceType")
    request = {"method": "PUT", "url": f"{type_}/{id_}"} if id_ else {"method": "POST", "url": type_}
    return {"resource": resource, "request": request}


def _kept(entry: Resource) -> Resource:
    resource, request = entry.get("resource", {}), entry.get("request", {})
    if request.get("method") != "POST" or "id" not in resource:
        return entry
    return entry | {"request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}


def _bundle(kind: str, entries: list[Resource]) -> bytes:
    return encode({"resourceType": "Bundle", "type": kind, "entry": entries})


def _count(answer: Resource, written: Written) -> None:
    for entry in answer.get("entry", ()):
        _count_one(entry.get("response", {}), written)


def _count_one(response: Resource, written: Written) -> None:
    status = str(response.get("status", ""))
    written.created += status.startswith("201")
    written.updated += status.startswith("200")
    written.deleted += status.startswith("204")


def _reasons(outcome: Resource, status: int) -> tuple[Issue, ...]:
    """Returns what an OperationOutcome says, as issues whose text is the server's own."""
    said = []
    for issue in outcome.get("issue", ())[:10]:
        text = issue.get("details", {}).get("text") or issue.get("diagnostics") or issue.get("code") or ""
        where = next(iter(issue.get("expression", ())), None)
        said.append(Issue("error", "processing", "cli.load-reason", where, {"reason": str(text)}))
    return tuple(said) or (Issue("error", "processing", "cli.load-reason", None, {"reason": f"HTTP {status}"}),)
