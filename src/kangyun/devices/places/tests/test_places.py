"""Where somebody is, in words first."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid
from kangyun.devices.places import Place, distance, in_words, read_places

HOME = (31.2304, 121.4737)
PARK = Place("人民公园", 31.2330, 121.4700, 500)
HALL = Place("社区食堂", 31.2320, 121.4737, 500)


def north(metres: float) -> tuple[float, float]:
    return HOME[0] + metres / 111_195, HOME[1]


@pytest.mark.parametrize(
    ("position", "given", "words"),
    [
        (north(20), {"home": HOME, "address": "测试路 1 号"}, "在家（住址：测试路 1 号）（定位 31.23"),
        (north(205), {"home": HOME}, "家附近约 200 米（"),
        (north(205), {"home": HOME, "places": [HALL]}, "家附近约 200 米（"),
        (north(2400), {"home": HOME}, "家附近约 2.4 公里（"),
        (north(205), {"places": [PARK, HALL]}, "社区食堂附近约 30 米（"),
        (north(5000), {"home": HOME, "address": "测试路 1 号", "places": [PARK]},
         "不在已知地点附近；住址：测试路 1 号（"),
        (north(5000), {"home": HOME, "places": [PARK]}, "附近没有已知地点（"),
        (north(0), {}, "附近没有已知地点（定位 31.23040, 121.47370，WGS-84）"),
    ],
)  # fmt: skip
def test_words_come_first_and_figures_after(
    position: tuple[float, float], given: dict[str, object], words: str
) -> None:
    assert in_words(position, **given).startswith(words)  # type: ignore[arg-type]


@given(metres=st.floats(0, 100_000))
def test_a_distance_is_never_nothing(metres: float) -> None:
    assert not distance(metres).startswith("0 ")


def test_places_are_a_table_of_the_region(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text(
        "\ufeff名称,纬度,经度,范围\n人民公园,31.233,121.47,500\n\n社区食堂,31.232,121.4737\n", "utf-8"
    )
    assert read_places(tmp_path) == (PARK, Place("社区食堂", 31.232, 121.4737, 1000))
    assert read_places(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("line", ["甲,north,121", "甲,31", "甲,310,121", ",31,121", "甲,31,121,-5"])
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "places.csv").write_text(f"名称,纬度,经度\n{line}\n", "utf-8")
    with pytest.raises(Invalid) as refused:
        read_places(tmp_path)
    assert refused.value.at == "places.csv:2"
