"""Every error has a status and a text, whoever declared it."""

import re

import pytest

from kangyun.base.errors import PlatformError
from kangyun.base.statuses import STATUS_BY_ISSUE_CODE, status_of
from kangyun.base.texts import say

# http://hl7.org/fhir/R4/valueset-issue-type.html
ISSUE_TYPES = set(
    re.findall(
        r"[\w-]+",
        "invalid structure required value invariant security login unknown expired forbidden suppressed processing "
        "not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly "
        "business-rule conflict transient lock-error no-store exception timeout incomplete throttled informational",
    )
)


def family(base):
    return [base, *(error for child in base.__subclasses__() for error in family(child))]


@pytest.fixture
def errors(modules):
    """All error classes, once all modules are loaded."""
    return family(PlatformError)


def test_every_error_has_a_status(errors):
    assert len(errors) > 15
    assert [error.__name__ for error in errors if error.code not in STATUS_BY_ISSUE_CODE] == []
    # `__new__`: some ask for more than a text when they are made.
    for error in errors:
        raised = error.__new__(error)
        PlatformError.__init__(raised)
        assert 400 <= status_of(raised) < 600


def test_every_error_is_of_an_issue_type(errors):
    assert {error.code for error in errors} <= ISSUE_TYPES
    assert set(STATUS_BY_ISSUE_CODE) <= ISSUE_TYPES


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_error_says_something_by_itself(errors, language):
    assert [error.__name__ for error in errors if not say(error.default_text, language)] == []
