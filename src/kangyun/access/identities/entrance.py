"""The way in, step by step: password, one role, its second factor, a new password where it is due, a session.

What was passed stands in a `Step`, which the browser carries sealed from one page to the next and cannot change;
`enter` looks at all of it again. A session begins only there, with a cookie drawn then: one that somebody put into
a browser before opens nothing.
"""

import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from kangyun.access.identities.lockout import Lockout
from kangyun.access.identities.model import Identity, Post
from kangyun.access.identities.register import Identities
from kangyun.access.identities.sessions import Session, Sessions
from kangyun.access.identities.vault import drawn, folded
from kangyun.base.crypto import Unreadable
from kangyun.base.errors import Forbidden, SignInNeeded

STEP_LASTS = 600  # seconds
PLACE = "step"
PASSWORD = "password"


class SecondFactor(Protocol):
    """Second factors of staff: which role needs which, and proving them. `access.factors` has the real ones."""

    async def needed(self, role: str) -> Sequence[str]:
        """Returns the kinds of which one is needed for a role; none: the password is enough."""

    async def begin(self, identity: int, kind: str) -> Mapping[str, Any]:
        """Begins a proof: sends a code, draws a challenge. Returns what the page shows."""

    async def verify(self, identity: int, kind: str, proof: str) -> bool:
        """Whether the proof is right; it is good once."""

    async def held(self, identity: int) -> Sequence[str]:
        """Returns the kinds that somebody has."""

    async def enrol(
        self, identity: int, kind: str, given: Mapping[str, str], role: str, account: str
    ) -> Mapping[str, Any]:
        """Begins to enrol a factor, with leave (`permit`) or as the role allows. Returns what the page shows."""

    async def confirm(self, identity: int, kind: str, proof: str) -> None:
        """Ends an enrolment. Raises SignInNeeded for a wrong proof."""


class NoFactors:
    """No role needs a second factor."""

    async def needed(self, role: str) -> Sequence[str]:
        return ()

    async def begin(self, identity: int, kind: str) -> Mapping[str, Any]:
        return {}

    async def verify(self, identity: int, kind: str, proof: str) -> bool:
        return False

    async def held(self, identity: int) -> Sequence[str]:
        return ()

    async def enrol(
        self, identity: int, kind: str, given: Mapping[str, str], role: str, account: str
    ) -> Mapping[str, Any]:
        return {}

    async def confirm(self, identity: int, kind: str, proof: str) -> None:
        raise SignInNeeded("access.identities.factor-wrong")


class Step(msgspec.Struct, frozen=True):
    """How far somebody has come. `request`: what to go on with afterwards, a query of /oauth/authorize or empty.

    proof: what the identity was proven by first; password: which one, by when it was set. factor: the second factor
    that was passed. page: which page of ours asked, by its name.
    mark: drawn with the first page; each form sends it along, so that no other site can send one (CSRF).
    """

    mark: str
    until: float
    request: str = ""
    identity: int = 0
    change: bool = False
    role: str = ""
    institution: str = ""
    factor: str = ""
    proof: str = PASSWORD
    password: str = ""
    page: str = ""


class PasswordChangeNeeded(Forbidden):
    """The password is right and must be changed first."""

    default_text = "access.identities.must-change"


