"""Signals that ask a long-running command to stop: Ctrl-C, the service manager, the end of the terminal."""

import signal
from collections.abc import Callable


def signals() -> Callable[[], bool]:
    """Takes the signals from now on. Returns what tells whether one has come."""
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: asked.append(received))
    return lambda: bool(asked)
