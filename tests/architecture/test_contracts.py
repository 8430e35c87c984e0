"""The import contracts of pyproject.toml hold, and there are as many as there should be."""

import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_imports_go_down_only():
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([command, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_contract_has_exceptions():
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert {contract["type"] for contract in contracts} >= {"layers", "forbidden", "independence"}
    assert [contract["name"] for contract in contracts if contract.get("ignore_imports")] == []
    assert [
        contract["name"] for contract in contracts if contract["type"] == "layers" and not contract["exhaustive"]
    ] == []
