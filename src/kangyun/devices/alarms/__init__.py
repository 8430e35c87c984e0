"""Alarms: the one open alarm of a person and rule, who is told of it and who next, duty, and the live desk.

It judges no reading (`devices.signals` does) and sends nothing itself (`access.messages.outbox` does). What it
promises: one open alarm a person and rule, whatever races or is replayed; a timer fires once, whatever is killed;
whoever answers stops the ladder. docs/devices/alarms.md says why it is so.
"""

from kangyun.access.operations.messages import register_desk_rule
from kangyun.devices.alarms import erasing
from kangyun.devices.alarms.raising import Alarms, Raised
from kangyun.devices.alarms.seeing import at_desk

__all__ = ["Alarms", "Raised", "erasing"]

register_desk_rule(at_desk)
