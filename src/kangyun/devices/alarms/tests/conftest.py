"""Warnings as the rules would make them."""

import time
from collections.abc import Callable

import pytest

from kangyun.devices.signals import Level, Warning


@pytest.fixture
def found() -> Callable[..., Warning]:
    """Makes a warning: `found(holder=5, ago=60)`; ago: seconds."""
    now = time.time_ns() // 1000

    def make(rule: str = "sos", level: int = 3, holder: int = 4096, ago: float = 0, **given: object) -> Warning:
        at = now - int(ago * 1_000_000)
        return Warning(rule=rule, level=Level(level), holder=holder, at=at, since=at, **given)  # type: ignore[arg-type]

    return make
