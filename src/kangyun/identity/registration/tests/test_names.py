"""Names as registrations write them: minority names, compound family names, rare characters, readings."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kangyun.identity.registration import names, pinyin
from kangyun.identity.registration.surnames import split


@pytest.mark.parametrize(
    ("written", "kind", "name", "surname"),
    [
        ("张伟", "chinese", "张伟", "张"),
        ("　测 试 甲　", "chinese", "测试甲", "测"),
        ("欧阳娜娜", "chinese", "欧阳娜娜", "欧阳"),
        ("尉迟恭", "chinese", "尉迟恭", "尉迟"),
        ("单于", "chinese", "单于", "单"),
        ("張偉", "chinese", "張偉", "張"),
        ("张\ue863", "chinese", "张䶮", "张"),
        ("测试\ue0a1", "chinese", "测试\ue0a1", "测"),
        ("测试𠮷", "chinese", "测试𠮷", "测"),
        ("张伟2", "chinese", "张伟", "张"),
        ("张伟*", "chinese", "张伟", "张"),
        ("张先生", "chinese", "张", "张"),
        ("张\u200b伟", "chinese", "张伟", "张"),
        ("阿测试•买测试提", "parts", "阿测试·买测试提", ""),
        ("阿测试．买测试提", "parts", "阿测试·买测试提", ""),
        ("阿测试.买测试提", "parts", "阿测试·买测试提", ""),
        ("阿测试・买测试提", "parts", "阿测试·买测试提", ""),
        ("阿测试‧买测试提", "parts", "阿测试·买测试提", ""),
        ("阿测试 · 买测试提", "parts", "阿测试·买测试提", ""),
        ("买买提 吐尔逊", "parts", "买买提·吐尔逊", ""),
        ("买买提-吐尔逊", "parts", "买买提·吐尔逊", ""),
        ("阿测试买测试提", "parts", "阿测试买测试提", ""),
        ("A·买买提", "parts", "A·买买提", ""),
        ("J. Smith", "latin", "J SMITH", ""),
        ("SMITH, John", "latin", "SMITH JOHN", "SMITH"),
        ("Mr John Smith", "latin", "JOHN SMITH", ""),
        ("Zhang Wei", "latin", "ZHANG WEI", ""),
        ("无名氏", "unidentified", "", ""),
        ("无名男3", "unidentified", "", ""),
        ("王某某", "masked", "", ""),
        ("张*明", "masked", "", ""),
        ("J*** S****", "masked", "", ""),
        ("不详", "none", "", ""),
        ("-", "none", "", ""),
        ("11010519491231002X", "none", "", ""),
        ("(大)", "none", "", ""),
    ],
)
def test_what_a_name_is(written, kind, name, surname):
    read = names.read(written)
    assert (read.kind, read.text, read.surname) == (kind, name, surname)


@pytest.mark.parametrize(
    ("written", "mother", "sex", "note"),
    [
        ("李娟之女", "李娟", "female", "之女"),
        ("李娟之子", "李娟", "male", "之子"),
        ("李娟之婴(大)", "李娟", "", "大 之婴"),
        ("欧阳娜娜之小女", "欧阳娜娜", "female", "之小女"),
        ("李娟男婴", "李娟", "male", "男婴"),
        ("王某之婴", "", "", "之婴"),
        ("王婴儿", "", "", "王婴儿"),
        ("新生儿", "", "", "新生儿"),
        ("李娟孩子", "李娟", "", "孩子"),
        ("李娟（新生儿）", "李娟", "", "新生儿"),
        ("李娟(大女)", "李娟", "female", "大女"),
    ],
)
def test_newborns_have_no_name_yet(written, mother, sex, note):
    read = names.read(written)
    assert (read.kind, read.text, read.mother, read.sex, read.note) == ("newborn", "", mother, sex, note)


def test_what_stands_beside_a_name_is_kept_apart():
    assert (names.read("李娟(女)").text, names.read("李娟(女)").note) == ("李娟", "女")
    assert (names.read("测试（辛）").text, names.read("测试（辛）").note) == ("测试", "辛")


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("单雄信", "shanxiongxin"), ("解晓东", "xiexiaodong"), ("仇英", "qiuying"), ("曾国藩", "zengguofan"),
        ("查良镛", "zhaliangyong"), ("朴树", "piaoshu"), ("区志强", "ouzhiqiang"), ("任贤", "renxian"),
        ("盖聂", "genie"), ("尉迟恭", "yuchigong"), ("万俟卨", "moqixie"), ("令狐冲", "linghuchong"),
        ("吕布", "lvbu"), ("LYU BU", "lvbu"), ("翟志", "zhaizhi"), ("乐毅", "yueyi"), ("张𬍛", "zhangli"),
    ],
)  # fmt: skip
def test_readings_of_family_names(name, letters):
    assert pinyin.sound(names.read(name)).letters == letters


def test_a_character_with_several_readings_has_them_all():
    assert {"yue", "le"} <= pinyin.sound(names.read("王乐")).readings[1]
    assert {"shan", "dan"} <= pinyin.sound(names.read("单雄信")).readings[0]


@pytest.mark.parametrize(
    ("name", "parts"),
    [("张伟", ("张", "伟")), ("欧阳锋", ("欧阳", "锋")), ("欧阳", ("欧", "阳")), ("", ("", ""))],
)
def test_family_and_given_name(name, parts):
    assert split(name) == parts


@pytest.mark.parametrize(("name", "found"), [("测试\ue0a1", True), ("张\ue863", False), ("张𠮷", False)])
def test_private_codes_that_nobody_explains(name, found):
    assert names.has_private_character(name) is found


SIGNS = st.text(alphabet="张伟欧阳娜·•.．-(）（)之女某婴*12 A,b　\ue0a1\ue863𠮷無名氏先生", max_size=12)


@example("R\u00b8\u33e0")
@given(st.one_of(SIGNS, st.text(max_size=30)))
def test_nothing_raises_and_a_name_is_normal_once(written):
    name = names.read(written)
    again = names.read(name.text)
    assert again.text in ("", name.text)
    assert len(pinyin.sound(name).usual) == len(pinyin.sound(name).readings)
