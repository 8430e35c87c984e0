"""What a format makes of what an institution sent: entries to be stored, and refusals that say how to put things right.

Every format (`tables`, `hl7v2`, `cda`) ends here, so that what follows (the test view, storing, counting) is written
once. It is no mapping and knows no database. ADR 30.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

_BYTES = 15
OF_NOBODY = frozenset(
    ("Organization", "Practitioner", "PractitionerRole", "Location", "Medication", "Device", "HealthcareService")
)
WHOM = ("subject", "patient", "beneficiary", "participant")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in what was sent something stands, in the words of who sent it.

    source: the file, table or message (its control id). row: counted from 1, the header of a file is row 1.
    part:   the column, or the segment with its field (`PID-3.1`).
    """

    source: str
    row: int | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource that an institution's record came to.

    id:     as `entry_id` gives it, so that what is sent again is the same resource.
    acts:   "store" writes it, "revoke" takes it back (`entered-in-error`, nothing is deleted).
    origin: the record that it was made of. More than one entry may come of one record.
    generated: when the sender made this version, by his own word (a dateTime), None where he does not say. It stands
            not in the resource: the same sent again is no new version. It decides nothing: the later delivery wins.
    partial: whether its record says only some of what stands: what it does not say stays.
    """

    id: str
    resource: Mapping[str, Any]
    origin: Place
    acts: Literal["store", "revoke"] = "store"
    generated: str | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """What of a record cannot be taken as it is.

    text:       a text id; it says what was wanted and how to put it right. parameters: fill its places.
    shown:      the value as it may be shown to who sent it: masked. None where there is none.
    whole:      whether the record is kept aside; otherwise this value only was left out, unless it was
    taken:      all the same, put right or as it stood, and is told so that its sender puts it right.
    """

    place: Place
    text: str
    shown: str | None = None
    parameters: Mapping[str, str | int] = field(default_factory=dict)
    whole: bool = True
    taken: bool = False


def is_about_nobody(resource: Mapping[str, Any]) -> bool:
    """Whether a resource should say whose it is and does not: no consent would bind it, and nobody would find it."""
    return resource["resourceType"] not in (*OF_NOBODY, "Patient") and not any(map(resource.get, WHOM))


def entry_id(prefix: str, kind: str, key: Sequence[str]) -> str:
    """Returns the id of what an institution's record of a kind came to.

    prefix: the institution's, as its ids begin (up to 36 characters). kind: a short name of what it is, by the
    mapping. key: the business key, in the order of its columns; it does not stand in the id, which is shown in
    addresses and logs, only a digest of 120 bits.
    """
    told = "\x1f".join((prefix, kind, *(part.replace("\x1f", " ") for part in key)))
    digest = hashlib.blake2b(told.encode(errors="surrogatepass"), digest_size=_BYTES).digest()
    return f"{prefix}-{base64.b32encode(digest).decode().lower()}"
