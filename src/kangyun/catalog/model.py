"""What the apps come to together: operations, definitions, schemas, and what the console is told of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from kangyun.access.apps import Installed
from kangyun.access.apps.calling import Called
from kangyun.access.operations import OPERATIONS, Level, Operation
from kangyun.access.platform import PACKAGES
from kangyun.base.errors import Invalid
from kangyun.base.texts import say
from kangyun.catalog.checking import checked
from kangyun.catalog.definitions import Definition, definitions_of
from kangyun.devices.operations import DEVICE_OPERATIONS
from kangyun.exchange.federation.operations import NODE_OPERATIONS
from kangyun.exchange.summary.operations import SUMMARY_OPERATIONS


@dataclass(frozen=True, slots=True)
class Catalog:
    """The apps of an installation. called: their operations. operations: those of the platform, too."""

    apps: tuple[Installed, ...]
    called: tuple[Called, ...]
    definitions: tuple[Definition, ...]
    operations: tuple[Operation, ...]
    _by_name: Mapping[str, Sequence[Operation]] = field(repr=False)

    def find(self, name: str, type_: str | None, level: Level) -> Operation | None:
        """Returns the operation of a name on a level and type, None where there is none."""
        for one in self._by_name.get(name, ()):
            if level in one.levels and (one.types is None or type_ in one.types):
                return one
        return None

    @property
    def schemas(self) -> tuple[str, ...]:
        """The packages whose schema is needed, from the lowest layer to the highest."""
        folders = (one.package for one in self.apps if _has_schema(one.package))
        return (*PACKAGES, "exchange.feeds", "exchange.federation", "devices", *folders)

    def described(self) -> list[dict[str, Any]]:
        """Returns what the console is told of each app."""
        return [self._described(one) for one in self.apps]

    def _described(self, one: Installed) -> dict[str, Any]:
        calls = [called for called in self.called if called.installed is one]
        return {
            "name": one.id,
            "package": one.package,
            "title": _both(f"{one.package}.title"),
            "about": _both(f"{one.package}.about"),
            "purpose": one.app.purpose,
            "reads": sorted(one.app.reads),
            "writes": sorted(one.app.writes),
            "identifies": sorted(one.app.identifies),
            "opens": sorted(one.app.opens),
            "reactions": {name: sorted(reaction.types) for name, reaction in one.app.reactions.items()},
            "schedules": sorted(one.app.schedules),
            "operations": [
                {
                    "address": called.address,
                    "methods": ["GET", "POST"] if called.is_query else ["POST"],
                    "definition": called.url,
                    "title": _both(f"{one.package}.{called.name}"),
                }
                for called in calls
            ],
        }


def catalog_of(apps: Iterable[Installed]) -> Catalog:
    """Puts apps together. Raises Invalid, naming each fault, where a declaration is wrong."""
    apps = tuple(apps)
    called, faults = checked(apps)
    if faults:
        raise Invalid(issues=tuple(faults))
    found, faults = definitions_of(apps, called)
    if faults:
        raise Invalid(issues=tuple(faults))
    operations = (
        *OPERATIONS,
        *SUMMARY_OPERATIONS,
        *NODE_OPERATIONS,
        *DEVICE_OPERATIONS,
        *(one.operation for one in called),
    )
    by_name: dict[str, list[Operation]] = {}
    for operation in operations:
        by_name.setdefault(operation.name, []).append(operation)
    return Catalog(apps, tuple(called), tuple(found), operations, by_name)


def _has_schema(package: str) -> bool:
    return files("kangyun").joinpath(*package.split("."), "sql", "migrations").is_dir()


def _both(text: str) -> dict[str, str]:
    return {"zh": say(text, "zh"), "en": say(text, "en")}
