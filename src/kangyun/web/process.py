"""What granian starts in each of its processes: the application, from the environment's settings."""

import gc
import logging

from kangyun.access.intake import check
from kangyun.base.settings import read_settings
from kangyun.fhir.definitions import definitions
from kangyun.web.app import Application


def prepare() -> None:
    """Loads what every worker needs, once, before they are forked."""
    settings = read_settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    definitions()
    check({"resourceType": "Basic", "code": {"text": "-"}})  # Compiles the validator.
    # What is loaded now stays: the collector need not look at it again and again, and the workers share its memory.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def application() -> Application:
    """Makes the application of this process."""
    settings = read_settings()
    return Application(settings, settings.database)
