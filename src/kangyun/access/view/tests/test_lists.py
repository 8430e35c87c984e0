"""Medications by name: which of them are in use."""

from datetime import UTC, date

import pytest

from kangyun.access.view.gathering import Houses
from kangyun.access.view.lists import medications

TODAY = date(2026, 11, 23)


def order(status, day, days=0):
    supply = {"dispenseRequest": {"expectedSupplyDuration": {"value": days, "code": "d"}}} if days else {}
    return {
        "resourceType": "MedicationRequest", "id": f"{status}-{day}", "status": status, "authoredOn": day,
        "medicationCodeableConcept": {"text": "华法林"}, **supply,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("orders", "state", "until"),
    [
        ([order("completed", "2026-11-01", 30)], "active", "2026-12-01"),
        ([order("completed", "2026-10-01", 30)], "completed", "2026-10-31"),
        ([order("stopped", "2026-11-01", 30)], "stopped", ""),
        ([order("completed", "2026-11-01", 30), order("stopped", "2026-11-05")], "stopped", ""),
        ([order("stopped", "2026-11-01", 30), order("completed", "2026-11-20", 7)], "active", "2026-11-27"),
        ([order("cancelled", "2026-11-20", 30)], "cancelled", ""),
        ([order("active", "2026-11-01"), order("cancelled", "2026-11-20", 30)], "active", ""),
    ],
)
def test_what_was_stopped_or_never_given_is_not_in_use(orders, state, until):
    (one,) = medications([(each, "") for each in orders], Houses(), UTC, TODAY)
    assert (one.states, one.until) == ([state], until)
