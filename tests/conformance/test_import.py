"""`$import`: asked for, run by processes of its own, told of line by line.

Source: https://github.com/smart-on-fhir/bulk-import/blob/master/import-manifest.md
"""

import asyncio
import gzip
import json

import pytest

from kangyun.base.errors import Unavailable

PATIENTS = 40


def patient(id_, **more):
    return {"resourceType": "Patient", "id": id_} | more


def observation(id_, subject, **more):
    about = {"subject": {"reference": f"Patient/{subject}"}}
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "x"}} | about | more


def ndjson(*resources):
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in resources)


def asked(*urls, type_=None):
    inputs = [
        {"name": "input", "part": [{"name": "url", "valueUrl": url}]
         + ([{"name": "type", "valueCode": type_}] if type_ else [])}
        for url in urls
    ]  # fmt: skip
    source = {"name": "inputSource", "valueUri": "urn:test"}
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "inputFormat", "valueCode": "application/fhir+ndjson"}, source, *inputs],
    }


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    return inside


@pytest.fixture
def start(open_client, start_background, folder):
    """Starts an installation that may import from a folder; returns its administrator's client."""

    async def start_(**given):
        given = {"import_folder": str(folder)} | given
        start_background(**given)
        return await open_client(**given)

    return start_


async def ended(client, answer):
    assert answer.status_code == 202, answer.text
    location = answer.headers["content-location"]
    async with asyncio.timeout(120):
        while (answer := await client.get(location)).status_code == 202:
            await asyncio.sleep(0.05)
    return answer


async def imported(client, body):
    answer = await ended(client, await client.post("$import", json=body, headers={"prefer": "respond-async"}))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def count(client, query):
    return (await client.get(f"{query}&_summary=count" if "?" in query else f"{query}?_summary=count")).json()["total"]


async def test_files_plain_and_packed_come_in_under_their_own_ids(start, folder):
    """References lead to what comes later or never; a second import of the same changes nothing."""
    client = await start()
    (folder / "o.ndjson").write_bytes(ndjson(*(observation(f"o-{i}", f"p-{i % PATIENTS}") for i in range(1500))))
    packed = gzip.compress(ndjson(*(patient(f"p-{i}", name=[{"text": "张三"}]) for i in range(PATIENTS))))
    (folder / "p.ndjson.gz").write_bytes(packed)
    (folder / "late.ndjson").write_bytes(ndjson(observation("late", "nobody")))
    body = asked(*(f"file://{folder}/{name}" for name in ("o.ndjson", "p.ndjson.gz", "late.ndjson")))
    manifest = await imported(client, body)
    assert [one["created"] for one in manifest["output"]] == [1500, PATIENTS, 1]
    assert manifest["error"] == []
    assert (await client.get("Patient/p-7")).json()["name"] == [{"text": "张三"}]
    assert await count(client, "Observation?patient=p-7") == len(range(7, 1500, PATIENTS))
    assert await count(client, "Observation?patient=nobody") == 1
    again = await imported(client, body)
    assert [one["unchanged"] for one in again["output"]] == [1500, PATIENTS, 1]
    assert (await client.get("Patient/p-7")).json()["meta"]["versionId"] == "1"


async def test_what_is_refused_is_told_by_its_line_and_takes_nothing_with_it(start, folder):
    client = await start(body_limit=100_000)
    lines = [
        ndjson(patient("p-1")),
        b"\n",
        b'{"resourceType":"Patient","id":"broken"\n',
        ndjson(patient("p-2", gender="marked-secret")),
        ndjson({"resourceType": "Patient", "name": [{"text": "marked-secret"}]}),
        ndjson({"resourceType": "Nonsense", "id": "x"}),
        b'{"resourceType":"Patient","id":"' + b"x" * 200_000 + b'"}\n',
        ndjson(observation("o-1", "p-1")),
        ndjson(observation("o-2", "p-1", focus=[{"reference": "Patient?identifier=marked-secret"}])),
        b"[1,2]\n",
        b"\xff\xfe\n",
        ndjson(patient("p-3")).strip(),
    ]
    (folder / "mixed.ndjson").write_bytes(b"".join(lines))
    manifest = await imported(client, asked(f"file://{folder}/mixed.ndjson"))
    assert manifest["output"][0]["created"] == 3
    (error,) = manifest["error"]
    assert error["count"] == 8
    told = await client.get(error["url"])
    outcomes = [json.loads(line) for line in told.text.splitlines()]
    assert {one["resourceType"] for one in outcomes} == {"OperationOutcome"}
    assert [one["issue"][0]["diagnostics"] for one in outcomes] == [f"line {n}" for n in (3, 4, 5, 6, 7, 9, 10, 11)]
    assert outcomes[1]["issue"][0]["expression"] == ["Patient.gender"]
    assert "marked-secret" not in told.text
    assert await count(client, "Patient") == 2


async def test_only_resources_of_the_type_that_was_said_come_in(start, folder):
    client = await start()
    (folder / "p.ndjson").write_bytes(ndjson(patient("p-1"), observation("o-1", "p-1")))
    manifest = await imported(client, asked(f"file://{folder}/p.ndjson", type_="Patient"))
    assert (manifest["output"][0]["count"], manifest["error"][0]["count"]) == (1, 1)


