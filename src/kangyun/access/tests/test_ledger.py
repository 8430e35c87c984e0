"""The ledger outside the database: what is in it is on disk and shows every change."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.access.ledger import Ledger, LedgerBroken
from kangyun.base.errors import Unavailable

APPEND = """
import sys
from pathlib import Path
from kangyun.access.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for count in range(50):
    ledger.append("revocation", f"{sys.argv[2]}/{count}", {"of": sys.argv[2]})
"""


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger" / "ledger.ndjson")


def filled(ledger, count=5):
    for number in range(1, count + 1):
        ledger.append("withdrawal", f"Consent/{number}", {"state": "inactive", "b": number, "a": [1, {"z": 1, "y": 2}]})
    return ledger.path.read_bytes().splitlines(keepends=True)


def test_entries_come_as_they_were_appended(ledger):
    assert list(ledger.entries()) == [] and ledger.verify() == 0
    filled(ledger)
    assert [entry.n for entry in ledger.entries()] == [1, 2, 3, 4, 5]
    assert [entry.subject for entry in ledger.entries(since=3)] == ["Consent/4", "Consent/5"]
    assert ledger.verify() == 5
    assert ledger.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace(b"Consent/1", b"Consent/9"), *lines[1:]],
        lambda lines: lines[:2] + lines[3:],
        lambda lines: lines[1:],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:3], lines[2], *lines[3:]],
        lambda lines: [*lines[:2], b"not a line\n", *lines[3:]],
        lambda lines: [*lines[:4], b"not a line\n"],
        lambda lines: [*lines[:4], lines[4].replace(b'"state":"inactive"', b'"state":"active"')],
    ],
)
def test_a_change_shows(ledger, change):
    ledger.path.parent.mkdir(exist_ok=True)
    ledger.path.write_bytes(b"".join(change(filled(ledger))))
    with pytest.raises(LedgerBroken):
        ledger.verify()


@pytest.mark.parametrize("size", [1, 40, 150])
def test_what_a_loss_of_power_left_of_a_line_is_passed_over(ledger, size):
    lines = filled(ledger)
    ledger.path.write_bytes(b"".join(lines[:4]) + lines[4][:size])
    assert ledger.verify() == 4
    assert ledger.append("revocation", "session 7", {}).n == 5
    assert [entry.subject for entry in ledger.entries(since=4)] == ["session 7"]


def test_several_processes_append_at_once(ledger):
    ledger.append("revocation", "first", {})
    running = [subprocess.Popen([sys.executable, "-c", APPEND, str(ledger.path), str(n)]) for n in range(3)]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    assert ledger.verify() == 151
    for number in range(3):
        own = [entry.subject for entry in ledger.entries() if entry.detail == {"of": str(number)}]
        assert own == [f"{number}/{count}" for count in range(50)]


def test_a_long_entry_is_found_again(ledger):
    ledger.append("erasure", "request 1", {"resources": list(range(1 << 40, (1 << 40) + 20_000))})
    ledger.path.write_bytes(ledger.path.read_bytes() + b'{"n":2,"torn')
    assert ledger.append("erasure", "request 2", {}).n == 2
    assert ledger.verify() == 2


def test_what_cannot_be_written_is_told(ledger):
    ledger.path.parent.write_text("a file in the way")
    with pytest.raises(Unavailable, match="ledger-not-written"):
        ledger.append("erasure", "request 1", {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=4), st.text(max_size=20))
def test_any_detail_is_read_as_it_was_written(tmp_path_factory, detail, subject):
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.ndjson")
    for _ in range(2):
        ledger.append("erasure", subject, detail)
    assert [(entry.subject, entry.detail) for entry in ledger.entries()] == [(subject, detail)] * 2
    assert all(json.loads(line)["digest"] for line in ledger.path.read_bytes().splitlines())
