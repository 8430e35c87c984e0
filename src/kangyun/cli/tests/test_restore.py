"""What a restore says of the ledger outside the database, before it begins."""

import pytest

from kangyun.access.ledger import Ledger
from kangyun.cli.restore import tell_ledger


@pytest.mark.parametrize(("entries", "said"), [(0, "There is no ledger at"), (2, "has 2 entries")])
def test_whoever_restores_is_told_whether_erasures_are_done_again(tmp_path, capsys, monkeypatch, entries, said):
    monkeypatch.setenv("KANGYUN_LANG", "en")
    ledger = Ledger(tmp_path / "ledger.ndjson")
    for _ in range(entries):
        ledger.append("erasure", "Patient", {})
    tell_ledger(ledger)
    told = capsys.readouterr()
    assert said in " ".join(f"{told.out}{told.err}".split())
