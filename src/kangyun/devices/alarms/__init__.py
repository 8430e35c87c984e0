"""Alarms: the one open alarm of a person and rule, who is told of it and who next, duty, and the live desk.

It judges no reading (`devices.signals` does) and sends nothing itself (`access.messages.outbox` does). What it
promises: one open alarm a person and rule, whatever races or is replayed; a timer fires once, whatever is killed;
whoever answers stops the ladder. docs/devices/alarms.md says why it is so.
"""

from kangyun.devices.alarms import erasing
from kangyun.devices.alarms.raising import Alarms, Raised

__all__ = ["Alarms", "Raised", "erasing"]
