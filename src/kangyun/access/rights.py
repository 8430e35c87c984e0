"""What an actor may do at all, before any resource is looked at: by role, scopes and presence.

Which resources somebody sees is no part of it (`access.policy.sights`).
"""

from kangyun.access.actor import Actor
from kangyun.access.oidc.scopes import data_scopes
from kangyun.access.policy.sights import STAFF, Decision
from kangyun.base.errors import Forbidden


class Rights:
    """The rights of one actor during one request. What somebody may not raises Forbidden."""

    def __init__(self, actor: Actor, decision: Decision) -> None:
        self.actor = actor
        self._decision = decision

    def reads(self, type_: str) -> bool:
        """Whether resources of the type may be read. To whom they may not, an answer to a write shows nothing."""
        return self._decision.reads is None or type_ in self._decision.reads

    def may_read(self, type_: str) -> None:
        """Raises Forbidden where no resource of the type may be read."""
        if not self.reads(type_):
            raise Forbidden("access.policy.read", type=type_)

    def may_search(self, type_: str) -> None:
        """Raises Forbidden where the type may not be searched."""
        if self._decision.searches is not None and type_ not in self._decision.searches:
            raise Forbidden("access.policy.read", type=type_)

    def may_open(self, type_: str) -> None:
        """Raises Forbidden for who opens nobody of a type: staff are opened by staff, and by who keeps the register."""
        decision = self._decision
        if type_ == STAFF and decision.hides_staff and not (decision.masked or decision.keeps_staff):
            raise Forbidden("access.policy.open")

    def administrators_only(self) -> None:
        """Raises Forbidden for anybody but who runs the installation. What is seen by it is the sight's business."""
        runs = self.actor.role == "system-administrator" and not self.actor.client
        if not (self.actor.administrator or runs):
            raise Forbidden("access.administrators-only")

    def bulk_only(self) -> None:
        """Raises Forbidden for anybody but who runs the installation, and applications with scopes of the system level.

        What comes of it is what they may see and write.
        """
        scopes = data_scopes(self.actor.scopes) if self.actor.scopes and self.actor.role == "application" else ()
        if not any(scope.level == "system" for scope in scopes):
            self.administrators_only()

    def may_open_records(self) -> None:
        """Raises Forbidden for an application that may not read each Patient that its user sees: a record that it opens
        is open to the user."""
        scopes = None if self.actor.scopes is None else data_scopes(self.actor.scopes)
        if scopes is not None and not any(
            scope.level != "patient" and scope.covers("Patient") and "r" in scope.permissions and not scope.pairs
            for scope in scopes
        ):
            raise Forbidden("access.policy.read", type="Patient")

    def in_person(self) -> None:
        """Raises Forbidden for an application: what a person answers for is done by that person, on our own pages.

        So it does for whoever comes by an outside provider that asked for no second factor.
        """
        if self.actor.client or not self.actor.present:
            raise Forbidden("access.in-person")
