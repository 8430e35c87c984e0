"""The one outbox of the platform: what people are told, by which channels, in which order, and what became of it.

It says nothing of its own: a notice comes from an alarm, a device, an app. What is red climbs channels and readers
until somebody answers or nobody is left; all else waits for the morning, comes together, and is never more than a
reader's number for the day. Who asked hears what became of it.
"""

from kangyun.access.messages.outbox.box import Outbox, outbox_of
from kangyun.access.messages.outbox.model import ENDS, Notice, Outcome, Reader, Urgency

__all__ = ["ENDS", "Notice", "Outbox", "Outcome", "Reader", "Urgency", "outbox_of"]
