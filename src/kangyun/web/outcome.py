"""Turns errors into OperationOutcomes.

Source: https://hl7.org/fhir/R4/operationoutcome.html
"""

import logging
import re
from collections.abc import Iterable
from uuid import uuid4

from kangyun.base.errors import Issue
from kangyun.base.logging import described
from kangyun.base.texts import Language, say
from kangyun.fhir import Resource

logger = logging.getLogger(__name__)

RETRY_AFTER = 2  # seconds
INTERNAL = "base.internal"
# Parameters of texts that say a name as the client gave it. Badly escaped it ends in a value, which is cut.
NAMES = frozenset({"parameter", "type", "operation", "modifier", "method", "name", "element"})
_NO_NAME = re.compile(r"[^!-~]|[=&%?\"'<>{}]")
_UNPRINTED = re.compile(r"[^ -~]")


def retry_after(error: BaseException) -> int:
    """Returns after how many seconds whoever was told to wait may ask again."""
    return int(getattr(error, "retry_after", RETRY_AFTER))


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
    if issue.diagnostics:
        said["diagnostics"] = issue.diagnostics
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
