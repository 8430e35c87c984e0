"""Where faults are collected, and where in a resource one is."""

from collections.abc import Iterable
from typing import Any

from kangyun.base.errors import Issue, Severity
from kangyun.fhir.fhirpath import Environment

MAX_ISSUES = 1000


class Scope:
    """Which resource an element stands in, as invariants and references need to know.

    resource: the nearest resource around it (`%resource`).
    root:     the same, or the resource that contains it (`%rootResource`).
    """

    __slots__ = ("_contained", "_environment", "resource", "root")

    def __init__(self, resource: dict[str, Any], container: "Scope | None" = None) -> None:
        self.resource = resource
        self.root: dict[str, Any] = resource if container is None else container.root
        self._contained = None if container is None else container.contained
        self._environment: Environment | None = None

    @property
    def contained(self) -> dict[str, dict[str, Any]]:
        """The resources that "#id" may mean, by id; the root itself by the empty one."""
        if self._contained is None:
            found = self.root.get("contained")
            resources = [r for r in found if type(r) is dict] if type(found) is list else []
            by_id = {r["id"]: r for r in resources if type(r.get("id")) is str}
            self._contained = {"": self.root} | by_id
        return self._contained

    @property
    def environment(self) -> Environment:
        """The environment of FHIRPath, made when first asked for: one budget for all that is asked of a resource."""
        if self._environment is None:
            self._environment = Environment(self.resource, self.root)
        return self._environment


class Report:
    """The issues found so far: each once, and of errors and of other severities no more than `MAX_ISSUES`."""

    def __init__(self) -> None:
        self._issues: dict[tuple[str, str | None, tuple[tuple[str, str | int], ...]], Issue] = {}
        self._errors = 0
        self._others = 0

    def add(self, code: str, text: str, at: str, severity: Severity = "error", **parameters: str | int) -> None:
        """Adds an issue; `text` is a key of this package's texts."""
        self.take((Issue(severity, code, f"fhir.validation.{text}", at, parameters),))

    def take(self, issues: Iterable[Issue]) -> None:
        """Adds issues that were not found before."""
        for issue in issues:
            key = (issue.text, issue.at, tuple(issue.parameters.items()))
            if key in self._issues:
                continue
            if issue.severity == "error":
                self._errors += 1
            else:
                self._others += 1
            if (self._errors if issue.severity == "error" else self._others) <= MAX_ISSUES:
                self._issues[key] = issue

    @property
    def is_full(self) -> bool:
        """Whether there are more errors than anyone will read."""
        return self._errors > MAX_ISSUES

    def issues(self, *, warnings: bool) -> list[Issue]:
        """Returns the issues in the order found, warnings only if wanted; the last says so where there are too many."""
        found = [issue for issue in self._issues.values() if warnings or issue.severity == "error"]
        if self._errors > MAX_ISSUES or (warnings and self._others > MAX_ISSUES):
            text = "fhir.validation.too-many-issues"
            found.append(Issue("information", "informational", text, None, {"limit": MAX_ISSUES}))
        return found
