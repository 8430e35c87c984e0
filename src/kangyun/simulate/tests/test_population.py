"""The residents of a city against the sources that `data/SOURCE.md` names, and what must hold of any of them."""

import re
from collections import Counter
from datetime import date, timedelta

import pytest

from kangyun.base.numbers import resident_id
from kangyun.identity.registration.reading import read
from kangyun.simulate import City, Traps, row
from kangyun.simulate.documents import DOCUMENTS

UNTIL = date(2025, 11, 1)


@pytest.fixture(scope="module")
def residents():
    return list(City(11, 20_000, UNTIL).residents())


@pytest.fixture(scope="module")
def rows(residents):
    return [row(resident, UNTIL) for resident in residents]


@pytest.fixture(scope="module")
def traps(residents):
    finder = Traps()
    return [trap for resident in residents for trap in finder.of(resident)]


def share(of, holds):
    return sum(map(bool, map(holds, of))) / len(of)


def test_more_residents_do_not_change_the_first(rows):
    assert [row(resident, UNTIL) for resident in City(11, 500, UNTIL).residents()] == rows[:500]


def test_another_seed_gives_other_people(rows):
    assert [row(resident, UNTIL) for resident in City(12, 5, UNTIL).residents()] != rows[:5]


# Census of 2020, bulletin no. 5, and the sex ratio of bulletin no. 4; the bands leave room for chance and for the fit.
@pytest.mark.parametrize(
    ("youngest", "oldest", "expected"), [(0, 14, 0.1795), (15, 59, 0.6335), (60, 120, 0.1870), (65, 120, 0.1350)]
)
def test_ages_are_those_of_the_census(residents, youngest, oldest, expected):
    found = share(residents, lambda who: youngest <= int(who.age(UNTIL)) <= oldest)
    assert found == pytest.approx(expected, abs=0.015)


def test_men_and_women_are_as_many_as_the_census_says(residents):
    assert share(residents, lambda who: who.sex == "male") == pytest.approx(0.5124, abs=0.02)


def test_households_are_as_large_as_the_census_says(residents):
    assert len(residents) / len({who.household for who in residents}) == pytest.approx(2.62, abs=0.12)


def test_more_than_a_quarter_is_registered_elsewhere(residents):
    assert share(residents, lambda who: who.registered_home) == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize(
    ("surname", "expected"), [("王", 7.25), ("李", 7.19), ("张", 6.83), ("刘", 5.38), ("陈", 4.53)]
)
def test_surnames_have_their_published_shares(residents, surname, expected):
    # The shares are of the whole register; ours is of a list that covers less of it.
    whole = 86.5 / 100
    found = share([who for who in residents if who.papers.name.surname], lambda w: w.papers.name.surname == surname)
    assert found == pytest.approx(expected / 100 / whole, rel=0.15)


def test_names_are_many_and_few_are_frequent(residents):
    given = Counter(who.papers.name.given for who in residents)
    assert len(given) > 5_000
    assert given.most_common(1)[0][1] < 300


@pytest.mark.parametrize(
    "pattern",
    [
        r".+·.+",
        r"(欧阳|司马|上官|诸葛|皇甫|慕容|令狐|东方|司徒|尉迟|呼延|夏侯|公孙|端木).+",
        r".*[喆堃淼犇翀垚赟燚彧昇旻祎頔璟韫晞骉祐].*",
    ],
    ids=["dotted", "compound", "rare"],
)  # fmt: skip
def test_there_are_names_of_every_pattern(rows, pattern):
    assert any(re.fullmatch(pattern, one.name) for one in rows)


def test_some_have_a_passport_and_a_latin_name(rows):
    assert all(one.latin and one.number.startswith("UT") for one in rows if one.document == "passport")
    assert any(one.document == "passport" for one in rows)


def test_no_number_stands_under_a_real_division_and_nobody_has_that_of_another(rows):
    numbers = [one.number for one in rows]
    former = [value for one in rows for _, what, value in one.former if what == "number" and value]
    assert len(set(numbers + former)) == len(numbers) + len(former)
    # Travel permits of ranges that nobody was given: SOURCE.md.
    assert all(re.fullmatch(r"99\d{15}[\dX]|UT\d{7}|[HM]?9\d{7}", number) for number in numbers + former)


