"""Whatever holds something about persons forgets them again after a restore: its eraser is there when that runs."""

import subprocess
import sys

ERASERS = "import kangyun.access.erasing as it; print(sorted(it._erasers))"


def erasers_with(module: str) -> str:
    """Returns the names of the erasers that a process has which imports a module and nothing else."""
    return subprocess.run(
        [sys.executable, "-c", f"import {module}; {ERASERS}"], capture_output=True, text=True, check=True
    ).stdout


def test_a_restore_has_every_eraser_that_a_running_platform_has():
    assert erasers_with("kangyun.cli.restore") == erasers_with("kangyun.web.app, kangyun.cli.ingest, kangyun.catalog")
    assert "identity" in erasers_with("kangyun.cli.restore")
