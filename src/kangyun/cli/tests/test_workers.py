"""The processes that serve, seen from outside: revived, stopped, and ended with one that cannot start."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

# Answers each connection with the number of its process; the first argument is a port, the second a status to end with.
SERVING = """
import os, select, sys
from kangyun.cli import workers

def work(listener):
    if len(sys.argv) > 2:
        sys.exit(int(sys.argv[2]))
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


def test_a_port_that_somebody_has_is_not_shared(start, port):
    start()
    served_by(port)
    second = start()
    assert second.wait(20) == 1
    assert "cli.port-taken" in second.stderr.read()
