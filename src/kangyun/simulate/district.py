"""The demonstration district: the first residents of a city, as transaction bundles."""

from collections.abc import Iterator
from datetime import date

from kangyun.simulate.bundle import Bundle
from kangyun.simulate.city import City
from kangyun.simulate.registrations import ErrorModel

YEARS = 2.0  # of recorded life: a demonstration is to be there soon


def district(seed: int, residents: int, until: date, model: ErrorModel | None = None) -> Iterator[Bundle]:
    """Gives the bundle of the institutions, then one bundle for each of `residents` residents.

    seed:      the same seed gives the same resources, whatever the number of residents.
    until:     the last day of the record; visits end before it, booked appointments come after it.
    model:     by an error model each institution registers a resident in its own way; without one there is one Patient.

    About 50 resources a resident. Numbers with decimals are Decimal, so that `120.0` stays `120.0`.
    """
    city = City(seed, residents, until, YEARS)
    yield city.institutions.bundle()
    for lived in city.lives(model):
        yield lived.bundle
