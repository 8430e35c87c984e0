"""What is asked of the outbox and what it tells back: notices, readers, urgencies, outcomes. Data only.

A notice is one matter for one reader, and for who comes after him when nobody answers. Who is to be told at the same
time is told by a notice of his own.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Literal, TypeAlias

import msgspec


class Urgency(IntEnum):
    """How urgent a notice is. What is red is never held, for night or for number."""

    RED = 0
    AMBER = 1
    PLAIN = 2


Role = Literal["resident", "family", "doctor", "desk"]
"""Whose sentence of a template is said: each is spoken to in other words. `doctor`: all staff."""
Channel = Literal["in-app", "wechat", "sms", "voice", "e-mail", "webhook"]
CHANNELS: tuple[Channel, ...] = ("in-app", "wechat", "sms", "voice", "e-mail", "webhook")

What: TypeAlias = Literal[
    "no-address", "received", "answered", "reached", "unconfirmed", "unanswered", "not-reached", "held-back", "expired"
]
"""What became of a notice. Told on the way: no-address (this reader cannot be reached by any channel: nothing but the
list in the app), received (it is on his telephone, or he has opened it). Told once, at the end:

answered     somebody said that he has it
reached      it was received, and no answer was asked for
unconfirmed  it was handed over, and no receipt came; not of red ones
unanswered   it was received by somebody, nobody answered, and there is nobody left to tell
not-reached  nothing shows that anybody has it, and there is nobody left to tell
held-back    the reader has had his number of messages for today: it is in his list of what was held back
expired      its time was over before it was told
"""
ENDS: frozenset[str] = frozenset(
    {"answered", "reached", "unconfirmed", "unanswered", "not-reached", "held-back", "expired"}
)


class Reader(msgspec.Struct, frozen=True):
    """Who is told. reference: `Patient/…` (the registration), `Practitioner/…`, `RelatedPerson/…` (whoever acts for the
    resident as his family), or `desk/…`, a duty desk, by the id of its Organization. variables: what only his sentence
    says, or says otherwise (kinship)."""

    reference: str
    role: Role
    variables: dict[str, str] = {}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is to be told.

    key:       unique over all notices for ever, such as `alarm/17/2/doctor`: under it nothing is told twice.
    template:  a name of `data/templates.toml`; it has a sentence for the role of each reader.
    readers:   in their order: the first is told, the next when he is not reached or does not answer in time.
    variables: what the sentences say, as text. More than one of them says is no error.
    holder:    the registration (Patient) that it is about, by its number; None where it is about nobody.
    asker:     who is told what became of it, `kind/…` (`alarm/17`); empty for nobody.
    not_before, not_after: told neither before nor after.
    """

    key: str
    urgency: Urgency
    template: str
    readers: tuple[Reader, ...]
    variables: Mapping[str, str] = {}
    holder: int | None = None
    asker: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What became of a notice, for who asked for it. reader, channel: whom and by what it concerns; empty for none.

    person: who did it, as a reference, where he was signed in: of a desk's line, who answered at the desk.
    """

    asker: str
    key: str
    what: What
    reader: str
    channel: str
    at: datetime
    person: str = ""