async def test_of_several_lines_of_one_resource_the_last_stays_the_last(start, folder):
    """In one chunk, and in chunks that are written side by side."""
    client = await start(bulk_workers=2)
    same = [patient("same", multipleBirthInteger=number) for number in range(5)]
    far = [
        resource
        for number in range(4)
        for resource in (patient("far", multipleBirthInteger=number), *(patient(f"x-{number}-{i}") for i in range(999)))
    ]
    (folder / "p.ndjson").write_bytes(ndjson(*same, *far))
    manifest = await imported(client, asked(f"file://{folder}/p.ndjson"))
    assert manifest["output"][0]["count"] == 9 + 4 * 999
    for name, versions in (("same", 5), ("far", 4)):
        read = (await client.get(f"Patient/{name}")).json()
        assert (read["multipleBirthInteger"], read["meta"]["versionId"]) == (versions - 1, str(versions))


async def test_a_json_manifest_asks_the_same_and_files_come_over_http(start, folder):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        body = ndjson(patient("p-1"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = await start(import_hosts=f"127.0.0.1:{port}")
    body = {
        "inputFormat": "application/fhir+ndjson",
        "inputSource": "https://other.example/fhir",
        "input": [{"type": "Patient", "url": f"http://127.0.0.1:{port}/p.ndjson"}],
    }
    manifest = await imported(client, body)
    server.close()
    assert manifest["output"][0]["count"] == 1
    assert (await client.get("Patient/p-1")).status_code == 200


async def test_an_import_goes_on_where_it_was_stopped(start, folder, monkeypatch):
    """The worker stops after some chunks; what goes on counts each line once."""
    from kangyun.access.bulk import flow, importing

    monkeypatch.setattr(flow, "MOST_LINES", 50)
    client = await start()
    lines = [patient(f"p-{i}") for i in range(400)]
    lines[120] = patient("wrong", gender="nonsense")
    (folder / "p.ndjson").write_bytes(ndjson(*lines))
    done, calls = importing._Import._done, []

    def stopping(self, chunk, written):
        calls.append(chunk.last)
        if len(calls) == 5:
            raise Unavailable
        done(self, chunk, written)

    monkeypatch.setattr(importing._Import, "_done", stopping)
    manifest = await imported(client, asked(f"file://{folder}/p.ndjson"))
    assert calls[4] == calls[5] == 250
    output = manifest["output"][0]
    assert (output["count"], manifest["error"][0]["count"]) == (399, 1)
    assert len((await client.get(manifest["error"][0]["url"])).text.splitlines()) == 1


async def test_an_import_is_historic_and_audited_as_the_administrators_act(start, folder, platform):
    client = await start()
    (folder / "p.ndjson").write_bytes(ndjson(patient("p-1"), patient("p-2")))
    await imported(client, asked(f"file://{folder}/p.ndjson"))
    async with platform.pool.connection() as connection:
        (commit,) = await connection.fetch("SELECT id, historic, actor FROM commit")
        rows = await connection.fetch(
            "SELECT action, shape, actor, commit, patients FROM audit WHERE action = 'import' "
            "ORDER BY commit NULLS FIRST"
        )
    assert (commit["historic"], commit["actor"]) == (True, "Device/administrator")
    assert [row["action"] for row in rows] == ["import", "import"]
    assert rows[1]["shape"] == "POST /$import"
    assert (rows[1]["commit"], len(rows[1]["patients"])) == (commit["id"], 2)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("file:///etc/passwd", 403),
        ("file://{folder}/../secret.ndjson", 403),
        ("file://{folder}/link.ndjson", 403),
        ("file://elsewhere{folder}/p.ndjson", 403),
        ("file://{folder}/none.ndjson", 400),
        ("file://{folder}", 400),
        ("file://{folder}/%00", 400),
        ("ftp://example.org/p.ndjson", 400),
        ("http://user:word@example.org/p.ndjson", 400),
        ("Patient.ndjson", 400),
    ],
)
async def test_what_may_not_be_read_is_refused_at_once(open_client, folder, tmp_path, url, status):
    client = await open_client(import_folder=str(folder))
    (tmp_path / "secret.ndjson").write_bytes(ndjson(patient("secret")))
    (folder / "link.ndjson").symlink_to(tmp_path / "secret.ndjson")
    answer = await client.post("$import", json=asked(url.format(folder=folder)))
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost:9", "[::1]:9", "169.254.169.254", "10.0.0.1"])
async def test_inner_hosts_are_not_called(start, host):
    client = await start()
    answer = await ended(client, await client.post("$import", json=asked(f"http://{host}/p.ndjson")))
    assert answer.status_code == 403
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "access.outbound.refused"


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Parameters"},
        {"resourceType": "Parameters", "parameter": [{"name": "input", "part": "x"}]},
        {"resourceType": "Parameters", "parameter": {"name": "input"}},
        {"input": [{"url": 1}]},
        {"input": [{"url": "https://example.org/x", "type": "Nonsense"}]},
        {"input": [{"url": "https://example.org/x"}], "inputFormat": "text/csv"},
        {"input": []},
    ],
)
async def test_a_request_that_says_too_little_is_refused(client, body):
    assert (await client.post("$import", json=body)).status_code == 400


async def test_a_file_that_is_no_gzip_after_all_fails_the_job(start, folder):
    client = await start()
    (folder / "p.ndjson.gz").write_bytes(gzip.compress(ndjson(patient("p-1")))[:-10])
    answer = await ended(client, await client.post("$import", json=asked(f"file://{folder}/p.ndjson.gz")))
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "access.bulk.not-gzip"


async def test_nobody_but_an_administrator_imports(open_client):
    client = await open_client(token=None)
    assert (await client.post("$import", json=asked("https://example.org/x"))).status_code == 401
