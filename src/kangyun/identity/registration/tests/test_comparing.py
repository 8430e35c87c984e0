"""Comparators of the linkage: tables, and what holds for each: symmetric, equal first, nothing raises."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.numbers import resident_id
from kangyun.identity.registration.comparing import COMPARATORS
from kangyun.identity.registration.slips import transposed, within

FAR = "far"
NUMBER = "11010519491231002X"


def grade(comparator, one, other):
    graded = COMPARATORS[comparator]
    return (*graded.grades, FAR)[graded.compare(one, other)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("张伟", "张 伟", "exact"),
        ("买买提·吐尔逊", "买买提吐尔逊", "exact"),
        ("张䶮", "张\ue863", "exact"),
        ("张伟", "张伟(大)", "exact"),
        ("張偉", "张伟", "variant"),
        ("李峯", "李峰", "variant"),
        ("张龑", "张䶮", "variant"),
        ("张伟", "章玮", "sound"),
        ("单雄信", "善雄信", "sound"),
        ("解晓东", "谢晓东", "sound"),
        ("乐嘉", "岳嘉", "sound"),
        ("ZHANG WEI", "张伟", "sound"),
        ("Zhangwei", "张伟", "sound"),
        ("吕伟", "LYU WEI", "sound"),
        ("张昇", "张升", "sound"),
        ("张伟", "伟张", "swapped"),
        ("张小明", "张明小", "swapped"),
        ("Wei Zhang", "张伟", "swapped"),
        ("John Smith", "Smith John", "swapped"),
        ("欧阳娜娜", "娜娜欧阳", "swapped"),
        ("李晴", "李睛", "look-alike"),
        ("李丽茜", "李丽茵", "look-alike"),
        ("余华", "佘华", "look-alike"),
        ("买买提·吐尔逊", "买买提", "parts"),
        ("阿卜杜拉·买买提", "A·买买提", "parts"),
        ("J Smith", "John Smith", "parts"),
        ("阿卜杜拉·买买提·吐尔逊", "阿卜杜拉·吐尔逊", "parts"),
        ("李建国", "李建军", "one-character"),
        ("欧阳娜娜", "欧阳娜", "one-character"),
        ("张小明", "张明", "one-character"),
        ("李秀英", "王秀英", "given"),
        ("黄梅", "丁黄梅", "given"),
        ("张海燚", "张海火火火火", "look-alike"),
        ("王强", "王建国", FAR),
        ("王景骉", "王景马马马", "look-alike"),
        ("林静", "宁金", "sound"),
        ("巴合提·努尔兰", "巴合提·努", "parts"),
        ("阿依·买买提", "阿依古丽·买买提", FAR),
        ("ILHAM EHMET", "伊力哈木·艾合买提", "transcribed"),
        ("TSERING TENZIN", "次仁旦增", "transcribed"),
        ("MEMET TURSUN", "吐尔逊·买买提", "transcribed"),
        ("ILHAM EHMET", "买买提·吐尔逊", FAR),
        ("欧阳娜娜", "王娜娜", "given"),
        ("张伟", "张辉", "near-sound"),
        ("陈晓红", "陈晓航", "one-character"),
        ("林小芬", "林晓芳", "near-sound"),
        ("张伟", "张明", FAR),
        ("张伟", "李芳", FAR),
        ("李娟之女", "李娟", FAR),
        ("张", "", FAR),
        ("-", "无", FAR),
        ("阿依古丽·买买提", "阿依古丽·吐尔逊", FAR),
        ("John Smith", "张伟", FAR),
    ],
)
def test_names(one, other, expected):
    assert grade("chinese-name", one, other) == grade("chinese-name", other, one) == expected


@pytest.mark.parametrize(
    ("comparator", "one", "other", "expected"),
    [
        ("id-number", "990000500312101", "990000195003121011", "same"),
        ("id-number", "11010519491231002x", NUMBER, "same"),
        ("id-number", NUMBER, "110105194912310021", "slip"),
        ("id-number", NUMBER, "11010519491231020X", "slip"),
        ("id-number", NUMBER, "1101051949123102X", "slip"),
        ("id-number", NUMBER, "110106194912310020", "elsewhere"),
        ("id-number", NUMBER, "110105194912311048", "same-birth"),
        ("id-number", NUMBER, "440524188001010014", FAR),
        ("phone", "+86 13912345678", "13912345678", "same"),
        ("phone", "0531-88886666", "88886666", "tail"),
        ("phone", "13912345678", "13912345679", "slip"),
        ("phone", "13912345678", "13712345670", FAR),
        ("birth-date", "1950-03-12", "19500312", "same"),
        ("birth-date", "19500312", "19501203", "swapped"),
        ("birth-date", "19500312", "19500313", "slip"),
        ("birth-date", "19500312", "19510312", "slip"),
        ("birth-date", "19500321", "19500312", "transposed"),
        ("birth-date", "19591231", "19601231", "year"),
        ("birth-date", "19950312", "20050312", "decade"),
        ("birth-date", "19500312", "19500101", "default"),
        ("birth-date", "1950", "19500312", "default"),
        ("birth-date", "195003", "19500312", "month"),
        ("birth-date", "19500301", "19500328", "month"),
        ("birth-date", "19500312", "19720830", FAR),
        ("division", "410105001001", "410105001001", "village"),
        ("division", "410105001001", "410105001002", "town"),
        ("division", "410105", "410105001002", "county"),
        ("division", "410105", "410103", "city"),
        ("division", "410105", "411503", "province"),
        ("division", "410105", "110105", FAR),
        ("address", "大营镇李家村三组二十三号", "大营镇李家村委会3组23号", "door"),
        ("address", "金水区丰产路12号院3号楼2单元501室", "郑州市金水区丰产路12号院3-2-501", "door"),
        ("address", "大营镇李家村三组二十三号", "云川县大营镇李家村", "place"),
        ("address", "大营镇李家村三组二十三号", "云川县大营镇李家村5组", "other-door"),
        ("address", "大营镇李家村三组二十三号", "大营镇李家村三组二十五号", "other-door"),
        ("address", "大营镇李家村", "大营镇王家村", "town"),
        ("address", "云川县大营镇李家村", "云川县小营镇李家村", "county"),
        ("address", "云城市云川县李家村", "云城市云山县李家村", "city"),
        ("address", "云川县大营镇", "金水区丰产路", FAR),
        ("sex", "male", "male", "same"),
        ("sex", "male", "female", FAR),
    ],
)
def test_grades(comparator, one, other, expected):
    assert grade(comparator, one, other) == grade(comparator, other, one) == expected


VALUES = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="张伟玮玉王欧阳娜·. AB,1", max_size=8),
    st.from_regex(r"(19|20)?\d{2}-?[01]\d-?[0-3]\d", fullmatch=True),
    st.from_regex(r"[1-9]\d{14}(\d{2}[\dX])?", fullmatch=True),
    st.text(alphabet="金水区大营镇李家村三组0123号丰产路栋单元室-", max_size=16),
)


@pytest.mark.parametrize("comparator", sorted(COMPARATORS))
@given(one=VALUES, other=VALUES)
def test_every_comparator_is_symmetric_and_bounded(comparator, one, other):
    graded = COMPARATORS[comparator]
    assert graded.compare(one, one) == 0
    assert graded.compare(one, other) == graded.compare(other, one)
    assert 0 <= graded.compare(one, other) <= len(graded.grades)


@given(st.dates(date(1900, 1, 1)), st.integers(0, 16), st.integers(1, 9))
def test_a_slip_in_a_number_is_a_slip(birth, place, more):
    number = resident_id.made("110105", birth, 2)
    wrong = number[:place] + str((int(number[place]) + more) % 10) + number[place + 1 :]
    assert grade("id-number", number, wrong) == "slip"


SHORT = st.text(alphabet="abc", max_size=6)


@given(SHORT, SHORT, st.integers(0, 2))
def test_slips_are_those_of_the_definition(one, other, limit):
    assert within(one, other, limit) == (_distance(one, other) <= limit)


@given(SHORT)
def test_a_transposition_is_one_slip(word):
    turned = word[:1] + word[2:3] + word[1:2] + word[3:]
    assert transposed(word, turned) is (word != turned)
    assert within(word, turned, 1)


def _distance(one, other):
    """Optimal string alignment, by the book: the oracle."""
    if not one or not other:
        return len(one) + len(other)
    if one[0] == other[0]:
        return _distance(one[1:], other[1:])
    steps = [_distance(one[1:], other), _distance(one, other[1:]), _distance(one[1:], other[1:])]
    turned = [_distance(one[2:], other[2:])] * (one[:2] == other[1::-1] and len(one) > 1)
    return 1 + min(steps + turned)
