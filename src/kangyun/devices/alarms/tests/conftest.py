"""Warnings as the rules would make them."""

import time
from collections.abc import Callable

import msgspec
import pytest


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A warning, as `devices.signals` makes them."""

    rule: str
    level: int
    holder: int
    at: int
    since: int = 0
    figures: dict[str, float | str] = {}
    device: int | None = None
    position: tuple[float, float] | None = None


@pytest.fixture
def found() -> Callable[..., Found]:
    """Makes a warning: `found(holder=5, ago=60)`; ago: seconds."""
    now = time.time_ns() // 1000

    def make(rule: str = "sos", level: int = 3, holder: int = 4096, ago: float = 0, **given: object) -> Found:
        at = now - int(ago * 1_000_000)
        return Found(rule=rule, level=level, holder=holder, at=at, since=at, **given)  # type: ignore[arg-type]

    return make
