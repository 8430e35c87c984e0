"""Who is who: whom a registration is of, and what went wrong when it was written."""

import msgspec


class Truth(msgspec.Struct, frozen=True):
    """`registration` is the id of a Patient, `resident` that of who it is of.

    `entry` is how it came about: machine, copied (with the errors of the one copied), typed, newborn. `errors` are
    named group and kind: name-homophone, number-missing. `valid_number` says whether it has the resident's own ID
    number, of 18 or 15 characters, and nobody else's.
    """

    registration: str
    resident: str
    institution: str
    on: str
    entry: str
    errors: list[str]
    valid_number: bool
