"""What stands in a registration form, and what of it is wrong."""

from dataclasses import dataclass, field
from datetime import date

from kangyun.simulate.registrations.truth import Truth


@dataclass(slots=True)
class Written:
    """A form that was filled in. Empty is what was left empty; `birth` is None where there is none.

    has_guardian: whether the contact acts for the resident.
    """

    on: date
    entry: str = "typed"
    name: str = ""
    family: str = ""
    given: str = ""
    number: str = ""
    document: str = "id"
    sex: str = "unknown"
    birth: date | None = None
    phone: str = ""
    address: str = ""
    contact: tuple[str, str] | None = None
    has_guardian: bool = False
    work: str = ""
    marital: str = ""
    death: date | None = None
    insurance: str = ""
    card: str = ""
    errors: list[str] = field(default_factory=list)
    valid_number: bool = False

    def truth(self, registration: str, resident: str, institution: str) -> Truth:
        """Returns what is true of the registration with this id."""
        return Truth(
            registration, resident, institution, self.on.isoformat(), self.entry, self.errors, self.valid_number
        )
