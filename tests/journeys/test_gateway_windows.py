"""The small install for Windows, run by a Python for Windows under Wine: paths, locks, renames and ends of processes.

Not a real Windows: no service, no `icacls`, no driver of a database but SQLite. `KANGYUN_WINDOWS_PYTHON` names an
unpacked CPython 3.11 to 3.13 for Windows, with its `python3.dll`; Wine's own libraries may lack
`bcryptprimitives.dll` (see docs/gateway.md).
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from kangyun.exchange.gateway.configuration import Folder, Source
from kangyun.testing.hospital import FakeCentre, Hospital

REPOSITORY = Path(__file__).parents[2]
PYTHON = os.environ.get("KANGYUN_WINDOWS_PYTHON")
ROWS = 12_000
PATIENCE = 120  # seconds
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not PYTHON or not shutil.which("wine"), reason="needs wine and KANGYUN_WINDOWS_PYTHON"),
]


def windows(path: Path) -> str:
    """A path of this machine as Wine names it."""
    return "Z:" + str(path).replace("/", "\\")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a Windows of the age of Server 2012 R2 with the small install."""
    folder = tmp_path_factory.mktemp("wine")
    build = [sys.executable, str(REPOSITORY / "scripts" / "gateway" / "build.py"), "--platform", "windows-x86_64"]
    subprocess.run([*build, "--output", str(folder)], check=True, capture_output=True)
    (install,) = folder.glob("kangyun-gateway-*")
    given = {
        **os.environ, "WINEPREFIX": os.environ.get("WINEPREFIX", str(folder / "prefix")), "WINEDEBUG": "-all",
        "PYTHONUTF8": "1", "PYTHONPATH": f"{windows(install / 'lib')};{windows(install / 'drivers')}",
    }  # fmt: skip
    old = ["reg", "add", "HKCU\\Software\\Wine", "/v", "Version", "/d", "win81", "/f"]
    subprocess.run(["wine", *old], env=given, check=True, capture_output=True)
    yield given
    subprocess.run(["wineserver", "-k"], env=given, check=False)


def test_each_row_arrives_once_in_spite_of_kills(prefix: dict[str, str], tmp_path: Path) -> None:
    centre = FakeCentre()
    centre.open("lis")
    centre.open("files")
    hospital = Hospital(tmp_path, centre)
    hospital.source = Source(name="his", kind="sqlite", database=windows(hospital.database), rate=1_000)
    hospital.table = msgspec.structs.replace(hospital.table, page=1_000)
    drop = tmp_path / "投递"
    drop.mkdir()
    hospital.configuration(folders=[Folder(folder=windows(drop), feed="files", settle=1)])
    hospital.reports(range(ROWS), at="2026-01-05 {0:02d}:{1:02d}:00")
    (drop / "病案首页 一月.csv").write_bytes("KH,XM\n1,测试甲\n".encode("gb18030"))
    command = ["wine", windows(Path(str(PYTHON)) / "python.exe"), "-m", "kangyun.exchange.gateway"]
    command += ["--folder", windows(hospital.folder)]
    processes = []

    def ask(word: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run([*command, word], env=prefix, input=b"", capture_output=True, check=False)

    def start() -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE  # Wine knows no other standard streams.
        process = subprocess.Popen([*command, "run"], env=prefix, stdin=pipe, stdout=pipe, stderr=pipe)
        processes.append(process)
        return process

    try:
        for share in (1, 2, 3):
            process = start()
            until(lambda share=share: centre.count("lis") >= ROWS * share // 5)
            centre.cut = 1
            process.send_signal(signal.SIGKILL)
            process.wait()
        start()
        until(lambda: centre.count("lis") >= ROWS and centre.kept["files"])
        until(lambda: list(drop.glob("done/*")))
        arrived = [row[1] for row in centre.rows("lis")]
        assert len(arrived) == len(set(arrived)) == ROWS
        assert ask("run").returncode == 1  # A second one in the same folder.
        assert ask("check").returncode == 0
    finally:
        for process in processes:
            process.kill()
            process.communicate()
        centre.close()


def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.2)
