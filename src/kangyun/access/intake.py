"""What comes in is validated before it comes to the record: every write, every time."""

from kangyun.base.errors import NotConformant, NotSupported
from kangyun.fhir import Resource
from kangyun.fhir.validation import validator

AUDIT_EVENT = "AuditEvent"


def check(resource: Resource) -> None:
    """Raises NotConformant, with all faults at once, for a resource that R4 does not allow; NotSupported for an
    AuditEvent, which is no resource of the record."""
    if resource.get("resourceType") == AUDIT_EVENT:
        raise NotSupported("access.events.append-only")
    check_form(resource)


def check_form(resource: Resource) -> None:
    """Raises NotConformant, with all faults at once, for a resource that R4 does not allow."""
    issues = validator().validate(resource)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise NotConformant(issues=tuple(issues))
