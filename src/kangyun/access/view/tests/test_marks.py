"""Which health marks a record bears out."""

from datetime import date
from pathlib import Path

import pytest

from kangyun.access.rulebook import rules_of
from kangyun.access.view.marks import marks, read_table

TODAY = date(2026, 11, 23)
TABLE = read_table(rules_of("kangyun.access.view", "marks.toml", Path("/nowhere")))


def condition(code, onset, status="active"):
    return {
        "resourceType": "Condition", "code": {"coding": [{"code": code}]}, "onsetDateTime": onset,
        "clinicalStatus": {"coding": [{"code": status}]},
    }  # fmt: skip


def mass(value, day="2026-01-02"):
    return {"code": {"coding": [{"code": "39156-5"}]}, "valueQuantity": {"value": value}, "effectiveDateTime": day}


def found(born=None, conditions=(), observations=()):
    return [one.code for one in marks(TABLE, born, conditions, observations, TODAY)]


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        (date(1961, 11, 23), ["elderly"]), (date(1961, 11, 24), []), (date(2019, 11, 24), ["child"]),
        (date(2019, 11, 23), []), (None, []),
    ],
)  # fmt: skip
def test_age(born, expected):
    assert found(born) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([condition("I10", "2015-01-02")], ["hypertension"]),
        ([condition("I10", "2015-01-02", "resolved")], []),
        ([condition("E11.9", "2015-01-02"), condition("C34.9", "2020-01-02")], ["diabetes", "cancer"]),
        ([condition("Z34.9", "2026-10-01", "resolved")], ["pregnant"]),
        ([condition("Z34.9", "2026-05-01", "resolved")], []),
        ([condition("O80.9", "2026-11-01"), condition("Z34.9", "2026-10-01")], ["puerperal"]),
        ([condition("O80.9", "2026-09-01")], []),
        ([condition("A90", "2026-11-01", "resolved")], ["infectious"]),
    ],
)
def test_conditions(conditions, expected):
    assert found(None, conditions) == expected


@pytest.mark.parametrize("said", ["refuted", "entered-in-error"])
def test_what_was_refuted_or_entered_in_error_bears_nothing_out(said):
    of = [condition("Z34.9", "2026-10-01"), condition("I10", "2015-01-02")]
    refuted = [one | {"verificationStatus": {"coding": [{"code": said}]}} for one in of]
    assert found(None, refuted) == []
    # What a wrong delivery would have ended goes on.
    birth = condition("O80.9", "2026-11-01") | {"verificationStatus": {"coding": [{"code": said}]}}
    assert found(None, [birth, of[0]]) == ["pregnant"]


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_measurement_that_was_none_bears_nothing_out(status):
    wrong = mass(40) | {"status": status}
    assert found(date(1990, 1, 1), (), [wrong, mass(24, "2020-01-02")]) == ["overweight"]


@pytest.mark.parametrize(
    ("value", "code"), [(18.4, "underweight"), (18.5, "normal-weight"), (24, "overweight"), (28, "obese")]
)
def test_weight_of_adults_by_the_newest_index(value, code):
    assert found(date(1990, 1, 1), (), [mass(value), mass(40, "2020-01-02")]) == [code]
    assert found(date(2015, 1, 1), (), [mass(value)]) == []


def test_blood_groups_say_which():
    blood = {"code": {"coding": [{"code": "883-9"}]}, "valueCodeableConcept": {"text": "A 型"}}
    (one,) = marks(TABLE, None, (), [blood], TODAY)
    assert (one.kind, one.what) == ("blood", "A 型")
