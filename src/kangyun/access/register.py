"""What is asked here of the register of digital identities, `access.identities`: only this much of it is known.

Also of the way in: what begins a resident's session, once it is proven who they are.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol

from kangyun.access.identities.sessions import Session

Kind = Literal["institution", "staff", "resident", "guardian", "device", "application"]


class Post(Protocol):
    """A role at an institution."""

    @property
    def role(self) -> str: ...
    @property
    def institution(self) -> str: ...


class Known(Protocol):
    """Somebody who was let in."""

    @property
    def id(self) -> int: ...
    @property
    def reference(self) -> str: ...
    @property
    def institution(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def status(self) -> str: ...
    @property
    def posts(self) -> Sequence[Post]: ...


class Register(Protocol):
    """The register. Each of these is audited by it."""

    async def admit(
        self, kind: Kind, reference: str, institution: str, name: str, *, roles: Iterable[str], vouched_by: str,
        evidence: str, licence: str | None = None, department: str | None = None, handle: str | None = None,
    ) -> int: ...  # fmt: skip

    async def find(self, name: str) -> Known | None: ...

    async def leave(self, identity: int, by: str, why: str) -> None: ...

    async def give_role(
        self, identity: int, role: str, institution: str, by: str, *, until: datetime | None = None
    ) -> None: ...

    async def take_role(self, identity: int, role: str, institution: str, by: str, why: str) -> None: ...

    async def suspend_all(self, institution: str, by: str, why: str) -> None: ...

    async def resume_all(self, institution: str, by: str, why: str) -> None: ...

    async def set_password(self, identity: int, password: str, *, initial: bool = False) -> None: ...


class Entry(Protocol):
    """Begins sessions of residents."""

    async def begin(
        self, patients: Sequence[str], name: str, vouched_by: str, factors: Sequence[str], source: str, request: str
    ) -> tuple[Session, str]:
        """Lets a resident in, as somebody new where they never were, and returns the session with its cookie.

        patients: ids of their registrations, of which the first stands for them. vouched_by: who saw that it is them.
        """
        ...

    async def end(self, patients: Sequence[str], by: str) -> None:
        """Ends who entered as one of these registrations: sessions and grants end with it."""
        ...
