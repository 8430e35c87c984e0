"""Who is told of alarms as family: only who was given that right."""

from datetime import timedelta

from kangyun.access.identities.hearing import Hearer, hearers
from kangyun.access.identities.model import Proxy
from kangyun.access.platform import Platform
from kangyun.base import clock


async def test_only_who_has_the_right_hears(platform: Platform):
    identities = platform.sign_in.identities
    over = clock.now() - timedelta(days=1)
    proxies = {
        "hears": Proxy("w", "CHILD", hears=True), "sees": Proxy("w", "SPS"),
        "over": Proxy("w", "SIB", ends=over, hears=True),
        "other": Proxy("v", "CHILD", hears=True), "self": Proxy("w", "ONESELF", hears=True),
    }  # fmt: skip
    numbers = {}
    for name, proxy in proxies.items():
        numbers[name] = await identities.admit(
            "guardian", f"RelatedPerson/{name}", "Organization/platform", name, roles=["guardian"],
            vouched_by="Device/t", evidence="x", proxies=[proxy],
        )  # fmt: skip
    async with platform.pool.connection() as connection:
        assert await hearers(connection, ["w"]) == [Hearer("RelatedPerson/hears", "CHILD")]
        await identities.give_proxy(numbers["hears"], Proxy("w", "CHILD"), "Device/t", "x")
        assert await hearers(connection, ["w"]) == []
