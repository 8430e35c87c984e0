"""`kangyun feed package` writes a package once, and says what it does not know."""

import zipfile

import pytest

from kangyun.base.errors import Conflict, Invalid
from kangyun.cli.joining import Wish, write


@pytest.fixture
def wish(tmp_path):
    return Wish(tmp_path / "对接包.zip", "", "Organization/h1", "演示医院", "shanghai-2024", ("tb_lis_report",))


def test_a_package_of_chosen_tables_is_written(wish, capsys):
    assert write(wish) == 0
    with zipfile.ZipFile(wish.file) as archive:
        samples = [name for name in archive.namelist() if name.startswith("samples/")]
    assert samples == ["samples/TB_LIS_REPORT-样例.csv", "samples/TB_LIS_REPORT-退回.csv"]
    assert wish.file.stat().st_mode & 0o777 == 0o600


def test_a_package_that_is_there_is_not_written_over(wish):
    write(wish)
    with pytest.raises(Conflict):
        write(wish)


@pytest.mark.parametrize(
    ("changed", "text"),
    [({"dialect": "nowhere"}, "cli.feed-no-dialect"), ({"tables": ("TB_NONE",)}, "cli.feed-no-table")],
)
def test_what_is_not_known_is_said(wish, changed, text):
    with pytest.raises(Invalid) as raised:
        write(Wish(**{name: getattr(wish, name) for name in wish.__slots__} | changed))
    assert raised.value.issues[0].text == text
