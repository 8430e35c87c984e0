"""How a registration stands to a resident by the rules and weights that are shipped."""

from datetime import date

import pytest

from kangyun.identity.deciding import decide
from kangyun.identity.rules import prior_among, resident_rules

TODAY = date(2026, 11, 22)
AMONG = 400_000
CHILD = {
    "name": ("张嘉轩",), "sex": ("male",), "birth_date": ("20200114",), "phone": ("13912345678",),
    "address": ("大营镇李家村3组23号",), "contact_name": ("许娆",),
}  # fmt: skip
BABY = {
    "newborn": ("true",), "sex": ("male",), "birth_date": ("20261101",), "phone": ("13912345678",),
    "mother_name": ("许娆",), "contact_name": ("许娆",), "institution": ("Organization/a",),
}  # fmt: skip


@pytest.fixture
def becomes():
    """Returns what becomes of a registration that meets one resident, of the registrations given."""
    rules = resident_rules(lambda: TODAY, demo=True)

    def becomes_(fields, *registrations, **more):
        fields, *registrations = [{k: said for k, said in one.items() if said} for one in (fields, *registrations)]
        prepared = rules.prepare(fields, among=AMONG, **more)
        outcome = decide([prepared.held(1, registrations).verdict], margin=rules.margin)
        return "linked" if outcome.resident else "asked" if outcome.questions else "new"

    return becomes_


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "linked"),
        ({"name": ("张嘉煊",)}, "linked"),
        ({"birth_date": ("20200101",)}, "linked"),
        ({"phone": (), "contact_name": ()}, "linked"),
        # Of one household, and not one person: a twin, a brother, the father.
        ({"name": ("张嘉豪",)}, "asked"),
        ({"name": ("张嘉豪",), "birth_date": ("20220630",)}, "new"),
        ({"name": ("张伟",), "birth_date": ("19900504",)}, "new"),
        ({"birth_date": ("19900504",)}, "new"),
        # A namesake of the day.
        ({"phone": ("13787654321",), "address": ("小营镇王家村1组1号",), "contact_name": ()}, "asked"),
    ],
)
def test_without_a_number(becomes, changes, outcome):
    assert becomes(CHILD | changes, CHILD) == outcome


@pytest.mark.parametrize(
    ("name", "beside", "outcome"),
    [("WANG", (), "asked"), ("WANG JIANGUO", (), "linked"), ("WANG", ("13912345678",), "linked")],
)
def test_half_a_name_and_a_day_are_nobody(becomes, name, beside, outcome):
    said = {"name": (name,), "sex": ("male",), "birth_date": ("19720611",), "phone": beside}
    assert becomes(said, said) == outcome


@pytest.mark.parametrize(
    ("birth", "beside", "outcome"),
    [
        ("1972", (), "asked"),
        ("197206", (), "asked"),
        ("19720611", (), "linked"),
        ("1972", ("13912345678",), "linked"),
    ],
)
def test_a_year_is_no_day_of_birth(becomes, birth, beside, outcome):
    said = {"name": ("欧阳建国",), "sex": ("male",), "birth_date": (birth,), "phone": beside}
    assert becomes(said, said) == becomes(said, said | {"birth_date": (birth, "19720612")}) == outcome


@pytest.mark.parametrize(("among", "birth", "outcome"), [
    (AMONG, "19700101", "certain"), (5_000_000, "19700504", "certain"), (5_000_000, "19700101", "possible"),
])  # fmt: skip
def test_new_years_day_is_many_peoples(among, birth, outcome):
    said = {"name": ("王伟",), "sex": ("male",), "birth_date": (birth,)}
    verdict = resident_rules(lambda: TODAY, demo=True).prepare(said, among=among).held(1, [said]).verdict
    assert verdict.grade == outcome


@pytest.mark.parametrize(
    ("changes", "other", "outcome"),
    [
        ({"institution": ("Organization/b",)}, BABY, "linked"),
        ({"newborn": (), "name": ("张嘉轩",), "mother_name": ()}, BABY, "linked"),
        ({"sex": ("female",), "institution": ("Organization/b",)}, BABY, "asked"),
        # Two babies of one ward, and the elder and the younger.
        ({}, BABY, "asked"),
        ({"birth_order": ("2", "3")}, BABY | {"birth_order": ("1",)}, "new"),
        ({"newborn": (), "name": ("张嘉轩",), "mother_name": ()}, BABY | {"birth_order": ("1",)}, "asked"),
    ],
)
def test_newborns_without_a_name(becomes, changes, other, outcome):
    assert becomes(BABY | changes, other) == becomes(other, BABY | changes) == outcome


def test_a_relatives_number_links_nobody(becomes):
    number = "990102199011095840"
    mother = {
        "name": ("许娆",), "sex": ("female",), "birth_date": ("19901109",), "any_number": (number,),
        "id_number": (number,), "certain": (f"id_number|{number}",), "phone": ("13912345678",),
        "address": ("大营镇李家村3组23号",),
    }  # fmt: skip
    own = {"name": ("许娆",), "sex": ("female",), "birth_date": ("20200114",), "doubtful_number": (number,)}
    assert becomes(mother | own | {"certain": (), "id_number": ()}, mother) == "asked"
    lent = mother | {"name": ("许嘉",), "surname": ("许",), "derived": ("birth_date",)}
    assert becomes(lent, mother | {"surname": ("许",)}) == "asked"


