"""The offline bundle on a bare system without a network: installs, serves, upgrades, rolls back, undoes what failed.

The system is a folder that holds a shell and some fifty commands with their libraries: no Python, no compiler, no
systemd (a script stands in for `systemctl`). Needs root, for chroot and namespaces.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BARE = Path(__file__).parent / "bare"
COMMANDS = (
    "sh awk basename cat chmod chown cp cut date df dirname env getconf grep gzip head id ln ls mkdir mktemp mv od",
    "readlink rm sed setpriv sha256sum sleep sort tail tar touch tr uname useradd userdel",
)
# glibc comes whole, whatever the commands need of it; zlib is part of every system.
LIBRARIES = "c m dl pthread rt resolv util anl nss_files nss_dns z"
PORT = 8279
PATIENT = '{"resourceType":"Patient","name":[{"text":"演示"}]}'

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for chroot and namespaces"),
]


def build(repository, output):
    done = subprocess.run(
        [sys.executable, "scripts/bundle/build.py", "--repository", repository, "--output", output],
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """The bundle of this version."""
    return build(REPOSITORY, tmp_path_factory.mktemp("dist"))


def changed(folder, version, *edits):
    """Builds the bundle of a copy of this checkout: another version, and files of it edited."""
    checkout = folder / "kangyun"
    checkout.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(REPOSITORY / name, checkout)
    for name in ("src", "docs"):
        shutil.copytree(REPOSITORY / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    for file, pattern, text in [("pyproject.toml", r'^version = ".*"', f'version = "{version}"'), *edits]:
        path = checkout / file
        path.write_text(re.sub(pattern, text, path.read_text("utf-8"), count=1, flags=re.MULTILINE), "utf-8")
    return build(checkout, folder / "dist")


@pytest.fixture(scope="session")
def next_bundle(tmp_path_factory):
    """The bundle of a version that comes after it."""
    return changed(tmp_path_factory.mktemp("next"), "99.0.0")


@pytest.fixture(scope="session")
def broken_bundle(tmp_path_factory):
    """The bundle of a version that does not start."""
    edit = ("src/kangyun/cli/up.py", r"^    settings = read_settings.*$", "    raise SystemExit(3)")
    return changed(tmp_path_factory.mktemp("broken"), "99.1.0", edit)


class System:
    """A bare system in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in (
            "bin",
            "dev",
            "etc/systemd/system",
            "proc",
            "root",
            "run",
            "tmp",
            "usr/bin",
            "usr/sbin",
            "var/log",
        ):
            (root / folder).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        for name in ("null", "urandom", "zero"):
            facts = os.stat(f"/dev/{name}")
            os.mknod(root / "dev" / name, facts.st_mode, facts.st_rdev)
            (root / "dev" / name).chmod(0o666)  # mknod takes the umask off.
        libraries = set()
        for command in " ".join(COMMANDS).split():
            where = Path(shutil.which(command) or "")
            target = root / ("bin" if command == "sh" else "usr/bin") / command
            shutil.copy2(where.resolve(), target)
            done = subprocess.run(["ldd", where], stdout=subprocess.PIPE, text=True)
            libraries |= {Path(found) for found in re.findall(r"(/\S+) \(0x", done.stdout)}
        home = next(library.parent for library in libraries if library.name == "libc.so.6")
        libraries |= {found for name in LIBRARIES.split() for found in home.glob(f"lib{name}.so.[0-9]")}
        for library in libraries:
            (root / library.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(library.resolve(), root / library.relative_to("/"))
        files = {"passwd": "root:x:0:0::/root:/bin/sh\n", "group": "root:x:0:\n", "shadow": "root:*:1::::::\n"}
        for name, text in (files | {"gshadow": "", "login.defs": "", "nsswitch.conf": "passwd: files\n"}).items():
            (root / "etc" / name).write_text(text)
        shutil.copytree(BARE, root / "bare")

    def with_systemd(self) -> "System":
        (self.root / "run/systemd/system").mkdir(parents=True)
        shutil.copy2(BARE / "systemctl", self.root / "usr/bin/systemctl")
        (self.root / "usr/bin/systemctl").chmod(0o755)
        return self

    def run(self, script: str) -> tuple[int, str]:
        """Runs a shell script inside, without a network. Returns exit status and all that was said."""
        inside = [sys.executable, BARE / "enter.py", self.root, "/bin/sh", "-c", script]
        done = subprocess.run(
            ["unshare", "--net", "--mount", "--pid", "--fork", *inside],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,  # seconds
        )
        return done.returncode, done.stdout

    def bring(self, bundle: Path) -> str:
        shutil.copy2(bundle, self.root / bundle.name)
        return f"sh /{bundle.name}"

    def files(self) -> set[str]:
        """Returns what stands where an installer writes."""
        return {
            str(path.relative_to(self.root))
            for top in ("etc", "opt", "var", "usr")
            for path in (self.root / top).rglob("*")
            # Tools of the system keep their own backups and locks.
            if not re.fullmatch(
                r"etc/.*-|etc/\..*|etc/subuid|etc/subgid|var/log/kangyun.log", str(path.relative_to(self.root))
            )
        }


@pytest.fixture
def system(tmp_path_factory):
    """A bare system that nothing is installed on."""
    made = System(tmp_path_factory.mktemp("bare") / "root")
    made.root.parent.parent.chmod(0o755)
    made.root.parent.chmod(0o755)
    yield made
    with contextlib.suppress(OSError):
        shutil.rmtree(made.root)


SETTINGS = "set -a; . /etc/kangyun/kangyun.env; set +a"
ASK = "/opt/kangyun/current/venv/bin/python /bare/ask.py"


def test_it_installs_without_python_or_network_and_serves(system, bundle):
    status, said = system.run(f"{system.bring(bundle)} --yes --no-systemd --port {PORT}")
    assert status == 0, said
    assert "已安装" in said
    status, said = system.run(f"""
        {SETTINGS}
        as_kangyun="setpriv --reuid kangyun --regid kangyun --clear-groups"
        $as_kangyun /opt/kangyun/current/venv/bin/kangyun up --empty >/tmp/up 2>&1 &
        until grep -q ready /tmp/up; do sleep 0.2; kill -0 $! || {{ cat /tmp/up /var/lib/kangyun/log/*; exit 1; }}; done
        {ASK} POST /fhir/Patient '{PATIENT}' >/dev/null
        {ASK} GET '/fhir/Patient?_summary=count'
        /opt/kangyun/bin/kangyun doctor
        kill -INT $!
        wait $!
    """)
    assert status == 0, said
    assert '"total":1' in said
    assert "✗" not in said
    assert (system.root / "var/lib/kangyun").stat().st_mode & 0o777 in (0o700, 0o710)
    assert (system.root / "etc/kangyun/kangyun.env").stat().st_mode & 0o777 == 0o640


def test_it_upgrades_keeps_the_data_and_rolls_back(system, bundle, next_bundle):
    system.with_systemd()
    status, said = system.run(f"""
        set -e
        {system.bring(bundle)} --yes --port {PORT} >/tmp/first
        {SETTINGS}
        {ASK} POST /fhir/Patient '{PATIENT}' >/dev/null
        {system.bring(next_bundle)} --yes
        echo "now $(readlink /opt/kangyun/current), before $(readlink /opt/kangyun/previous)"
        {ASK} GET /fhir/metadata
        {ASK} GET '/fhir/Patient?_summary=count'
        sh /opt/kangyun/current/install.sh --rollback
        {ASK} GET /fhir/metadata
        {ASK} GET '/fhir/Patient?_summary=count'
        systemctl stop kangyun
    """)
    assert status == 0, said
    assert "now versions/99.0.0, before versions/0" in said
    assert re.findall(r'康云","version":"(\d+)', said) == ["99", "0"]
    assert said.count('"total":1') == 2
    assert "enable --quiet kangyun kangyun-doctor.timer" in (system.root / "run/systemctl.calls").read_text()


def test_an_upgrade_that_does_not_start_is_taken_back(system, bundle, broken_bundle):
    system.with_systemd()
    status, said = system.run(f"""
        {system.bring(bundle)} --yes --port {PORT} >/tmp/first || exit 1
        {SETTINGS}
        {ASK} POST /fhir/Patient '{PATIENT}' >/dev/null
        KANGYUN_READY_WITHIN=5 {system.bring(broken_bundle)} --yes && exit 1
        echo "now $(readlink /opt/kangyun/current)"
        ls /opt/kangyun/versions
        until {ASK} GET /health/live 2>/dev/null; do sleep 0.2; done
        {ASK} GET '/fhir/Patient?_summary=count'
        systemctl stop kangyun
    """)
    assert status == 0, said
    assert "没有在 5 秒内就绪" in said
    assert "已撤销" in said
    assert "now versions/0" in said
    assert "99.1.0\n" not in said.partition("now versions")[2]
    assert '"total":1' in said


def test_an_installation_that_fails_leaves_nothing(system, bundle):
    before = system.files()
    status, said = system.run(f"""
        PATH=/broken:$PATH
        mkdir /broken
        printf '#!/bin/sh\\nexit 1\\n' >/broken/od
        chmod 755 /broken/od
        {system.bring(bundle)} --yes --no-systemd --port {PORT}
    """)
    assert status != 0
    assert "已撤销" in said
    assert system.files() == before
    assert "kangyun" not in (system.root / "etc/passwd").read_text()


@pytest.mark.parametrize(
    ("prepare", "options", "told"),
    [
        ("true", "--port 70000", "端口 70000 不存在"),
        ("true", "--port x", "不是数字"),
        ("true", "--data relative", "请写完整路径"),
        ("true", "--surprise", "不认识的选项"),
        ("true", "", "系统没有使用 systemd"),
        (
            "mkdir -p /var/lib/kangyun/postgresql; echo 14 >/var/lib/kangyun/postgresql/PG_VERSION",
            "--no-systemd",
            "PostgreSQL 14",
        ),
        ("rm /usr/bin/useradd", "--no-systemd", "没有 useradd"),
        ("rm /lib/*-linux-gnu/libz.so.1", "--no-systemd", "缺少系统库 libz.so.1"),
    ],
    ids=["port", "port-text", "data", "option", "systemd", "major", "useradd", "zlib"],
)
def test_what_is_missing_is_said_and_nothing_is_done(system, bundle, prepare, options, told):
    status, said = system.run(f"{prepare}; {system.bring(bundle)} --yes {options}")
    assert status == 1
    assert told in said
    assert not (system.root / "opt").exists()


def test_a_damaged_bundle_is_refused(system, bundle):
    command = system.bring(bundle)
    with (system.root / bundle.name).open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"damage")
    status, said = system.run(f"{command} --yes")
    assert status == 1
    assert "安装包已损坏" in said
