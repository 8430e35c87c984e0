"""What is done about one message now, as rows to write and a request to send. Pure, but for drawing a link's token."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kangyun.access.messages.outbox.box import Outbox
from kangyun.access.messages.outbox.contacts import Contact
from kangyun.access.messages.outbox.ladder import Attempt, End, Rung, Send, Wait, next_step
from kangyun.access.messages.outbox.letters import Letter
from kangyun.access.messages.outbox.model import Channel, Reader, Urgency, What
from kangyun.access.messages.outbox.outcomes import Told
from kangyun.access.messages.outbox.rates import Rates
from kangyun.access.messages.outbox.rules import awake, channels_for, night_of
from kangyun.access.messages.outbox.sending import Parcel, Sender
from kangyun.access.messages.outbox.templates import UNSAID, filled

LIST = "list"
LINKS = "m"
"""Where links in messages lead, below the root."""
Claim = tuple[int, int, str, int, str, str, bytes | None, bytes | None]


@dataclass(slots=True)
class Going:
    """A request that leaves once its claim stands. attempt: the claim's number, known then. delay: seconds."""

    message: int
    turn: int
    channel: Channel
    urgency: Urgency
    holder: int | None
    parcel: Parcel
    delay: float
    attempt: int = 0


@dataclass(slots=True)
class Decided:
    """What was decided about a message. what: it ends; else it is looked at again at `due`."""

    message: int
    due: datetime
    turn: int
    reader: str
    what: What | None = None
    going: Going | None = None
    claims: list[Claim] = field(default_factory=list)
    notes: list[tuple[str, int, int, int]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides, by the rules and with the channels of an installation. root: of the addresses that links have."""

    outbox: Outbox
    senders: Mapping[Channel, Sender]
    rates: Rates
    root: str

    def decide(
        self, row: Any, letter: Letter, attempts: list[Attempt], contacts: Mapping[str, Contact], now: datetime
    ) -> Decided:
        """Decides about a message. `row`: as the database has it; `attempts` grows by what is noted in the app."""
        urgency = Urgency(row["urgency"])
        turns = self._turns(urgency, letter, contacts, listed=row["template"] == LIST)
        rungs = [rung for turn in turns for rung in turn]
        decided = Decided(row["id"], now, row["turn"], row["reader"])
        if row["not_after"] is not None and row["not_after"] < now:
            received = any(one.state == "received" for one in attempts)
            decided.what = "expired" if not attempts else "unanswered" if received else "not-reached"
            return decided
        while True:
            step = next_step(urgency, rungs, attempts, self.outbox.rules, now)
            if isinstance(step, End):
                decided.what = step.what
                return decided
            if isinstance(step, Wait):
                decided.due = step.until
                return decided
            reader = letter.readers[step.rung.turn]
            decided.turn, decided.reader = step.rung.turn, reader.reference
            if step.rung.channel != "in-app":
                self._send(decided, row, letter, step, contacts[reader.reference], now)
                return decided
            # The list in the app is ours: it is handed over when the transaction stands.
            turn = step.rung.turn
            decided.claims.append((row["id"], turn, "in-app", 1, reader.reference, "handed", None, None))
            decided.notes.append((reader.reference, row["id"], turn, 1))
            attempts.append(Attempt(turn, "in-app", 1, "handed", now, now))
            if len(turns[turn]) == 1 and reader.role != "desk":  # A desk has its screen.
                decided.told.append(Told(row["asker"], row["key"], "no-address", reader.reference))

    def _turns(
        self, urgency: Urgency, letter: Letter, contacts: Mapping[str, Contact], *, listed: bool
    ) -> list[list[Rung]]:
        """Returns the rungs of each reader. What a list is about stands in the app already, line by line."""
        turns = []
        for turn, reader in enumerate(letter.readers):
            contact = contacts[reader.reference]
            there = [channel for channel in self.senders if channel in contact.addresses]
            channels = channels_for(self.outbox.rules, contact.chosen, urgency, there)
            rungs = [Rung(turn, one, one != "in-app" and self.senders[one].dedupes) for one in channels]
            turns.append(rungs[1:] if listed and len(rungs) > 1 else rungs)
        return turns

    def _send(self, decided: Decided, row: Any, letter: Letter, step: Send, contact: Contact, now: datetime) -> None:
        urgency, outbox = Urgency(row["urgency"]), self.outbox
        turn, channel = step.rung.turn, step.rung.channel
        morning = awake(now, night_of(outbox.rules, contact.chosen), outbox.zone)
        if urgency is not Urgency.RED and morning > now:  # What failed by day is not tried again by night.
            decided.due = morning
            return
        delay = self.rates.delay(channel, red=urgency is Urgency.RED)
        if delay > 0:
            decided.due = now + timedelta(seconds=delay)
            return
        token = secrets.token_urlsafe(16)
        reader = letter.readers[turn]
        said = {**letter.variables, **reader.variables, "link": f"{self.root}/{LINKS}/{token}"}
        said.setdefault("time", now.astimezone(outbox.zone).strftime("%m-%d %H:%M"))
        parcel = self._parcel(row, step.rung, reader, contact, said)
        digest = outbox.letters.digester.of("link", token)
        address = outbox.letters.digester.of("address", parcel.address) if channel in ("sms", "voice") else None
        decided.claims.append((row["id"], turn, channel, step.number, reader.reference, "claimed", digest, address))
        delay = self.rates.take(channel)
        decided.due = now + timedelta(seconds=outbox.rules.tries.claim + delay)
        decided.going = Going(row["id"], turn, channel, urgency, row["holder"], parcel, delay)

    def _parcel(self, row: Any, rung: Rung, reader: Reader, contact: Contact, said: Mapping[str, str]) -> Parcel:
        """Returns what a channel is given: public words, and nothing else that is anybody's."""
        public = self.outbox.templates.public(row["template"], said, red=Urgency(row["urgency"]) is Urgency.RED)
        allowed = {name: value for name, value in said.items() if name in self.outbox.rules.public.variables}
        sms, wechat = public.sms, public.wechat
        template = {"sms": sms and sms.id, "voice": sms and sms.id, "wechat": wechat and wechat.id}
        return Parcel(
            key=key_of(row["id"], rung.turn, rung.channel),
            channel=rung.channel,
            address=contact.addresses[rung.channel],
            template=template.get(rung.channel) or row["template"],
            variables=tuple((name, allowed.get(name, UNSAID)) for name in (sms.variables if sms else ())),
            fields=tuple((name, filled(text, allowed)) for name, text in wechat.fields.items()) if wechat else (),
            sentence=filled(public.en if contact.chosen.language == "en" else public.zh, allowed),
            link=allowed["link"],
            about={"urgency": Urgency(row["urgency"]).name.lower(), "asker": row["asker"], "reader": reader.reference},
        )


def key_of(message: int, turn: int, channel: str) -> str:
    """Returns the key of a rung, under which a provider takes a message once: the same for each try."""
    return f"ky-{message}-{turn}-{channel}"