@pytest.mark.parametrize("document", sorted(set(DOCUMENTS) - {"id"}))
def test_there_are_papers_of_every_kind_and_the_platform_reads_them(residents, document):
    few = [who for who in residents if who.document == document]
    assert 2 <= len(few) <= 60
    for who in few:
        paper = DOCUMENTS[document]
        patient = {"identifier": [{"type": paper.type, "system": paper.system, "value": who.papers.number}]}
        ((_, number),) = read(patient, UNTIL, demo=True).certain
        assert number == who.papers.number


def test_the_adopted_had_another_name_and_home_and_nobody_of_this_family(residents):
    adopted = [who for who in residents if who.adopted]
    assert 8 <= len(adopted) <= 40
    for who in adopted:
        day = who.adopted - timedelta(days=1)
        before, since = who.as_of(day), who.as_of(who.adopted)
        assert before.name != since.name and before.home != since.home and before.number == who.papers.number
        assert list(who.kin(day)) == [] and who.mother in list(who.kin(who.adopted))
        assert who.as_of(who.birth).number == "" and who.mother.papers.name.text not in who.as_of(who.birth).name.text


def test_children_and_wards_have_a_guardian_of_age(residents, rows):
    known = {who.id: who for who in residents}
    wards = [one for one in rows if one.is_ward]
    assert 50 <= len(wards) <= 160
    assert share([one for one in rows if one.guardian == "" and not one.death], lambda one: one.is_ward) < 0.01
    for one in (one for one in rows if one.guardian):
        guardian, who = known[one.guardian], known[one.id]
        assert (one.is_ward or who.age(UNTIL) < 18) and guardian.age(UNTIL) >= 18
        assert guardian.death is None and not guardian.is_ward


def test_numbers_are_right(rows):
    for one in (one for one in rows if one.document == "id"):
        assert one.number == resident_id.made(one.number[:6], one.birth, int(one.number[14:17]))
        assert int(one.number[16]) % 2 == (one.sex == "male")


def test_telephones_are_of_a_range_that_nobody_has_and_one_persons(rows):
    phones = [one.phone for one in rows if one.phone]
    assert len(set(phones)) == len(phones)
    assert all(re.fullmatch(r"154\d{8}", phone) for phone in phones)


def test_parents_are_older_than_children(residents):
    pairs = [(who, parent) for who in residents for parent in (who.father, who.mother) if parent]
    assert len(pairs) > 5_000
    assert min((who.birth - parent.birth).days for who, parent in pairs) > 18 * 365


def test_papers_change(rows):
    kinds = Counter(what for one in rows for _, what, _ in one.former)
    assert {"name", "number", "phone", "home"} <= set(kinds)
    assert kinds["home"] / len(rows) == pytest.approx(0.47, abs=0.06)  # 4 % of households in each of 12 years


def test_newborns_have_no_number_and_the_mothers_name_at_first(residents):
    infants = [who for who in residents if who.age(UNTIL) < 3 and who.mother and who.papers.name.surname]
    at_birth = [who.as_of(who.birth) for who in infants]
    assert {papers.number for papers in at_birth} == {""}
    assert all(re.fullmatch(r".+之[大小]?[子女]", papers.name.text) for papers in at_birth)


def test_as_many_have_died_as_the_rates_say(residents):
    assert share(residents, lambda who: who.death) == pytest.approx(0.025, abs=0.008)  # 5 years of 5 in 1,000


@pytest.mark.parametrize("kind", ["twins", "alike", "phone", "namesakes"])
def test_there_are_traps_of_every_kind(traps, kind):
    assert len([trap for trap in traps if trap.kind == kind]) >= 8


def test_a_trap_is_two_residents(traps, rows):
    known = {one.id for one in rows}
    assert all(set(trap.residents) <= known and len(set(trap.residents)) == 2 for trap in traps)
