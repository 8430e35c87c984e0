"""`kangyun residents audit`, on a real database: differences are told and asked, and no link is changed."""

import asyncio
import json
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from kangyun.base.errors import Conflict
from kangyun.base.settings import read_settings
from kangyun.cli.load import Wish, load
from kangyun.cli.residents import AGREES, DIFFERS, run

pytest.importorskip("splink", reason="needs the extra `batch`")
NUMBER = "urn:oid:2.16.156.10011.1.3"
ONE, OTHER = "11010519491231002X", "110101199003070011"


def patient(id_, name, birth, number):
    return {
        "resourceType": "Patient", "id": id_, "name": [{"text": name}], "birthDate": birth,
        "identifier": [{"system": NUMBER, "value": number}],
    }  # fmt: skip


@pytest.fixture
def registered(installation, tmp_path):
    """Two registrations of one person, and one of another: linked right."""
    people = [patient("a", "王建国", "1949-12-31", ONE), patient("b", "王建国", "1949-12-31", ONE),
              patient("c", "李娜", "1990-03-07", OTHER)]  # fmt: skip
    (tmp_path / "in.ndjson").write_text("\n".join(map(json.dumps, people)))
    assert load(Wish([tmp_path / "in.ndjson"])) == 0
    return installation


@pytest.fixture
def mistaken(registered):
    """The same, linked wrong: b is somebody's own, and c is a's."""

    async def mistake():
        connection = await asyncpg.connect(registered)
        patients = [row[0] for row in await connection.fetch("SELECT patient FROM resident_link ORDER BY patient")]
        await connection.execute("""
            UPDATE resident_link AS l SET resident = CASE WHEN l.patient = $2 THEN o.resident ELSE a.resident END
            FROM resident_link AS a, resident_link AS o
            WHERE a.patient = $1 AND o.patient = $3 AND l.patient IN ($2, $3)
        """, *patients)  # fmt: skip
        await connection.close()

    asyncio.run(mistake())


def audit(report, *, ask=True):
    status = run(read_settings(), Path(report), ask=ask, cores=1)
    return status, json.loads(Path(report).read_text("utf-8"))


@pytest.mark.usefixtures("registered")
def test_what_is_linked_right_agrees(rows):
    status, told = audit("report.json")
    assert status == AGREES
    assert told["differences"] == []
    assert (told["registrations"], told["residents"], told["agreeing"]) == (3, 2, 2)
    assert stat.S_IMODE(Path("report.json").stat().st_mode) == 0o600
    assert rows("SELECT count(*) FROM resident_question") == [(0,)]


@pytest.mark.usefixtures("registered")
def test_each_run_leaves_a_row(rows):
    audit("report.json")
    told = rows("SELECT action, actor, shape, outcome FROM audit WHERE action = 'residents-audit'")
    assert told == [("residents-audit", "Device/kangyun", "kangyun residents audit", 200)]


@pytest.mark.usefixtures("registered")
def test_what_is_in_clear_nobody_else_reads_and_no_end_leaves():
    (left := Path("data/batch-left")).mkdir(parents=True)
    (left / "registrations.parquet").touch()
    command = [sys.executable, "-m", "kangyun.cli", "residents", "audit", "--report", "report.json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        while left.exists() or not (files := list(Path("data").glob("batch-*/registrations.parquet"))):
            assert running.poll() is None
            time.sleep(0.01)
        modes = [stat.S_IMODE(one.stat().st_mode) for one in (files[0], files[0].parent)]
        running.send_signal(signal.SIGTERM)
    assert (modes, running.returncode) == ([0o600, 0o700], 128 + signal.SIGTERM)
    assert list(Path("data").glob("batch-*")) == []


@pytest.mark.usefixtures("mistaken")
def test_what_is_linked_wrong_is_told_and_asked_once(rows):
    before = rows("SELECT patient, resident FROM resident_link ORDER BY patient")
    status, told = audit("report.json")
    assert status == DIFFERS
    kinds = [(one["kind"], one["patient"]) for one in told["differences"]]
    assert sorted(kind for kind, _ in kinds) == ["batch-links", "batch-parts"]
    assert dict(kinds)["batch-links"] in ("Patient/a", "Patient/b")
    assert told["asked"] == 2
    assert sorted(kind for (kind,) in rows("SELECT kind FROM resident_question")) == ["batch-links", "batch-parts"]
    assert rows("SELECT patient, resident FROM resident_link ORDER BY patient") == before
    assert all(one["evidence"]["steps"] for one in told["differences"])
    text = Path("report.json").read_text("utf-8")
    assert not [word for word in ("王建国", "李娜", ONE, OTHER, "1949") if word in text]
    assert audit("again.json")[1]["asked"] == 0
    # What was written in clear is gone.
    assert list(Path("data").glob("batch-*")) == []


@pytest.mark.usefixtures("mistaken")
def test_a_dry_run_asks_nobody(rows):
    status, told = audit("report.json", ask=False)
    assert (status, told["asked"], len(told["differences"])) == (DIFFERS, 0, 2)
    assert rows("SELECT count(*) FROM resident_question") == [(0,)]


@pytest.mark.usefixtures("mistaken")
@pytest.mark.parametrize(
    ("taken_back", "kinds"), [(None, ["batch-parts"]), (2, ["batch-links", "batch-parts"])], ids=["said", "taken back"]
)
def test_a_steward_who_said_no_is_not_contradicted(rows, registered, taken_back, kinds):
    async def say():
        connection = await asyncpg.connect(registered)
        await connection.execute("""
            INSERT INTO not_same (patient, other, act, unsaid) SELECT min(patient), max(patient), 1, $1
            FROM (SELECT patient FROM resident_link ORDER BY patient LIMIT 2) AS p
        """, taken_back)  # fmt: skip
        await connection.close()

    asyncio.run(say())
    _, told = audit("report.json")
    assert sorted(one["kind"] for one in told["differences"]) == kinds


@pytest.mark.usefixtures("registered")
def test_a_report_is_not_written_over():
    Path("report.json").touch()
    with pytest.raises(Conflict):
        run(read_settings(), Path("report.json"), ask=True, cores=1)
