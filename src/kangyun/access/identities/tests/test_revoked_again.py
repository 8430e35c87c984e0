"""What was taken from somebody stays taken when the database is restored to before it."""

import asyncpg
import pytest

from kangyun.access import replaying
from kangyun.access.applications.register import Application
from kangyun.access.identities import register, revoked_again
from kangyun.access.identities.model import Proxy
from kangyun.access.ledger import Ledger
from kangyun.access.look.tickets import Tickets
from kangyun.access.residents.bindings import Handle, bindings_of
from kangyun.base import clock
from kangyun.base.errors import RuleBroken, Unavailable

COUNTY = "Organization/county"
BY = "Practitioner/wang"
ENROLLED = "INSERT INTO factor (identity, kind, lookup, sealed, active) VALUES ($1, $2, '', '', true)"
TABLES = (
    "identity", "identity_role", "identity_proxy", "identity_password", "application", "look_key", "factor",
    "resident_binding",
)  # fmt: skip
OLD, NEW = "Former-1-pass", "Later-2-pass"


@pytest.fixture
def identities(platform):
    return platform.sign_in.identities


@pytest.fixture
def ledger(platform):
    return platform.gate.ledger


@pytest.fixture
async def connection(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


@pytest.fixture
async def restored(connection, ledger):
    """Takes a copy of the register now; `await restored()` puts it back and replays the ledger."""
    replaying.register(register.KIND, revoked_again.replay)

    async def keep():
        for table in TABLES:
            await connection.execute(f"DROP TABLE IF EXISTS kept_{table}")
            await connection.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")

    async def restore():
        for table in reversed(TABLES):
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL; DELETE FROM {table}")
        for table in TABLES:
            names = ", ".join(
                row[0]
                for row in await connection.fetch(
                    "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0", table
                )
            )
            await connection.execute(
                f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM kept_{table}"
            )
        return await replaying.replay(connection, ledger)

    restore.keep = keep
    return restore


@pytest.fixture
async def li(identities):
    given = {"vouched_by": BY, "evidence": "x", "handle": "li"}
    return await identities.admit("staff", "Practitioner/li", COUNTY, "李医生", roles=["doctor", "nurse"], **given)


@pytest.mark.parametrize(("what", "status"), [("suspend", "suspended"), ("leave", None)])
async def test_who_was_suspended_or_left_is_out_after_a_restore(identities, li, restored, what, status):
    await restored.keep()
    await getattr(identities, what)(li, BY, "离职")
    assert await restored() == {"revocation": 1}
    found = await identities.find("li")
    assert (found.status if found else None) == status
    assert (await identities.get(li)).status != "admitted"
    assert await restored() == {"revocation": 1}  # Of the same backup once more.


async def test_who_left_and_was_admitted_anew_is_in(identities, li, restored):
    await identities.leave(li, BY, "离职")
    given = {"vouched_by": BY, "evidence": "x", "handle": "li"}
    again = await identities.admit("staff", "Practitioner/li", COUNTY, "李医生", roles=["doctor"], **given)
    await restored.keep()
    assert await restored() == {}
    assert (await identities.find("li")).id == again


async def test_who_was_let_in_again_is_in(identities, li, restored):
    await restored.keep()
    await identities.suspend(li, BY, "核查")
    await identities.resume(li, BY, "已核实")
    await restored()
    assert (await identities.get(li)).status == "admitted"


async def test_a_role_that_was_taken_stays_taken_and_the_others_stay(identities, li, restored):
    await restored.keep()
    await identities.take_role(li, "nurse", COUNTY, BY, "转岗")
    assert await restored() == {"revocation": 1}
    assert (await identities.get(li)).roles == ("doctor",)
    await identities.give_role(li, "nurse", COUNTY, BY)
    await restored.keep()
    assert await restored() == {}
    assert set((await identities.get(li)).roles) == {"doctor", "nurse"}


@pytest.mark.parametrize("proxy", [Proxy("w", "GUARD"), Proxy("w", "GUARD", starts=clock.now().replace(year=2090))])
async def test_a_proxy_that_ended_stays_ended(identities, restored, connection, proxy):
    given = {"vouched_by": BY, "evidence": "x", "handle": "ma", "proxies": [proxy, Proxy("v", "GUARD")]}
    id_ = await identities.admit("guardian", "RelatedPerson/ma", COUNTY, "马", roles=["guardian"], **given)
    await restored.keep()
    await identities.take_proxy(id_, "w", BY, "成年")
    assert await restored() == {"revocation": 1}
    rows = await connection.fetch("SELECT patient FROM identity_proxy WHERE taken IS NULL")
    assert [row["patient"] for row in rows] == ["v"]


@pytest.mark.parametrize("what", ["suspend", "review"])
async def test_an_application_that_was_stopped_stays_stopped(platform, restored, what):
    applications = platform.sign_in.applications
    given = Application(
        "app", "小程序", COUNTY, "TREAT", ("https://app.example/cb",), ("patient/*.rs",),
        clock.now().replace(year=2090),
    )  # fmt: skip
    await applications.add(given, BY, "x")
    await applications.review("app", "passed", BY)
    await restored.keep()
    assert (await applications.get("app")).is_usable
    await (applications.suspend("app", BY, "x") if what == "suspend" else applications.review("app", "failed", BY))
    assert (await restored())["revocation"] >= 1
    assert not (await applications.get("app")).is_usable


@pytest.mark.parametrize("initial", [True, False])
async def test_a_password_that_was_changed_opens_nothing_and_is_not_set_again(identities, li, restored, initial):
    await identities.set_password(li, OLD)
    await restored.keep()
    await identities.set_password(li, NEW, initial=initial, by=BY if initial else "")
    assert await restored() == {"revocation": 1}
    for password in (OLD, NEW, ""):
        assert await identities.proven("li", password) == (None, False)
    with pytest.raises(RuleBroken):
        await identities.set_password(li, OLD)
    await identities.set_password(li, NEW, initial=True, by=BY)
    await restored.keep()
    assert await restored() == {}
    assert (await identities.proven("li", NEW))[0].id == li


async def test_a_first_password_revokes_none(identities, li, ledger):
    await identities.set_password(li, OLD)
    assert list(ledger.entries()) == []


async def test_a_key_for_tickets_that_was_replaced_is_good_no_more(platform, restored, connection):
    given = Application(
        "his", "医院信息系统", COUNTY, "TREAT", ("https://app.example/cb",), ("patient/*.rs",),
        clock.now().replace(year=2090),
    )  # fmt: skip
    await platform.sign_in.applications.add(given, BY, "x")
    tickets = Tickets(platform.gate.store, platform.sign_in, platform.gate.sights.policy)
    await tickets.make_key("his", BY)
    await restored.keep()
    assert await restored() == {}
    await tickets.make_key("his", BY)
    assert await restored() == {"revocation": 1}
    assert await connection.fetch("SELECT * FROM look_key") == []
    await tickets.make_key("his", BY)
    await restored.keep()
    assert await restored() == {}
    assert len(await connection.fetch("SELECT * FROM look_key")) == 1


@pytest.mark.parametrize("how", ["end", "release"])
async def test_a_telephone_that_was_unbound_stays_so_and_the_others_stay(platform, restored, how):
    bindings = bindings_of(platform.pool, platform.gate.store.keys, platform.gate.ledger)
    phone, other = Handle("phone", "13800000001"), Handle("phone", "13800000002")
    await bindings.bind(phone, ("w",), BY)
    await bindings.bind(other, ("v",), BY)
    await restored.keep()
    if how == "end":
        assert await bindings.end(["w"], BY) == [("w",)]
    else:
        assert await bindings.release(phone, BY) == 1
    assert await restored() == {"revocation": 1}
    assert await bindings.patients(phone) == () and await bindings.patients(other) == ("v",)
    await bindings.bind(phone, ("w",), BY)
    await restored.keep()
    assert await restored() == {}
    assert await bindings.patients(phone) == ("w",)


@pytest.mark.parametrize(("kind", "left"), [("totp", ["sms"]), (None, [])])
async def test_a_second_factor_that_was_removed_stays_so(platform, li, restored, connection, kind, left):
    for one in ("totp", "sms"):
        await connection.execute(ENROLLED, li, one)
    await restored.keep()
    await platform.people.factors.remove(li, kind, BY)
    assert await restored() == {"revocation": 1}
    assert [row["kind"] for row in await connection.fetch("SELECT kind FROM factor")] == left
    await connection.execute(ENROLLED, li, "totp")
    await restored.keep()
    assert await restored() == {}


async def test_nothing_is_taken_where_the_ledger_cannot_be_written(identities, li, ledger, monkeypatch):
    def fail(*given):
        raise Unavailable("access.ledger-not-written", file="x")

    monkeypatch.setattr(Ledger, "append", fail)
    with pytest.raises(Unavailable):
        await identities.suspend(li, BY, "x")
    assert (await identities.get(li)).status == "admitted"


async def test_the_ledger_names_nobody_but_by_reference(identities, li, ledger):
    await identities.take_role(li, "nurse", COUNTY, BY, "李医生转岗")
    (entry,) = ledger.entries()
    assert (entry.kind, entry.subject, entry.detail["what"]) == ("revocation", "Practitioner/li", "take-role")
    assert "李医生" not in ledger.path.read_text("utf-8")
