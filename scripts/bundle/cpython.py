"""The builder's own CPython, made relocatable: interpreter, standard library, and the shared libraries they need.

What links to a library of the system gets a copy beside it and looks there first (`$ORIGIN`), all but glibc itself,
which cannot be brought along: so a bundle runs on systems whose glibc is at least the builder's, and `least_glibc` says
which. The other way for an older system is its own Python.

Source: ld.so(8) ($ORIGIN), https://docs.python.org/3/library/sys_path_init.html (how the interpreter finds its library)
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

# Parts of glibc: the target's own.
OF_THE_SYSTEM = re.compile(r"(ld-linux.*|libc|libm|libdl|libpthread|librt|libresolv|libutil|libnsl|libanl)\.so.*")
# What wheels may expect of every system (PEP 600) and the smallest ones lack.
FOR_WHEELS = ("libgcc_s.so.1", "libstdc++.so.6")
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "*.pyc", "*.a", "test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip",
    "lib2to3", "config-*", "site-packages", "dist-packages", "sitecustomize.py", "EXTERNALLY-MANAGED", "_tkinter*",
)  # fmt: skip


def relocate(target: Path, patchelf: Path) -> None:
    """Puts a CPython into `target` that runs wherever it is moved. Raises CalledProcessError, OSError."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    (target / "bin").mkdir(parents=True)
    (target / "lib").mkdir()
    shutil.copy2(interpreter, target / "bin" / minor)
    (target / "bin" / "python3").symlink_to(minor)
    library = target / "lib" / minor
    shutil.copytree(
        sysconfig.get_path("stdlib"), library, ignore=LEFT_OUT, symlinks=False, ignore_dangling_symlinks=True
    )
    dynamic = library / "lib-dynload"
    if not dynamic.exists():
        shutil.copytree(sysconfig.get_config_var("DESTSHARED"), dynamic, ignore=LEFT_OUT)
    _bring_libraries(target, patchelf)


def _bring_libraries(target: Path, patchelf: Path) -> None:
    libraries = target / "lib"
    open_ones = list(_programs(target))
    home = next(where.parent for name, where in _needs(open_ones[0]) if name == "libc.so.6")
    for name in FOR_WHEELS:
        shutil.copy2(home / name, libraries / name)
        open_ones.append(libraries / name)
    seen = set(FOR_WHEELS)
    while open_ones:
        program = open_ones.pop()
        for name, where in _needs(program):
            if OF_THE_SYSTEM.fullmatch(name) or name in seen:
                continue
            seen.add(name)
            shutil.copy2(where, libraries / name)
            (libraries / name).chmod(0o755)
            open_ones.append(libraries / name)
    for program in _programs(target):
        up = "../" * (len(program.relative_to(target).parts) - 1)
        program.chmod(0o755)
        subprocess.run([patchelf, "--force-rpath", "--set-rpath", f"$ORIGIN/{up}lib", program], check=True)


def _needs(program: Path) -> list[tuple[str, Path]]:
    done = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return [(name, Path(where)) for name, where in re.findall(r"^\s*(\S+) => (/\S+)", done.stdout, re.MULTILINE)]


def _programs(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as source:
                if source.read(4) == b"\x7fELF":
                    yield path


def least_glibc(folder: Path) -> str:
    """Returns the newest version of glibc that a program below `folder` asks for."""
    asked = {
        (int(major), int(minor))
        for program in _programs(folder)
        for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", program.read_bytes())
    }
    return "{}.{}".format(*max(asked))
