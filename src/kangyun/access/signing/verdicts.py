"""Whether a signature holds: who, when, over which version, and whether that was changed since.

Certificates are judged as of an instant that somebody other than the signer vouches for: a time stamp, or the moment
at which the record took the signature in; else as of now. What a signer says of the time is only shown.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kangyun.access.signing.documents import AUTHOR, SignedStatement, authors
from kangyun.access.signing.register import Register
from kangyun.access.signing.time_stamps import TimeStamp, read_stamp
from kangyun.base import clock
from kangyun.base.crypto import certificates
from kangyun.base.crypto.certificates import Trust
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource

Fault = (
    Literal["not-a-signature", "forged", "other-document", "not-theirs", "ended", "not-the-author", "stamp-wrong"]
    | certificates.Fault
)
Clock = Literal["time-stamp", "record", "now"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one signature. statement: None where it is none of ours, and then nothing else is known.

    changed: whether the resource is another now than the one that was signed; None where that cannot be said.
    at: the instant that the certificate was judged as of, and by whose `clock` that is.
    """

    statement: SignedStatement | None
    faults: tuple[Fault, ...]
    changed: bool | None = None
    author: bool = False
    at: datetime | None = None
    clock: Clock = "now"

    @property
    def valid(self) -> bool:
        """Whether the signature is true and its signer was who they say, whatever became of the resource later."""
        return not self.faults


def _is_about(statement: SignedStatement, resource: Resource) -> bool:
    """Whether a signature names this resource, whatever stood in it then."""
    return (statement.type, statement.id) == (resource.get("resourceType"), resource.get("id", statement.id))


class Judge:
    """Judges signatures by the register as it was when it was made."""

    def __init__(self, register: Register, trust: Trust) -> None:
        self._register = register
        self._trust = trust

    async def judge(
        self, signature: object, current: Resource | None, signed: Resource | None = None, taken: datetime | None = None
    ) -> Verdict:
        """Returns the verdict on a FHIR Signature.

        current: the resource as it is now. signed: the version that the signature names, where the record has it.
        taken: when the record took the signature in.
        """
        try:
            statement = SignedStatement.of_fhir(signature)
        except Invalid:
            return Verdict(None, ("not-a-signature",))
        # Both take milliseconds of arithmetic and may wait: not where others wait for this thread.
        is_true, (stamp, stamp_is_wrong) = await asyncio.to_thread(lambda: (statement.is_true, self._stamp(statement)))
        if not is_true:
            return Verdict(statement, ("forged",))
        faults: list[Fault] = ["stamp-wrong"] if stamp_is_wrong else []
        at, by = self._instant(stamp, taken)
        faults += await asyncio.to_thread(self._trust.faults, statement.certificate, at, statement.chain[1:])
        faults += await self._person(statement, at)
        original = signed if signed is not None and statement.is_of(signed) else current
        is_author = False
        if original is not None and statement.is_of(original):
            is_author = statement.header.who in authors(original)
            if statement.header.purpose == AUTHOR and authors(original) and not is_author:
                faults.append("not-the-author")
            changed = None if current is None else not statement.is_of(current)
        else:
            changed = True if current is not None else None
            if signed is not None or (current is not None and not _is_about(statement, current)):
                faults.append("other-document")
        return Verdict(statement, tuple(faults), changed, is_author, at, by)

    async def _person(self, statement: SignedStatement, at: datetime) -> list[Fault]:
        holder = await self._register.holder(statement.certificate)
        if holder is None or holder.reference != statement.header.who:
            return ["not-theirs"]
        return [] if holder.held(at) else ["ended"]

    def _stamp(self, statement: SignedStatement) -> tuple[TimeStamp | None, bool]:
        """Returns the time stamp that holds, and whether there is one that does not."""
        if statement.stamp is None:
            return None, False
        try:
            stamp = read_stamp(statement.stamp)
        except Invalid:
            return None, True
        is_theirs = stamp.certificate.may_stamp and stamp.is_of(statement.signature) and stamp.is_true
        holds = is_theirs and not self._trust.faults(stamp.certificate, stamp.instant, stamp.chain)
        return (stamp, False) if holds else (None, True)

    @staticmethod
    def _instant(stamp: TimeStamp | None, taken: datetime | None) -> tuple[datetime, Clock]:
        if stamp is not None:
            return stamp.instant, "time-stamp"
        return (taken, "record") if taken is not None else (clock.now(), "now")
