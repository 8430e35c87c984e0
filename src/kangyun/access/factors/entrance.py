"""Second factors as the way in asks for them: kinds, what the page shows, and an answer as one line of text.

A person types a code and nothing else; a page's script sends JSON. A code alone answers the question asked last.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kangyun.access.factors.factors import Factors
from kangyun.access.factors.model import KINDS, Kind, NotProven

LONGEST = 20_000  # characters of an answer


class AtSignIn:
    """What `access.identities.entrance.SecondFactor` asks for. `demonstration`: then none is needed."""

    def __init__(self, factors: Factors, *, demonstration: bool = False) -> None:
        self._factors = factors
        self._demonstration = demonstration

    async def needed(self, role: str) -> Sequence[str]:
        """Returns the kinds of which one is needed for a role; none: the password is enough."""
        return () if self._demonstration else await self._factors.needed(role)

    async def begin(self, identity: int, kind: str) -> Mapping[str, Any]:
        """Begins a proof. Returns what the page shows: texts for people, and `ask` for its script."""
        challenge = await self._factors.begin(identity, _kind(kind))
        shown = {"phone": challenge.ask["phone"]} if kind == "sms" else {}
        return shown | {"ask": {"challenge": challenge.id, "kind": kind, "with": dict(challenge.ask)}}

    async def verify(self, identity: int, kind: str, proof: str) -> bool:
        """Whether an answer is right; it is good once. Raises NotProven, Throttled, Invalid."""
        given = _proof(proof)
        if "challenge" not in given:
            given["challenge"] = await self._factors.asked_last(identity, _kind(kind))
        return await self._factors.verify(identity, _kind(kind), given)

    async def held(self, identity: int) -> Sequence[str]:
        """Returns the kinds that somebody has."""
        return tuple(dict.fromkeys(one.kind for one in await self._factors.held(identity)))

    async def enrol(
        self, identity: int, kind: str, given: Mapping[str, str], role: str, account: str
    ) -> Mapping[str, Any]:
        """Begins to enrol a factor. Returns what the page shows."""
        challenge = await self._factors.enrol(
            identity, _kind(kind), given, role=role, permit=given.get("permit", ""), account=account
        )
        shown = {name: challenge.ask[name] for name in ("secret", "uri", "phone") if name in challenge.ask}
        return shown | {"ask": {"challenge": challenge.id, "kind": kind, "with": dict(challenge.ask)}}

    async def confirm(self, identity: int, kind: str, proof: str) -> None:
        """Ends an enrolment. Raises NotProven, Throttled, Conflict."""
        await self._factors.confirm(identity, _kind(kind), _proof(proof))


def _proof(text: str) -> dict[str, Any]:
    """Returns what was sent: JSON of a script, or a code that was typed. Raises NotProven."""
    if len(text) > LONGEST:
        raise NotProven
    if not text.lstrip().startswith("{"):
        return {"code": text}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise NotProven from None


def _kind(text: str) -> Kind:
    for kind in KINDS:
        if kind == text:
            return kind
    raise NotProven
