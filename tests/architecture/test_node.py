"""Which Node.js builds the console; where the machine's is none of these, one is installed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from console import is_enough


@pytest.mark.parametrize("version", ["v20.19.0\n", "v22.12.0\n", "v23.1.0\n", "v24.19.0\n"])
def test_what_vite_runs_on_builds_the_console(version):
    assert is_enough(version)


@pytest.mark.parametrize("version", ["v18.20.8\n", "v20.18.3\n", "v21.7.3\n", "v22.11.0\n"])
def test_what_vite_does_not_run_on_builds_nothing(version):
    assert not is_enough(version)
