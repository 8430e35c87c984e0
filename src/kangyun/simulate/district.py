"""The demonstration district: the first residents of a city, as transaction bundles."""

from collections.abc import Iterator
from datetime import date

from kangyun.simulate import person
from kangyun.simulate.bundle import Bundle, Resource
from kangyun.simulate.city import City
from kangyun.simulate.registrations import ErrorModel

YEARS = 2.0  # of recorded life: a demonstration is to be there soon
SHOWN = {"DiagnosticReport", "Encounter", "EpisodeOfCare", "Immunization", "MedicationRequest"}
"""What somebody has in whose record there is something to see."""


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


def elder(
    seed: int, residents: int, until: date, model: ErrorModel, *, managing: Resource, doctor: Resource
) -> Resource:
    """Returns the elements of a Patient who is one of the district's: old, with high blood pressure and results.

    Written as by a careful clerk, so that the index knows who it is. managing, doctor: references. Raises ValueError
    where nobody is like that.
    """
    city = City(seed, residents, until, YEARS)
    for lived in city.lives(model):
        who, types = lived.resident, {entry["resource"]["resourceType"] for entry in lived.bundle["entry"]}
        fits = who.document == "id" and who.death is None and 65 <= who.age(until) < 80
        if fits and "hypertension" in lived.traits.onset and types >= SHOWN:
            return person.demographics(city.place, who, until, managing=managing, practitioner=doctor)
    raise ValueError("nobody in this district is old and has high blood pressure")
