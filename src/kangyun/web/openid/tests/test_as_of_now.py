"""Who asked once for what is done in his name later: as he would be now, or nobody where he may not act so any more."""

from dataclasses import replace

import pytest

from kangyun.access.identities.model import Proxy

SCOPE = "openid fhirUser offline_access user/Observation.rs user/Condition.rs"


@pytest.fixture
async def acting(region):
    """An application that acts for a doctor by a grant that outlives the session: the doctor's actor, and the grant."""
    identity = (await region.sign_in.identities.find("Practitioner/li")).id
    token = (await region.exchange(await region.code(scope=SCOPE))).json()["access_token"]
    grant = (await region.sign_in.provider.issuing.read(token))["gid"]
    return await region.sign_in.actor(token), grant, identity


async def as_of_now(region, kept):
    return await region.sign_in.as_of_now(replace(kept, name=""))


async def test_an_application_acts_for_a_person_while_it_has_his_grant(region, acting):
    kept, grant, _ = acting
    assert kept.client == "app"
    assert await as_of_now(region, kept) == replace(kept, name="")
    await region.sign_in.provider.grants.end(grant)
    assert await as_of_now(region, kept) is None


async def test_another_grant_is_enough_only_if_it_gives_as_much(region, acting):
    kept, grant, _ = acting
    await region.exchange(await region.code(scope="openid fhirUser offline_access user/Observation.rs"))
    await region.sign_in.provider.grants.end(grant)
    assert await as_of_now(region, kept) is None
    await region.exchange(await region.code(scope=SCOPE))
    assert await as_of_now(region, kept) == replace(kept, name="")


@pytest.mark.parametrize("how", ["leave", "suspend", "take", "application"])
async def test_it_ends_with_the_person_his_role_and_the_application(region, acting, how):
    kept, _, identity = acting
    identities = region.sign_in.identities
    if how == "take":
        await identities.take_role(identity, "doctor", "Organization/county", by="Device/t", why="x")
    elif how == "application":
        await region.sign_in.applications.suspend("app", "Device/t", "x")
    else:
        await getattr(identities, how)(identity, by="Device/t", why="x")
    assert await as_of_now(region, kept) is None


async def test_an_application_for_itself_needs_no_grant_that_lasts(region):
    await region.register("lab", keys="ES384", scopes=("system/Observation.rs",), redirect_uris=())
    token = (await region.for_itself("lab", "system/Observation.rs")).json()["access_token"]
    kept = await region.sign_in.actor(token)
    grant = (await region.sign_in.provider.issuing.read(token))["gid"]
    await region.sign_in.provider.grants.end(grant)
    assert await as_of_now(region, kept) == replace(kept, name="")
    await region.sign_in.applications.suspend("lab", "Device/t", "x")
    assert await as_of_now(region, kept) is None


async def test_a_guardian_whose_wardship_has_ended_acts_for_nobody(region):
    identity = await region.admit("zhao", "guardian", ("guardian",), reference="RelatedPerson/zhao")
    await region.sign_in.identities.give_proxy(identity, Proxy("child", "PARENT"), "Device/t", "x")
    token = await region.sign_in.sign_in("zhao", "Correct-horse-7")
    kept = await region.sign_in.actor(token)
    assert kept.patients == ("child",)
    assert (await as_of_now(region, kept)).patients == ("child",)
    await region.sign_in.identities.take_proxy(identity, "child", "Device/t", "x")
    assert (await as_of_now(region, kept)).patients == ()


async def test_who_is_in_no_register_stays_as_he_was(region):
    kept = replace(await region.sign_in.actor(region.platform.settings.admin_token), name="")
    assert await as_of_now(region, kept) == kept
