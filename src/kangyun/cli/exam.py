"""`kangyun exam`: the three conformance lists of interoperability, run on an installation that is thrown away.

A real one is started in a folder and with a database of its own, and asked over HTTP as a hospital would ask it.
Nothing of the living record is read or written; what was found stands in `exam.json` of the data folder.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec

from kangyun.base import clock
from kangyun.base.errors import Invalid, Unavailable
from kangyun.base.settings import read_settings
from kangyun.cli.speech import announce, language
from kangyun.cli.staff import write_new
from kangyun.exchange.exam import data_sets, documents, services
from kangyun.exchange.exam.model import FILE, Report, report
from kangyun.exchange.exam.scoring import points_of, scored
from kangyun.exchange.exam.showing import as_workbook, row, sums
from kangyun.exchange.soap.services import FOLDER
from kangyun.fhir import Resource
from kangyun.fhir.json import encode

PATIENCE = 120.0  # seconds that a start may take
ANSWER = 60.0  # seconds
STYLES = {"passed": "green", "failed": "red", "not-run": None}


def exam(data: Path | None, scores: Path | None, workbook: Path | None, *, as_json: bool) -> int:
    """Runs the lists and says what came of them. Returns 0, or 1 where one has failed. Raises Invalid, Unavailable."""
    folder = read_settings(data=data).data
    points = {} if scores is None else points_of(scores)
    with _scratch(folder) as scratch:
        lines = [*data_sets.lines(scratch), *documents.lines(scratch), *services.lines(scratch, folder)]
    scored(lines, points)
    found = report(lines, clock.now(), version("kangyun"), scores.name if scores else "")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(msgspec.json.encode(found))
    if workbook is not None:
        write_new(workbook, as_workbook(found, language()))
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    else:
        _show(found)
    return int(any(line.outcome == "failed" for line in lines))


def _show(found: Report) -> None:
    for line in found.lines:
        list_, id_, _, name, covered, outcome, evidence, remark, points = row(line, language())
        announce(f"{list_} {id_} {name} [{covered}] [{outcome}] {points}".rstrip(), style=STYLES[line.outcome])
        for told in filter(None, (evidence, remark)):
            announce(f"    {told}")
    for told in sums(found, language()):
        announce(told)


@dataclass(frozen=True, slots=True)
class Installation:
    """A started installation, asked over HTTP as its administrator."""

    url: str
    token: str

    def store(self, resources: Sequence[Resource]) -> None:
        """Writes resources. Raises Invalid where that is refused."""
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ]
        body = encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        if self._post("/fhir/", body, "application/fhir+json")[0] != 200:
            raise Invalid

    def call(self, service: str, message: bytes) -> tuple[int, bytes]:
        """Sends an envelope; what an action says to be a refusal is 422."""
        media_type = "application/soap+xml" if b"2003/05/soap-envelope" in message[:200] else "text/xml"
        return self._post(f"/soap/{service}", message, f"{media_type}; charset=utf-8")

    def _post(self, path: str, body: bytes, media_type: str) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {self.token}", "content-type": media_type}
        try:
            with urlopen(Request(f"{self.url}{path}", body, headers), timeout=ANSWER) as answer:
                return (422 if answer.headers.get("x-refused") else answer.status), answer.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()
        except URLError:
            raise Unavailable("cli.exam-no-answer") from None


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Installation]:
    """Starts an installation with the site's own services, and throws it away."""
    home = Path(tempfile.mkdtemp(prefix="kangyun-exam-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        if (folder / FOLDER).is_dir():
            shutil.copytree(folder / FOLDER, home / FOLDER)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        made = Installation(f"http://127.0.0.1:{port}", secrets.token_urlsafe(32))
        settings = {name: value for name, value in os.environ.items() if not name.startswith("KANGYUN_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "kangyun.cli", "up", "--data", str(home), "--port", str(port), "--empty"],
            env=settings | {"KANGYUN_ADMIN_TOKEN": made.token, "KANGYUN_WORKERS": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        _until_ready(made.url, process)
        yield made
    finally:
        if process is not None:
            _stop(process)
        shutil.rmtree(home, ignore_errors=True)


def _until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urlopen(f"{url}/health/ready", timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise Unavailable("cli.exam-no-start")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(ANSWER)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
