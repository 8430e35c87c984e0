"""Errors a caller can act on.

Every error names one FHIR issue type (http://hl7.org/fhir/R4/valueset-issue-type.html) and one
text (see `base.texts`), so that it can be said in Chinese and in English. It knows nothing of HTTP:
`kangyun.base.statuses` holds the one table from issue type to status. A text is shown to the caller and
may be logged: its parameters name elements, types, parameters and limits, never a patient's data.
"""

from typing import ClassVar, Literal

import msgspec

Severity = Literal["fatal", "error", "warning", "information"]


class Issue(msgspec.Struct, frozen=True):
    """One thing to say in an OperationOutcome.

    `text` is a text id, `parameters` fill its places, `at` is a FHIRPath into what the caller sent.
    `diagnostics`: words that a profile prescribes to be said as they are.
    """

    severity: Severity
    code: str
    text: str
    at: str | None = None
    parameters: dict[str, str | int] = {}
    diagnostics: str | None = None


def located(issue: Issue, place: str) -> Issue:
    """Returns an issue of a resource as one of what the resource stands in, at `place`."""
    rest = (issue.at or "").partition(".")[2]
    return msgspec.structs.replace(issue, at=f"{place}.{rest}" if rest else place)


class PlatformError(Exception):
    """The request could not be carried out."""

    code: ClassVar[str] = "processing"
    default_text: ClassVar[str] = "base.failed"

    def __init__(
        self,
        text: str | None = None,
        *,
        at: str | None = None,
        issues: tuple[Issue, ...] = (),
        **parameters: str | int,
    ) -> None:
        if not issues:
            issues = (Issue("error", self.code, text or self.default_text, at, parameters),)
        self.issues = issues
        super().__init__(issues[0].text)

    @property
    def at(self) -> str | None:
        return self.issues[0].at


class Invalid(PlatformError):
    """What was sent breaks the rules of its format."""

    code = "invalid"
    default_text = "base.invalid"


class NotConformant(PlatformError):
    """A resource that can be read and that the definitions do not allow; all its faults at once."""

    code = "invariant"
    default_text = "base.invalid"


class Malformed(PlatformError):
    """What was sent cannot be read as JSON, XML or a parameter at all."""

    code = "structure"
    default_text = "base.malformed"


class NotSupported(PlatformError):
    """Known to the standard, not done here."""

    code = "not-supported"
    default_text = "base.not-supported"


class SignInNeeded(PlatformError):
    """Nobody is signed in, or the sign-in has ended."""

    code = "login"
    default_text = "base.sign-in-needed"


class Forbidden(PlatformError):
    """The actor may not do this."""

    code = "forbidden"
    default_text = "base.forbidden"


class Undeclared(Forbidden):
    """An app does what its declaration does not say."""

    default_text = "base.undeclared"


class NotFound(PlatformError):
    """No such resource, or none that you may see."""

    code = "not-found"
    default_text = "base.not-found"


class Gone(PlatformError):
    """The resource was deleted."""

    code = "deleted"
    default_text = "base.deleted"


class Conflict(PlatformError):
    """Somebody else wrote it in between, or it is still referred to."""

    code = "conflict"
    default_text = "base.conflict"


class VersionConflict(PlatformError):
    """The version named in If-Match is not the current one."""

    code = "lock-error"
    default_text = "base.version-conflict"


class MultipleMatches(PlatformError):
    """A condition that must single out one resource matches several."""

    code = "multiple-matches"
    default_text = "base.multiple-matches"


class RuleBroken(PlatformError):
    """A rule of the care process forbids this step."""

    code = "business-rule"
    default_text = "base.rule-broken"


class TooCostly(PlatformError):
    """The search would take longer than its limit."""

    code = "too-costly"
    default_text = "base.too-costly"


class TooLong(PlatformError):
    """What was sent is larger than the limit."""

    code = "too-long"
    default_text = "base.too-long"


class Throttled(PlatformError):
    """Too many requests of this class at once: try again later."""

    code = "throttled"
    default_text = "base.throttled"


class Unavailable(PlatformError):
    """The database or the disk does not answer: try again later."""

    code = "transient"
    default_text = "base.unavailable"
