"""A small schema, people who register twice with slips, and weights learnt from them."""

import random

import pytest

from kangyun.identity.linkage.learning import Setting, learn
from kangyun.identity.linkage.schema import read_schema
from kangyun.identity.linkage.scoring import Scorer

SCHEMA = b"""
name = "small"
thresholds = { certain = 0.999, probable = 0.9, possible = 0.1 }

[[comparison]]
name = "name"
terms.given = { comparator = "latin-name", field = "given" }
terms.surname = { comparator = "latin-name", field = "surname" }
terms.swapped = { comparator = "latin-name", field = "given", across = "surname" }
levels = [
  { name = "both", when = [{ given = "exact", surname = "exact" }], frequency = ["given", "surname"] },
  { name = "swapped", when = [{ swapped = "exact" }], frequency = ["given", "surname"] },
  { name = "alike", when = [{ given = "alike", surname = "alike" }], frequency = ["given", "surname"] },
  { name = "surname, no given", when = [{ surname = "alike", given = "missing" }], frequency = ["surname"] },
  { name = "surname", when = [{ surname = "alike" }], frequency = ["surname"] },
]

[[comparison]]
name = "birth"
terms.birth = { comparator = "date", field = "birth" }
levels = [
  { name = "same", when = [{ birth = "exact" }] },
  { name = "slip", when = [{ birth = "slip" }] },
  { name = "part", when = [{ birth = "part" }] },
]

[[comparison]]
name = "phone"
terms.phone = { comparator = "number", field = "phone" }
levels = [{ name = "same", when = [{ phone = "exact" }] }, { name = "slip", when = [{ phone = "slip" }] }]

[[comparison]]
name = "number"
terms.number = { comparator = "number", field = "number" }
levels = [{ name = "same", when = [{ number = "exact" }] }, { name = "slip", when = [{ number = "slip" }] }]

[[block]]
name = "birth"
key = ["birth"]
learn = true
[[block]]
name = "phone"
key = ["phone"]
learn = true
[[block]]
name = "name"
key = ["given|surname first 3", "birth first 4"]

[[forbid]]
name = "two numbers"
when = { number = ["differs"] }
[[forbid]]
name = "twins"
when = { birth = ["same"], phone = ["same"], name = ["surname"] }
"""
SYLLABLES = ["ka", "mi", "ro", "ten", "lu", "sha", "vo", "ber", "dan", "fi", "gor", "hu", "jas", "pel", "quin", "wes"]


def _slip(value, chance, generator):
    if generator.random() >= chance:
        return value
    place = generator.randrange(len(value) - 1)
    return value[:place] + value[place + 1] + value[place] + value[place + 2 :]


def _people(number, seed):
    """Returns records of people who registered once, then of the same people again, with slips and gaps."""
    generator = random.Random(seed)
    word = lambda: "".join(generator.choices(SYLLABLES, k=3))  # noqa: E731
    surnames = [word() for _ in range(200)]
    first = [
        {
            "given": (word(),),
            # Squared, so that some surnames are common.
            "surname": (surnames[int(len(surnames) * generator.random() ** 2)],),
            "birth": (f"{generator.randint(1930, 2020)}{generator.randint(1, 12):02}{generator.randint(1, 28):02}",),
            "phone": (f"13{generator.randint(10**8, 10**9 - 1)}",),
            "number": (f"{generator.randint(10**11, 10**12 - 1)}",),
        }
        for _ in range(number)
    ]
    again = [
        {field: (_slip(value, 0.1, generator),) for field, (value,) in one.items() if generator.random() > 0.1}
        for one in first
    ]
    return first + again


@pytest.fixture(scope="session")
def schema():
    return read_schema(SCHEMA)


@pytest.fixture(scope="session")
def people():
    """1,500 people; record n + 1,500 is of the same person as record n."""
    return _people(1_500, seed=5)


@pytest.fixture(scope="session")
def weights(schema, people):
    return learn(schema, people, date="2026-11-22", setting=Setting(random_pairs=40_000))


@pytest.fixture(scope="session")
def scorer(schema, weights):
    return Scorer(schema, weights)


@pytest.fixture(scope="session")
def made():
    """A record of single values."""
    return lambda **values: {field: (value,) for field, value in values.items()}
