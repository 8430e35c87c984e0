"""The demonstration drills once, by the platform's own commands, and leaves no copy behind."""

import signal
from datetime import date

import pytest

from kangyun.cli import demonstration, drill_shown
from kangyun.cli.demonstration import Mark


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A demonstration's folder, the commands replaced: returns the folder, and what was carried out."""
    done = []
    monkeypatch.setenv("KANGYUN_DATA", str(tmp_path))
    monkeypatch.setattr(drill_shown, "AFTER", 0.0)
    monkeypatch.setattr(drill_shown.os, "nice", done.append)

    def backup(data, to, keep):
        to.mkdir()
        done.append("backup")

    def drill(data, from_, root, scratch, *, as_json):
        assert from_.is_dir()
        done.append("drill")

    monkeypatch.setattr(drill_shown, "backup", backup)
    monkeypatch.setattr(drill_shown, "drill", drill)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path, done
    signal.signal(signal.SIGTERM, before)


def marked(folder):
    (folder / demonstration.MARK).write_bytes(demonstration.msgspec.json.encode(Mark(date(2026, 11, 23))))


def test_it_drills_once_and_throws_the_copy_away(started):
    folder, done = started
    marked(folder)
    drill_shown.run()
    assert done == [drill_shown.LAST_OF_ALL, "backup", "drill"]
    assert not (folder / drill_shown.COPY).exists()


def test_who_has_drilled_is_left_alone_and_so_is_what_is_no_demonstration(started):
    folder, done = started
    drill_shown.run()
    marked(folder)
    result = {"instant": "2026-11-23T00:00:00Z", "backup": "b", "passed": True}
    (folder / "drill.json").write_bytes(demonstration.msgspec.json.encode(result))
    (folder / drill_shown.COPY).mkdir()  # Of one that was killed when it had drilled.
    drill_shown.run()
    assert done == []
    assert not (folder / drill_shown.COPY).exists()
