"""CPU time of server and database, from the kernel's accounting of their process trees.

The sum over a tree of user and system time, own and of children that ended and were waited for, only grows while the
root lives: what a child leaves behind moves into its parent. It is exact to a clock tick (10 ms on Linux) a process and
does not depend on what else the machine does. Not seen: processes that detached themselves from the tree.
Source: proc(5), /proc/[pid]/stat fields 14 to 17, /proc/net/tcp.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
DATABASES = ("postgres", "postmaster")
SHELLS = ("sh", "bash", "dash", "zsh", "fish", "tmux", "screen", "sshd", "systemd", "init", "tini", "docker-init")
LISTEN = "0A"


class NoProcess(Exception):
    """No process to measure was found; the message says why."""


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    name: str
    parent: int
    seconds: float


def _read(pid: int) -> _Process | None:
    try:
        text = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may itself contain any of them.
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    return _Process(pid, name, int(fields[1]), sum(map(int, fields[11:15])) / TICKS)


def _all() -> dict[int, _Process]:
    found = (_read(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return {process.pid: process for process in found if process is not None}


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds used since the roots began."""

    server: float
    database: float

    def since(self, before: "Cpu") -> "Cpu":
        """Returns what was used between two readings."""
        return Cpu(self.server - before.server, self.database - before.database)


class Trees:
    """The process trees of what is measured."""

    def __init__(self, roots: Iterable[int], database_roots: Iterable[int] = ()) -> None:
        self.roots = tuple(roots)
        self.database_roots = tuple(database_roots)
        for pid in (*self.roots, *self.database_roots):
            if _read(pid) is None:
                raise NoProcess(f"no process {pid}")

    def read(self) -> Cpu:
        """Adds up all trees. PostgreSQL's processes and the trees of the database roots are the database."""
        processes = _all()
        children: dict[int, list[int]] = {}
        for process in processes.values():
            children.setdefault(process.parent, []).append(process.pid)
        seconds = {False: 0.0, True: 0.0}
        seen = {os.getpid()}  # the load generator is never part of what is measured
        waiting = [(pid, True) for pid in self.database_roots] + [(pid, False) for pid in self.roots]
        while waiting:
            pid, database = waiting.pop(0)
            if pid in seen or pid not in processes:
                continue
            seen.add(pid)
            database = database or processes[pid].name in DATABASES
            seconds[database] += processes[pid].seconds
            waiting += [(child, database) for child in children.get(pid, ())]
        return Cpu(server=seconds[False], database=seconds[True])


def _inodes(port: int) -> set[str]:
    """Returns the inodes of sockets that listen on a TCP port."""
    found = set()
    for table in ("tcp", "tcp6"):
        path = PROC / "net" / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(fields[9])
    return found


def _holders(inodes: set[str]) -> set[int]:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    holders = set()
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        if any(link in wanted for link in _links(entry / "fd")):
            holders.add(int(entry.name))
    return holders


def _links(folder: Path) -> Iterator[str]:
    """Gives what the file descriptors of a process lead to, as far as they can be seen."""
    with suppress(OSError):  # the process ended, or is not ours to look into
        for link in folder.iterdir():
            with suppress(OSError):  # the descriptor was closed
                yield os.readlink(link)


def listening(port: int) -> list[int]:
    """Returns the roots of the trees that listen on a local TCP port: the topmost parents that are no shell.

    Raises NoProcess. Processes of other users are only seen by root.
    """
    holders = _holders(_inodes(port))
    if not holders:
        raise NoProcess(f"no process that can be seen listens on port {port}: give --pids")
    processes = _all()
    ours = set()
    pid = os.getpid()
    while pid in processes:
        ours.add(pid)
        pid = processes[pid].parent
    roots = set()
    for holder in holders:
        pid = holder
        while (
            (parent := processes.get(processes[pid].parent)) is not None
            and parent.pid > 1
            and parent.pid not in ours
            and parent.name not in SHELLS
        ):
            pid = parent.pid
        roots.add(pid)
    return sorted(roots)


def memory(roots: Iterable[int]) -> int:
    """Returns the bytes of memory that process trees have: what several share is counted once (PSS)."""
    processes = _all()
    waiting, total = list(roots), 0
    while waiting:
        pid = waiting.pop()
        waiting += [process.pid for process in processes.values() if process.parent == pid]
        with suppress(OSError):  # It has ended.
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                total += int(line.split()[1]) * 1024 if line.startswith("Pss:") else 0
    return total


def bytes_on_disk(folder: Path) -> int:
    """Returns the bytes that the files of a folder occupy: hard links once, holes not at all.

    PostgreSQL's write-ahead log is left out: it is recycled, and its size says nothing about what is stored.
    """
    seen: set[tuple[int, int]] = set()
    total = 0
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "pg_wal"]
        for name in names:
            try:
                status = os.lstat(os.path.join(root, name))
            except FileNotFoundError:
                continue  # a temporary file of the server
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_blocks * 512
    return total
