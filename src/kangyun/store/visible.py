"""The gate's place in every statement: which rows of `resource` this request may know of.

Every SQL fragment that names `resource` takes its condition from `visible`, from the first statement on; a test holds
it. Until policies exist the condition is TRUE. What comes later (labels, consent as deny rows) changes this file
only.
"""

import re
from dataclasses import dataclass

_PLACE = re.compile(r"\{visible:(\w+)\}")


@dataclass(frozen=True, slots=True)
class Sight:
    """What one request may see. Empty until policies exist; compiled from actor, purpose and consent then."""


EVERYTHING = Sight()


def visible(alias: str, sight: Sight = EVERYTHING) -> str:
    """Returns the condition on the alias of a `resource` table."""
    return "TRUE"


def with_visibility(sql: str, sight: Sight = EVERYTHING) -> str:
    """Fills each `{visible:alias}` of a statement."""
    return _PLACE.sub(lambda match: visible(match[1], sight), sql)
