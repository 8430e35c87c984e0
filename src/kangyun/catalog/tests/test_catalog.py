"""Apps are found, and what is wrong with one is said; definitions are those of what it does."""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import pytest

from kangyun.access.apps import App, Code, CodeableConcept, Installed, Query, Reaction, Record, Reference, Schedule
from kangyun.base.errors import Invalid
from kangyun.base.texts import say
from kangyun.catalog import catalog, catalog_of
from kangyun.fhir import Resource

CARD = next(one for one in catalog().apps if one.package == "care.health_card")


@dataclass(frozen=True)
class Inner:
    """A part."""

    day: date
    score: Decimal


@dataclass(frozen=True)
class Answer:
    """An answer."""

    task: Reference
    inner: tuple[Inner, ...]
    later: datetime | None = None


async def refer(
    record: Record, *, patient: Reference, reason: CodeableConcept, codes: tuple[Code, ...] = (), urgent: bool = False
) -> Answer:  # fmt: skip
    """Takes one of each."""
    return Answer(patient, ())


async def advance(
    record: Record, *, task: str, form: Annotated[Resource, "Questionnaire"]
) -> Annotated[Resource, "Task"]:
    """Is about one Task."""
    return {}


async def silent(record: Record, *, code: Code) -> None:
    """Answers nothing."""


async def untyped(record: Record, *, code: set[str]) -> Answer:
    """Takes what FHIR does not have."""
    return Answer("", ())


def faults(*apps):
    with pytest.raises(Invalid) as refused:
        catalog_of(apps)
    return [issue.text.removeprefix("catalog.") for issue in refused.value.issues]


def changed(**given):
    """The health card's folder with another declaration."""
    return Installed("care.health_card", replace(CARD.app, **given))


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"purpose": "FUN"}, "purpose"), ({"reads": frozenset({"Patience"})}, "type"),
        ({"writes": frozenset({"Task:"})}, "type"), ({"writes": frozenset({"Tusk:referral"})}, "type"),
        ({"opens": frozenset({"emergency-exit"})}, "ground"),
        ({"reactions": {"Follow": Reaction(silent, frozenset({"Patient"}))}}, "reaction"),
        ({"reactions": {"follow": Reaction(silent, frozenset({"Task"}))}}, "reaction"),
        ({"reactions": {"follow": Reaction(silent, frozenset())}}, "reaction"),
        ({"schedules": {"daily": Schedule(run=silent)}}, "schedule"),
        ({"schedules": {"daily": Schedule(run=silent, every=timedelta(seconds=1))}}, "schedule"),
        ({"schedules": {"daily": Schedule(run=silent, every=timedelta(days=1), at=time(8))}}, "schedule"),
        ({"operations": {"cards": refer}}, "operation"), ({"operations": {"Tusk/$cards": refer}}, "operation"),
        ({"operations": {"Task/[id]/[id]/$cards": refer}}, "operation"),
        ({"operations": {"Task/[other]/$cards": advance}}, "operation"),
        ({"operations": {"$cards": silent}}, "operation"), ({"operations": {"$cards": untyped}}, "operation"),
        ({"operations": {"$everything": refer}}, "taken"), ({"operations": {"$export": refer}}, "taken"),
        ({"operations": {"$no-such-text": refer}}, "no-text"),
        ({"operations": {"$cards": refer, "Task/$cards": refer}}, "same-operation"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(given, fault):
    assert fault in faults(changed(**given))


def test_all_that_is_wrong_is_said_at_once_and_where():
    wrong = changed(purpose="FUN", reads=frozenset({"Patience"}))
    with pytest.raises(Invalid) as refused:
        catalog_of([wrong])
    said = [say(issue.text, "en", issue.parameters) for issue in refused.value.issues]
    assert said == [
        "care.health_card: FUN is no purpose of use.",
        "care.health_card: Patience is no type of resource, or part of one (Task:referral).",
    ]


@pytest.mark.parametrize(
    ("mine", "yours", "both"),
    [
        ("Task", "Task", True), ("Task", "Task:referral", True), ("Task:referral", "Task:referral", True),
        ("Task:referral", "Task:visit", False), ("Task", "Slot", False),
    ],
)  # fmt: skip
def test_what_is_written_has_one_owner(mine, yours, both):
    one = Installed("care.health_card", App(purpose="TREAT", writes=frozenset({mine})))
    other = Installed("oversight.other", App(purpose="TREAT", writes=frozenset({yours})))
    assert ("two-owners" in faults(one, other)) is both  # The other one has no folder, so there is always a fault.


def test_a_system_of_numbers_has_one_owner_and_a_folder_one_name():
    other = Installed("oversight.health_card", App(purpose="TREAT", identifies=CARD.app.identifies))
    assert {"two-owners", "same-name", "no-readme"} <= set(faults(CARD, other))


def test_the_definition_says_what_an_operation_takes_and_gives():
    app = changed(operations={"Patient/$issue-card": refer, "Task/[task]/$cards": Query(advance)})
    one, other = (found.resource for found in catalog_of([app]).definitions)
    told = [(each["use"], each["name"], each.get("type"), each["min"], each["max"]) for each in one["parameter"]]
    assert told == [
        ("in", "patient", "Reference", 1, "1"), ("in", "reason", "CodeableConcept", 1, "1"),
        ("in", "codes", "code", 0, "*"), ("in", "urgent", "boolean", 0, "1"),
        ("out", "task", "Reference", 1, "1"), ("out", "inner", None, 0, "*"), ("out", "later", "dateTime", 0, "1"),
    ]  # fmt: skip
    parts = [(each["name"], each["type"]) for each in one["parameter"][5]["part"]]
    assert parts == [("day", "date"), ("score", "decimal")]
    assert (one["system"], one["type"], one["instance"], one["affectsState"]) == (False, True, False, True)
    assert (other["instance"], other["affectsState"], other["resource"]) == (True, False, ["Task"])
    assert [each["name"] for each in other["parameter"]] == ["form", "return"]


def test_each_folder_of_an_app_is_found():
    source = Path(__file__).parents[2]
    folders = {
        f"{package}.{one.name}"
        for package in ("care", "oversight", "research")
        for one in (source / package).iterdir()
        if one.is_dir() and not one.name.startswith("_")
    }
    assert {one.package for one in catalog().apps} == folders
    assert all(re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", one) for one in folders)
