"""A database that is older than its outside files is not opened; once somebody accepts it, all that follows is done."""

import asyncpg
import pytest

from kangyun.access.platform import open_platform
from kangyun.access.recovery import accept, cuts, explained, reached
from kangyun.access.trail.roots import FILE, Root, Roots, standing
from kangyun.access.trail.verifying import verify
from kangyun.base import clock
from kangyun.base.errors import Unavailable
from kangyun.database.backups.medium import Reached
from kangyun.database.unfinished import FOLLOWS, SUPERSEDED, UNFINISHED
from kangyun.store import feed
from kangyun.testing.sequencing import give_positions, seal_all

HANDED_OUT = """
INSERT INTO factor_permit VALUES (1, '', 'Practitioner/wang', 'infinity');
INSERT INTO factor_challenge (id, identity, kind, sealed, expires) VALUES ('a', 1, 'totp', '', 'infinity');
INSERT INTO one_time_code (id, purpose, target, source, digest, sealed, expires)
    VALUES ('a', 'desk', '', '', '', '', 'infinity');
INSERT INTO approval (kind, state, asker, institution, digest, sealed, ends)
    SELECT 'export', state, 'Practitioner/li', '', '', '', 'infinity' FROM unnest('{open, confirmed}'::text[]) AS state;
"""
GOOD = """
SELECT (SELECT count(*) FROM factor_permit) + (SELECT count(*) FROM factor_challenge)
    + (SELECT count(*) FROM one_time_code WHERE used IS NULL)
    + (SELECT count(*) FROM approval WHERE ends > clock_timestamp())
"""
PATIENT = {"resourceType": "Patient", "active": True}


@pytest.fixture
async def connection(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


@pytest.fixture
def opened(fresh_database, make_settings):
    """Opens the platform and closes it again."""

    async def open_():
        await (await open_platform(make_settings(), fresh_database)).close()

    return open_


async def sealed(connection):
    await give_positions(connection)
    return (await seal_all(connection))[-1]


async def nothing(connection):
    """There is nothing to replay."""


async def accepted(connection, folder, known=None):
    return await accept(connection, folder, how="test", request="r1", known=known or Reached(), replay=nothing)


async def faults(connection, folder):
    held = standing(Roots(folder / FILE).read()[0])
    return [fault.kind async for fault in verify(connection, held.roots)]


async def test_an_older_database_is_refused_until_it_is_accepted(client, connection, opened, tmp_path):
    await client.post("Patient", json=PATIENT)
    last, kept = await sealed(connection), Roots(tmp_path / FILE)
    kept.add(clock.now(), last.number, last.digest)
    await opened()
    kept.add(clock.now(), last.number + 3, bytes(32))  # Told of a trail that is not here any more.
    with pytest.raises(Unavailable, match="recovery-older"):
        await opened()
    cut = await accepted(connection, tmp_path)
    assert (cut.epoch, cut.seal) == (2, last.number)
    await opened()
    assert await faults(connection, tmp_path) == []
    shape = await explained(connection, 2)
    assert "test" in shape and f"told={last.number + 3}" in shape
    assert await cuts(connection) == [2]


async def test_another_trail_behind_the_same_number_is_refused(client, connection, opened, tmp_path):
    await client.post("Patient", json=PATIENT)
    last = await sealed(connection)
    Roots(tmp_path / FILE).add(clock.now(), last.number, bytes(32))
    with pytest.raises(Unavailable, match="recovery-other"):
        await opened()


async def test_the_feed_goes_on_in_a_new_epoch_and_numbers_behind_all_that_were_known(client, connection, tmp_path):
    await client.post("Patient", json=PATIENT)
    await sealed(connection)
    await feed.remember(connection, "reader", feed.Place(1, 7))  # It had read what is lost now.
    before = await reached(connection)
    known = Reached(4, 9, 5, {"res_number": before.numbers["res_number"] + 10_000_000})
    cut = await accepted(connection, tmp_path, known)
    assert cut.epoch == 5  # Epochs 2 to 4 are known to have been given elsewhere.
    assert await feed.place_of(connection, "reader") == feed.Place(5, 1)
    after = await reached(connection)
    assert after.numbers["res_number"] > known.numbers["res_number"]
    for _ in range(70):  # More than a process has taken beforehand.
        assert (await client.post("Patient", json=PATIENT)).status_code == 201
    await sealed(connection)
    events, _ = await feed.read(connection, feed.Place(5, 1))
    assert len(events) == 70 and {event.place.epoch for event in events} == {5}
    assert await faults(connection, tmp_path) == []


async def test_what_was_handed_out_to_be_used_once_is_over(client, connection, tmp_path):
    await connection.execute(HANDED_OUT)
    await accepted(connection, tmp_path)
    assert await connection.fetchval(GOOD) == 0


async def test_the_row_that_says_so_is_not_changed_unseen(client, connection, tmp_path):
    await client.post("Patient", json=PATIENT)
    await sealed(connection)
    await accepted(connection, tmp_path)
    await connection.execute("UPDATE audit SET shape = 'nothing' WHERE action = 'restore'")
    assert await faults(connection, tmp_path) == ["changed"]


@pytest.mark.parametrize(
    ("mark", "text"), [(UNFINISHED, "unfinished"), (FOLLOWS, "standby"), (SUPERSEDED, "superseded")]
)
async def test_a_marked_folder_is_not_opened(opened, tmp_path, mark, text):
    (tmp_path / mark).write_text("{}")
    with pytest.raises(Unavailable, match=text):
        await opened()


def told(*lines):
    """Returns roots: (seal,), or (seal, cut, since)."""
    kept = zip(lines, range(len(lines)), strict=True)
    return [
        Root(clock.now(), seal, f"{number:064x}", **dict(zip(("cut", "since"), cut, strict=False)))
        for (seal, *cut), number in kept
    ]


def test_a_cut_gives_up_what_was_told_of_later_seals():
    lines = told((1,), (5,), (9,), (4, 2, 1), (6,), (3, 3, 2), (4,))
    held = standing(lines)
    assert held.roots == [lines[0], lines[5], lines[6]]
    assert held.cuts == [lines[3], lines[5]] and held.given_up == []


def test_a_cut_back_to_what_another_had_given_up():
    lines = told((1,), (3,), (1, 2, 1), (2,), (4,), (3, 3, 1), (5,))
    held = standing(lines)
    assert held.roots == [lines[0], lines[1], lines[5], lines[6]]
    assert held.cuts == [lines[5]] and held.given_up == [lines[2]]


def test_a_cut_before_anything_was_sealed():
    lines = told((2,), (0, 2, 1), (1,))
    assert standing(lines).roots == [lines[2]]
