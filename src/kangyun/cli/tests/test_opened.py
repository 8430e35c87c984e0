"""Commands act on what `up` runs, as what it is."""

import pytest

from kangyun.cli.demonstration import MARK
from kangyun.cli.opened import settings_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("KANGYUN_DEMO", "KANGYUN_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_demonstration_is_one_for_commands_too(folder):
    assert not settings_of(folder).demo
    (folder / MARK).write_text("{}")
    assert settings_of(folder).demo


def test_a_database_of_its_own_is_no_demonstration_because_of_a_folder(folder, monkeypatch):
    (folder / MARK).write_text("{}")
    monkeypatch.setenv("KANGYUN_DATABASE", "postgresql://127.0.0.1/record")
    assert not settings_of(folder).demo
