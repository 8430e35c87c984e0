"""`kangyun doctor` on real installations: nothing to say of a good one, and each fault named with what to do."""

import os
import re
import subprocess
import sys
import time

import pytest


@pytest.fixture
def doctor(installation):
    """Runs the doctor and returns exit status and text."""

    def run(*arguments, lang="en"):
        done = subprocess.run(
            [sys.executable, "-m", "kangyun.cli", "doctor", "--data", str(installation.data), *arguments],
            capture_output=True,
            text=True,
            env=os.environ | {"KANGYUN_LANG": lang},
        )
        return done.returncode, done.stdout + done.stderr

    return run


def well(doctor, **options):
    """Returns what it says of an installation that has just started, once all parts of it work."""
    until = time.monotonic() + 120
    while (found := doctor(**options))[0] and time.monotonic() < until:
        time.sleep(0.5)
    assert found[0] == 0, found[1]
    return found[1]


def test_a_good_installation_in_both_languages(installation, doctor):
    installation.start("--empty")
    said = well(doctor)
    for line in ("The root key fits the data", "The schema is up to date", "answers", "The change feed is well"):
        assert f"✓ {line}" in said or f"{line}\n" in said
    assert "✗" not in said
    marks = [re.findall(r"^  ([✓!✗?])", one, re.MULTILINE) for one in (said, well(doctor, lang="zh"))]
    assert marks[0] == marks[1]
    assert len(marks[0]) > 15


def test_a_stopped_installation_that_is_open_to_others(installation, doctor):
    installation.start("--empty")
    installation.stop()
    installation.data.chmod(0o755)
    (installation.data / "root.key").chmod(0o644)
    status, said = doctor()
    assert status == 1
    assert "kangyun up does not run" in said
    assert "chmod go-rw" in said
    assert "chmod 600" in said


def test_a_search_parameter_that_cannot_be_used(installation, doctor):
    installation.start("--empty")
    broken = {
        "resourceType": "SearchParameter", "id": "colour", "url": "urn:region:colour", "name": "colour",
        "status": "active", "description": "colour", "code": "colour", "base": ["Patient"], "type": "token",
        "expression": "Patient.where(",
    }  # fmt: skip
    installation.ask("/fhir/", {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": broken, "request": {"method": "PUT", "url": "SearchParameter/colour"}}
    ]})  # fmt: skip
    installation.until(lambda: "SearchParameter/colour (" in doctor()[1])
    assert "SearchParameter/colour (" in well(doctor, lang="zh")


def test_a_lost_root_key(installation, doctor):
    installation.start("--empty")
    (installation.data / "root.key").unlink()
    status, said = doctor()
    assert status == 1
    assert "Never make a new one" in said
    assert "does not fit the data" in said


def test_a_setting_that_does_not_exist(installation, doctor):
    installation.data.mkdir()
    (installation.data / "kangyun.toml").write_text("no_such_setting = 1\n")
    status, said = doctor()
    assert status == 1
    assert "no_such_setting" in said


def test_an_older_database_folder(installation, doctor):
    installation.start("--empty")
    installation.stop()
    (installation.data / "postgresql" / "PG_VERSION").write_text("14\n")
    status, said = doctor()
    assert status == 1
    assert "PostgreSQL 14" in said
    assert installation.up().wait(300) == 1
    assert "PostgreSQL 14" in installation.said
