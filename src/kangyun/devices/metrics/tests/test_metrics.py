"""The tables of metrics and events."""

from kangyun.base import units
from kangyun.base.texts import say
from kangyun.devices.metrics import event_kinds, metrics, metrics_by_number


def test_no_number_is_given_twice() -> None:
    assert len(metrics_by_number()) == len(metrics())


def test_numbers_fit_where_they_are_stored() -> None:
    assert all(0 < one.number < 1 << 15 for one in metrics().values())


def test_bounds_are_a_range_that_the_resolution_divides() -> None:
    wrong = [one.name for one in metrics().values() if not (one.lowest < one.highest and 0 < one.resolution <= 1)]
    assert wrong == []


def test_what_cries_for_help_is_urgent() -> None:
    assert {name for name, kind in event_kinds().items() if kind.urgent} == {"sos", "fall"}


def test_units_are_of_ucum() -> None:
    for one in metrics().values():
        units.parse(one.unit)


def test_everything_has_a_name_in_both_languages() -> None:
    names = [*metrics(), *(f"event-{kind}" for kind in event_kinds())]
    said = [say(f"devices.metrics.{name}", language) for name in names for language in ("zh", "en")]
    assert len(said) == len(set(said))


def test_numbers_never_change() -> None:
    first = {"systolic-home": 1, "diastolic-ambulatory": 7, "heart-rate": 10, "weight": 15, "steps": 20, "battery": 50}
    assert {name: metrics()[name].number for name in first} == first


def test_pressures_of_each_place_share_their_short_names() -> None:
    places = {
        place: {one.short for one in metrics().values() if one.place == place}
        for place in ("home", "office", "ambulatory")
    }
    assert places == {
        "home": {"sys", "dia", "map"},
        "office": {"sys", "dia", "map", "hr"},
        "ambulatory": {"sys", "dia", "map", "hr"},
    }
