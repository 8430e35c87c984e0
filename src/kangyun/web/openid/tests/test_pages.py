"""What the pages of second factors may ask on somebody's own computer: what the operator listed, and nothing else."""

import pytest

from kangyun.web.openid.pages import Page

KEY = {"id": "one", "url": "http://127.0.0.1:18990/sign"}


@pytest.mark.parametrize(
    ("shown", "asks"),
    [
        ({}, "connect-src 'none';"),
        ({"ask": {"challenge": "c", "kind": "passkey", "with": {}}}, "connect-src 'none';"),
        (
            {"ask": {"challenge": "c", "kind": "usb-key", "with": {"vendors": [KEY, KEY | {"id": "two"}]}}},
            "connect-src http://127.0.0.1:18990;",
        ),
    ],
)
def test_a_page_asks_the_services_of_keys_that_are_listed(shown, asks):
    answer = Page("zh").factor(["usb-key", "passkey"], "usb-key", shown)
    assert asks in answer.headers["content-security-policy"]
