"""What granian starts in each of its processes: the application, from the environment's settings."""

import gc
import logging

from kangyun.base.settings import read_settings
from kangyun.web.app import Application


def application() -> Application:
    """Makes the application of this process."""
    settings = read_settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # What is loaded now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    return Application(settings, settings.database)
