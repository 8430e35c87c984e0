"""The tables against their sources, row by row."""

import pytest

from kangyun.base.errors import Invalid
from kangyun.devices.signals import news2
from kangyun.devices.signals.limits import Facts, Own, conflicts, read_limits, standing_limits
from kangyun.devices.signals.model import Level
from kangyun.devices.signals.rules import read_rules, standing_rules


# Royal College of Physicians, NEWS2, 2017, chart 1: a value at each end of each step.
@pytest.mark.parametrize(
    ("column", "steps"),
    [
        ("respiratory-rate", [(8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3)]),
        ("spo2-scale-1", [(91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (100, 0)]),
        ("spo2-scale-2-air", [(83, 3), (84, 2), (85, 2), (86, 1), (87, 1), (88, 0), (92, 0), (93, 0), (100, 0)]),
        (
            "spo2-scale-2-oxygen",
            [
                (83, 3),
                (84, 2),
                (85, 2),
                (86, 1),
                (87, 1),
                (88, 0),
                (92, 0),
                (93, 1),
                (94, 1),
                (95, 2),
                (96, 2),
                (97, 3),
            ],
        ),
        ("systolic", [(90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3)]),
        ("heart-rate", [(40, 3), (41, 1), (50, 1), (51, 0), (90, 0), (91, 1), (110, 1), (111, 2), (130, 2), (131, 3)]),
        ("body-temperature", [(35.0, 3), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0), (38.1, 1), (39.0, 1), (39.1, 2)]),
    ],
)
def test_news2_by_its_chart(column, steps):
    assert [(value, news2.points(column, value)) for value, _ in steps] == steps


WELL = {"respiratory-rate": 16, "spo2": 97, "systolic": 120, "heart-rate": 70, "body-temperature": 36.8}
ILL = {"respiratory-rate": 25, "spo2": 91, "systolic": 90, "heart-rate": 131, "body-temperature": 39.1}


@pytest.mark.parametrize(
    ("values", "options", "total", "level"),
    [
        (WELL, {}, 0, Level.INFO),
        (WELL, {"oxygen": True}, 2, Level.INFO),
        (WELL, {"oxygen": True, "alert": False}, 5, Level.AMBER),
        (WELL | {"spo2": 97}, {"scale": 2, "oxygen": True}, 5, Level.AMBER),
        (WELL | {"spo2": 90}, {}, 3, Level.AMBER),
        (WELL | {"spo2": 90}, {"scale": 2}, 0, Level.INFO),
        (ILL, {}, 14, Level.RED),
        (ILL, {"oxygen": True, "alert": False}, 19, Level.RED),
    ],
)
def test_news2_totals(values, options, total, level):
    found = news2.score(values, **options)
    assert (found.total, found.level) == (total, level)


def test_no_score_where_a_measurement_is_missing():
    values = {name: value for name, value in WELL.items() if name != "systolic"}
    assert news2.score(values).missing == ("systolic",)
    assert news2.score(values).total is None


# metric, purpose, edition, age -> value. From the project's conventions for blood pressure.
@pytest.mark.parametrize(
    ("metric", "purpose", "edition", "age", "value"),
    [
        ("systolic-home", "可疑", "2025", 50, 135),
        ("diastolic-home", "可疑", "2025", 50, 85),
        ("systolic-office", "可疑", "2025", 50, 140),
        ("diastolic-office", "可疑", "2025", 50, 90),
        ("systolic-office", "临床目标", "2025", 79.9, 130),
        ("diastolic-office", "临床目标", "2025", 79.9, 80),
        ("systolic-office", "临床目标", "2025", 80, None),
        ("systolic-office", "临床目标", "2024", 65, 140),
        ("diastolic-office", "临床目标", "2024", 79, 90),
        ("systolic-office", "临床目标", "2024", 64, None),
        ("systolic-office", "公卫考核口径", "2017", 65, 150),
        ("diastolic-office", "公卫考核口径", "2017", 70, 90),
        ("systolic-home", "告警", "2017", 70, 180),
        ("diastolic-home", "告警", "2017", 70, 110),
    ],
)
def test_pressures_by_place_purpose_edition_and_age(metric, purpose, edition, age, value):
    found = [
        one.value for one in standing_limits().of(Facts(age), purpose) if (one.metric, one.edition) == (metric, edition)
    ]
    assert found == ([] if value is None else [value])


def test_goals_and_appraisal_never_warn():
    for age in (30, 50, 70, 85):
        plain = standing_limits().thresholds(Facts(age))
        without = without_goals().thresholds(Facts(age))
        assert (plain == without).all()


def without_goals():
    table = standing_limits()
    return type(table)(tuple(one for one in table.limit if one.purpose == "告警"), table.again)


def test_every_limit_says_its_source_and_edition():
    for one in standing_limits().limit:
        assert len(one.source) > 5
        assert one.edition[:4].isdigit()
    assert all(
        not one.verified for one in standing_limits().limit if "our choice" in one.source or "选择" in one.source
    )


def test_children_have_no_limits_of_adults():
    row = standing_limits().thresholds(Facts(6))
    adult = standing_limits().thresholds(Facts(30))
    heart = 8
    assert (row[heart] != adult[heart]).any()
    assert not (abs(row[heart]) < 1e9).any()


@pytest.mark.parametrize(
    ("own", "wrong"),
    [
        ([Own("systolic-home", "high", Level.RED, 190)], 0),
        ([Own("systolic-home", "high", Level.RED, 190), Own("systolic-home", "high", Level.AMBER, 170)], 0),
        ([Own("systolic-home", "high", Level.RED, 170), Own("systolic-home", "high", Level.AMBER, 190)], 1),
        ([Own("systolic-home", "high", Level.RED, 100), Own("systolic-home", "low", Level.RED, 110)], 2),
        ([Own("systolic-home", "high", Level.RED, 900)], 1),
        ([Own("steps", "high", Level.RED, 900)], 1),
    ],
)
def test_a_doctors_limits_hold_together(own, wrong):
    assert len(conflicts(own)) == wrong


def test_a_doctors_stricter_red_takes_the_tables_amber_beyond_it_away():
    row = standing_limits().thresholds(Facts(60, frozenset(), (Own("systolic-home", "high", Level.RED, 150.0),)))[1]
    assert row[5] == 150
    assert row[4] == float("inf")


@pytest.mark.parametrize(
    "change",
    [{"metric": "no-such"}, {"level": "purple"}, {"purpose": "其他"}, {"needs": ["unknown"]}, {"level": "info"}],
)
def test_a_regions_table_that_is_wrong_is_refused(change):
    row = {
        "metric": "spo2", "purpose": "告警", "level": "red", "is": "at-most", "value": 80, "edition": "2026",
        "source": "the region", "verified": True,
    }  # fmt: skip
    read_limits({"limit": [row]})
    with pytest.raises(Invalid):
        read_limits({"limit": [row | change]})


def test_a_regions_rules_name_all_rules():
    standing_rules()
    with pytest.raises(Invalid):
        read_rules({"rule": [], "together": 1, "share": 1, "gap": 1, "sparse": 1, "walking": 1})
