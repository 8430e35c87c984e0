"""Turns errors into OperationOutcomes. Nothing else sets an error status.

Source: https://hl7.org/fhir/R4/operationoutcome.html, https://hl7.org/fhir/R4/http.html#summary
"""

import logging
import re
from collections.abc import Iterable
from uuid import uuid4

from kangyun.base.errors import Issue, PlatformError
from kangyun.base.logging import described
from kangyun.base.texts import Language, say
from kangyun.fhir import Resource

logger = logging.getLogger(__name__)

STATUS_BY_ISSUE_CODE = {
    "invalid": 400, "structure": 400, "required": 400, "value": 400, "invariant": 422, "code-invalid": 422,
    "extension": 422, "login": 401, "forbidden": 403, "not-found": 404, "conflict": 409, "deleted": 410, "lock-error":
    412, "multiple-matches": 412, "business-rule": 422, "processing": 422, "throttled": 429, "exception": 500,
    "too-costly": 422, "too-long": 413, "not-supported": 400, "transient": 503, "timeout": 504, "security": 403,
}  # fmt: skip
# HTTP tells these apart, where FHIR has one issue type for all: "not-supported".
STATUS_BY_TEXT = {"web.no-such-method": 405, "web.format": 406, "web.media-type": 415}
RETRY_AFTER = 2  # seconds
INTERNAL = "base.internal"
# Parameters of texts that say a name as the client gave it. Badly escaped it ends in a value, which is cut.
NAMES = frozenset({"parameter", "type", "operation", "modifier", "method", "name", "element"})
_NO_NAME = re.compile(r"[^!-~]|[=&%?\"'<>{}]")
_UNPRINTED = re.compile(r"[^ -~]")


def status_of(error: PlatformError) -> int:
    """Returns the HTTP status of an error: of the first issue that is one."""
    first = next((issue for issue in error.issues if issue.severity in ("error", "fatal")), error.issues[0])
    return STATUS_BY_TEXT.get(first.text) or STATUS_BY_ISSUE_CODE.get(
        error.code, STATUS_BY_ISSUE_CODE.get(first.code, 400)
    )


def outcome(issues: Iterable[Issue], language: Language = "zh", request: str | None = None) -> Resource:
    """Returns an OperationOutcome that says the issues; the request id stands in it for whoever asks us."""
    resource: Resource = {"resourceType": "OperationOutcome"}
    if request:
        resource["id"] = request
    resource["issue"] = [_issue(issue, language) for issue in issues]
    return resource


def _issue(issue: Issue, language: Language) -> Resource:
    said: Resource = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {
            "coding": [{"system": "urn:kangyun:text", "code": issue.text}],
            "text": say(issue.text, language, _sayable(issue.parameters)),
        },
    }
    if issue.at:
        said["expression"] = [_UNPRINTED.split(issue.at, maxsplit=1)[0]]
    return said


def _sayable(parameters: dict[str, str | int]) -> dict[str, str | int]:
    return {
        name: _NO_NAME.split(value, maxsplit=1)[0] if name in NAMES and isinstance(value, str) else value
        for name, value in parameters.items()
    }


def unexpected(error: Exception) -> Issue:
    """Returns what is said of a defect: a number. Its text may quote a patient's data, so only its type is logged."""
    incident = uuid4().hex[:12]
    kind, places = described(error)
    logger.error("unexpected error", extra={"fields": {"incident": incident, "error": kind, "at": places}})
    return Issue("fatal", "exception", INTERNAL, None, {"incident": incident})
