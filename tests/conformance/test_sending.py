"""What the city's institutions send is read as the city means it: held against its truth, row by row."""

import io
from collections import Counter
from collections.abc import Iterator
from datetime import date

import pytest

from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.hl7v2.mapping import Feed as MessageFeed
from kangyun.exchange.hl7v2.mapping import mapped, standard
from kangyun.exchange.hl7v2.splitting import split
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import read
from kangyun.exchange.tables.recognition import recognise
from kangyun.simulate import City, error_model
from kangyun.simulate.sending import Dispatch, Outcome, folded, sending

FEED = Feed("demo", "Organization/demo", "demo", "chengdu-2011")
MESSAGES = MessageFeed("demo", "Organization/demo", standard(), frozenset({"P", ""}))


@pytest.fixture(scope="module")
def sent() -> list[tuple[list[Dispatch], Outcome]]:
    return list(sending(City(1, 300, date(2026, 11, 1), 3.0), error_model("judging")))


def made(one: Dispatch) -> list[Entry | Refusal]:
    """Returns what the last version of a row or message comes to."""
    if one.message:
        said = mapped(split(one.message), MESSAGES)
        return [*said.entries, *said.refusals]
    ((name, content),) = folded([one])
    table = read(io.BytesIO(content), name)
    match = recognise(table.header, name)[0]
    mapping = shipped_for(match.table)
    assert mapping is not None
    return list(convert(table, mapping, FEED))


def fate(parts: list[Entry | Refusal]) -> str:
    if any(isinstance(one, Refusal) and one.whole for one in parts):
        return "aside"
    return "revoked" if any(isinstance(one, Entry) and one.acts == "revoke" for one in parts) else "stored"


def test_each_row_and_message_fares_as_the_truth_says(sent: list[tuple[list[Dispatch], Outcome]]) -> None:
    wrong = Counter(
        (truth.table, truth.fault, truth.column, truth.fate, found)
        for dispatches, truth in sent
        if (found := fate(made(dispatches[-1]))) != truth.fate
    )
    assert not wrong
    assert {truth.fate for _, truth in sent} == {"stored", "revoked", "aside"}


def refused(sent: list[tuple[list[Dispatch], Outcome]]) -> Iterator[tuple[Outcome, set[str]]]:
    for dispatches, truth in sent:
        if truth.column:
            yield truth, {one.place.part or "" for one in made(dispatches[-1]) if isinstance(one, Refusal)}


def test_a_broken_row_is_told_by_the_column_that_is_broken(sent: list[tuple[list[Dispatch], Outcome]]) -> None:
    untold = [(truth.table, truth.column, parts) for truth, parts in refused(sent) if truth.column not in parts]
    assert not untold


def test_files_of_a_hospital_are_the_same_each_time(sent: list[tuple[list[Dispatch], Outcome]]) -> None:
    again = sending(City(1, 300, date(2026, 11, 1), 3.0), error_model("judging"))
    first, second = (dict(folded(one for parts, _ in all_ for one in parts)) for all_ in (sent, again))
    assert first == second


def test_late_and_repeated_rows_say_the_same(sent: list[tuple[list[Dispatch], Outcome]]) -> None:
    repeated = [parts for parts, truth in sent if truth.fault == "repeated"]
    assert repeated
    assert all(first.cells == second.cells and first.message == second.message for first, second in repeated)
