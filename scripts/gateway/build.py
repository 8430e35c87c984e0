"""Makes the small install for a hospital's front-end machine: one folder, to be copied there.

    python scripts/gateway/build.py --platform linux-x86_64|linux-aarch64|windows-x86_64 [--python DIR] [--output DIR]

The folder holds `lib` (the modules of Kangyun that the gateway imports, by its import graph, with their data, and the
libraries that these need), `gateway` or `gateway.bat`, and the manual. DIR is an unpacked Python that is put beside it:
the embeddable package of python.org for Windows, a build that is made for glibc 2.17 for Linux; without one, the
machine's own Python is used, 3.11 to 3.13. Its test is tests/journeys/test_gateway.py.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import grimp

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src"
ENTRY = "kangyun.exchange.gateway"
LIBRARIES = ("cffi", "cryptography", "gmalg", "msgspec", "pycparser")
"""What these modules import that Python does not bring. tests/journeys/test_gateway.py runs with no other."""
PLATFORMS = {
    "linux-x86_64": "manylinux2014_x86_64",
    "linux-aarch64": "manylinux2014_aarch64",
    "windows-x86_64": "win_amd64",
}
PYTHONS = ("3.11", "3.12", "3.13")
"""What may run it: modules that are compiled lie there once for each."""
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "*.pyc", "tests", "test", "idlelib", "tkinter", "ensurepip", "turtledemo"
)
UNIX = """#!/bin/sh
# Runs the gateway by the Python beside it, else by the machine's own.
here=$(cd "$(dirname "$0")" && pwd)
python="$here/python/bin/python3"
if [ ! -x "$python" ]; then
  for python in python3.13 python3.12 python3.11 python3; do
    command -v "$python" >/dev/null 2>&1 &&
      "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && break
    python=
  done
fi
if [ -z "$python" ]; then
  echo "需要 Python 3.11、3.12 或 3.13 | Python 3.11, 3.12 or 3.13 is needed" >&2
  exit 1
fi
KANGYUN_GATEWAY_PROGRAM="$here/gateway" PYTHONPATH="$here/lib:$here/drivers" PYTHONDONTWRITEBYTECODE=1 \\
  exec "$python" -m kangyun.exchange.gateway "$@"
"""
WINDOWS = """@echo off
set PYTHONUTF8=1
set PYTHONPATH=%~dp0lib;%~dp0drivers
set KANGYUN_GATEWAY_PROGRAM=%~dp0gateway.bat
if exist "%~dp0python\\python.exe" (set GATEWAY_PYTHON="%~dp0python\\python.exe") else (set GATEWAY_PYTHON=py -3)
%GATEWAY_PYTHON% -m kangyun.exchange.gateway %*
"""


def main() -> None:
    """Builds the folder and says where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", choices=PLATFORMS, default="linux-x86_64")
    parser.add_argument("--python", type=Path, help="an unpacked Python to put beside it")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "dist")
    asked = parser.parse_args()
    target = asked.output / f"kangyun-gateway-{asked.platform}"
    shutil.rmtree(target, ignore_errors=True)
    bring_modules(target / "lib")
    bring_libraries(target / "lib", asked.platform)
    windows = asked.platform.startswith("windows")
    launcher = target / ("gateway.bat" if windows else "gateway")
    launcher.write_bytes((WINDOWS.replace("\n", "\r\n") if windows else UNIX).encode("gbk" if windows else "utf-8"))
    launcher.chmod(0o755)
    (target / "drivers").mkdir()
    shutil.copy2(REPOSITORY / "docs" / "zh" / "前置机.md", target)
    shutil.copy2(REPOSITORY / "LICENSE", target)
    if asked.python:
        bring_python(asked.python, target / "python")
    sys.stdout.write(f"{target} {sum(size_of(target.rglob('*'))) >> 20} MB\n")


def bring_modules(library: Path) -> None:
    """Copies the modules that the gateway imports, at once or when it needs them, and their data."""
    wanted = wanted_modules()
    for module in sorted(wanted):
        _copy_module(module, library)
        if (SOURCE / module.replace(".", "/")).is_dir():
            _copy_data(SOURCE / module.replace(".", "/"), library / module.replace(".", "/"))


def wanted_modules() -> set[str]:
    """Returns what the gateway imports, with the packages that stand above each, and what these import."""
    graph = grimp.build_graph("kangyun")
    wanted: set[str] = set()
    left = {ENTRY, *graph.find_descendants(ENTRY)}
    while left:
        module = left.pop()
        wanted.add(module)
        above = module.rpartition(".")[0]
        left |= ({above} if above else set()) - wanted
        left |= graph.find_modules_directly_imported_by(module) - wanted
    return wanted


def _copy_module(module: str, library: Path) -> None:
    path = Path(*module.split("."))
    file = path / "__init__.py" if (SOURCE / path).is_dir() else path.with_suffix(".py")
    (library / file).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(SOURCE / file, library / file)


def _copy_data(package: Path, target: Path) -> None:
    for entry in package.iterdir():
        if entry.is_dir() and not (entry / "__init__.py").exists() and entry.name not in ("tests", "__pycache__"):
            shutil.copytree(entry, target / entry.name, ignore=LEFT_OUT, dirs_exist_ok=True)
        elif entry.is_file() and entry.suffix not in (".py", ".pyc"):
            shutil.copy2(entry, target / entry.name)


def bring_libraries(library: Path, platform: str) -> None:
    """Installs the libraries as wheels of that platform, in the versions that the platform itself is tested with."""
    pinned = (REPOSITORY / "requirements" / "run.txt").read_text("utf-8").splitlines()
    wanted = [line for line in pinned if line.partition("==")[0].lower() in LIBRARIES]
    for python in PYTHONS:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [
                    sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", folder,
                    "--only-binary", ":all:", "--platform", PLATFORMS[platform], "--python-version", python, *wanted,
                ],
                check=True,
            )  # fmt: skip
            # All but the compiled modules is the same in each; of those each has its own name.
            shutil.copytree(folder, library, dirs_exist_ok=True)
    shutil.rmtree(library / "bin", ignore_errors=True)


def bring_python(python: Path, target: Path) -> None:
    """Copies a Python; the embeddable one of Windows looks nowhere but where its own file says."""
    shutil.copytree(python, target, symlinks=True, ignore=LEFT_OUT)
    for file in target.glob("python*._pth"):
        told = re.sub(r"^#\s*import site", "import site", file.read_text("utf-8"), flags=re.MULTILINE)
        file.write_text(f"..\\lib\n..\\drivers\n{told}", "utf-8")


def size_of(paths: Iterable[Path]) -> Iterable[int]:
    """Yields the bytes of files."""
    return (path.stat().st_size for path in paths if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    main()
