"""The team of the demonstration's first residents."""

from datetime import date

import pytest

from kangyun.simulate.team import BY_ALL, TEAMED, with_team

FAMILY, DOCTOR = "Practitioner/family", "Practitioner/doctor"
BUNDLE = {"entry": [{"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "1"}}]}


def added(place):
    return [one["resource"] for one in with_team(BUNDLE, place, (FAMILY, DOCTOR), date(2026, 11, 23))["entry"][1:]]


@pytest.mark.parametrize(
    ("place", "members"), [(0, [FAMILY, DOCTOR]), (BY_ALL - 1, [FAMILY, DOCTOR]), (BY_ALL, [FAMILY])]
)
def test_a_resident_has_a_team(place, members):
    team = added(place)[0]
    assert [one["member"]["reference"] for one in team["participant"]] == members
    assert team["subject"]["reference"] == "urn:uuid:1"


def test_the_others_have_none():
    assert added(TEAMED) == []


def test_a_stay_ended_and_a_result_came_on_the_last_day():
    _, stay, diagnosis, result = added(5)
    assert stay["period"]["end"] == "2026-11-23T10:00:00+08:00"
    assert stay["diagnosis"][0]["condition"]["reference"] == f"urn:uuid:{diagnosis['id']}"
    assert diagnosis["encounter"]["reference"] == f"urn:uuid:{stay['id']}"
    assert diagnosis["code"]["coding"][0]["code"] == "J44.1"
    assert result["interpretation"][0]["coding"][0]["code"] == "HH"
