"""The demonstration's family of three: a father with devices, his daughter, who sees his record and hears his
alarms, and her child, for whom she may do all. All of it is invented; the numbers are of a division that there is not.
"""

from datetime import date
from typing import Any

from kangyun.base.numbers import resident_id

DAUGHTER, CHILD = "demo-daughter", "demo-grandson"
PHONE = "15400000002"  # as PHONE of `cli.demonstration`: 154 is allocated to no operator
_DIVISION = "990101"
_GIVEN = (("daughter", DAUGHTER, "晓梅", "female", -28, "21"), ("child", CHILD, "一鸣", "male", -57, "35"))
Resource = dict[str, Any]


def family_of(father: Resource, managing: Resource) -> list[Resource]:
    """Returns the Patients of daughter and grandson. father: his Patient; managing: a reference to the hospital."""
    surname = str(father["name"][0].get("family") or str(father["name"][0]["text"])[:1])
    birth = date.fromisoformat(str(father["birthDate"])[:10])
    return [_person(surname, birth, managing, *who) for who in _GIVEN]


def _person(
    surname: str,
    father: date,
    managing: Resource,
    what: str,
    id_: str,
    given: str,
    gender: str,
    years: int,
    number: str,
) -> Resource:
    born = date(father.year - years, 5, 17)
    digits = f"{_DIVISION}{born:%Y%m%d}{number}{1 if gender == 'male' else 2}"
    person: Resource = {
        "resourceType": "Patient",
        "id": id_,
        "active": True,
        "identifier": [
            {"use": "official", "system": "urn:oid:2.16.156.10011.1.3",
             "value": digits + resident_id.check_character(digits)},
        ],
        "name": [{"use": "official", "text": f"{surname}{given}", "family": surname, "given": [given]}],
        "gender": gender,
        "birthDate": born.isoformat(),
        "managingOrganization": managing,
    }  # fmt: skip
    return person | ({"telecom": [{"system": "phone", "value": PHONE}]} if what == "daughter" else {})


async def tie(platform: Any, father: str) -> None:
    """Lets the daughter sign in by her telephone, see her father, hear his alarms, and act for her child; once."""
    from kangyun.access.events.rows import standing
    from kangyun.access.family import ties
    from kangyun.access.identities.model import PLATFORM
    from kangyun.access.identities.officers import INSTALLER
    from kangyun.access.residents.bindings import Handle, bindings_of
    from kangyun.base import clock
    from kangyun.fhir.human_name import name_of

    gate, identities, evidence = platform.gate, platform.sign_in.identities, "demonstration"
    if await identities.find(f"Patient/{DAUGHTER}") is not None:
        return
    numbers = await gate.numbers((father, CHILD, DAUGHTER))
    async with platform.pool.connection() as connection:
        found = await standing(connection, gate.store, numbers)
    people = [found[number].resource for number in numbers]
    bindings = bindings_of(platform.pool, gate.store.keys, gate.ledger)
    await bindings.bind(Handle("phone", PHONE), (DAUGHTER,), INSTALLER, whole=clock.now())
    daughter = await identities.admit(
        "resident", f"Patient/{DAUGHTER}", PLATFORM, name_of(people[2]), roles=["resident"], vouched_by=INSTALLER,
        evidence=evidence, demonstration=True,
    )  # fmt: skip
    await ties.give(gate, daughter, "CHILD", ("see", "hear"), people[:1], f"Patient/{father}", evidence)
    await ties.give(gate, daughter, "PRN", ("see", "act", "hear"), people[1:2], INSTALLER, evidence)
