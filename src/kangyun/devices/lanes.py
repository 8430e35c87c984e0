"""In which lane a message goes, by what it says. Pure; the rule is ADR 38's."""

from kangyun.devices.metrics import event_kinds
from kangyun.devices.model import BACKFILL_AFTER, TYPED_LATE_AFTER, Lane, Mark, Message

_URGENT = frozenset(name for name, kind in event_kinds().items() if kind.urgent)
_TYPED = int(Mark.TYPED)


def lane_of(message: Message, received: int) -> Lane:
    """Returns the lane. received: microseconds. What somebody typed is history after a day only.

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
    if not newest or received - newest <= BACKFILL_AFTER:
        return Lane.LIVE
    typed = any(reading.mark & _TYPED for reading in message.readings)
    return Lane.LIVE if typed and received - newest <= TYPED_LATE_AFTER else Lane.BACKFILL
