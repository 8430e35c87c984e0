"""A process that serves HTTP: the application, from the environment's settings."""

import socket

import uvloop

from kangyun.access.intake import check
from kangyun.base.collector import leave_alone_what_is_loaded
from kangyun.base.logging import configure
from kangyun.base.settings import read_settings
from kangyun.base.texts import load_all
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.words import pinyin
from kangyun.web.app import Application
from kangyun.web.connections import serve as serve_connections


def prepare() -> None:
    """Loads what every worker needs, once, before they are forked."""
    settings = read_settings()
    configure(settings.log_level)
    definitions()
    check({"resourceType": "Basic", "code": {"text": "-"}})  # Compiles the validator.
    pinyin("康")  # Loads the dictionaries.
    load_all()  # What is said when there are no files left to open.
    leave_alone_what_is_loaded()  # So the workers share its memory, too.


def serve(listener: socket.socket) -> None:
    """Serves the connections of a socket. Raises SystemExit(3) where the application could not be started."""
    uvloop.run(serve_connections(application(), listener))


def application() -> Application:
    """Makes the application of this process."""
    settings = read_settings()
    return Application(settings, settings.database)
