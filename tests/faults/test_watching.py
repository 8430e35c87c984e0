"""What the watch sees: figures of all processes, health, log lines, and one id through log, audit and outcome.

Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ , https://www.w3.org/TR/trace-context/
"""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.logging import Trace, new_trace, read_traceparent
from kangyun.testing.sequencing import give_positions
from kangyun.web.metrics import FAMILIES, POOL_WAIT, PROCESSES, REQUESTS, Metrics

PATIENT = {"resourceType": "Patient", "name": [{"text": "a"}]}
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OF_BACKUPS = {"kangyun_archive_lag_seconds", "kangyun_backup_age_seconds"}  # where none is kept they stay away
OF_FEEDS = {"kangyun_intake_waiting"}  # where there is none
OF_DEVICES = {  # where nothing listens to devices, and nothing of theirs was taken in
    "kangyun_devices_connections", "kangyun_device_asides", "kangyun_device_log_", "kangyun_device_log_event_seconds",
    "kangyun_device_log_live_seconds",
}  # fmt: skip
DOCS = Path(__file__).parents[2] / "docs"
LINE = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+(Inf|NaN)?')


def figures(text):
    """The values by their series."""
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


@pytest_asyncio.fixture
async def outsider(fresh_database):
    """A connection of nobody's."""
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


# --- figures


