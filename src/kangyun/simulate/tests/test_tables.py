"""The tables name only what exists, and say where their numbers come from."""

import re
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
    keys = {institution.key for institution in known.institutions.institutions}
    counties = known.city.counties
    towns = [town for county in counties for town in county.towns]
    assert {town.centre for town in towns} <= keys
    assert {village.clinic for town in towns for village in town.villages} <= keys
    assert {key for county in counties for key, _ in county.hospitals} <= keys
    assert {key for county in counties for key in (county.maternal, county.pharmacy)} <= keys


def test_outbreaks_are_of_known_illnesses_among_somebody(known):
    groups = {employer for county in known.city.counties for employer in county.employers}
    groups |= {name for county in known.city.counties for _, name in county.schools}
    assert {outbreak.among for outbreak in known.conditions.outbreaks} <= groups
    assert {outbreak.illness for outbreak in known.conditions.outbreaks} <= {i.key for i in known.conditions.acute}


def test_what_raises_an_illness_names_one(known):
    raised = {key for condition in known.conditions.chronic for key in condition.raises}
    assert raised <= {illness.key for illness in known.conditions.acute}


def test_every_condition_says_how_certain_its_rate_is(known):
    rates = [*known.conditions.chronic, *known.conditions.acute, known.conditions.pregnancy]
    assert all("unverified" in rate.certainty or rate.source != "none" for rate in rates)


def test_the_division_is_one_that_does_not_exist(known):
    divisions = [county.division for county in known.city.counties] + [o.division for o in known.city.origins]
    assert all(re.fullmatch(r"99\d{4}", division) for division in divisions)


def test_every_table_stands_in_the_source_file():
    data = files("kangyun.simulate").joinpath("data")
    source = data.joinpath("SOURCE.md").read_text("utf-8")
    names = [item.name for item in data.iterdir() if item.name.endswith(".toml")]
    names += [item.name for item in data.joinpath("errors").iterdir()]
    assert len(names) == 12
    assert [name for name in names if name not in source] == []


@pytest.mark.parametrize(("age", "value"), [(0, 0.0), (18, 1.0), (34.9, 1.0), (35, 2.0), (99, 2.0)])
def test_a_band_holds_from_its_age_on(age, value):
    assert at_age([(18, 1.0), (35, 2.0)], age) == value