@dataclass(frozen=True, slots=True)
class Entrance:
    """Lets people in. One for a process."""

    identities: Identities
    sessions: Sessions
    lockout: Lockout
    factors: SecondFactor

    def first(self, request: str = "", page: str = "") -> Step:
        """Returns the step of somebody who begins. page: the page of ours to go on to, where no application asked."""
        return Step(drawn(16), time.time() + STEP_LASTS, request, page=page)

    def sealed(self, step: Step) -> str:
        """Returns a step for the browser to carry."""
        return self.identities.vault.seal(msgspec.json.encode(step), PLACE).hex()

    def carried(self, text: str, mark: str) -> Step:
        """Returns the step that a browser carries. Raises SignInNeeded where it is none or not this form's."""
        try:
            step = msgspec.json.decode(self.identities.vault.open(bytes.fromhex(text), PLACE), type=Step)
        except (ValueError, Unreadable, msgspec.DecodeError):
            raise SignInNeeded("access.identities.step-over") from None
        if step.until < time.time() or not hmac.compare_digest(step.mark.encode(), mark.encode()):
            raise SignInNeeded("access.identities.step-over")
        return step

    async def prove(self, step: Step, handle: str, password: str, source: str) -> Step:
        """Takes the step of the password. Raises SignInNeeded, Locked, Throttled."""
        account = folded(handle)
        await self.lockout.begin(account, source)
        found, change = await self.identities.proven(handle, password)
        if found is None:
            raise SignInNeeded("access.wrong-sign-in")
        await self.lockout.succeed(account, source)
        return msgspec.structs.replace(
            step, identity=found.id, proof=PASSWORD, password=await self.identities.password_set(found.id),
            change=change, role="", institution="", factor="",
        )  # fmt: skip

    def recognised(self, step: Step, identity: Identity, proof: str) -> Step:
        """Takes the first step for somebody who was proven without a password: by a code to the phone, at a desk.

        proof: how; it stands in the session. Whoever calls this has held it against the lock-out and left its row.
        """
        return msgspec.structs.replace(
            step, identity=identity.id, proof=proof, change=False, role="", institution="", factor=""
        )

    async def change(self, step: Step, password: str) -> Step:
        """Takes the step of a new password, the last one: whoever has an old one only sets no new one.

        Raises RuleBroken for a password that is too weak; SignInNeeded, Forbidden where a step before it is missing.
        """
        found = await self.of(step)
        await self._passed(step, found)
        await self.identities.set_password(found.id, password)
        return msgspec.structs.replace(step, change=False, password=await self.identities.password_set(found.id))

    def choose(self, step: Step, identity: Identity, role: str, institution: str) -> Step:
        """Takes the step of the role that is acted in. Raises SignInNeeded for one that is not held."""
        post = _post(identity, role, institution)
        return msgspec.structs.replace(step, role=post.role, institution=post.institution, factor="")

    async def verify(self, step: Step, kind: str, proof: str, source: str) -> Step:
        """Takes the step of a second factor. Raises SignInNeeded, Locked."""
        found = await self.of(step)
        await self.lockout.begin(found.handle, source)
        if kind not in await self.factors.needed(step.role) or not await self.factors.verify(found.id, kind, proof):
            raise SignInNeeded("access.identities.factor-wrong")
        await self.lockout.succeed(found.handle, source)
        return msgspec.structs.replace(step, factor=kind)

    async def enrol(self, step: Step, kind: str, given: Mapping[str, str]) -> Mapping[str, Any]:
        """Begins to enrol the first factor of somebody who has none. Raises SignInNeeded, Forbidden, Invalid."""
        found = await self.of(step)
        if kind not in await self.factors.needed(step.role):
            raise SignInNeeded("access.identities.step-over")
        return await self.factors.enrol(found.id, kind, given, step.role, found.handle)

    async def confirm(self, step: Step, kind: str, proof: str) -> Step:
        """Takes the step of a factor that was enrolled and proven just now. Raises SignInNeeded, Throttled."""
        found = await self.of(step)
        await self.factors.confirm(found.id, kind, proof)
        return msgspec.structs.replace(step, factor=kind)

    async def of(self, step: Step) -> Identity:
        """Returns whose step it is. Raises SignInNeeded where the password was not proven, or is no longer good."""
        found = await self.identities.get(step.identity) if step.identity else None
        if found is None or not self.identities.admits(found):
            raise SignInNeeded("access.identities.step-over")
        # Whoever was half way in by an old password is out, and what a page of the account carries was no way in.
        if step.proof == PASSWORD and step.password != await self.identities.password_set(found.id):
            raise SignInNeeded("access.identities.step-over")
        return found

    async def enter(self, step: Step, source: str, request: str) -> tuple[Session, str]:
        """Begins the session and returns it with its cookie. Raises SignInNeeded, Forbidden where a step is missing."""
        found = await self.of(step)
        post = await self._passed(step, found)
        if step.change:
            raise PasswordChangeNeeded
        proofs = [step.proof, *([step.factor] if step.factor else [])]
        return await self.sessions.begin(found, post, proofs, source, request)

    async def _passed(self, step: Step, identity: Identity) -> Post:
        """Returns the role that was chosen. Raises SignInNeeded without one, Forbidden where its factor is missing."""
        post = _post(identity, step.role, step.institution)
        needed = await self.factors.needed(post.role)
        if needed and step.factor not in needed:
            raise Forbidden("access.identities.factor-needed", kinds=", ".join(needed))
        return post

    async def straight(self, handle: str, password: str, role: str, source: str, request: str) -> Session:
        """Lets in who needs no further page: with a password, a role where there are several, no second factor."""
        step = await self.prove(self.first(), handle, password, source)
        return (await self.straight_on(step, role, source, request))[0]

    async def straight_on(self, step: Step, role: str, source: str, request: str) -> tuple[Session, str]:
        """Lets in whose first step was taken and who needs no further page; returns the session and its cookie.

        Raises Forbidden for whoever needs one.
        """
        found = await self.of(step)
        posts = [post for post in found.posts if not role or post.role == role]
        if not posts:
            raise Forbidden("access.identities.no-such-role" if role else "access.identities.no-roles")
        if len(posts) > 1 and not step.change:
            raise Forbidden("access.identities.choose-role", roles=", ".join(sorted({one.role for one in posts})))
        step = self.choose(step, found, posts[0].role, posts[0].institution)
        return await self.enter(step, source, request)


def _post(identity: Identity, role: str, institution: str) -> Post:
    for post in identity.posts:
        if (post.role, post.institution) == (role, institution):
            return post
    raise SignInNeeded("access.identities.no-such-role")
