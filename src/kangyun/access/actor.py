"""Who asks: an actor, why, and from where. Roles, relations and consent are another issue and come to stand here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, or an application, that is signed in.

    reference:   `Practitioner/…`, `Patient/…` or `Device/…`; for an account without a resource a name of its own form.
    name:        for people to read.
    institution: the `Organization` that the credential is of.
    purpose:     a code of v3-PurposeOfUse: TREAT, HPAYMT, PUBHLTH, HRESCH, SYSADMIN.
    administrator: may do what concerns the installation and not one resident ($expunge, $import, settings).
    """

    reference: str
    name: str
    institution: str
    purpose: str = "TREAT"
    administrator: bool = False


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The request that an actor makes. None of it holds a value that the request was about.

    shape:  method and path with parameter names only. source: the address. request: the request id.
    historic: what is written has happened elsewhere before; it is no order made now.
    depth, origin: of a reaction: one more than the commit's that it reacts to, and its own name.
    """

    shape: str
    source: str
    request: str
    historic: bool = False
    depth: int = 0
    origin: str | None = None
