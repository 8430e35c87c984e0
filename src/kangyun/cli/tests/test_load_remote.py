"""`kangyun load --server`: over HTTP, to a server that runs as it does anywhere."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time

import pytest

from kangyun.base.errors import Invalid, Unavailable
from kangyun.cli import load as loading
from kangyun.cli.load import Wish, load

TOKEN = "remote-administrator-0123456789abcdef"
PATIENT = {"resourceType": "Patient", "name": [{"text": "张三"}]}


@pytest.fixture
def server(installation, tmp_path, monkeypatch):
    """The base URL of `kangyun serve` on the installation's database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"KANGYUN_PORT": str(port), "KANGYUN_WORKERS": "1", "KANGYUN_ADMIN_TOKEN": TOKEN}
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kangyun.cli.part", "serve"], env=environment, stdout=log, stderr=log
        )
    deadline = time.monotonic() + 180
    while not _answers(port):
        assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "serve.log").read_text()
        time.sleep(0.1)
    # From here on the installation is somewhere else.
    monkeypatch.delenv("KANGYUN_DATABASE")
    yield f"http://127.0.0.1:{port}/fhir"
    process.terminate()
    process.wait(120)


def _answers(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_files_of_every_kind_go_over_http_and_refusals_are_told(server, resources, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(loading, "RETRY_AFTER", (0.01,))
    entry = {"resource": PATIENT | {"id": "t-1"}, "request": {"method": "POST", "url": "Patient"}}
    transaction = {"resourceType": "Bundle", "type": "transaction", "entry": [entry | {"fullUrl": "urn:uuid:1"}]}
    collection = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT | {"id": "c-1"}}]}
    lines = [PATIENT | {"id": f"p-{i}"} for i in range(300)]
    lines[100] = PATIENT | {"id": "p-100", "gender": "geheim"}
    files = {"t.json": [transaction], "c.json": [collection], "x.json": [PATIENT | {"id": "x-1"}], "p.ndjson": lines}
    (tmp_path / "in").mkdir()
    for name, members in files.items():
        (tmp_path / "in" / name).write_text("".join(json.dumps(one) + "\n" for one in members))
    wish = Wish([tmp_path / "in"], server=server, token=TOKEN, report=tmp_path / "refused.txt", keep_ids=True)
    assert load(wish) == 1
    (told,) = (tmp_path / "refused.txt").read_text().splitlines()
    assert told.startswith(f"{tmp_path}/in/p.ndjson line 101\t")
    assert "geheim" not in told + capsys.readouterr().out
    assert load(wish) == 1
    with pytest.raises(Invalid):
        load(Wish([tmp_path / "in"], server=server, token="wrong"))
    with pytest.raises(Unavailable):
        load(Wish([tmp_path / "in"], server="http://127.0.0.1:1/fhir"))
    with pytest.raises(Invalid):
        load(Wish([tmp_path / "in"], server="ftp://x"))
    found = resources()
    assert len(found) == 302
    assert {"Patient/t-1", "Patient/c-1", "Patient/x-1", "Patient/p-299"} < set(found)
    assert {one["meta"]["versionId"] for one in found.values()} == {"1"}
