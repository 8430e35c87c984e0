"""CPU accounting on real processes: what children used is not lost when they end."""

import os
import subprocess
import sys
import textwrap

import pytest

from benchmarks.processes import NoProcess, Trees, bytes_on_disk, listening

BURN = """
    import subprocess, sys, time
    def burn(seconds):
        end = time.process_time() + seconds
        while time.process_time() < end: pass
    burn(0.1)
    subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.3: pass"])
    print("done", flush=True)
    sys.stdin.readline()
"""
LISTEN = """
    import socket, sys
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def start():
    """Starts a Python program that waits on its input before it ends, and returns it with its first line."""
    started = []

    def begin(program, name=sys.executable):
        command = [name, "-c", textwrap.dedent(program)]
        process = subprocess.Popen(
            command, executable=sys.executable, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield begin
    for process in started:
        process.communicate("\n", timeout=10)


def test_the_time_of_a_child_that_ended_is_kept(start):
    process, _ = start(BURN)
    used = Trees([process.pid]).read()
    assert 0.3 <= used.server + used.database < 3
    assert used.database == 0


def test_a_second_reading_counts_only_what_came_between(start):
    process, _ = start(BURN)
    trees = Trees([process.pid])
    first = trees.read()
    assert trees.read().since(first).server <= 0.05


def test_the_trees_of_database_roots_are_the_database(start):
    process, _ = start(BURN)
    used = Trees([], [process.pid]).read()
    assert used.server == 0
    assert used.database >= 0.3


def test_the_load_generator_is_left_out(start):
    process, _ = start(BURN)
    assert Trees([os.getpid()]).read().server == 0
    assert Trees([os.getpid(), process.pid]).read().server >= 0.3


def test_a_listening_process_is_found_by_its_port(start):
    process, port = start(LISTEN)
    assert listening(int(port)) == [process.pid]


def test_a_port_that_nobody_listens_on():
    with pytest.raises(NoProcess, match="--pids"):
        listening(1)


def test_a_process_that_does_not_exist():
    with pytest.raises(NoProcess):
        Trees([2**22 + 1])


def test_bytes_on_disk_leaves_out_second_links_holes_and_the_log(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    one = bytes_on_disk(tmp_path)
    os.link(tmp_path / "file", tmp_path / "link")
    with (tmp_path / "hole").open("wb") as hole:
        hole.truncate(10_000_000)
    (tmp_path / "pg_wal").mkdir()
    (tmp_path / "pg_wal" / "segment").write_bytes(b"x" * 100_000)
    assert one >= 100_000
    assert bytes_on_disk(tmp_path) == one
