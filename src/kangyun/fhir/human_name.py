"""How somebody is called, of the names that a Patient, Practitioner or RelatedPerson has. It masks nothing.

Source: https://hl7.org/fhir/R4/datatypes.html#HumanName
"""

from kangyun.fhir import Resource


def name_of(person: Resource) -> str:
    """Returns the official name, else the first that is not an old one, in one line; "" where there is none."""
    names = [one for one in person.get("name", ()) if one.get("use") != "old" and written(one)]
    return next((written(one) for one in names if one.get("use") == "official"), written(names[0]) if names else "")


def written(name: Resource) -> str:
    """Returns a HumanName in one line, family name first as Chinese names are written."""
    # A part that is not said stands as null, where an extension says why.
    return str(name.get("text") or "".join(part for part in (name.get("family"), *name.get("given", ())) if part))
