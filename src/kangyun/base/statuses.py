"""The HTTP status of an error: for the answer that says it, and for the audit row of who was refused.

Source: https://hl7.org/fhir/R4/http.html#summary
"""

from kangyun.base.errors import PlatformError

STATUS_BY_ISSUE_CODE = {
    "invalid": 400, "structure": 400, "required": 400, "value": 400, "invariant": 422, "code-invalid": 422,
    "extension": 422, "login": 401, "forbidden": 403, "not-found": 404, "conflict": 409, "deleted": 410, "lock-error":
    412, "multiple-matches": 412, "business-rule": 422, "processing": 422, "throttled": 429, "exception": 500,
    "too-costly": 422, "too-long": 413, "not-supported": 400, "transient": 503, "timeout": 504, "security": 403,
}  # fmt: skip
# HTTP tells these apart, where FHIR has one issue type for all: "not-supported", "timeout", "code-invalid" (ITI-83).
STATUS_BY_TEXT = {
    "web.no-such-method": 405, "web.format": 406, "web.body-too-slow": 408, "web.media-type": 415,
    "exchange.soap.media-type": 415, "identity.pix-source-domain": 400,
    "identity.pix-target-domain": 403,
}  # fmt: skip


def status_of(error: BaseException) -> int:
    """Returns the HTTP status of an error: of the first issue that is one; 500 of a defect."""
    if not isinstance(error, PlatformError):
        return 503 if isinstance(error, TimeoutError) else 500
    first = next((issue for issue in error.issues if issue.severity in ("error", "fatal")), error.issues[0])
    return STATUS_BY_TEXT.get(first.text) or STATUS_BY_ISSUE_CODE.get(
        error.code, STATUS_BY_ISSUE_CODE.get(first.code, 400)
    )
