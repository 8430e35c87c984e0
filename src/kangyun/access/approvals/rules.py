"""The rules of requests that take two persons. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from kangyun.access.actor import Actor
from kangyun.access.reasons import letters
from kangyun.base.errors import Forbidden, Invalid

LONGEST_REASON = 500  # characters
SHORTEST_REASON = 4


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of request: who confirms, within how many hours, and above how many persons (of as many hours)."""

    confirms: frozenset[str]
    hours: float = 24
    above: int = 0


def read_rules(table: Mapping[str, Any]) -> dict[str, Rule]:
    """Returns the rules by kind. Raises Invalid for a table that cannot be."""
    try:
        rules = msgspec.convert({kind: row for kind, row in table.items() if isinstance(row, dict)}, dict[str, Rule])
    except msgspec.ValidationError:
        raise Invalid("access.wrong-rules", file="approvals.toml") from None
    return rules


def checked_reason(text: str | None) -> str:
    """Returns a reason as it is kept. Raises Invalid for none, for a word, and for a novel."""
    reason = " ".join((text or "").split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or not letters(reason):
        raise Invalid("access.approvals.reason-needed", least=SHORTEST_REASON, most=LONGEST_REASON)
    return reason


def may_decide(rule: Rule, asker: str, actor: Actor) -> None:
    """Raises Forbidden for who asked, and for who does not act in a role that confirms."""
    if actor.reference == asker:
        raise Forbidden("access.approvals.own-request")
    if actor.role not in rule.confirms:
        raise Forbidden("access.approvals.role", roles=", ".join(sorted(rule.confirms)))
