"""Calls that the platform makes to addresses which somebody else gave it: where it may call, and the call itself."""

from kangyun.access.outbound.calls import Outbound
from kangyun.access.outbound.guard import Guard

__all__ = ["Guard", "Outbound"]
