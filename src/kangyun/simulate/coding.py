"""Code systems and the small FHIR data types that every resource of the city uses.

OIDs are those that WS/T 500 documents use; lists without an OID get a URN of ours.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

Element = dict[str, Any]

RESIDENT_ID = "urn:oid:2.16.156.10011.1.3"
HEALTH_RECORD_ID = "urn:oid:2.16.156.10011.1.2"
STAFF_ID = "urn:oid:2.16.156.10011.1.4"
INSTITUTION_ID = "urn:oid:2.16.156.10011.1.5"
DEPARTMENT_ID = "urn:oid:2.16.156.10011.1.26"
OUTPATIENT_ID = "urn:oid:2.16.156.10011.1.11"
INPATIENT_ID = "urn:oid:2.16.156.10011.1.12"
INSURANCE_NUMBER = "urn:kangyun:identifier:insurance-number"
VISIT_CARD = "urn:kangyun:identifier:visit-card"  # a colon and the institution's credit code follow
PASSPORT = "http://hl7.org/fhir/sid/passport-UTO"  # Utopia: the specimen state of ICAO Doc 9303
PAYMENT = "urn:oid:2.16.156.10011.2.3.1.269"
PLACE_ID = "urn:kangyun:identifier:place"
INSTITUTION_CLASS = "urn:kangyun:code-system:ws-218-2002"
DEPARTMENT = "urn:kangyun:code-system:department"
TITLE = "urn:kangyun:code-system:gb-t-8561-2001"
CONTRACT = "urn:kangyun:code-system:contract"

ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICD9_PROCEDURES = "http://hl7.org/fhir/sid/icd-9-cm"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"
HL7 = "http://terminology.hl7.org/CodeSystem/"


def concept(system: str, code: str, display: str) -> Element:
    """Returns a CodeableConcept with one coding and the same text."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def hl7(name: str, code: str, display: str | None = None) -> Element:
    """Returns a CodeableConcept of a code system of HL7 terminology."""
    coding = {"system": HL7 + name, "code": code}
    return {"coding": [coding | {"display": display} if display else coding]}


GUARDIAN = hl7("v3-RoleCode", "GUARD", "guardian")
"""What a contact is who acts for a child, or for an adult who cannot."""


def instant(at: datetime) -> str:
    """Returns a dateTime with seconds and zone."""
    return at.isoformat(timespec="seconds")


def number(value: float, decimals: int) -> int | Decimal:
    """Returns the value with exactly the decimals that it is reported with."""
    return round(value) if decimals == 0 else Decimal(f"{value:.{decimals}f}")


def quantity(value: float, unit: str, decimals: int = 0) -> Element:
    """Returns a Quantity in a UCUM unit."""
    return {"value": number(value, decimals), "unit": unit, "system": UCUM, "code": unit}


def money(yuan: float) -> Element:
    """Returns Money in CNY."""
    return {"value": number(yuan, 2), "currency": "CNY"}
