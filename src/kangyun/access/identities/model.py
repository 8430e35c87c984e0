"""What an identity is: kinds, roles, and what each role is for. Data only.

The names of roles are those of the default policy; what a role may see is decided there (`access.policy`).

Source: purposes are codes of http://terminology.hl7.org/CodeSystem/v3-ActReason (v3-PurposeOfUse); the three officers
are those of GB/T 22239-2019 8.1.5 (system, audit and security management).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["institution", "staff", "resident", "guardian", "device", "application"]
Status = Literal["admitted", "suspended", "left"]

OFFICERS = ("system-administrator", "security-administrator", "audit-administrator")
"""No identity holds two of them."""
PLATFORM = "Organization/platform"
RESIDENTS = "Organization/residents"
"""Whose own is what residents and their guardians write."""
OF_RESIDENTS = frozenset({"resident", "guardian"})

RESERVED = frozenset(
    {
        *OFFICERS, "administrator", "admin", "catalog", "codes", "demo-admin", "demo-audit", "demo-hospitals",
        "demo-security", "demo-wearers", "device-register", "feed", "feed-figures", "installer", "kangyun", "nobody",
        "platform", "resident-binding", "series", "staff-leavers", "work",
    }
)  # fmt: skip
"""What the platform's own acts stand under in the audit trail (`Device/…`): nobody else is called so."""
OF_APPS = "app-"
"""So begins what the apps of the platform stand under there: nobody else is called so either."""

# Role: which kinds may have it, and the purpose of use that it acts for where no application says another.
ROLES: dict[str, tuple[tuple[Kind, ...], str]] = {
    "doctor": (("staff",), "TREAT"),
    "nurse": (("staff",), "TREAT"),
    "pharmacist": (("staff",), "TREAT"),
    "family-doctor": (("staff",), "TREAT"),
    "duty-officer": (("staff",), "TREAT"),
    "public-health": (("staff",), "PUBHLTH"),
    "insurance": (("staff",), "HPAYMT"),
    "registrar": (("staff",), "PATADMIN"),
    "steward": (("staff",), "RECORDMGT"),
    "researcher": (("staff",), "HRESCH"),
    "coder": (("staff",), "HOPERAT"),
    "terminologist": (("staff",), "HOPERAT"),
    "feed-officer": (("staff",), "HOPERAT"),
    "interface-officer": (("staff",), "HOPERAT"),
    "device-officer": (("staff",), "HOPERAT"),
    "system-administrator": (("staff",), "SYSADMIN"),
    "security-administrator": (("staff",), "SYSADMIN"),
    "audit-administrator": (("staff",), "SYSADMIN"),
    "resident": (("resident",), "PATRQT"),
    "guardian": (("guardian", "resident"), "FAMRQT"),
    "device": (("device",), "TREAT"),
    "application": (("application",), "TREAT"),
}

RELATIONS = ("GUARD", "POWATT", "FAMMEMB", "PRN", "CHILD", "GRPRN", "GRNDCHILD", "SIB", "SPS")
"""As what somebody acts for somebody else: codes of http://terminology.hl7.org/CodeSystem/v3-RoleCode."""


def is_staff(role: str) -> bool:
    """Whether a role is one of staff."""
    return "staff" in ROLES.get(role, ((), ""))[0]


@dataclass(frozen=True, slots=True)
class Post:
    """A role at an institution, from a day until a day."""

    role: str
    institution: str
    starts: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who was let in. `roles` are those of `posts`, which are held now; each once."""

    id: int
    kind: Kind
    reference: str
    institution: str
    name: str
    roles: tuple[str, ...]
    status: Status
    posts: tuple[Post, ...] = ()
    handle: str = ""
    licence: str = ""
    department: str = ""
    demonstration: bool = False


@dataclass(frozen=True, slots=True)
class Proxy:
    """For which Patient somebody may act, as what, and until when.

    mask: the labels of what may be seen, categories and levels too; a resource with any other label is hidden. All
    bits: everything that the role sees. Three rights, each of its own: sees the record, acts for its resident, hears of
    alarms. Who acts and does not see is shown what names the person (`mask`).
    tie: one for all registrations of one gift.
    """

    patient: str
    relation: str
    mask: int = -1
    starts: datetime | None = None
    ends: datetime | None = None
    hears: bool = False
    sees: bool = True
    acts: bool = True
    tie: str | None = None