def test_a_newborn_under_its_fathers_number_is_not_the_father():
    rules = resident_rules(lambda: TODAY, demo=True)
    beside = {"gender": "male", "telecom": [{"system": "phone", "value": "13912345678"}],
              "address": [{"text": CHILD["address"][0]}],
              "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": "990102199005040094"}]}  # fmt: skip
    father, child = (rules.read({"name": [{"text": name}]} | beside).fields for name in ("张伟", "张伟之子"))
    verdict = rules.prepare(child, among=AMONG).held(1, [father]).verdict
    assert (verdict.certain, verdict.grade, decide([verdict], margin=rules.margin).resident) == (
        False,
        "possible",
        None,
    )


def test_a_new_name_links_but_not_where_a_relative_bears_it():
    rules = resident_rules(lambda: TODAY, demo=True)
    father = {
        "name": ("张伟",), "surname": ("张",), "sex": ("male",), "birth_date": ("19900504",), "id_number": ("1",),
        "any_number": ("1",), "certain": ("id_number|1",), "phone": ("13912345678",), "address": CHILD["address"],
    }  # fmt: skip
    arriving = rules.prepare(father | {"name": ("张嘉轩",), "pinyin": ("zhangjiaxuan",)}, among=AMONG)
    with_card = arriving.held(1, [father]).verdict
    own = {"id_number": ("2",), "any_number": ("2",), "pinyin": ("zhangjiaxuan",)}
    son = arriving.held(2, [CHILD | own]).verdict
    assert decide([with_card], margin=rules.margin).resident == 1
    outcome = decide([with_card, son], margin=rules.margin)
    assert (outcome.resident, [one.because for one in outcome.questions]) == (None, [("number-of-another",)])


def test_a_brothers_card_with_its_day_of_birth_is_asked_about_where_the_brother_is_known():
    rules = resident_rules(lambda: TODAY, demo=True)
    holder = {
        "name": ("王建国",), "sex": ("male",), "birth_date": ("19700504",), "id_number": ("1",), "any_number": ("1",),
        "certain": ("id_number|1",), "phone": ("13912345678",), "pinyin": ("wangjianguo",),
    }  # fmt: skip
    own = {"id_number": ("2",), "any_number": ("2",), "certain": (), "birth_date": ("19720811",)}
    brother = holder | own | {"name": ("王建军",), "pinyin": ("wangjianjun",)}
    arriving = rules.prepare(holder | {"name": ("王建军",), "pinyin": ("wangjianjun",)}, among=AMONG)
    with_card, known = arriving.held(1, [holder]).verdict, arriving.held(2, [brother]).verdict
    assert decide([with_card], margin=rules.margin).resident == 1
    outcome = decide([with_card, known], margin=rules.margin)
    assert (outcome.resident, [one.because for one in outcome.questions]) == (None, [("number-of-another",)])


def test_a_twin_with_the_others_card_is_asked_about(becomes):
    own = CHILD | {"surname": ("张",), "certain": ("visit_card|Organization/a|10023",)}
    assert becomes(own | {"name": ("张嘉豪",)}, own) == "asked"
    assert becomes(own | {"name": ("张嘉煊",)}, own) == "linked"


def test_a_day_that_nobody_knows_is_not_after_a_death(becomes):
    number = {"certain": ("id_number|1",), "name": ("张嘉轩",)}
    assert becomes(number, number | {"deceased": ("20200101",)}) == "asked"
    assert becomes(number, number | {"deceased": ("20200101",)}, historic=True) == "linked"


def test_who_comes_after_his_death_without_a_number_is_asked_about(becomes):
    assert becomes(CHILD, CHILD | {"deceased": ("20250101",)}) == "asked"
    assert becomes(CHILD, CHILD | {"deceased": ("20250101",)}, historic=True) == "linked"


def test_one_visit_cards_number_in_two_hospitals_that_nobody_names_is_no_evidence():
    rules = resident_rules(lambda: TODAY, demo=True)
    card = {"type": {"text": "就诊卡"}, "value": "10023"}
    reading = rules.read({"resourceType": "Patient", "name": [{"text": "王伟"}], "identifier": [card]})
    verdict = rules.prepare(reading.fields, among=AMONG).held(1, [reading.fields]).verdict
    assert decide([verdict], margin=rules.margin).resident is None


@pytest.mark.parametrize(
    ("number", "other"), [("33010000012345", "33010000012345"), ("330106197005040", "330106197005041")]
)
def test_nor_does_a_number_that_decides_nothing_link_a_brother(number, other):
    rules = resident_rules(lambda: TODAY, demo=True)

    def said(name, number, **more):
        own = {"type": {"text": "医保号"}, "value": number}
        patient = {"resourceType": "Patient", "name": [{"text": name}], "identifier": [own]} | more
        return rules.read(patient).fields

    brother = rules.prepare(said("王建军", other), among=AMONG).held(
        1, [said("王建国", number, birthDate="1970-05-04")]
    )
    assert decide([brother.verdict], margin=rules.margin).resident is None


def test_the_more_are_registered_the_more_are_namesakes():
    assert prior_among(0) == prior_among(10_000) > prior_among(400_000) > prior_among(50_000_000)
