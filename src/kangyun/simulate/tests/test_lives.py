"""What happens to residents: births, deaths, seasons, outbreaks, and that everything has its place and time."""

from collections import defaultdict
from datetime import date

import pytest

from kangyun.simulate import City
from kangyun.simulate.tables import tables

UNTIL = date(2025, 11, 1)
OUTBREAK = ("J10.1", "实验小学", "2024-12-03", "2024-12-18")
CLINICS = {one.key: one.name for one in tables().institutions.institutions}
FLU_MONTHS = {"11", "12", "01", "02", "03", "04"}  # a visit may come a month after the draw


@pytest.fixture(scope="module")
def lives():
    return list(City(9, 1_200, UNTIL, 5.0).lives())


def of(lived, kind):
    return [entry["resource"] for entry in lived.bundle["entry"] if entry["resource"]["resourceType"] == kind]


def days_of(lived, icd10):
    return [c["onsetDateTime"][:10] for c in of(lived, "Condition") if c["code"]["coding"][0]["code"] == icd10]


def test_nothing_is_recorded_before_birth_or_after_death(lives):
    for lived in lives:
        last = (lived.resident.death or UNTIL).isoformat()
        starts = [encounter["period"]["start"][:10] for encounter in of(lived, "Encounter")]
        assert all(lived.resident.birth.isoformat() <= day <= last for day in starts)


def test_who_is_dead_is_said_to_be(lives):
    dead = [lived for lived in lives if lived.resident.death]
    assert len(dead) > 10
    for lived in dead:
        assert of(lived, "Patient")[0]["deceasedDateTime"] == lived.resident.death.isoformat()
        assert of(lived, "Appointment") == []


def test_some_die_in_hospital(lives):
    ends = [e.get("hospitalization", {}).get("dischargeDisposition") for one in lives for e in of(one, "Encounter")]
    assert any(end and end["coding"][0]["code"] == "exp" for end in ends)


def test_who_was_born_in_these_years_was_born_in_a_hospital(lives):
    born = [lived for lived in lives if (UNTIL - lived.resident.birth).days < 4 * 365]
    assert len(born) > 20
    assert all(days_of(lived, "Z38.0") == [lived.resident.birth.isoformat()] for lived in born)


def test_influenza_has_its_season(lives):
    days = [day for lived in lives for day in days_of(lived, "J10.1")]
    assert len(days) > 100
    assert {day[5:7] for day in days} <= FLU_MONTHS


def test_an_outbreak_goes_round_where_it_is_and_nowhere_else(lives):
    code, among, first, last = OUTBREAK
    ill = defaultdict(list)
    for lived in lives:
        group = "in" if lived.resident.occupation == among else "out"
        ill[group].append(any(first <= day < last for day in days_of(lived, code)))
    assert sum(ill["in"]) / len(ill["in"]) > 0.1
    assert sum(ill["out"]) / len(ill["out"]) < 0.03


def test_people_go_where_they_live(lives):
    """A village clinic or community station is that of a home, the present one or a former one."""
    stations = ("卫生室", "卫生服务站")
    for lived in lives:
        homes = [lived.resident.papers.home, *(v for _, what, v in lived.resident.history if what == "home")]
        clinics = {CLINICS[home.village.clinic] for home in homes}
        visited = {e["serviceProvider"]["display"] for e in of(lived, "Encounter")}
        assert {name for name in visited if name.endswith(stations)} <= clinics
