"""The processes that serve HTTP: forked from one that has loaded everything, and made anew when they end.

Each has a listening socket of its own on the same port, so that the kernel spreads the connections. The sockets stay
open here: what waits at one whose process has ended is served by the next.
"""

import errno
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence

from kangyun.base.errors import Unavailable
from kangyun.database.lifeline import end_with_parent

logger = logging.getLogger("kangyun.workers")

BACKLOG = 2048
STOP_WITHIN = 10.0  # seconds
PAUSE = 0.5  # seconds before a process that ended is made anew
CANNOT_START = 3
"""The status (uvicorn's) of a process that could not open the platform: trying again would not mend it."""
_STOPPING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WAITED_FOR = _STOPPING | {signal.SIGCHLD}

Work = Callable[[socket.socket], None]
"""Serves the connections of a socket until told to stop by SIGTERM. May raise SystemExit."""


def run(work: Work, *, host: str, port: int, count: int, patience: float = 0.0) -> int:
    """Keeps `count` processes at work until this one is told to stop. Returns its status. Raises Unavailable.

    Ends with a process that cannot start, unless others do their work already. patience: as in `refuse_taken`.
    """
    refuse_taken(host, port, patience)
    listeners = [_listener(host, port) for _ in range(count)]
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
    at_work = {_fork(work, listener, listeners): listener for listener in listeners}
    first = set(at_work)
    status = 0
    while not status and signal.sigwait(_WAITED_FOR) not in _STOPPING:
        for pid, how in _ended():
            listener = at_work.pop(pid)
            if how == CANNOT_START and pid in first:
                status = CANNOT_START
            elif not status:
                logger.error("a process that served has ended", extra={"fields": {"status": how}})
                time.sleep(PAUSE)
                at_work[_fork(work, listener, listeners)] = listener
    for listener in listeners:
        listener.close()  # Who comes now is refused, and need not wait for nobody.
    _stop(set(at_work))
    return status


def refuse_taken(host: str, port: int, patience: float = 0.0) -> None:
    """Raises Unavailable when an address cannot be listened on: somebody else's port would be shared in silence.

    patience: seconds that a taken port is waited for.
    """
    deadline = time.monotonic() + patience
    while (fault := _fault_of(host, port)) == "cli.port-taken" and time.monotonic() < deadline:
        time.sleep(0.05)
    if fault:
        raise Unavailable(fault, host=host, port=port)


def _fault_of(host: str, port: int) -> str | None:
    """Listens on an address for a moment. Returns the text that says why it cannot be done, None where it can."""
    if not host:
        return "cli.no-such-address"  # It would stand for all of them.
    if not port:
        return "cli.no-such-port"
    with socket.socket(_family(host), socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OverflowError:
            return "cli.no-such-port"
        except OSError as error:
            known = {errno.EADDRINUSE: "cli.port-taken", errno.EACCES: "cli.port-not-allowed"}
            return known.get(error.errno or 0, "cli.no-such-address")
    return None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(_family(host), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _fork(work: Work, listener: socket.socket, listeners: Sequence[socket.socket]) -> int:
    parent = os.getpid()
    if pid := os.fork():
        return pid
    status = 1
    try:
        for other in listeners:
            if other is not listener:
                other.close()  # It stays open elsewhere: who ends must be the last that holds his own.
        for number in _WAITED_FOR:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAITED_FOR)
        end_with_parent(signal.SIGTERM, parent)
        work(listener)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        logger.exception("a process that serves could not go on")
    finally:
        logging.shutdown()
        os._exit(status)


def _ended() -> list[tuple[int, int]]:
    """Returns the number and status of each child that has ended."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


def _stop(pids: set[int]) -> None:
    """Lets the processes finish what they are at, and ends those that take too long."""
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_WITHIN
    while pids and (left := until - time.monotonic()) > 0:
        signal.sigtimedwait({signal.SIGCHLD}, min(left, 0.2))
        pids -= {pid for pid, _ in _ended()}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
