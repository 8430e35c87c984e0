"""Ties a process to the one that started it, so that a killed parent leaves nothing running behind.

Linux tells the child itself (`PR_SET_PDEATHSIG`), whatever the parent died of; elsewhere nothing is tied. The wish is
kept over exec, is lost when a process changes its user (ask after that), and hangs on the *thread* that started the
child: start long-lived processes from the main thread.

Source: prctl(2), PR_SET_PDEATHSIG
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals, parent: int) -> None:
    """Has signal `number` sent to this process when process `parent`, which started it, ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:
        # It ended before we asked.
        os.kill(os.getpid(), number)


def tied(number: signal.Signals) -> Callable[[], None]:
    """Returns what `subprocess.Popen` takes as `preexec_fn`: the child gets `number` when this process ends."""
    parent = os.getpid()
    # Loaded before the fork: the child of a process with threads must not load anything.
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def tie() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return tie
