"""Files of a data diode: kept by their signature, in their order, once."""

from datetime import UTC, date, datetime, timedelta

import pytest

from kangyun.access.applications.register import Application
from kangyun.base import clock
from kangyun.cli import ferry as ferrying
from kangyun.cli.ferry import ferried
from kangyun.exchange.feeds.register import Register
from kangyun.exchange.gateway import batches
from kangyun.exchange.gateway.keys import PUBLIC, client_key
from kangyun.exchange.gateway.queue import Waiting
from kangyun.exchange.protocol import Rows, pack

HOUSE, BY = "Organization/house-1", "Practitioner/wang"


@pytest.fixture
async def key(platform, tmp_path):
    """A gateway's key, whose application delivers for a feed that is live."""
    (tmp_path / "gateway").mkdir()
    made = client_key(tmp_path / "gateway")
    keys = (tmp_path / "gateway" / PUBLIC).read_text()
    ends = clock.now() + timedelta(days=1)
    applications = platform.sign_in.applications
    await applications.add(
        Application("gateway-1", "前置机", HOUSE, "HOPERAT", (), ("system/feeds",), ends, jwks=keys), BY, "test"
    )
    await applications.review("gateway-1", "passed", BY)
    register = Register(platform.pool)
    await register.add(
        "tables", HOUSE, "表", BY, client="gateway-1", agreement="1", agreed=date(2026, 11, 1), dialect="chengdu-2011"
    )
    for state in ("testing", "trial", "live"):
        await register.move("tables", state, "centre", BY)
    return made


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "brought"
    made.mkdir()
    return made


def write(folder, key, number, cell="1", feed="tables"):
    content, digest = pack(Rows("TB_X", ["A"], [[cell]], datetime(2026, 11, 23, tzinfo=UTC)))
    return batches.write(folder, feed, Waiting(number, "his/TB_X", 1, content, digest), key)


@pytest.fixture
def carry(monkeypatch, platform, folder):
    """Carries over what lies in the folder; returns how many files stay."""

    async def nobody(*given):
        return BY

    monkeypatch.setattr(ferrying, "acting", nobody)
    return lambda: ferried(platform, sorted(folder.glob("*.kyb")), BY)


async def test_files_are_kept_in_their_order_and_put_away(platform, key, folder, carry):
    for number in (2, 1):
        write(folder, key, number)
    assert await carry() == 0
    assert sorted(file.name for file in (folder / "done").iterdir()) == [batches.name_of("tables", n) for n in (1, 2)]
    assert (await Register(platform.pool).get("tables")).next == 3
    write(folder, key, 2)  # The diode has brought it once more.
    assert await carry() == 0
    assert (await Register(platform.pool).get("tables")).next == 3


@pytest.mark.parametrize("spoil", ["gap", "changed", "other key", "other feed", "suspended"])
async def test_what_is_not_what_it_says_or_comes_too_early_stays(platform, key, folder, carry, tmp_path, spoil):
    if spoil == "gap":
        write(folder, key, 2)
    elif spoil == "other key":
        (tmp_path / "other").mkdir()
        write(folder, client_key(tmp_path / "other"), 1)
    elif spoil == "other feed":
        write(folder, key, 1, feed="nothing")
    else:
        file = write(folder, key, 1)
    if spoil == "changed":
        file.write_bytes(file.read_bytes().replace(b'"number":1', b'"number":2'))
    if spoil == "suspended":
        await platform.sign_in.applications.suspend("gateway-1", BY, "test")
    assert await carry() == 1
    assert len(list(folder.glob("*.kyb"))) == 1
    assert (await Register(platform.pool).get("tables")).next == 1
