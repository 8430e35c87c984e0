"""Whether declarations are right, and fit beside each other. All faults are found, each named by a text and its app."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from importlib.resources import files
from typing import Any

from kangyun.access.apps import Installed
from kangyun.access.apps.calling import Called, called
from kangyun.access.operations import ELSEWHERE, OPERATIONS
from kangyun.access.policy import GROUNDS, PURPOSES
from kangyun.base.errors import Issue
from kangyun.fhir.definitions import definitions

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PART = re.compile(r"(?P<type>[A-Z]\w+)(:[a-z][a-z0-9-]*)?")
_REACTION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LANGUAGES = ("zh", "en")
SHORTEST = timedelta(minutes=1)
"""Between two times of a schedule."""


def checked(apps: Sequence[Installed]) -> tuple[list[Called], list[Issue]]:
    """Returns the operations of apps, and what is wrong with the apps."""
    faults: list[Issue] = []
    operations: list[Called] = []
    for one in apps:
        faults += _declaration(one)
        for address in one.app.operations:
            try:
                operations.append(called(one, address))
            except (ValueError, TypeError, NameError) as error:
                faults.append(fault("operation", one, address=address, reason=f"{type(error).__name__}: {error}"))
        faults += _folder(one)
    return operations, [*faults, *_names(apps), *_owners(apps), *_collisions(operations)]


def fault(text: str, app: Installed, **parameters: str | int) -> Issue:
    """Returns what is wrong with an app."""
    return Issue("error", "invalid", f"catalog.{text}", None, {"app": app.package, **parameters})


def _declaration(one: Installed) -> Iterable[Issue]:
    app, types = one.app, definitions().resource_types
    if app.purpose not in PURPOSES:
        yield fault("purpose", one, purpose=app.purpose)
    for name in sorted(app.reads - types):
        yield fault("type", one, name=name)
    for part in sorted(app.writes):
        match = _PART.fullmatch(part)
        if match is None or match["type"] not in types:
            yield fault("type", one, name=part)
    for name, reaction in app.reactions.items():
        if not _REACTION.fullmatch(name) or not reaction.types or not reaction.types <= app.reads:
            yield fault("reaction", one, name=name)
    for name, schedule in app.schedules.items():
        short = schedule.every is not None and schedule.every < SHORTEST
        both = (schedule.at is None) == (schedule.every is None)
        if not _REACTION.fullmatch(name) or name in app.reactions or short or both:
            yield fault("schedule", one, name=name)
    for name in sorted(app.opens - GROUNDS):
        yield fault("ground", one, name=name)


def _folder(one: Installed) -> Iterable[Issue]:
    folder = files("kangyun").joinpath(*one.package.split("."))
    if not folder.joinpath("README.md").is_file():
        yield fault("no-readme", one)
    wanted = {"title", "about", *(address.rpartition("$")[2] for address in one.app.operations)}
    for language in _LANGUAGES:
        file = folder.joinpath("texts", f"{language}.toml")
        texts: dict[str, Any] = {}
        if file.is_file():
            try:
                texts = tomllib.loads(file.read_text("utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError):
                yield fault("texts", one, language=language)
                continue
        for key in sorted(wanted - texts.keys()):
            yield fault("no-text", one, language=language, key=key)


def _names(apps: Sequence[Installed]) -> Iterable[Issue]:
    taken: dict[str, Installed] = {}
    for one in apps:
        if not _NAME.fullmatch(one.name):
            yield fault("name", one)
        other = taken.setdefault(one.id, one)
        if other is not one:
            yield fault("same-name", one, other=other.package)


def _owners(apps: Sequence[Installed]) -> Iterable[Issue]:
    """A whole type is of one app, or each of its parts is; and so is a system of numbers."""
    owners: list[tuple[str, Installed]] = []
    for one in apps:
        for part in sorted(one.app.writes):
            for taken, other in owners:
                if other is not one and _overlap(part, taken):
                    yield fault("two-owners", one, part=part, other=other.package)
            owners.append((part, one))
    issuers: dict[str, Installed] = {}
    for one in apps:
        for system in sorted(one.app.identifies):
            other = issuers.setdefault(system, one)
            if other is not one:
                yield fault("two-owners", one, part=system, other=other.package)


def _overlap(one: str, other: str) -> bool:
    type_, _, part = one.partition(":")
    other_type, _, other_part = other.partition(":")
    return type_ == other_type and (not part or not other_part or part == other_part)


def _collisions(operations: Sequence[Called]) -> Iterable[Issue]:
    taken = {one.name for one in OPERATIONS} | ELSEWHERE
    known: dict[str, Called] = {}
    for one in operations:
        if one.name in taken:
            yield fault("taken", one.installed, name=one.name)
        other = known.setdefault(one.name, one)
        if other is not one:
            yield fault("same-operation", one.installed, name=one.name, other=other.installed.package)
