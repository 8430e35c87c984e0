"""What the actions of audit rows are in the words of FHIR. Pure.

Source: https://hl7.org/fhir/R4/valueset-audit-event-action.html, .../valueset-audit-event-sub-type.html,
.../valueset-audit-event-outcome.html; DICOM PS3.16 CID 400 for sign-ins.
"""

from typing import NamedTuple

REST = "http://hl7.org/fhir/restful-interaction"
TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
ACTIONS = "urn:kangyun:action"
"""What was done, in our own word, where FHIR has none but operation; for who sees the whole trail."""
SIGN_IN, SIGN_OUT = "sign-in", "sign-out"
EXTERNAL = "external"
"""The origin of what happened elsewhere; the action of such a row is `external-R`, by its own letter."""


class Kind(NamedTuple):
    """The letter of AuditEvent.action, and the code of its subtype."""

    letter: str
    subtype: str


KINDS = {
    "read": Kind("R", "read"),
    "vread": Kind("R", "vread"),
    "search": Kind("R", "search-type"),
    "history": Kind("R", "history-type"),
    "everything": Kind("R", "operation"),
    "look": Kind("R", "operation"),
    "meta": Kind("R", "operation"),
    "who-looked": Kind("R", "operation"),
    "export": Kind("R", "operation"),
    "export-file": Kind("R", "operation"),
    "sheet": Kind("R", "operation"),
    "notify": Kind("R", "operation"),
    "node-report": Kind("R", "operation"),
    "node-look": Kind("R", "operation"),
    "feed-write": Kind("R", "operation"),
    "device-health": Kind("R", "operation"),
    "device-refusals": Kind("R", "operation"),
    "who-questions": Kind("R", "operation"),
    "summary": Kind("R", "operation"),
    "summary-paper": Kind("R", "operation"),
    "check-paper": Kind("R", "operation"),
    "family": Kind("R", "operation"),
    # What the console opens of a resident, and finds him by.
    **{
        action: Kind("R", "operation")
        for action in (
            "find",
            "view",
            "view-timeline",
            "view-tests",
            "view-documents",
            "view-family",
            "view-consents",
            "choices",
            "look-questions",
            "series",
            "series-samples",
            "last-readings",
        )
    },
    "create": Kind("C", "create"),
    "import": Kind("C", "operation"),
    "update": Kind("U", "update"),
    "patch": Kind("U", "patch"),
    "meta-add": Kind("U", "operation"),
    "meta-delete": Kind("U", "operation"),
    "device-claim": Kind("U", "operation"),
    "device-assign": Kind("U", "operation"),
    "device-return": Kind("U", "operation"),
    "answer-who": Kind("U", "operation"),
    "delete": Kind("D", "delete"),
    "expunge": Kind("D", "operation"),
    "batch": Kind("E", "batch"),
    "transaction": Kind("E", "transaction"),
    SIGN_IN: Kind("E", "110122"),
    SIGN_OUT: Kind("E", "110123"),
    **{f"{EXTERNAL}-{letter}": Kind(letter, "") for letter in "CRUDE"},
}
OPENINGS = frozenset(
    {"read", "vread", "history", "everything", "view", "look", "summary", "summary-paper", "series", "series-samples"}
)
"""Actions that open the record of one resident: by the console, in the window of a hospital's own system, by FHIR. What
finds somebody, or lists many (search, find, sheet), opens nobody's."""
OTHER = Kind("E", "operation")
"""Any other action: an operation by its name, or what was no interaction at all."""
SUBTYPES = frozenset(kind.subtype for kind in KINDS.values()) | {OTHER.subtype}
# AuditEvent.outcome: from this HTTP status on.
OUTCOMES = (("0", 0), ("4", 400), ("8", 500))
STATUS_OF = {"0": 200, "4": 400, "8": 500, "12": 503}
"""The status of a row for the outcome of what happened elsewhere."""
EMERGENCIES = frozenset({"ETREAT", "BTG"})
"""Purposes of use of who broke the glass (v3-ActReason)."""
EMERGENCY_WAY = "emergency"


def kind_of(action: str) -> Kind:
    """Returns what an action is in FHIR's terms."""
    return KINDS.get(action, OTHER)


def outcome_of(status: int) -> str:
    """Returns AuditEvent.outcome for an HTTP status."""
    return max((least, code) for code, least in OUTCOMES if status >= least)[1]


def is_emergency(purpose: str, way: str | None) -> bool:
    """Whether somebody broke the glass."""
    return purpose in EMERGENCIES or way == EMERGENCY_WAY
