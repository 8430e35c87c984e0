"""`kangyun bench`: the benchmarks of a source tree, or what to do without one."""

import subprocess
import sys
from pathlib import Path

import pytest

from kangyun.base.errors import NotSupported
from kangyun.cli import bench


def told(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "kangyun.cli", "bench", *arguments], capture_output=True, text=True, timeout=300
    )


@pytest.mark.skipif(not (bench.HERE.parents[3] / "benchmarks").is_dir(), reason="runs from an installation")
def test_it_hands_over_to_the_benchmarks_with_all_options():
    assert "--corpus" in told("--help").stdout
    refused = told("--size", "7m")
    assert refused.returncode == 2
    assert "100k, 1m, 5m" in refused.stderr


def test_without_a_source_tree_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "HERE", Path(tmp_path / "lib" / "kangyun" / "cli" / "bench.py"))
    with pytest.raises(NotSupported) as refused:
        bench.bench([])
    assert [issue.text for issue in refused.value.issues] == ["cli.bench-source"]
