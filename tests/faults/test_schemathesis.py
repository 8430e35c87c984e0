"""The API driven by its own description: what `/openapi.json` promises is what a running installation answers.

Schemathesis makes requests that fit the description, and requests that do not. None may be answered by a fault of ours,
nor by a status, a media type or a shape that the description does not name.
"""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from kangyun.testing.installation import TOKEN

load_all_checks()
NAMED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
HEADERS = {"authorization": f"Bearer {TOKEN}"}
# Of the many types that are alike in this, those that the server itself looks into.
TYPES = ("Patient", "Observation", "Binary", "List", "ValueSet", "CodeSystem", "SearchParameter", "Subscription")


@pytest.fixture
def installation(new_installation):
    """A running installation."""
    made = new_installation(workers=1)
    made.start()
    return made


def described(installation):
    """The description's operations."""
    schema = schemathesis.openapi.from_url(f"{installation.url}/openapi.json", headers=HEADERS)
    return [found.ok() for found in schema.get_all_operations()]


def drive(operation, mode, examples, *, at_random):
    """Sends requests of one operation, and holds each answer against what is described."""
    checks = [CHECKS.get_one(name) for name in NAMED]
    of_empty = checks[:2]  # 204, 304, and what was asked for with `Prefer: return=minimal`

    @settings(
        max_examples=examples,
        derandomize=not at_random,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def sent(case):
        answer = case.call(headers=HEADERS, timeout=60)
        case.validate_response(answer, checks=checks if answer.content else of_empty)

    sent()


def test_what_is_described_is_what_is_answered(installation):
    operations = [
        one
        for one in described(installation)
        if "{" in one.path or one.path[1:].partition("/")[0] in ("", "metadata", "_search", "_history", "$meta", *TYPES)
    ]
    assert len(operations) > 60
    for operation in operations:
        for mode in GenerationMode:
            drive(operation, mode, 2, at_random=False)


@pytest.mark.soak
def test_all_that_is_described_for_long(installation):
    for operation in described(installation):
        for mode in GenerationMode:
            drive(operation, mode, 50, at_random=True)
