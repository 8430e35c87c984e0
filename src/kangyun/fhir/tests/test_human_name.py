"""How somebody is called: the official name first, an old one never."""

import pytest

from kangyun.fhir.human_name import name_of

OLD, USUAL = {"use": "old", "text": "旧名"}, {"text": "小名"}
OFFICIAL = {"use": "official", "family": "欧阳", "given": ["建", "国"]}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([OLD, USUAL, OFFICIAL], "欧阳建国"), ([OLD, USUAL], "小名"), ([OLD], ""), ([], ""),
        ([{"family": "欧阳", "given": [None, "国"]}], "欧阳国"), ([{"family": None, "given": ["国"]}], "国"),
        ([{"use": "official"}], ""), ([{"use": "official"}, USUAL], "小名"),
    ],
)  # fmt: skip
def test_the_official_name_comes_first_and_an_old_one_never(names, expected):
    assert name_of({"name": names}) == expected
    assert name_of({}) == ""
