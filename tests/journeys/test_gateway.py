"""The small install as a hospital gets it: one folder, run by a Python that has nothing else, within its bars."""

import re
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from kangyun.testing.hospital import FakeCentre, Hospital

REPOSITORY = Path(__file__).parents[2]
MOST_DISK = 50 << 20
"""Bytes, besides the queue and Python itself (issue 5)."""
MOST_MEMORY = 60 << 10
"""KiB (issue 5)."""


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for this kind of machine."""
    output = tmp_path_factory.mktemp("dist")
    build = [sys.executable, str(REPOSITORY / "scripts" / "gateway" / "build.py"), "--output", str(output)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr or "Connection" in done.stderr:
        pytest.skip("no package registry")
    assert done.returncode == 0, done.stderr
    (folder,) = output.iterdir()
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python that has nothing but itself."""
    home = tmp_path_factory.mktemp("bare")
    venv.create(home, with_pip=False, symlinks=True)
    (home / "bin" / "python3.12").symlink_to("python3")
    return {"PATH": f"{home / 'bin'}:/usr/bin:/bin", "LANG": "C.UTF-8"}


def test_it_needs_no_more_than_its_folder(install: Path, bare: dict[str, str], tmp_path: Path) -> None:
    ran = [
        subprocess.run([install / "gateway", *words], env=bare, cwd=tmp_path, capture_output=True, check=False)
        for words in (["--help"], ["ddl", "--dialect", "oracle", "TB_LIS_REPORT"])
    ]
    assert [one.returncode for one in ran] == [0, 0]
    assert b"CREATE TABLE TB_LIS_REPORT" in ran[1].stdout


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_each_python_that_may_run_it_finds_its_compiled_modules(install: Path, tmp_path: Path, version: str) -> None:
    mark = f".cpython-{version.replace('.', '')}-"
    compiled = {path.name.partition(".")[0] for path in install.rglob("*.so") if ".abi3." not in path.name}
    assert {path.name.partition(".")[0] for path in install.rglob(f"*{mark}*.so")} == compiled != set()
    places = [*Path.home().glob(f".pyenv/versions/{version}.*/bin"), Path("/usr/bin"), Path("/usr/local/bin")]
    beside = next((one for one in places if (one / f"python{version}").exists()), None)
    if beside is None:
        pytest.skip(f"Python {version} is not on this machine")
    (tmp_path / f"python{version}").symlink_to(beside / f"python{version}")
    ran = subprocess.run(
        [install / "gateway", "ddl", "--dialect", "oracle", "TB_LIS_REPORT"],
        env={"PATH": f"{tmp_path}:/bin", "LANG": "C.UTF-8"}, capture_output=True, check=False,
    )  # fmt: skip
    assert b"CREATE TABLE TB_LIS_REPORT" in ran.stdout, ran.stderr


def test_it_takes_less_disk_than_the_bar(install: Path) -> None:
    sizes = [path.stat().st_size for path in install.rglob("*") if path.is_file()]
    assert sum(sizes) < MOST_DISK


def test_its_libraries_are_made_for_the_oldest_systems(install: Path) -> None:
    wheels = [path.read_text() for path in install.glob("lib/*.dist-info/WHEEL")]
    tags = re.findall(r"^Tag: (\S+)$", "".join(wheels), re.MULTILINE)
    assert tags
    assert "manylinux" in "".join(tags)
    for path in install.glob("lib/*.dist-info/WHEEL"):
        assert re.search(r"^Tag: \S+-(any|manylinux2014_\w+|manylinux_2_17_\w+)$", path.read_text(), re.MULTILINE), path


def test_a_backlog_goes_through_it_within_the_bar_of_memory(
    install: Path, bare: dict[str, str], tmp_path: Path
) -> None:
    centre = FakeCentre()
    try:
        centre.open("lis")
        hospital = Hospital(tmp_path, centre)
        hospital.configuration()
        hospital.reports(range(60_000), at="2026-01-05 {0:02d}:{1:02d}:00")
        process = subprocess.Popen([install / "gateway", "--folder", hospital.folder, "run"], env=bare)
        try:
            ends = time.monotonic() + 120
            while len(centre.rows("lis")) < 60_000 and process.poll() is None and time.monotonic() < ends:
                time.sleep(0.5)
            status = Path(f"/proc/{process.pid}/status").read_text()
        finally:
            process.terminate()
            process.wait(30)
        assert len({row[1] for row in centre.rows("lis")}) == len(centre.rows("lis")) == 60_000
        assert int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) < MOST_MEMORY
    finally:
        centre.close()
