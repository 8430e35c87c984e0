"""An institution's own list has one name, whichever format brings it."""

import re
from pathlib import Path

import pytest

import kangyun.exchange

HOME = Path(next(iter(kangyun.exchange.__path__)))
FORMATS = sorted(path.name for path in HOME.iterdir() if path.is_dir() and not path.name.startswith("_"))
OTHERWISE = re.compile("urn:kangyun:code-system:" + "local(?!:)")


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_names_a_local_list_in_another_way(name):
    files = [*(HOME / name).rglob("*.py"), *(HOME / name).rglob("*.toml")]
    assert [str(path) for path in files if OTHERWISE.search(path.read_text("utf-8"))] == []
