"""The services of an installation: those that are shipped, and a site's own files, which replace shipped ones by name.

Which actions the hospital platform's standard (WS/T 846) names stands in `data/actions.csv`: a message of one that no
file gives is refused with the reason, and not as if there were none.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from kangyun.base.errors import Invalid, Issue
from kangyun.exchange.soap.mapping import Adaptor, BadMapping, Service, parse

FOLDER = "soap"
"""Of the data folder: a site's own files."""


class Known(NamedTuple):
    """An action or a part that a standard names. ours: the actions of our own that do what its name says."""

    standard: str
    service: str
    action: str
    ours: tuple[str, ...]
    certainty: str


@cache
def known() -> tuple[Known, ...]:
    """Returns what the standards name, in their order."""
    text = files("kangyun.exchange.soap").joinpath("data", "actions.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        Known(row["standard"], row["service"], row["action"], tuple(row["ours"].split()), row["certainty"])
        for row in rows
    )


def services(data: Path | None = None) -> Mapping[str, Adaptor]:
    """Returns the services by name. data: the data folder. Raises Invalid with the place in a file that is wrong."""
    read = dict(_shipped())
    if data is not None:
        for file in sorted(data.joinpath(FOLDER).glob("*.toml")):
            try:
                service = parse(file.read_text("utf-8"), file.name)
            except BadMapping as error:
                raise wrong(error) from None
            except (OSError, UnicodeDecodeError):
                raise wrong(BadMapping("mapping-syntax", file.name)) from None
            read[service.name] = (service, file.name)
    made: dict[str, Adaptor] = {}
    try:
        for name in read:
            _make(name, read, made, ())
    except BadMapping as error:
        raise wrong(error) from None
    return made


def wrong(error: BadMapping) -> Invalid:
    """Returns a mapping file's fault as an error that names its place."""
    return Invalid(issues=(Issue("error", Invalid.code, f"exchange.soap.{error.text}", None, {"at": error.at}),))


@cache
def _shipped() -> tuple[tuple[str, tuple[Service, str]], ...]:
    folder = files("kangyun.exchange.soap").joinpath("services")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    read = [(parse(file.read_text("utf-8"), file.name), file.name) for file in found]
    return tuple((service.name, (service, source)) for service, source in read)


def _make(
    name: str, read: Mapping[str, tuple[Service, str]], made: dict[str, Adaptor], above: tuple[str, ...]
) -> Adaptor:
    if name not in made:
        service, source = read[name]
        used = None
        if service.use:
            if service.use not in read or service.use in (*above, name):
                raise BadMapping("mapping-use", f"{source}: use: {service.use}")
            used = _make(service.use, read, made, (*above, name))
        made[name] = Adaptor(service, used, [one.action for one in known() if one.action], source)
    return made[name]
