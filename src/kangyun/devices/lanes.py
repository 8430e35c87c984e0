"""In which lane a message goes, by what it says. Pure; the rule is ADR 38's."""

from kangyun.devices.metrics import event_kinds
from kangyun.devices.model import BACKFILL_AFTER, Lane, Message

_URGENT = frozenset(name for name, kind in event_kinds().items() if kind.urgent)


def lane_of(message: Message, received: int) -> Lane:
    """Returns the lane. received: microseconds.

    An urgent event that is itself old is history: nobody is sent for it, and it delays none that is of now.
    """
    newest = 0
    for event in message.events:
        if event.kind in _URGENT and not message.historic and received - event.at <= BACKFILL_AFTER:
            return Lane.EVENT
        newest = max(newest, event.at)
    if message.historic:
        return Lane.BACKFILL
    for reading in message.readings:
        if reading.at > newest:
            newest = reading.at
    for wave in message.waves:
        newest = max(newest, wave.at + wave.period * len(wave.samples))
    # A message without any time (a battery's charge) is of now.
    return Lane.BACKFILL if newest and received - newest > BACKFILL_AFTER else Lane.LIVE
