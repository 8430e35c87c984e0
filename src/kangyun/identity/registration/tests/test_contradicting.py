"""Two registrations under one number: one person, or a question; and what they are looked up by."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.identity.registration.contradicting import (
    contradiction,
    of_a_relative,
    of_a_twin,
    of_the_dead,
    renamed,
)
from kangyun.identity.registration.keys import KINDS, LONGEST, MOST, keys

WOMAN = {"name": ("王秀英",), "surname": ("王",), "sex": ("female",), "birth_date": ("19900504",)}


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({}, ""),
        ({"name": ("王绣英",)}, ""),
        ({"name": ("李秀英",)}, ""),
        ({"birth_date": ("19900405",)}, ""),
        ({"birth_date": ("19721130",)}, ""),
        ({"sex": ("male",)}, ""),
        ({"sex": ()}, ""),
        ({"name": ("赵建国",)}, "other-name"),
        # 李女士: a family name is all that is said.
        ({"name": (), "surname": ("李",)}, "other-name"),
        ({"name": (), "surname": ("汪",)}, ""),
        ({"name": ("赵建国",), "sex": ("male",)}, "number-of-another"),
        ({"name": ("赵建国",), "birth_date": ("19880830",)}, "number-of-another"),
        ({"sex": ("male",), "birth_date": ("19721130",)}, "other-person"),
        ({"name": (), "birth_date": ("19880830",)}, "other-person"),
        ({"name": ("赵小宝",), "sex": ("male",), "birth_date": ("20261101",)}, "newborn-under-mother"),
        ({"name": (), "newborn": ("true",), "mother_name": ("王秀英",), "birth_date": ()}, "newborn-under-mother"),
        ({"name": (), "newborn": ("true",), "mother_name": (), "birth_date": ("20261101",)}, "newborn-under-mother"),
    ],
)
def test_what_contradicts_a_shared_number(other, code):
    changed = WOMAN | other
    assert contradiction(WOMAN, changed) == contradiction(changed, WOMAN) == code


DERIVED = {"derived": ("birth_date", "sex")}


@pytest.mark.parametrize(
    ("arriving", "code"),
    [
        # A day of birth that both registered: a slip in the name, a husband's family name.
        ({"name": ("王秀芳",)}, ""),
        ({"name": ("李秀英",)}, ""),
        # None, or the number's own: a sister with the card.
        ({"name": ("王秀芳",), "birth_date": ()}, "number-of-relative"),
        ({"name": ("王秀芳",), **DERIVED}, "number-of-relative"),
        ({"name": ("李秀英",), **DERIVED}, "number-of-relative"),
        ({"name": ("王秀芳",), "birth_date": ("19900514",)}, "number-of-relative"),
        ({"name": ("王秀芳",), "sex": ("male",)}, "number-of-relative"),
        ({"name": (), "birth_date": (), "sex": ("male",)}, "number-of-relative"),
        ({"name": ("王绣英",), "birth_date": ("19721130",)}, "number-of-relative"),
        # The same name, or one that sounds the same; and no name.
        ({"birth_date": ("19721130",)}, "number-of-namesake"),
        ({"birth_date": ("19720504", "19900405")}, ""),
        ({"birth_date": ()}, ""),
        ({"name": ("王绣英",), "birth_date": ()}, ""),
        ({"sex": ("male",), "birth_date": ()}, ""),
        ({"name": (), "sex": ("male",)}, ""),
        ({"name": (), "birth_date": (), "sex": ()}, ""),
    ],
)
def test_a_relatives_card(arriving, code):
    one, other = WOMAN | arriving, WOMAN
    assert of_a_relative(one, other, [other]) == of_a_relative(other, one, [one]) == code


@pytest.mark.parametrize(
    ("changes", "seen", "code"),
    [
        ({"name": ("王秀芳",)}, "2008-05-03", "number-of-twin"),
        ({"name": ("王秀芳",)}, "2008-05-04", ""),
        ({"name": ("王秀芳",), "birth_date": ("19900514",)}, "2000-01-01", ""),
        # A slip, a name that was cut, a new one, another family's.
        ({"name": ("王绣英",)}, "2000-01-01", ""),
        ({"name": ("王英",)}, "2000-01-01", ""),
        ({"name": ("王嘉宁",)}, "2000-01-01", ""),
        ({"name": ("李秀英",), "surname": ("李",)}, "2000-01-01", ""),
    ],
)
def test_a_twins_card(changes, seen, code):
    assert of_a_twin(WOMAN | changes, WOMAN, date.fromisoformat(seen)) == code


def test_one_registration_of_the_holders_with_the_day_is_enough():
    holder = [WOMAN | DERIVED, WOMAN]
    assert of_a_relative(WOMAN | {"name": ("王秀芳",)}, WOMAN | DERIVED, holder) == ""


RENAMED = WOMAN | {
    "name": ("王嘉宁",), "surname": ("王",), "given": ("嘉宁",), "phone": ("13912345678",), "contact_name": ("赵建国",),
}  # fmt: skip
BEFORE = RENAMED | {"name": ("王秀英",), "given": ("秀英",)}


@pytest.mark.parametrize(
    ("changes", "whether"),
    [
        ({}, True),
        ({"phone": (), "contact_name": ("趙建國",)}, True),
        ({"name": ("李秀英",), "surname": ("李",), "given": ("秀英",)}, True),
        ({"name": ("JANE SMITH",), "surname": (), "given": ()}, True),
        ({"name": (), "surname": ("李",), "given": ()}, False),
        ({"name": ("李嘉宁",), "surname": ("李",)}, False),
        ({"phone": (), "contact_name": ()}, False),
        ({"birth_date": ("19900501",)}, False),
        ({"sex": ()}, False),
        # What the number says of itself is no evidence for who bears it.
        ({"derived": ("birth_date",)}, False),
        # Who is to be called for the holder, or the holder for him, is a relative with the holder's card.
        ({"contact_name": ("王秀英",)}, False),
        ({"name": ("赵建国",), "surname": ("王",)}, False),
    ],
)
def test_another_name_may_be_a_new_one(changes, whether):
    assert renamed(RENAMED | changes, BEFORE) is whether


def test_two_registrations_of_one_newborn_do_not_contradict():
    newborn = {"newborn": ("true",), "mother_name": ("王秀英",), "birth_date": ("20261101",)}
    assert contradiction(newborn, newborn | {"mother_name": ("王绣英",)}) == ""


@pytest.mark.parametrize(
    ("holder", "arriving", "code"),
    [
        ({"deceased": ("20200101",)}, {}, "number-of-the-dead"),
        ({"deceased": ("true",)}, {}, "number-of-the-dead"),
        ({"deceased": ("2020",)}, {}, "number-of-the-dead"),
        ({"deceased": ("20261122",)}, {}, ""),
        ({"deceased": ("20200101",)}, {"deceased": ("true",)}, ""),
        ({}, {}, ""),
    ],
)
def test_a_number_of_the_dead(holder, arriving, code):
    assert of_the_dead(holder, arriving, date(2026, 11, 22)) == code


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ({"id_number": ("1",)}, {"doubtful_number": ("1",)}, "id"),
        ({"id_number": ("1",)}, {"mother_number": ("1",)}, "id"),
        ({"passport": ("E1",)}, {"passport": ("E1",)}, "no"),
        ({"phone": ("13912345678",)}, {"contact_phone": ("13912345678",)}, "tel"),
        ({"name": ("张伟",), "birth_date": ("19900504",)}, {"name": ("章玮",), "birth_date": ("19900504",)}, "bi"),
        ({"name": ("张伟",), "birth_date": ("19900504",)}, {"name": ("WEI ZHANG",), "birth_date": ("19900504",)}, "bi"),
        ({"name": ("张伟",), "birth_date": ("19900504",)}, {"name": ("張芳",), "birth_date": ("19900504",)}, "bs"),
        ({"name": ("李秀英",), "birth_date": ("19900504",)}, {"name": ("王秀英",), "birth_date": ("19900504",)}, "bg"),
        ({"name": ("李四",), "birth_date": ("19900504",)}, {"name": ("李三",), "birth_date": ("19900405",)}, "swap"),
        ({"name": ("张伟",), "birth_date": ("19900504",)}, {"name": ("章玮",), "birth_date": ("19901231",)}, "py"),
        ({"name": ("张伟",), "birth_date": ("1990",)}, {"name": ("伟张",), "birth_date": ("19901231",)}, "turn"),
        ({"name": ("熊海军",), "birth_date": ("19630927",)}, {"name": ("熊海君",), "birth_date": ("19620927",)}, "pm"),
        (
            {"name": ("赵牡丹",), "birth_date": ("19630927",), "town": ("云川县青石镇",)},
            {"name": ("赵玫瑰",), "birth_date": ("1963",), "town": ("云川县青石镇",)},
            "ft",
        ),
        ({"name": ("赵牡丹",), "town": ("云川县青石镇",)}, {"name": ("趙牡丹",), "town": ("云川县青石镇",)}, "nt"),
        (
            {"name": ("买买提·吐尔逊",), "birth_date": ("1990",)},
            {"name": ("买买提吐尔逊",), "birth_date": ("1990",)},
            "part",
        ),
        (
            {"mother_name": ("王秀英",), "birth_date": ("20261101",)},
            {"mother_name": ("王秀英",), "birth_date": ("20261102",)},
            "mum",
        ),
        (
            {"mother_name": ("王秀英",), "birth_date": ("20261101",)},
            {"contact_name": ("王秀英",), "birth_date": ("20261102",)},
            "mum",
        ),
        (
            {"name": ("ILHAM EHMET",), "birth_date": ("1990",)},
            {"name": ("艾合买提·伊力哈木",), "birth_date": ("1990",)},
            "cons",
        ),
        (
            {"name": ("赵小宝",), "contact_name": ("王秀英",)},
            {"name": ("赵宝宝",), "contact_name": ("王秀英",)},
            "kin",
        ),
    ],
)
def test_registrations_of_one_person_share_a_key(one, other, kind):
    shared = {key.partition(":")[0] for key in set(keys(one)) & set(keys(other))}
    assert kind in shared


def test_a_name_that_very_many_have_looks_nobody_up_by_its_town():
    assert keys({"name": ("张伟",), "town": ("云川县青石镇",)}) == ()


@given(
    st.dictionaries(
        st.sampled_from(
            ["name", "birth_date", "id_number", "phone", "town", "mother_name", "contact_name", "passport"]
        ),
        st.lists(st.text(alphabet="张伟欧阳娜·AB 0123456789", min_size=1, max_size=12), max_size=16).map(tuple),
    )
)
def test_keys_are_bounded(fields):
    found = keys(fields)
    kinds = [key.partition(":")[0] for key in found]
    assert set(kinds) <= set(KINDS)
    assert all(kinds.count(kind) <= MOST for kind in KINDS)
    assert all(len(key.partition(":")[2]) <= LONGEST for key in found)
    assert len(set(found)) == len(found)
