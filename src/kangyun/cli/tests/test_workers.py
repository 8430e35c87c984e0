"""The processes that serve, seen from outside: revived, stopped, and ended with one that cannot start."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kangyun.base.errors import Unavailable
from kangyun.cli import workers

# Answers each connection with the number of its process. Arguments: a port; a status to end with, or a file that stands
# in the way of starting while it is there.
SERVING = """
import os, select, sys
from kangyun.cli import workers

def work(listener):
    if sys.argv[2:] and (sys.argv[2].isdigit() or os.path.exists(sys.argv[2])):
        sys.exit(3)
    while True:
        select.select([listener], [], [])
        connection, _ = listener.accept()
        connection.sendall(str(os.getpid()).encode())
        connection.close()

sys.exit(workers.run(work, host="127.0.0.1", port=int(sys.argv[1]), count=2))
"""


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(port):
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", SERVING, str(port), *arguments], stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def served_by(port):
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                return int(connection.recv(20))
        except (OSError, ValueError):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_one_that_ends_is_made_anew_and_all_end_with_the_signal(start, port):
    process = start()
    seen = {served_by(port) for _ in range(40)}
    assert len(seen) == 2
    os.kill(seen.pop(), signal.SIGKILL)
    anew = {served_by(port) for _ in range(40)}
    assert len(anew) == 2
    assert len(anew & seen) == 1
    process.terminate()
    assert process.wait(20) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(anew.pop(), 0)


def test_what_cannot_start_ends_all(start):
    assert start("3").wait(20) == 3


def test_what_cannot_start_again_leaves_the_others_at_work(start, port, tmp_path):
    obstacle = tmp_path / "obstacle"
    process = start(str(obstacle))
    seen = {served_by(port) for _ in range(40)}
    assert len(seen) == 2
    obstacle.touch()
    killed = seen.pop()
    os.kill(killed, signal.SIGKILL)
    time.sleep(2 * workers.PAUSE)
    assert process.poll() is None
    os.kill(*seen, 0)
    obstacle.unlink()
    assert len({served_by(port) for _ in range(40)}) == 2


def test_each_holds_its_own_socket_only(start, port):
    start()
    files = Path(f"/proc/{served_by(port)}/fd")
    time.sleep(0.2)  # Its answer is said: that connection is closed.
    assert sum(os.readlink(file).startswith("socket:") for file in files.iterdir()) == 1


@pytest.mark.parametrize(("host", "port"), [("", 8080), ("127.0.0.1", 0), ("127.0.0.1", 65536), ("203.0.113.1", 8080)])
def test_no_address_is_refused(host, port):
    with pytest.raises(Unavailable):
        workers.refuse_taken(host, port)


def test_a_port_that_somebody_has_is_not_shared(start, port):
    start()
    served_by(port)
    second = start()
    assert second.wait(20) == 1
    assert "cli.port-taken" in second.stderr.read()