async def test_the_figures_are_there_and_well_formed(client):
    made = (await client.post("Patient", json=PATIENT)).json()
    await client.get(f"Patient/{made['id']}")
    await client.get("Patient/none")
    answer = await client.get("../metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert [line for line in lines if line[0] != "#" and not LINE.fullmatch(line)] == []
    found = figures(answer.text)
    assert found['kangyun_requests_total{interaction="create",status="201"}'] == 1
    assert found['kangyun_requests_total{interaction="read",status="200"}'] == 1
    assert found['kangyun_requests_total{interaction="read",status="404"}'] == 1
    assert found['kangyun_request_seconds_count{interaction="read"}'] == 2
    assert found['kangyun_request_seconds_bucket{interaction="read",le="+Inf"}'] == 2
    assert found["kangyun_audit_group_rows_count"] >= 2
    assert found["kangyun_database_up"] == 1
    assert found["kangyun_feed_behind_commits"] == 1
    assert {"kangyun_feed_lag_seconds", "kangyun_database_oldest_transaction_seconds"} <= set(found)
    assert found["kangyun_disk_free_bytes"] > 0
    told = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {family.name for family in FAMILIES} <= told


async def test_what_the_documents_name_is_there(client):
    named = {name for page in DOCS.rglob("*.md") for name in re.findall("`(kangyun_[a-z_]+)", page.read_text("utf-8"))}
    assert len(named) > 8
    assert named - OF_BACKUPS - OF_FEEDS - OF_DEVICES <= {
        series.partition("{")[0] for series in figures((await client.get("../metrics")).text)
    }


async def test_refusals_of_each_class_are_there_before_the_first(client):
    found = figures((await client.get("../metrics")).text)
    for kind in ("interactive", "feed", "bulk"):
        assert found[f'kangyun_places_refused_total{{class="{kind}"}}'] == 0


async def test_a_search_that_was_too_costly_is_counted(open_client, outsider):
    client = await open_client(search_seconds=0.2)
    await client.get("Patient?name=a")  # What is looked for once a minute is not the search's.
    async with outsider.transaction():
        await outsider.execute("LOCK TABLE resource, string_value IN ACCESS EXCLUSIVE MODE")
        assert (await client.get("Patient?name=a")).status_code == 422
    assert figures((await client.get("../metrics")).text)["kangyun_too_costly_total"] == 1


async def test_what_waits_for_a_person_is_counted(client, outsider):
    await outsider.execute("""
        INSERT INTO parked_event (name, epoch, position, reason, attempts) VALUES ('a', 1, 1, 'KeyError', 3);
        INSERT INTO subscription_parked (subscription, position, res, version, status) VALUES (1, 1, 1, 1, 422);
        INSERT INTO job (id, kind, owner, asked, state) SELECT gen_random_uuid(), 'export', 'a', '', state
        FROM unnest(ARRAY['waiting', 'running', 'running', 'failed', 'failed', 'failed']) AS state
    """)
    found = figures((await client.get("../metrics")).text)
    assert (found["kangyun_parked_events"], found["kangyun_parked_notifications"]) == (1, 1)
    assert [found[f"kangyun_jobs_{state}"] for state in ("waiting", "running", "failed")] == [1, 2, 3]


async def test_a_reader_of_the_feed_that_stands_still_is_seen(client, outsider):
    await client.post("Patient", json=PATIENT)
    await give_positions(outsider)
    await outsider.execute("UPDATE feed SET instant = instant - interval '1 hour'")
    assert figures((await client.get("../metrics")).text)["kangyun_feed_reader_lag_seconds"] == pytest.approx(3600, 0.1)
    await outsider.execute("UPDATE feed_cursor SET position = 1")
    assert figures((await client.get("../metrics")).text)["kangyun_feed_reader_lag_seconds"] == 0


async def test_a_defect_is_counted(client, monkeypatch):
    async def fails(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("kangyun.access.record.Record.read", fails)
    assert (await client.get("Patient/a")).status_code == 500
    assert figures((await client.get("../metrics")).text)["kangyun_unexpected_errors_total"] == 1


def test_processes_are_added_up_and_the_dead_keep_their_counters(tmp_path):
    code = (
        "import os, pathlib, sys; from kangyun.web.metrics import *;"
        "m = Metrics(pathlib.Path(sys.argv[1])); m.request('read', 200, 0.2); m.observe(POOL_WAIT, 0.2);"
        "os.kill(os.getpid(), 9)"
    )
    mine = Metrics(tmp_path)
    mine.request("read", 200, 0.002)
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    for _ in range(2):  # The files of the dead become one, once.
        found = figures(mine.text())
        assert found[f'{REQUESTS.name}{{interaction="read",status="200"}}'] == 4
        assert found[f"{POOL_WAIT.name}_sum"] == pytest.approx(0.6)
        assert found[PROCESSES.name] == 1
    assert len(list((tmp_path / "run").glob("*-*.metrics"))) == 1
    mine.close()


@given(st.lists(st.floats(0, 100), max_size=30))
def test_a_histogram_counts_each_value_once(tmp_path_factory, values):
    metrics = Metrics(tmp_path_factory.mktemp("metrics"))
    for value in values:
        metrics.observe(POOL_WAIT, value)
    found = figures(metrics.text())
    metrics.close()
    for bound in POOL_WAIT.buckets:
        below = sum(value <= bound for value in values)
        assert found[f'{POOL_WAIT.name}_bucket{{le="{int(bound) if bound == int(bound) else bound}"}}'] == below
    assert found[f"{POOL_WAIT.name}_count"] == len(values)


def test_a_status_that_nobody_foresaw_is_counted_too(tmp_path):
    metrics = Metrics(tmp_path)
    metrics.request("read", 418, 0.1)
    assert figures(metrics.text())[f'{REQUESTS.name}{{interaction="read",status="other"}}'] == 1
    metrics.close()


# --- health


async def test_live_and_ready(client):
    assert (await client.get("../health/live")).text == "ok"
    ready = await client.get("../health/ready")
    assert ready.status_code == 200
    # No background work runs here: said, and no reason to take the web away.
    assert ready.json() == {
        "ready": True, "database": True, "schema": True, "root_key": True, "work": False, "disk": True,
    }  # fmt: skip


async def test_not_ready_without_root_key_or_room(open_client, tmp_path):
    client = await open_client(disk_reserve=1 << 60)
    ready = await client.get("../health/ready")
    assert (ready.status_code, ready.json()["disk"]) == (503, False)
    os.rename(tmp_path / "root.key", tmp_path / "root.key.gone")
    assert (await client.get("../health/ready")).json()["root_key"] is False


async def test_not_ready_on_a_schema_of_another_version(client, fresh_database):
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("DELETE FROM migration WHERE package = 'store'")
    await connection.close()
    ready = await client.get("../health/ready")
    assert (ready.status_code, ready.json()["schema"]) == (503, False)


# --- one id through everything


@pytest.fixture
def logs():
    """This process logs as one of ours does; who asks reads it from standard error."""
    logger = logging.getLogger("kangyun")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(before)


async def line_of(capsys):
    """Returns the one line that a request leaves, a moment after its answer."""
    text = ""
    async with asyncio.timeout(60):
        while not (text := text + capsys.readouterr().err):
            await asyncio.sleep(0.01)
    (line,) = text.splitlines()
    return json.loads(line)


@pytest.mark.parametrize(
    ("headers", "request_id", "trace"),
    [
        ({"x-request-id": "asked-by-7"}, "asked-by-7", None),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, TRACE, TRACE),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01", "x-request-id": "asked-by-7"}, "asked-by-7", TRACE),
        ({"traceparent": f"01-{TRACE}-{SPAN}-01-more"}, TRACE, TRACE),
        ({"x-request-id": "no id at all"}, None, None),
        ({"x-request-id": "a" * 65}, None, None),
        ({"traceparent": f"00-{'0' * 32}-{SPAN}-01"}, None, None),
        ({}, None, None),
    ],
)
@pytest.mark.usefixtures("logs")
async def test_one_id_through_log_audit_outcome_and_answer(client, fresh_database, capsys, headers, request_id, trace):
    answer = await client.get("Patient/none", headers=headers)
    told = answer.headers["x-request-id"]
    assert told == (request_id or told) and re.fullmatch("[A-Za-z0-9-]{1,64}", told)
    assert answer.json()["id"] == told
    line = await line_of(capsys)
    assert (line["request"], line["event"], line["status"]) == (told, "GET /Patient/[id]", 404)
    assert line["trace"] == (trace or line["trace"]) and re.fullmatch("[0-9a-f]{32}", line["trace"])
    connection = await asyncpg.connect(fresh_database)
    assert await connection.fetchval("SELECT count(*) FROM audit WHERE request = $1", told) == 1
    await connection.close()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_refusals_speak_the_language_that_is_asked_for(client, language):
    for method, path, options in (
        ("GET", "Patient/none", {}),
        ("POST", "Patient", {"content": b"{"}),
        ("POST", "Patient", {"json": {"resourceType": "Patient", "gender": "odd"}}),
        ("GET", "Patient?birthdate=x", {}),
    ):
        answer = await client.request(method, path, headers={"accept-language": language}, **options)
        said = "".join(issue["details"]["text"] for issue in answer.json()["issue"])
        assert bool(re.search("[\u4e00-\u9fff]", said)) == (language == "zh"), said


@given(st.text("0123456789abcdef-", max_size=60) | st.text(max_size=60))
def test_a_trace_is_read_or_not(text):
    found = read_traceparent(text)
    assert found is None or (text[3:35], text[53:55]) == found


def test_a_trace_is_passed_on_as_it_came():
    trace = Trace("a", TRACE, SPAN, "01")
    assert read_traceparent(trace.traceparent) == (TRACE, "01")
    assert read_traceparent(new_trace().traceparent) is not None
