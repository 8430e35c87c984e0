"""The city's institutions and their staff, as one bundle and as what residents' bundles refer to.

Residents' bundles name institutions and staff by conditional reference, so that each bundle can be loaded alone.
"""

from dataclasses import dataclass
from random import Random

from kangyun.base.numbers import credit_code
from kangyun.simulate.bundle import Bundle, Resource, Transaction
from kangyun.simulate.coding import (
    DEPARTMENT,
    DEPARTMENT_ID,
    INSTITUTION_CLASS,
    INSTITUTION_ID,
    PLACE_ID,
    STAFF_ID,
    TITLE,
    concept,
    hl7,
    number,
)
from kangyun.simulate.names import Names
from kangyun.simulate.tables import Tables
from kangyun.simulate.tables.city import County, Department, InstitutionRow

STAFF_PREFIX = "990100"  # of licences: the city's
DOCTOR_TITLES = [("231", "主任医师", 1), ("232", "副主任医师", 2), ("233", "主治医师", 4), ("234", "医师", 3)]
NURSE_TITLES = [("253", "主管护师", 2), ("254", "护师", 3), ("255", "护士", 3)]


@dataclass(slots=True, frozen=True)
class Clinician:
    """A member of staff. `licence` is unique in the city."""

    name: str
    licence: str
    role: str

    @property
    def reference(self) -> Resource:
        return {"reference": f"Practitioner?identifier={STAFF_ID}|{self.licence}", "display": self.name}


class Institutions:
    """All institutions of the city, with their staff by institution and department."""

    def __init__(self, tables: Tables, seed: int) -> None:
        self._tables = tables
        self._place, self._names = tables.city.place, Names(tables.names)
        self._doctors: dict[tuple[str, str], list[Clinician]] = {}
        self._transaction = Transaction(Random(f"{seed}:institutions:ids"))
        self._rng = Random(f"{seed}:institutions")
        self._count = 0
        self.ids: dict[str, str] = {}  # of Organizations by key
        self.by_key = {institution.key: institution for institution in tables.institutions.institutions}
        for institution in self.by_key.values():
            self._found(institution)

    def bundle(self) -> Bundle:
        """Returns the transaction bundle that a server needs before those of residents."""
        return self._transaction.bundle()

    def doctors(self, institution: InstitutionRow, department: str) -> list[Clinician]:
        """Returns the doctors of a department; never empty for a department of the tables."""
        return self._doctors[institution.key, department]

    def departments(self, institution: InstitutionRow) -> list[Department]:
        """Returns the departments of an institution."""
        return self._tables.institutions.departments[institution.departments]

    def code(self, institution: InstitutionRow) -> str:
        """Returns the institution's social credit code."""
        return credit_code.made(self._county(institution).division, institution.serial)

    def reference(self, institution: InstitutionRow) -> Resource:
        """Returns a conditional reference to the institution."""
        return {
            "reference": f"Organization?identifier={INSTITUTION_ID}|{self.code(institution)}",
            "display": institution.name,
        }

    def location(self, institution: InstitutionRow) -> Resource:
        """Returns a conditional reference to the place where the institution works."""
        return {"reference": f"Location?identifier={PLACE_ID}|{institution.key}", "display": institution.name}

    def insurer(self) -> InstitutionRow:
        """Returns the institution that pays."""
        return next(one for one in self.by_key.values() if one.kind == "insurer")

    def _county(self, institution: InstitutionRow) -> County:
        return self._tables.city.county(institution.county)

    def _found(self, institution: InstitutionRow) -> None:
        place, county = self._place, self._county(institution)
        payer = institution.kind == "insurer"
        kind = hl7("organization-type", "pay", "Payer") if payer else hl7("organization-type", "prov")
        kind["coding"].append(
            {"system": INSTITUTION_CLASS, "code": institution.class_, "display": institution.class_zh}
        )
        if institution.level:
            kind["text"] = f"{institution.level}{institution.class_zh}"
        address = {
            "use": "work",
            "text": f"{place.province}{place.city}{county.name}{institution.address}",
            "line": [institution.address],
            "city": place.city,
            "district": county.name,
            "state": place.province,
            "postalCode": county.postal_code,
            "country": "CN",
        }
        organization = self._transaction.add(
            "Organization",
            {
                "identifier": [{"system": INSTITUTION_ID, "value": self.code(institution)}],
                "active": True,
                "type": [kind],
                "name": institution.name,
                "address": [address],
            },
        )
        self.ids[institution.key] = organization["reference"].removeprefix("urn:uuid:")
        location = self._transaction.add(
            "Location",
            {
                "identifier": [{"system": PLACE_ID, "value": institution.key}],
                "status": "active",
                "name": institution.name,
                "mode": "instance",
                "address": address,
                "position": {
                    "longitude": number(institution.longitude, 4),
                    "latitude": number(institution.latitude, 4),
                },
                "managingOrganization": organization,
            },
        )
        for department in self.departments(institution):
            self._staff(institution, department, organization, location)

    def _staff(
        self, institution: InstitutionRow, department: Department, organization: Resource, location: Resource
    ) -> None:
        unit = self._transaction.add(
            "Organization",
            {
                "identifier": [{"system": DEPARTMENT_ID, "value": f"{self.code(institution)}-{department.code}"}],
                "active": True,
                "type": [hl7("organization-type", "dept", "Hospital Department")],
                "name": department.zh,
                "partOf": organization,
            },
        )
        specialty = concept(DEPARTMENT, department.code, department.zh)
        doctors = [self._employ("doctor", unit, location, specialty) for _ in range(department.doctors)]
        self._doctors[institution.key, department.code] = doctors
        for _ in range(department.nurses):
            self._employ("nurse", unit, location, specialty)

    def _employ(self, role: str, unit: Resource, location: Resource, specialty: Resource) -> Clinician:
        rng = self._rng
        sex = rng.choices(["male", "female"], [55, 45] if role == "doctor" else [5, 95])[0]
        name = self._names.han(rng, self._names.surname(rng), sex, rng.randint(1965, 1998))
        self._count += 1
        clinician = Clinician(name.text, f"{STAFF_PREFIX}{self._count:09d}", role)
        titles = DOCTOR_TITLES if role == "doctor" else NURSE_TITLES
        code, title, _ = rng.choices(titles, [weight for *_, weight in titles])[0]
        practitioner = self._transaction.add(
            "Practitioner",
            {
                "identifier": [{"system": STAFF_ID, "value": clinician.licence}],
                "active": True,
                "name": [{"use": "official", "text": clinician.name, "family": name.surname, "given": [name.given]}],
                "gender": sex,
                "qualification": [{"code": concept(TITLE, code, title)}],
            },
        )
        self._transaction.add(
            "PractitionerRole",
            {
                "active": True,
                "practitioner": practitioner,
                "organization": unit,
                "code": [hl7("practitioner-role", role)],
                "specialty": [specialty],
                "location": [location],
            },
        )
        return clinician
