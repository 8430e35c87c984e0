"""How much may go wrong from one address."""

import pytest

from kangyun.access.addresses import Addresses, read_addresses, shipped
from kangyun.base.errors import Invalid

ONE = {"wrong_sign_ins": 30, "forgotten_seconds": 2.0, "said_a_day": 50}
GATEWAY = {"name": "县人民医院", "addresses": ["203.0.113.7", "198.51.100.0/28", "2001:db8::/64"], "times": 20}


@pytest.mark.parametrize(
    ("source", "times"),
    [
        ("203.0.113.7", 20), ("203.0.113.8", 1), ("198.51.100.15", 20), ("198.51.100.16", 1), ("2001:db8::9", 20),
        ("", 1), ("unix:", 1),
    ],
)  # fmt: skip
def test_an_address_that_many_share_counts_for_many(source, times):
    assert Addresses({"one": ONE, "shared": [GATEWAY]}).times(source) == times
    assert shipped().times(source) == 1


@pytest.mark.parametrize(
    "rules",
    [
        {}, {"one": ONE | {"said_a_day": 0}}, {"one": ONE | {"colour": 1}}, {"one": ONE | {"forgotten_seconds": 0}},
        {"one": ONE, "shared": [GATEWAY | {"addresses": ["203.0.113.0/7"]}]},
        {"one": ONE, "shared": [GATEWAY | {"times": 0}]},
        {"one": ONE, "shared": [GATEWAY | {"addresses": ["gateway"]}]},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(rules):
    with pytest.raises(Invalid, match="wrong-rules"):
        Addresses(rules)


def test_a_region_writes_its_own(tmp_path):
    (tmp_path / "policy").mkdir()
    own = "[one]\nwrong_sign_ins = 9\nforgotten_seconds = 1\nsaid_a_day = 7\n"
    (tmp_path / "policy" / "addresses.toml").write_text(own)
    assert read_addresses(tmp_path).one.said_a_day == 7
