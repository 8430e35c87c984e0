"""Messages to people's telephones: a template and its variables, by SMS or read aloud, through the region's gateway.

A message says a code and how long it holds, or that something happened: never what about. So a variable is digits, a
time, or the name of the institution that asks; a template has the variables that `data/messages.toml` names, no others.
"""

from kangyun.access.messages.codes import Codes, WrongCode
from kangyun.access.messages.senders import Channel, Sender, sender_of
from kangyun.access.messages.telephones import checked_phone

__all__ = ["Channel", "Codes", "Sender", "WrongCode", "checked_phone", "sender_of"]
