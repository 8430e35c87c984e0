"""Looks for apps: folders below the three packages of apps that have an `app.py` with a declaration."""

import pkgutil
from importlib import import_module
from importlib.util import find_spec

from kangyun.access.apps import App, Installed
from kangyun.base.errors import Invalid

PACKAGES = ("care", "oversight", "research")


def found() -> list[Installed]:
    """Returns the apps, by their names. Raises Invalid for a folder that is none."""
    apps = []
    for package in PACKAGES:
        home = import_module(f"kangyun.{package}")
        for one in pkgutil.iter_modules(home.__path__):
            if one.ispkg:
                apps.append(_app(f"{package}.{one.name}"))
    return sorted(apps, key=lambda app: app.package)


def _app(package: str) -> Installed:
    name = f"kangyun.{package}.app"
    declared = getattr(import_module(name), "APP", None) if find_spec(name) is not None else None
    if not isinstance(declared, App):
        raise Invalid("catalog.no-app", app=package)
    return Installed(package, declared)
