"""Who asks: an actor, in which role, why, and from where. Sign-in makes actors; the policy says what each may see."""

from dataclasses import dataclass, replace

import msgspec


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, or an application, that is signed in.

    reference:   `Practitioner/…`, `Patient/…` or `Device/…`; for an account without a resource a name of its own form.
    name:        for people to read.
    institution: the `Organization` that the credential is of.
    purpose:     a code of v3-PurposeOfUse: TREAT, HPAYMT, PUBHLTH, HRESCH, SYSADMIN.
    administrator: may do what concerns the installation and not one resident ($expunge, $import, settings).
    role:        the one role of the policy that is acted in; empty where the credential has none.
    patients:    ids of the Patients that may be acted for: a resident's own registrations, and those of wards.
    alone:       the other registrations of the same residents do not count: these were proven, and no more.
    scopes:      what an application was given, SMART App Launch 2; None where no application stands between.
    patient:     the id of the Patient that the application was launched for; empty for none.
    client:      the application. session: of the sign-in; it can be ended.
    ward:        of who acts for a family member in a session of his own: the Patient whose token it is; empty for none.
    acts:        he may also do something for them; else he only sees.
    present:     what is done in person may be done by it; not with an outside provider's token that tells of no factor.
    """

    reference: str
    name: str
    institution: str
    purpose: str = "TREAT"
    administrator: bool = False
    role: str = ""
    patients: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    patient: str = ""
    client: str = ""
    session: str = ""
    hidden: int = 0
    present: bool = True
    alone: bool = False
    ward: str = ""
    acts: bool = True

    @property
    def for_one(self) -> bool:
        """Whether all `patients` are registrations of one person: whoever has several wards acts for several."""
        return self.role == "resident" or bool(self.ward)


def credential(actor: Actor) -> bytes:
    """Returns an actor as it is kept for what is done later in its name; without the name for people."""
    return msgspec.json.encode(replace(actor, name=""))


def read_credential(kept: bytes) -> Actor:
    """Returns the actor of `credential`."""
    return msgspec.json.decode(kept, type=Actor)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The request that an actor makes. None of it holds a value that the request was about.

    shape:  method and path with parameter names only. source: the address. request: the request id.
    historic: what is written has happened elsewhere before; it is no order made now.
    way:      by which ground, where that was found out already; else the audit row looks for it.
    depth, origin: of a reaction: one more than the commit's that it reacts to, and its own name.
    """

    shape: str
    source: str
    request: str
    historic: bool = False
    depth: int = 0
    origin: str | None = None
    way: str = ""
