"""Nobody is registered under a name that the platform's own acts stand under in the audit trail."""

import re
from pathlib import Path

import pytest

import kangyun
from kangyun.access.identities.model import RESERVED
from kangyun.base.errors import Invalid

OWN = re.compile(r'"Device/([a-z-]+)"')


def test_whatever_acts_for_the_platform_has_a_reserved_name():
    files = [file for file in Path(kangyun.__file__).parent.rglob("*.py") if not {"tests", "testing"} & {*file.parts}]
    named = {name for file in files for name in OWN.findall(file.read_text("utf-8"))}
    assert len(named) > 5
    assert named <= RESERVED


@pytest.mark.parametrize(
    "client",
    [
        "administrator",
        "Administrator",
        "kangyun",
        "work",
        "security-administrator",
        "feed",
        "App-health_card",
        "installer",
    ],
)
async def test_no_application_is_called_as_the_platform(region, client):
    with pytest.raises(Invalid, match="reserved"):
        await region.register(client)
    assert await region.sign_in.applications.get(client) is None


async def test_no_device_is_called_as_the_platform(region):
    with pytest.raises(Invalid, match="reserved"):
        await region.admit("x", "device", ("device",), reference="Device/installer")
    await region.admit("x", "device", ("device",), reference="Device/installer-2")
