"""The wheels of an offline bundle: which, for which processors and Pythons, and whether a list has them all.

`wheels.txt` names each file with its SHA-256, as `python scripts/bundle/build.py --lock` writes it: nothing gets into a
bundle that is not listed there. Wheels may ask for glibc 2.28 at most, which every Linux that is still sold in
China has (Kylin V10, openEuler, UOS 20). Extras (`batch`, with DuckDB and PyArrow) are not in a bundle.

Source: PEP 427 (file names), PEP 600 (manylinux), PEP 656 (musllinux).
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
REQUIREMENTS = REPOSITORY / "requirements" / "run.txt"
LIST = HERE / "wheels.txt"
ARCHITECTURES = ("x86_64", "aarch64")
PYTHONS = ("3.11", "3.12", "3.13")
NEWEST_GLIBC = (2, 28)
# Installs the others on a machine that has no pip.
PIP = "pip==26.3"
_OLD_NAMES = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


@dataclass(frozen=True)
class Wheel:
    """A wheel as its file name describes it."""

    file: str
    project: str
    version: str
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]

    @classmethod
    def named(cls, file: str) -> "Wheel":
        """Reads a file name. Raises ValueError when it is no wheel's."""
        parts = file.removesuffix(".whl").split("-")
        if len(parts) not in (5, 6) or not file.endswith(".whl"):
            raise ValueError(file)
        pythons, abis, platforms = (part.split(".") for part in parts[-3:])
        return cls(file, canonical(parts[0]), parts[1], tuple(pythons), tuple(abis), tuple(platforms))

    def fits(self, architecture: str, python: str) -> bool:
        """Whether it can be installed on a processor with a Python and glibc 2.28."""
        return self._fits_python(python) and any(_fits(platform, architecture) for platform in self.platforms)

    def _fits_python(self, python: str) -> bool:
        minor = int(python.split(".")[1])
        for tag in self.pythons:
            if tag in ("py3", f"cp3{minor}"):
                return True
            if "abi3" in self.abis and tag.startswith("cp3") and int(tag[3:]) <= minor:
                return True
        return False


def canonical(project: str) -> str:
    """Returns a project's name as they are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", project).lower()


def _fits(platform: str, architecture: str) -> bool:
    if platform == "any":
        return True
    name, _, rest = platform.partition("_")
    if name in _OLD_NAMES:
        return rest == architecture and _OLD_NAMES[name] <= NEWEST_GLIBC
    found = re.fullmatch(r"manylinux_(\d+)_(\d+)_(\w+)", platform)
    return bool(found) and found[3] == architecture and (int(found[1]), int(found[2])) <= NEWEST_GLIBC


def wanted() -> dict[str, str]:
    """Returns project and version of all that a running platform needs."""
    lines = (line.strip() for line in REQUIREMENTS.read_text("utf-8").splitlines())
    pairs = (line.split("==") for line in [*lines, PIP] if line and not line.startswith("#"))
    return {canonical(project): version for project, version in pairs}


def listed() -> dict[str, str]:
    """Returns file name and SHA-256 of the wheels of `wheels.txt`."""
    lines = (line.split() for line in LIST.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return {file: digest for digest, file in lines}


def missing(files: Iterable[str], architecture: str, python: str) -> list[str]:
    """Returns what is wanted and has no wheel among `files` for a processor and a Python."""
    wheels = [Wheel.named(file) for file in files]
    return sorted(
        f"{project}=={version}"
        for project, version in wanted().items()
        if not any(w.project == project and w.version == version and w.fits(architecture, python) for w in wheels)
    )


def fetch(architecture: str, python: str, folder: Path) -> None:
    """Downloads the wheels for a processor and a Python by pip. Raises CalledProcessError."""
    platforms = [f"manylinux_2_{minor}_{architecture}" for minor in range(NEWEST_GLIBC[1], 4, -1)]
    arguments = [
        *("--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)),
        *("--implementation", "cp", "--python-version", python),
        *(part for platform in [*platforms, f"manylinux2014_{architecture}"] for part in ("--platform", platform)),
    ]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "download",
            *arguments,
            "-r",
            str(REQUIREMENTS),
            PIP,
        ],
        check=True,
    )


def digest(file: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    return sha256(file.read_bytes()).hexdigest()


def write_list(files: Iterable[Path]) -> None:
    """Writes `wheels.txt`."""
    lines = sorted((file.name, digest(file)) for file in files)
    LIST.write_text(
        "# SHA-256 and name of every wheel that a bundle may hold. Written by: make lock\n"
        + "".join(f"{found}  {name}\n" for name, found in lines),
        "utf-8",
    )
