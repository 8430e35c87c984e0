"""The register of identities: admission, roles, officers, proxies, passwords, exit; and that each leaves its row."""

import asyncio
from datetime import timedelta

import asyncpg
import msgspec
import pytest

from kangyun.access.identities import officers
from kangyun.access.identities.model import OFFICERS, Proxy
from kangyun.access.identities.passwords import check_strength
from kangyun.access.trail.register_events import verify_events
from kangyun.base import clock
from kangyun.base.errors import Conflict, Invalid, NotFound, RuleBroken, SignInNeeded
from kangyun.testing.provider import NO_FACTORS

PASSWORD = "Correct-horse-7"
COUNTY = "Organization/county"


@pytest.fixture
def no_factors(tmp_path):
    """A region whose roles need no second factor."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "factors.toml").write_text(NO_FACTORS)


@pytest.fixture
def identities(platform):
    return platform.sign_in.identities


@pytest.fixture
def admit(identities):
    async def admit_(handle="li", roles=("doctor",), kind="staff", **given):
        given = {"reference": f"Practitioner/{handle}"} | given
        return await identities.admit(
            kind, given.pop("reference"), COUNTY, "李医生", roles=roles, vouched_by="Practitioner/wang",
            evidence="执业证书 110", handle=handle, **given,
        )  # fmt: skip

    return admit_


@pytest.fixture
async def outsider(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


async def test_admitted_and_found_by_reference_and_handle(identities, admit, outsider):
    id_ = await admit(licence="110-1", department="心内科")
    for name in ("Practitioner/li", "li", " LI "):
        found = await identities.find(name)
        assert (found.id, found.name, found.roles, found.status) == (id_, "李医生", ("doctor",), "admitted")
        assert (found.licence, found.department, found.institution) == ("110-1", "心内科", COUNTY)
    assert await identities.find("nobody") is None
    stored = str([tuple(row) for row in await outsider.fetch("SELECT * FROM identity")])
    assert "李医生".encode().hex() not in stored and "110-1" not in stored
    (row,) = await outsider.fetch("SELECT action, actor, shape FROM audit WHERE action LIKE 'identity-%'")
    event = await outsider.fetchval("SELECT id FROM identity_event WHERE identity = $1", id_)
    assert tuple(row)[:2] == ("identity-admit", "Practitioner/wang")
    assert row["shape"].startswith(f"/identity/{id_}/{event}/")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE identity_event SET detail = (SELECT e.detail FROM identity_event AS e WHERE e.id <> identity_event.id)",
        "UPDATE identity_event SET by = 'Practitioner/other' WHERE id = (SELECT max(id) FROM identity_event)",
        "UPDATE identity_event SET what = 'resume' WHERE id = (SELECT max(id) FROM identity_event)",
        "DELETE FROM identity_event WHERE id = (SELECT max(id) FROM identity_event)",
    ],
)
async def test_an_event_that_was_changed_or_removed_is_found(identities, admit, outsider, change):
    id_ = await admit()
    await identities.suspend(id_, "Practitioner/security", "left his card somewhere")
    assert [fault async for fault in verify_events(outsider)] == []
    await outsider.execute(change)
    newest = await outsider.fetchval("SELECT max(id) FROM audit WHERE action LIKE 'identity-%'")
    assert newest in [fault.row async for fault in verify_events(outsider)]


async def test_what_went_with_who_was_erased_is_no_fault(identities, admit, outsider):
    await admit()
    await outsider.execute("DELETE FROM identity_event; DELETE FROM identity_role; DELETE FROM identity")
    assert [fault async for fault in verify_events(outsider)] == []


async def test_each_name_is_taken_once_and_free_after_an_exit(identities, admit):
    first = await admit()
    with pytest.raises(Conflict):
        await admit(reference="Practitioner/other")
    with pytest.raises(Conflict):
        await admit("other", reference="Practitioner/li")
    await identities.leave(first, "Practitioner/wang", "退休")
    assert await identities.find("li") is None
    assert await admit() != first


@pytest.mark.parametrize("roles", [["king"], ["resident"], ["doctor", "application"]])
async def test_roles_are_of_a_kind(admit, roles):
    with pytest.raises(Invalid):
        await admit(roles=roles)


async def test_nobody_holds_two_offices(identities, admit, outsider):
    with pytest.raises(RuleBroken, match="two-officers"):
        await admit(roles=OFFICERS[:2])
    id_ = await admit(roles=OFFICERS[:1])
    with pytest.raises(RuleBroken, match="two-officers"):
        await identities.give_role(id_, OFFICERS[1], "Organization/other", "Practitioner/wang")
    # Nor by the database itself.
    with pytest.raises(asyncpg.UniqueViolationError):
        await outsider.execute(
            "INSERT INTO identity_role (identity, role, institution, given_by) VALUES ($1, $2, 'x', 'x')",
            id_,
            OFFICERS[2],
        )
    await identities.take_role(id_, OFFICERS[0], COUNTY, "Practitioner/wang", "轮岗")
    await identities.give_role(id_, OFFICERS[1], COUNTY, "Practitioner/wang")
    assert (await identities.get(id_)).roles == OFFICERS[1:2]


async def test_an_institution_s_people_are_suspended_and_let_in_again(identities, admit):
    service, other = "Device/staff-leavers", "Organization/other"
    doctor, by_hand = await admit(), await admit("by-hand")
    await identities.suspend(by_hand, "Practitioner/wang", "x")
    robot = await admit("robot", ["application"], "application", reference="Device/robot")
    child = await admit("child", ["resident"], "resident", reference="Patient/child")
    guest = await identities.admit(
        "staff", "Practitioner/guest", other, "客", roles=["doctor"], vouched_by="x", evidence="x",
    )  # fmt: skip
    await identities.give_role(guest, "nurse", COUNTY, "x")
    await identities.suspend_all(COUNTY, service, "over")
    await identities.suspend_all(COUNTY, service, "told again")

    async def stands():
        return [(await identities.get(id_)).status for id_ in (doctor, by_hand, robot, child, guest)]

    assert await stands() == ["suspended", "suspended", "suspended", "admitted", "admitted"]
    assert (await identities.get(guest)).roles == ("doctor",)
    await identities.resume_all(COUNTY, service, "back")
    assert await stands() == ["admitted", "suspended", "admitted", "admitted", "admitted"]


async def test_two_offices_given_at_once(identities, admit):
    id_ = await admit(roles=())
    done = await asyncio.gather(
        *(identities.give_role(id_, role, COUNTY, "Practitioner/wang") for role in OFFICERS), return_exceptions=True
    )
    assert [type(one).__name__ for one in done].count("RuleBroken") == 2


async def test_a_role_lasts_its_time(identities, admit):
    id_ = await admit(roles=())
    await identities.give_role(id_, "nurse", COUNTY, "Practitioner/wang", until=clock.now() - timedelta(seconds=1))
    await identities.give_role(id_, "doctor", COUNTY, "Practitioner/wang", until=clock.now() + timedelta(days=1))
    assert (await identities.get(id_)).roles == ("doctor",)


def test_a_password_does_not_contain_the_name_and_a_short_name_is_in_it_by_chance():
    with pytest.raises(RuleBroken, match="password-handle"):
        check_strength("Lihua-5678-9012", "lihua", 12)
    check_strength("kQma-5678-9012-Xy", "ma", 12)


async def test_passwords_are_strong_sealed_and_not_used_again(identities, admit, outsider):
    id_ = await admit()
    for weak in ("short-A1", "onlylettershere", "Aa1Aa1Aa1Aa1", "x" * 300):
        with pytest.raises(RuleBroken):
            await identities.set_password(id_, weak)
    await identities.set_password(id_, PASSWORD)
    assert (await identities.proven("li", PASSWORD))[0].id == id_
    assert await identities.proven("li", PASSWORD + "x") == (None, False)
    assert await identities.proven("nobody", PASSWORD) == (None, False)
    assert b"argon2" not in await outsider.fetchval("SELECT hash FROM identity_password")
    with pytest.raises(RuleBroken, match="password-again"):
        await identities.set_password(id_, PASSWORD)
    await identities.set_password(id_, PASSWORD + "8")
    with pytest.raises(RuleBroken, match="password-again"):
        await identities.set_password(id_, PASSWORD)
    await outsider.execute("UPDATE identity_password SET changed = clock_timestamp() - interval '91 days'")
    assert (await identities.proven("li", PASSWORD + "8"))[1] is True


async def test_who_is_suspended_or_has_left_is_out(no_factors, platform, identities, admit):
    id_ = await admit()
    await identities.set_password(id_, PASSWORD)
    for end, back in ((identities.suspend, identities.resume), (identities.leave, None)):
        token = await platform.sign_in.sign_in("li", PASSWORD)
        assert (await platform.sign_in.actor(token)).reference == "Practitioner/li"
        await end(id_, "Practitioner/wang", "调离")
        assert not await platform.sign_in.is_good(token)
        with pytest.raises(SignInNeeded):
            await platform.sign_in.sign_in("li", PASSWORD)
        if back:
            await back(id_, "Practitioner/wang", "返岗")
            assert not await platform.sign_in.is_good(token)  # Signed out is signed out.
    with pytest.raises(NotFound):
        await identities.suspend(id_, "Practitioner/wang", "again")


async def test_a_guardian_acts_for_wards_in_their_time(platform, identities, admit, outsider):
    now = clock.now()
    wards = [
        Proxy("child", "PRN"), Proxy("grown", "PRN", ends=now - timedelta(days=1)),
        Proxy("later", "GUARD", starts=now + timedelta(days=1)), Proxy("own", "ONESELF"),
    ]  # fmt: skip
    id_ = await admit("ma", ["guardian"], "resident", reference="Patient/ma", proxies=wards)
    await identities.give_role(id_, "resident", COUNTY, "Practitioner/wang")
    await identities.set_password(id_, PASSWORD)
    guardian = await platform.sign_in.actor(await platform.sign_in.sign_in("ma", PASSWORD, "guardian"))
    assert (guardian.patients, guardian.purpose) == (("child",), "FAMRQT")
    resident = await platform.sign_in.actor(await platform.sign_in.sign_in("ma", PASSWORD, "resident"))
    assert (resident.patients, resident.purpose) == (("ma", "own"), "PATRQT")
    token = await platform.sign_in.sign_in("ma", PASSWORD, "guardian")
    await identities.take_proxy(id_, "child", "Practitioner/wang", "成年")
    await identities.give_proxy(id_, Proxy("second", "PRN"), "Practitioner/wang", "出生")
    platform.sign_in._looked = 0.0
    assert (await platform.sign_in.actor(token)).patients == ("second",)


async def test_one_acts_in_one_role(no_factors, platform, identities, admit):
    id_ = await admit(roles=["doctor", "family-doctor"])
    await identities.set_password(id_, PASSWORD)
    with pytest.raises(Exception, match="choose-role"):
        await platform.sign_in.sign_in("li", PASSWORD)
    token = await platform.sign_in.sign_in("li", PASSWORD, "family-doctor")
    assert (await platform.sign_in.actor(token)).role == "family-doctor"
    with pytest.raises(Exception, match="no-such-role"):
        await platform.sign_in.sign_in("li", PASSWORD, "researcher")
    await identities.take_role(id_, "family-doctor", COUNTY, "Practitioner/wang", "合同到期")
    assert not await platform.sign_in.is_good(token)


async def test_the_three_officers_are_there_from_the_first_start(
    no_factors, platform, identities, fresh_database, tmp_path
):
    file = tmp_path / "first-sign-ins.json"

    async def start():
        async with platform.pool.connection() as connection:
            return await officers.admit_officers(identities, connection, file)

    assert sorted(await asyncio.gather(start(), start())) == [False, True]
    assert await start() is False
    assert file.stat().st_mode & 0o777 == 0o600
    accounts = officers.demo_accounts(file)
    assert [account.role for account in accounts] == list(OFFICERS)
    for account in accounts:
        found, change = await identities.proven(account.user, account.password)
        assert (found.roles, change) == ((account.role,), True)
        with pytest.raises(Exception, match="must-change"):
            await platform.sign_in.sign_in(account.user, account.password)
    # One that has left, which needs a successor, is not made again.
    with pytest.raises(RuleBroken, match="last-officer"):
        await identities.leave(found.id, "Device/test", "test")
    await identities.admit(
        "staff", "Practitioner/sun", COUNTY, "孙", roles=found.roles, vouched_by="Device/test", evidence="x",
    )  # fmt: skip
    await identities.leave(found.id, "Device/test", "test")
    assert await start() is False


async def test_a_first_start_that_was_broken_off_goes_on(platform, identities, tmp_path, monkeypatch):
    file = tmp_path / "first-sign-ins.json"
    given = type(identities).give_role

    async def breaks(self, identity, role, *rest, **more):
        if role == OFFICERS[1]:
            raise ConnectionError
        await given(self, identity, role, *rest, **more)

    monkeypatch.setattr(type(identities), "give_role", breaks)
    async with platform.pool.connection() as connection:
        with pytest.raises(ConnectionError):
            await officers.admit_officers(identities, connection, file)
        assert not file.exists()  # What it says would not hold yet for all.
        monkeypatch.setattr(type(identities), "give_role", given)
        assert await officers.admit_officers(identities, connection, file)
    left = officers.demo_accounts(file)
    assert [account.role for account in left] == list(OFFICERS)
    for account in left:
        assert (await identities.proven(account.user, account.password))[0].roles == (account.role,)


async def test_a_password_that_another_host_has_replaced_is_not_told(platform, identities, tmp_path):
    ours, theirs = tmp_path / "first-sign-ins.json", tmp_path / "theirs.json"
    async with platform.pool.connection() as connection:
        assert await officers.admit_officers(identities, connection, theirs)
        told = officers.demo_accounts(theirs)
        # What a start of ours that was broken off had drawn; it had come to the first.
        drawn = [told[0], *(msgspec.structs.replace(one, password=officers.drawn_password()) for one in told[1:])]
        officers.write_once(ours.with_suffix(".unfinished"), drawn)
        assert await officers.admit_officers(identities, connection, ours)
        assert not await officers.admit_officers(identities, connection, ours)
    assert officers.demo_accounts(ours) == told[:1]
