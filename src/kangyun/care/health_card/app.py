"""The health card: which resident is here, by whatever code he carries; and cards of our own, where there are no other.

`rules.py` says what a code is, `own.py` what a code of ours holds, `issuers.py` asks who issued one. This file only
asks, decides by which reason the caller may see the resident, and answers.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from kangyun.access.apps import App, Code, Instant, Named, Query, Record, Reference, Shown
from kangyun.access.messages.senders import CHANNELS
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, NotSupported, RuleBroken
from kangyun.base.texts import say
from kangyun.care.health_card import own, rules
from kangyun.care.health_card.issuers import adaptor_of
from kangyun.care.health_card.rules import Rules
from kangyun.fhir import Resource

FILE = "health_card.toml"
OWN = "health-card"
SHOWN = timedelta(minutes=5)
RESIDENTS = frozenset({"resident", "guardian"})
Proof = Literal["presented", "word", "none"]


@dataclass(frozen=True, slots=True)
class Verified:
    """Which resident it is. proof: `presented` (he, or his card, is here), `word` (he has said one), `none`.

    patient: registrations that the caller sees; none where nobody is known to him. ground, until: by which and how long
    he sees what is of elsewhere. notice: to people.
    """

    kind: Code
    known: bool
    proof: Code
    patient: tuple[Reference, ...]
    ground: Code | None = None
    until: Instant | None = None
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A word that was sent: the name by which it is stated."""

    challenge: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A code of ours. code: as a picture carries it. digits: to be typed beside an identifier; of a dynamic one."""

    kind: Code
    code: str
    until: Instant
    notice: str
    number: str | None = None
    digits: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A card of ours. number: as the caller is shown it. revoked: before its time was over."""

    number: str
    kind: Code
    revoked: bool
    until: str | None


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of a registration."""

    card: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Revoked:
    """A card that is good no more."""

    number: str


@dataclass(frozen=True, slots=True)
class _Code:
    """What was read. named: whom it names; None where only the gate knows whose its one-time code is.

    presented: its issuer found that it is shown just now. needs_word: it was printed, and proves nothing by itself.
    """

    kind: str
    named: Named | None
    presented: bool = False
    needs_word: bool = False
    one_time: str = ""


async def verify_code(
    record: Record, *, code: str, kind: Code | None = None, reader: str | None = None, challenge: str | None = None,
    word: str | None = None,
) -> Verified:  # fmt: skip
    """Answers which resident a code names. reader: the card reader that has read it; challenge, word: what he has said.

    Raises Forbidden for who may not ask, and for a code that is not good; RuleBroken where it needs a second factor;
    NotSupported where its issuer is not set; Throttled.
    """
    given = await _entered(record)
    if (reader is not None and word is not None) or (word is None) != (challenge is None):
        raise Invalid("care.health_card.one-proof", at="word")
    read = await _read(record, code, kind, given)
    if read.needs_word and word is None:
        raise RuleBroken("care.health_card.needs-word", at="word")
    proof: Proof = "presented"
    shown: Shown | None = None
    if read.one_time:
        shown = await record.open_by_code(read.one_time)
    elif read.named is None:
        raise Forbidden("care.health_card.not-ours")
    elif word is not None and challenge is not None:
        proof, shown = "word", await record.open_by_word(challenge, word, read.named)
    elif read.presented:
        shown = await record.open_by_issuer(read.kind, read.named)
    elif reader is not None:
        shown = await record.open_by_reader(reader, read.named)
    else:
        return _answer(record, read.kind, "none", await record.find(read.named))
    if shown is None:
        return _answer(record, read.kind, proof, ())
    return _answer(record, read.kind, proof, shown.patients, shown)


async def ask_code_word(
    record: Record, *, code: str, kind: Code | None = None, channel: Code | None = None
) -> Asked:  # fmt: skip
    """Sends a word to the telephone of whom a code names, as its second factor. Raises as `verify_code`, RuleBroken."""
    given = await _entered(record)
    record.may_open("word")
    how = next((one for one in CHANNELS if one == (channel or "sms")), None)
    if how is None:
        raise Invalid("access.residents.channel", at="channel", channels=", ".join(CHANNELS))
    read = await _read(record, code, kind, given)
    if read.named is None or read.presented:
        raise RuleBroken("care.health_card.needs-none", at="code")
    return Asked(await record.ask_word(read.named, how))


async def show_card(record: Record, *, patient: str) -> Issued:
    """Returns a dynamic code for the resident who is signed in, or a ward of his. Raises Forbidden, NotSupported."""
    _may_issue(record, _rules(record))
    code, digits = await record.show_code(patient)
    now = clock.now()
    payload = own.Payload("dynamic", code, int(now.timestamp()), int((now + SHOWN).timestamp()))
    return Issued(OWN, await _signed(record, payload), now + SHOWN, _notice(record), digits=digits)


async def print_card(record: Record, *, patient: str) -> Issued:
    """Returns the code of the static card that a registration has, for the resident to print it again.

    It proves nothing without a word, so paper that is found opens nothing. Raises Forbidden for who is not a resident,
    NotFound, RuleBroken where there is no card in use.
    """
    _may_issue(record, _rules(record))
    if record.actor.role not in RESIDENTS:
        raise Forbidden("care.health_card.own-only")
    now = clock.now()
    number, until = own.in_use(await record.read("Patient", patient), now)
    payload = own.Payload("static", number, int(now.timestamp()), int(until.timestamp()))
    return Issued("static", await _signed(record, payload), until, _notice(record), number=number)


async def issue_card(record: Record, *, patient: str, kind: Code = "static") -> Issued:
    """Puts a card on a registration and returns it, to be printed. Raises Forbidden, NotFound, RuleBroken, Invalid."""
    given = _rules(record)
    _may_issue(record, given)
    card = next((one for one in own.CARD_KINDS if one == kind), None)
    if card is None:
        raise Invalid("care.health_card.no-such-kind", at="kind", kinds=", ".join(own.CARD_KINDS))
    now, number = clock.now(), own.new_number()
    until = own.until_of(card, given.own, now)

    def number_for(resource: Resource) -> Resource:
        own.may_have(resource, card, given.own, now.astimezone(rules.BEIJING).date())
        return own.identifier(number, card, now, until)

    await record.identify("Patient", patient, number_for)
    payload = own.Payload(card, number, int(now.timestamp()), int(until.timestamp()))
    return Issued(card, await _signed(record, payload), until, _notice(record), number=number)


async def revoke_card(record: Record, *, patient: str, number: str) -> Revoked:
    """Ends a card of a registration. Raises Forbidden, NotFound, RuleBroken where it has none in use."""
    await record.identify("Patient", patient, lambda resource: own.ended(resource, number, clock.now()))
    return Revoked(number)


async def cards(record: Record, *, patient: str) -> Cards:
    """Lists the cards of ours that a registration has had. Raises NotFound, Forbidden."""
    found = own.cards_of(await record.read("Patient", patient))
    return Cards(
        tuple(
            Card(one.get("value", ""), own.kind_of(one), one.get("use") == "old", one.get("period", {}).get("end"))
            for one in found
        )
    )


async def _entered(record: Record) -> Rules:
    """Lets in who may have a code looked at, so often a day, before one is. Raises Forbidden, Throttled."""
    record.may_open("card")
    given = _rules(record)
    await record.count("calls", given.limits.calls)
    return given


async def _read(record: Record, code: str, said: str | None, given: Rules) -> _Code:
    text = code.strip()
    if len(text) > rules.LONGEST:
        raise Invalid("care.health_card.not-a-code", at="code")
    if own.FORM.fullmatch(text) and said in (None, OWN):
        return await _read_own(record, text, given)
    kind = rules.recognised(text, said, given.kinds)
    about = given.kinds[kind]
    if about.issuer:
        found = await adaptor_of(kind, given).look(text, kind, record.actor.institution, clock.now())
        return _Code(kind, found.named, presented=found.dynamic, needs_word=not found.dynamic)
    return _Code(kind, Named(rules.identifiers(text, about), about.here))


async def _read_own(record: Record, code: str, given: Rules) -> _Code:
    _may_issue(record, given)
    message, signature = own.parts_of(code)
    if not await record.is_signed(message, signature):
        raise Forbidden("care.health_card.not-ours")
    payload = own.read(message, clock.now(), given.limits.skew_seconds)
    if payload.kind == "dynamic":
        return _Code(OWN, None, one_time=payload.what)
    alone = payload.kind in own.WITHOUT_FACTOR
    return _Code(OWN, Named((f"{own.SYSTEM}|{payload.what}",), here=alone), needs_word=not alone)


async def _signed(record: Record, payload: own.Payload) -> str:
    message = own.packed(payload)
    return own.text_of(message, await record.sign(message))


def _answer(
    record: Record, kind: str, proof: Proof, patients: tuple[str, ...], shown: Shown | None = None
) -> Verified:  # fmt: skip
    references = tuple(f"Patient/{id_}" for id_ in patients)
    notice = _notice(record) if kind == OWN else None
    if shown is None:
        return Verified(kind, bool(references), proof, references, notice=notice)
    return Verified(kind, True, proof, references, shown.ground, shown.until, notice)


def _rules(record: Record) -> Rules:
    return rules.read_rules(record.rules(FILE))


def _may_issue(record: Record, given: Rules) -> None:
    """Raises NotSupported where this platform has no cards of its own."""
    if given.own.issue == "never" or (given.own.issue == "demonstration" and not record.is_demonstration):
        raise NotSupported("care.health_card.no-own")


def _notice(record: Record) -> str:
    return say(
        "care.health_card.notice-demo" if record.is_demonstration else "care.health_card.notice", record.language
    )


APP = App(
    purpose="TREAT",
    reads=frozenset({"Patient"}),
    identifies=frozenset({own.SYSTEM}),
    opens=frozenset({"card", "word"}),
    operations={
        "$verify-code": verify_code,
        "$ask-code-word": ask_code_word,
        "Patient/[patient]/$show-card": show_card,
        "Patient/[patient]/$print-card": print_card,
        "Patient/[patient]/$issue-card": issue_card,
        "Patient/[patient]/$revoke-card": revoke_card,
        "Patient/[patient]/$cards": Query(cards),
    },
)
