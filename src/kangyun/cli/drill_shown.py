"""One restore drill of the demonstration, a real one, in the background of its first start: about 4 s of a processor.

A copy is made into the data folder, restored, held against the living record, and thrown away. It begins when the start
and its loads are over, and gives way to everything else.
"""

import os
import shutil
import signal
import sys
import time

from kangyun.base.settings import read_settings
from kangyun.cli.backup import backup
from kangyun.cli.children import tie_to_up
from kangyun.cli.demonstration import read_mark
from kangyun.cli.drill import drill, last_drill

COPY = "drill-copy"
AFTER = 60.0  # seconds: by then what comes at first is in, and whoever only wanted a look has gone
LAST_OF_ALL = 10  # of 19


def run() -> None:
    """Drills once, where the demonstration is ours and nobody has drilled. Raises PlatformError."""
    tie_to_up()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # What it has begun is stopped and taken away.
    settings = read_settings(demo=True, log_level="warning")
    if read_mark(settings) is None:
        return
    folder = settings.data / COPY
    shutil.rmtree(folder, ignore_errors=True)  # Of one that was killed, be it after it had drilled.
    if last_drill(settings.data) is not None:
        return
    time.sleep(AFTER)
    os.nice(LAST_OF_ALL)
    try:
        backup(None, folder, None)
        drill(None, folder, None, None, as_json=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
