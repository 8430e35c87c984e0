"""The city's hospitals as senders: each in the format that it already has, with what goes wrong on the way.

`sending(city, model)` gives what goes out, row by row and message by message, and what is to become of each. It sends
nothing itself, and it does not know what the platform makes of it.
"""

from kangyun.simulate.sending.dispatch import Dispatch, Outcome, sending
from kangyun.simulate.sending.files import folded

__all__ = ["Dispatch", "Outcome", "folded", "sending"]
