"""The district as a stream of transaction bundles."""

from collections.abc import Iterator
from datetime import date
from itertools import count
from random import Random

from kangyun.simulate.bundle import Bundle
from kangyun.simulate.institutions import Institutions
from kangyun.simulate.people import Register
from kangyun.simulate.record import Record
from kangyun.simulate.tables import tables

__all__ = ["Bundle", "district"]


def district(seed: int, residents: int, until: date) -> Iterator[Bundle]:
    """Gives the bundle of the institutions, then one bundle for each of `residents` residents.

    seed:      the same seed gives the same resources, whatever the number of residents.
    until:     the last day of the record; visits end before it, booked appointments come after it.

    About 50 resources a resident. Numbers with decimals are Decimal, so that `120.0` stays `120.0`.
    """
    known = tables()
    institutions = Institutions(known, seed)
    yield institutions.bundle()
    register = Register(known, until)
    given = 0
    for number in count():
        for resident in register.household(Random(f"{seed}:household:{number}")):
            if given == residents:
                return
            yield Record(known, institutions, resident, until, seed).bundle()
            given += 1
