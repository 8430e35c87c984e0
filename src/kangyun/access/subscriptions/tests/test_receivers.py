"""Where a subscription may go, by whose it is."""

from datetime import timedelta
from pathlib import Path

import pytest

from kangyun.access.actor import Actor
from kangyun.access.applications.register import Application
from kangyun.access.subscriptions.receivers import Receivers, read_receivers
from kangyun.base import clock
from kangyun.base.errors import Invalid

DOCTOR = Actor("Practitioner/li", "", "Organization/a", role="doctor")
ELSEWHERE = Actor("Practitioner/wu", "", "Organization/b", role="doctor")
RESIDENT = Actor("Patient/zhang", "", "Organization/platform", "PATRQT", role="resident", patients=("zhang",))
OFFICER = Actor("Practitioner/o", "", "Organization/platform", "SYSADMIN", administrator=True, role="steward")
TOKEN = Actor("Device/administrator", "", "Organization/platform", "SYSADMIN", administrator=True)
RULES = {
    "receivers": [
        {"name": "everybody's", "hosts": ["Hooks.example", "[2001:db8::1]:8443"]},
        {"name": "a's", "hosts": ["a.example:8443"], "institutions": ["Organization/a"]},
    ]
}


@pytest.mark.parametrize(
    ("owner", "url", "may"),
    [
        (DOCTOR, "https://anywhere.example/x", False),
        (RESIDENT, "https://anywhere.example/x", False),
        (OFFICER, "https://anywhere.example/x", False),
        (TOKEN, "https://anywhere.example/x", True),
        (DOCTOR, "https://hooks.example/x", True),
        (RESIDENT, "https://HOOKS.example:8000/x", True),
        (DOCTOR, "https://hooks.example.evil.example/x", False),
        (DOCTOR, "https://hooks.example@evil.example/x", False),
        (DOCTOR, "https://[2001:db8::1]:8443/x", True),
        (DOCTOR, "https://a.example:8443/x", True),
        (DOCTOR, "https://a.example/x", False),
        (ELSEWHERE, "https://a.example:8443/x", False),
        (ELSEWHERE, "https://inner/x", True),
    ],
)
def test_it_goes_to_registered_hosts_only(owner, url, may):
    assert Receivers(RULES, ["inner"]).allow(url, owner, None) is may


@pytest.mark.parametrize(("review", "may"), [("passed", True), ("asked", False), ("failed", False)])
def test_an_application_that_passed_its_review_is_told_at_its_own_addresses(review, may):
    application = Application(
        "app", "", "Organization/a", "TREAT", ("https://app.example/back", "cn.example.app:/back"), (),
        clock.now() + timedelta(days=1), jwks_uri="https://keys.example/jwks", review=review,
    )  # fmt: skip
    for url in ("https://app.example/hook", "https://keys.example:9000/hook"):
        assert Receivers({}).allow(url, DOCTOR, application) is may
    assert not Receivers({}).allow("https://other.example/hook", DOCTOR, application)


def test_as_shipped_nobody_is_registered():
    assert not read_receivers(Path("/nonexistent"), ()).allow("https://x.example/", DOCTOR, None)


@pytest.mark.parametrize("rules", [{"receivers": [{"name": "x"}]}, {"reciever": []}, {"receivers": [{"hosts": "x"}]}])
def test_a_file_that_cannot_be_is_refused(rules):
    with pytest.raises(Invalid, match="wrong-rules"):
        Receivers(rules)
