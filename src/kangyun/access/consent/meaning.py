"""Whom a denial binds that names what nobody signs in as: a post of somebody, a department of a hospital.

What the registers say when the Consent is written. A PractitionerRole stands for its Practitioner, wherever he works;
an Organization for those below it as well, and one that nobody acts for, for the next one above it that somebody does,
and where there is none, for everybody. A person stands for himself, whether he has an account yet or not: he signs in
under that very reference. Nothing of this is shown to anybody.
"""

from collections.abc import Iterable

import asyncpg

from kangyun.access.houses import BELOW, MOST_LEVELS, led_to
from kangyun.store.reader import Reader
from kangyun.store.references import local_target

_POST, _HOUSE = "PractitionerRole", "Organization"


async def meant(
    connection: asyncpg.Connection, reader: Reader, references: Iterable[str]
) -> dict[str, frozenset[str]]:  # fmt: skip
    """Returns whom references stand for, nobody for everybody; persons are left out, who stand for themselves."""
    named = {text for text in references if local_target(text) is not None}
    posts = {text for text in named if text.startswith(f"{_POST}/")}
    found = {
        text: frozenset({person})
        for text, person in (await led_to(connection, reader, posts, "practitioner")).items()
        if person.startswith("Practitioner/")
    }
    above = {text: text for text in named if text.startswith(f"{_HOUSE}/")}
    for _ in range(MOST_LEVELS):
        acting = {row["reference"] for row in await connection.fetch(_ACTING, list(set(above.values())))}
        found |= {text: frozenset({text, house}) for text, house in above.items() if house in acting and house != text}
        above = {text: house for text, house in above.items() if house not in acting}
        if not above:
            break
        higher = await led_to(connection, reader, set(above.values()), "partOf")
        found |= {text: frozenset() for text, house in above.items() if house not in higher}
        above = {text: higher[house] for text, house in above.items() if house in higher}
    found |= dict.fromkeys(above, frozenset())
    # Who acts for a house below the one that is named is bound as well.
    for text in named:
        bound = found.get(text, frozenset({text}))
        if bound and text.startswith(f"{_HOUSE}/"):
            found[text] = bound | {f"{BELOW}{text}"}
    return found


_ACTING = """
SELECT i.reference FROM institution AS i WHERE i.reference = ANY ($1::text[])
UNION SELECT r.institution FROM identity_role AS r WHERE r.institution = ANY ($1::text[])
"""
