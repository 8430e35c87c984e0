"""The tables name only what exists, and say where their numbers come from."""

from importlib.resources import files

import pytest

from kangyun.simulate.tables import at_age, tables


@pytest.fixture(scope="module")
def known():
    return tables()


def test_measures_reports_drugs_and_operations_exist(known):
    observations, treatments, conditions = known.observations, known.treatments, known.conditions
    kinds = [*conditions.chronic, *conditions.acute, *conditions.check_ups.values(), conditions.pregnancy]
    measurable = set(observations.quantities) | set(observations.panels)
    for kind in kinds:
        assert set(kind.measures) <= measurable
        assert set(kind.reports) <= set(observations.reports)
        assert {drug for drug, _ in getattr(kind, "drugs", [])} <= set(treatments.drugs)
        assert {getattr(kind, "operation", None)} - {None} <= set(treatments.operations)
        assert set(getattr(kind, "shift", {})) <= set(observations.quantities)


def test_panels_and_reports_are_made_of_quantities(known):
    observations = known.observations
    for parts in [
        *(p.components for p in observations.panels.values()),
        *(r.items for r in observations.reports.values()),
    ]:
        assert set(parts) <= set(observations.quantities)


def test_towns_name_institutions(known):
    keys = {institution.key for institution in known.district.institutions}
    assert {town.centre for town in known.district.towns} <= keys
    assert {village.clinic for town in known.district.towns for village in town.villages} <= keys


def test_every_condition_says_how_certain_its_rate_is(known):
    rates = [*known.conditions.chronic, *known.conditions.acute, known.conditions.pregnancy]
    assert all("unverified" in rate.certainty or rate.source != "none" for rate in rates)


def test_the_division_is_one_that_does_not_exist(known):
    assert known.district.place.division.startswith("99")


def test_every_table_stands_in_the_source_file():
    data = files("kangyun.simulate").joinpath("data")
    source = data.joinpath("SOURCE.md").read_text("utf-8")
    names = [item.name for item in data.iterdir() if item.name.endswith(".toml")]
    assert len(names) == 6
    assert [name for name in names if name not in source] == []


@pytest.mark.parametrize(("age", "value"), [(0, 0.0), (18, 1.0), (34.9, 1.0), (35, 2.0), (99, 2.0)])
def test_a_band_holds_from_its_age_on(age, value):
    assert at_age([(18, 1.0), (35, 2.0)], age) == value
