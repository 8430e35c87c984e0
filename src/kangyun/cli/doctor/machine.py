"""What the machine must have: system, Python, disk, memory, file handles, a clock that is right.

Source: /proc/meminfo, adjtimex(2), statvfs(3), PEP 600 (manylinux and glibc).
"""

import ctypes
import os
import platform
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from kangyun.cli.doctor.findings import Finding, good, note, unknown, wrong

GIGABYTE = 1_000_000_000
LEAST_PYTHON = (3, 11)
LEAST_GLIBC = (2, 28)  # what our wheels are built for
MACHINES = ("x86_64", "aarch64")
LEAST_DISK, LITTLE_DISK = 1, 10  # GB free
LEAST_MEMORY, LITTLE_MEMORY = 1, 3  # GB in all
LITTLE_FREE_MEMORY = 300_000_000  # bytes
LEAST_FILES = 4096
_STA_UNSYNC = 0x40


def examine(folder: Path) -> Iterator[Finding]:
    """Gives the findings. `folder`: where the data is, or will be."""
    yield _system()
    yield _python()
    yield _disk(folder)
    yield _inodes(folder)
    yield _memory()
    yield _files()
    yield _clock()


def _system() -> Finding:
    name, machine = platform.system(), platform.machine()
    library, version = platform.libc_ver()
    if name != "Linux" or machine not in MACHINES:
        return wrong("system-unfit", system=name, machine=machine)
    if library != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < LEAST_GLIBC:
        least = ".".join(map(str, LEAST_GLIBC))
        return wrong("library-unfit", library=f"{library or '?'} {version}", least=least)
    return good("system", system=name, machine=machine, library=f"{library} {version}")


def _python() -> Finding:
    found, least = platform.python_version(), ".".join(map(str, LEAST_PYTHON))
    if sys.version_info < LEAST_PYTHON:
        return wrong("python-old", found=found, least=least)
    return good("python", found=found)


def _existing(folder: Path) -> Path:
    """Returns the folder, or the nearest one above it that exists."""
    return next(one for one in [folder.resolve(), *folder.resolve().parents] if one.exists())


def _disk(folder: Path) -> Finding:
    usage = shutil.disk_usage(_existing(folder))
    free = usage.free // GIGABYTE
    if free < LEAST_DISK:
        return wrong("disk-full", free=free, least=LEAST_DISK)
    if free < LITTLE_DISK or usage.free < usage.total / 10:
        return note("disk-little", free=free, share=round(100 * usage.free / usage.total))
    return good("disk", free=free)


def _inodes(folder: Path) -> Finding:
    facts = os.statvfs(_existing(folder))
    if facts.f_files and facts.f_favail < facts.f_files / 20:
        return note("inodes-few", free=facts.f_favail)
    return good("inodes")


def _memory() -> Finding:
    try:
        lines = (line.split() for line in Path("/proc/meminfo").read_text("ascii").splitlines())
        sizes = {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines}
        total, free = sizes["MemTotal"], sizes["MemAvailable"]
    except (OSError, ValueError, KeyError):
        return unknown("memory-unknown")
    shown = {"total": f"{total / GIGABYTE:.1f}", "free": f"{free / GIGABYTE:.1f}"}
    if total < LEAST_MEMORY * GIGABYTE:
        return wrong("memory-less", **shown, least=LITTLE_MEMORY)
    if total < LITTLE_MEMORY * GIGABYTE or free < LITTLE_FREE_MEMORY:
        return note("memory-little", **shown, least=LITTLE_MEMORY)
    return good("memory", **shown)


def _files() -> Finding:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < LEAST_FILES:
        return note("files-few", most=most, least=LEAST_FILES)
    return good("files", most="∞" if most == resource.RLIM_INFINITY else most)


def _clock() -> Finding:
    """Whether the kernel's clock is kept right by somebody (NTP, PTP or the host of a virtual machine)."""
    words = (ctypes.c_char * 208)()  # struct timex; zero modes: only read. `status` is its fifth field.
    if sys.platform != "linux" or ctypes.CDLL(None).adjtimex(words) < 0:
        return unknown("clock-unknown")
    status = int.from_bytes(bytes(words)[40:44], sys.byteorder)
    return note("clock-unsynchronised") if status & _STA_UNSYNC else good("clock")
