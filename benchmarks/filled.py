"""`python -m benchmarks.filled`: an index full of residents in minutes, for `benchmarks.matching`: a part of a city.

It copies into the index' tables what registering would have left there. Each registration is made by `simulate`; it is
read, hashed and sealed by the product's own code, and put under the resident whose it truly is: who is who is not
decided, so that the index has made no mistake yet. Left out are commits, audit rows and search values, none of which
`Patient/$match` reads. Numbers follow from the place in the city, so that several processes can each make a part of it.
"""

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import msgspec

from kangyun.access.platform import Platform, open_platform
from kangyun.base.settings import Settings
from kangyun.fhir import Resource
from kangyun.fhir.json import encode
from kangyun.simulate import City, Truth, error_model
from kangyun.simulate.people import Resident
from kangyun.store import body
from kangyun.store.batch import DEFINITIONS_EDITION
from kangyun.store.ids import RESIDENT, SHARD_BITS
from kangyun.store.segments import segment_of
from kangyun.store.types import TYPE_NUMBERS

UNTIL, SEED = date(2026, 11, 23), 2
MOST_EACH = 4
FIRST = 100_000
"""Numbers from which on residents, registrations and keys are those of the city: before them stand the platform's."""
SOME = 4_000  # registrations that are copied at once
INSTITUTION = 1
_WHEN = datetime(2026, 11, 23, tzinfo=UTC)
_COLUMNS = {
    "data_key": ("id", "patient", "institution", "epoch", "wrapped"),
    "resource": (
        "res", "patient", "at", "until", "labels", "present", "institution", "version", "type", "edition", "links",
        "deleted", "lasting", "tok",
    ),
    "version": (
        "res", "commit", "instant", "version", "key", "dictionary", "edition", "type", "action", "body",
    ),
    "resident_link": ("patient", "resident"),
    "registration": ("patient", "edition", "keys", "fields"),
    "registration_key": ("key", "patient"),
}  # fmt: skip


class Part(NamedTuple):
    """Places of a city, from one on, each so maniest, and before the end. each: registrations of each resident."""

    begin: int
    end: int
    step: int
    each: int


class Question(msgspec.Struct):
    """Whom somebody asks for: the place in the city, and how he is written down, which is not in the index."""

    number: int
    patient: Resource
    errors: list[str]


class _Some(City):
    """A city of which only a part is registered."""

    def __init__(self, part: Part) -> None:
        super().__init__(SEED, part.end, UNTIL)
        self._part = part

    def residents(self) -> Iterator[Resident]:
        return islice(super().residents(), self._part.begin, self._part.end, self._part.step)


def written(part: Part) -> Iterator[tuple[int, list[tuple[Resource, Truth]]]]:
    """Gives the places of a part, and what institutions write of each resident by the error model that judges: one
    registration more than are for the index."""
    stream = _Some(part).registrations(error_model("judging"), part.each + 1)
    for number in range(part.begin, part.end, part.step):
        yield number, list(islice(stream, part.each + 1))


def resident_number(number: int) -> int:
    """Returns the resident of a place in the city."""
    return (FIRST + number) << SHARD_BITS | RESIDENT


async def make_room(connection: asyncpg.Connection, upto: int) -> None:
    """Makes segments, and takes numbers away, for a city of so many residents."""
    last = FIRST + upto * MOST_EACH
    for segment in range(segment_of(last << SHARD_BITS) + 2):
        await connection.execute("SELECT make_segment($1)", segment)
    for sequence, number in (("res_number", last), ("data_key_id", last), ("resident_number", last)):
        await connection.execute(f"SELECT setval('{sequence}', $1)", number)
    await connection.execute(
        "INSERT INTO institution (id, reference) OVERRIDING SYSTEM VALUE VALUES ($1, 'city') ON CONFLICT DO NOTHING",
        INSTITUTION,
    )


async def fill(data: Path, database: str, part: Part, every: int, questions: Path) -> None:
    """Copies a part into the index, and writes down questions, about one of so many residents; 0: about none."""
    platform = await open_platform(Settings(data=data, demo=True, connections=1), database)
    connection = await asyncpg.connect(database, server_settings={"synchronous_commit": "off"})
    made = written(part)
    try:
        with questions.open("wb") as file:
            while some := list(islice(made, SOME // part.each)):
                tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _COLUMNS}
                for number, (*registrations, (last, truth)) in some:
                    if every and number % every == 0:
                        file.write(encode(Question(number, last, truth.errors)) + b"\n")
                    for nth, (patient, _) in enumerate(registrations):
                        _put(platform, tables, FIRST + number * MOST_EACH + nth, resident_number(number), patient)
                async with connection.transaction():
                    for name, rows in tables.items():
                        await connection.copy_records_to_table(name, records=rows, columns=_COLUMNS[name])
    finally:
        await connection.close()
        await platform.close()


def _put(
    platform: Platform, tables: dict[str, list[tuple[Any, ...]]], number: int, resident: int, patient: Resource
) -> None:
    """Adds the rows of a registration."""
    store, index = platform.gate.store, platform.gate.residents
    res, type_ = number << SHARD_BITS, TYPE_NUMBERS["Patient"]
    key = store.keys.new_row(number, res, INSTITUTION)
    text = body.text_of(patient, None)
    sealed = body.sealed(text, store.keys.opened(key), res, 1)
    reading = index.rules.read(patient)
    keys = list({index.hashed(one) for one in reading.keys})
    tables["data_key"].append(key)
    tables["resource"].append((res, res, _WHEN, _WHEN, 1, 0, INSTITUTION, 1, type_, 1, 0, False, False, []))
    tables["version"].append((res, 0, _WHEN, 1, number, body.DICTIONARY, DEFINITIONS_EDITION, type_, b"c", sealed))
    tables["resident_link"].append((res, resident))
    tables["registration"].append((res, index.rules.edition, keys, index.sealed(res, reading.fields)))
    tables["registration_key"] += [(one, res) for one in keys]


if __name__ == "__main__":
    folder, url, file_, *numbers = sys.argv[1:]
    *place, sampled = map(int, numbers)
    asyncio.run(fill(Path(folder), url, Part(*place), sampled, Path(file_)))
