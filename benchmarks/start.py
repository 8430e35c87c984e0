"""`python -m benchmarks.start`: how long `kangyun up`, on a data folder that is there, takes to answer a request.

The bar is 3 s. Measured from before the process is made until a search, as the administrator, has its whole answer:
the clock on the wall, which others on the machine disturb, and the CPU of everything that was started. The folder is
made first where it is missing.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Annotated

import psutil
import typer

TOKEN = "benchmark-administrator-0123456789ab"
BAR = 3.0  # seconds
PATIENCE = 120.0  # seconds


def run(data: Path, port: int) -> dict[str, float]:
    """Starts, asks, stops. Returns seconds to the first answer, CPU seconds until then, seconds to stop."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "kangyun.cli", "up", "--data", str(data), "--port", str(port), "--empty"],
        env=os.environ | {"KANGYUN_ADMIN_TOKEN": TOKEN},
        stdout=subprocess.DEVNULL,
    )
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/fhir/Patient?_count=1", headers={"authorization": f"Bearer {TOKEN}"}
    )
    try:
        while not _answered(request):
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise SystemExit("kangyun up did not come up")
            time.sleep(0.01)
        answered = time.monotonic() - began
        top = psutil.Process(process.pid)
        cpu = sum(sum(one.cpu_times()[:4]) for one in [top, *top.children(recursive=True)] if one.is_running())
    finally:
        stopped = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait()
    return {"first_answer": answered, "cpu": cpu, "stop": time.monotonic() - stopped}


def _answered(request: urllib.request.Request) -> bool:
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            answer.read()
            return True
    except OSError:
        return False


def main(
    data: Annotated[Path | None, typer.Option(help="An existing data folder; a new one without it.")] = None,
    runs: Annotated[int, typer.Option(help="How often to start.")] = 5,
    output: Annotated[Path | None, typer.Option("--json", help="Write the figures here, too.")] = None,
) -> None:
    """Starts and stops `kangyun up` and prints a table; exit status 1 when the median misses the bar."""
    with tempfile.TemporaryDirectory(prefix="kangyun-start-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        where = data or Path(folder) / "data"
        if not (where / "postgresql").exists():
            run(where, port)
        figures = [run(where, port) for _ in range(runs)]
    print(f"{'run':>6} {'first answer s':>15} {'CPU s':>8} {'stop s':>8}")
    for number, one in enumerate(figures, 1):
        print(f"{number:>6} {one['first_answer']:>15.2f} {one['cpu']:>8.2f} {one['stop']:>8.2f}")
    median = {name: statistics.median(one[name] for one in figures) for name in figures[0]}
    print(f"{'median':>6} {median['first_answer']:>15.2f} {median['cpu']:>8.2f} {median['stop']:>8.2f}   bar {BAR} s")
    if output:
        output.write_text(json.dumps({"runs": figures, "median": median, "bar": BAR}, indent=1))
    raise typer.Exit(median["first_answer"] > BAR)


if __name__ == "__main__":
    typer.run(main)
