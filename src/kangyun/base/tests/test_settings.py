"""Settings: command line, then environment, then file, then default; what does not fit is named."""

import pytest

from kangyun.base.errors import PlatformError
from kangyun.base.settings import read_settings


def test_the_order(tmp_path):
    (tmp_path / "kangyun.toml").write_text("port = 1\nworkers = 1\nconnections = 1\n")
    environment = {"KANGYUN_DATA": str(tmp_path), "KANGYUN_PORT": "2", "KANGYUN_WORKERS": "2"}
    settings = read_settings(environment, port=3, host=None)
    assert (settings.port, settings.workers, settings.connections, settings.body_limit) == (3, 2, 1, 64_000_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", ""),
        ("cipher", "rot13"),
        ("port", "eighty"),
        ("search_seconds", "soon"),
        ("audit_months", "5"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_name(tmp_path, name, value):
    with pytest.raises(PlatformError) as refused:
        read_settings({"KANGYUN_DATA": str(tmp_path), f"KANGYUN_{name.upper()}": value})
    assert refused.value.issues[0].parameters == {"name": name}


def test_a_short_administrators_token_is_refused(tmp_path):
    with pytest.raises(PlatformError, match="short-admin-token"):
        read_settings({"KANGYUN_DATA": str(tmp_path), "KANGYUN_ADMIN_TOKEN": "x" * 31})


@pytest.mark.parametrize("text", ["no_such_setting = 1", "port = ", "\N{NULL}"])
def test_a_wrong_file_is_refused(tmp_path, text):
    (tmp_path / "kangyun.toml").write_text(text)
    with pytest.raises(PlatformError):
        read_settings({"KANGYUN_DATA": str(tmp_path)})
