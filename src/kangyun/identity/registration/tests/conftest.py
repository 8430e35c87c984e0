"""A Patient to change, and reading it on one day."""

from datetime import date

import pytest

from kangyun.identity.registration.reading import Reading, read

TODAY = date(2026, 11, 22)
RESIDENT_ID = "urn:oid:2.16.156.10011.1.3"


@pytest.fixture
def patient():
    """Makes a Patient of a woman born on 31 December 1949; keywords replace elements."""

    def make(number: str = "", **elements: object) -> dict[str, object]:
        base: dict[str, object] = {
            "resourceType": "Patient",
            "name": [{"text": "王秀英"}],
            "gender": "female",
            "birthDate": "1949-12-31",
        }
        if number:
            base["identifier"] = [{"system": RESIDENT_ID, "value": number}]
        return {key: value for key, value in (base | elements).items() if value is not None}

    return make


@pytest.fixture
def reading(patient):
    """Reads a Patient that `patient` makes, on TODAY."""

    def make(number: str = "", *, demo: bool = False, **elements: object) -> Reading:
        return read(patient(number, **elements), TODAY, demo=demo)

    return make
