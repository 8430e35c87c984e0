"""What has been over for half a year is removed, and nothing that is good or was so lately."""

import asyncio

import asyncpg
import pytest

from kangyun.access.sweeping import AT_ONCE, sweep

# How many days ago each was over.
AGES = (181, 179, -1)


@pytest.fixture
async def connection(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


@pytest.fixture
async def filled(connection):
    await connection.execute(
        """
        INSERT INTO identity (kind, handle, reference, institution, personal, vouched_by)
        VALUES ('staff', 'h', 'Practitioner/li', 'Organization/a', '', 'x');
        INSERT INTO application (client, identity, purpose, redirect_uris, scopes, rate, quota, expires)
        VALUES ('app', 1, 'TREAT', '{}', '{}', 0, 0, clock_timestamp());
        """
    )
    for age in AGES:
        over = f"clock_timestamp() - interval '{age} days'"
        await connection.execute(
            f"""
            INSERT INTO session (id, cookie, identity, role, institution, factors, source, expires)
            VALUES ('s{age}', 's{age}', 1, 'doctor', 'Organization/a', '{{}}', '', {over});
            INSERT INTO oidc_grant
                (id, client, session, identity, role, institution, scopes, patient, encounter, nonce, expires)
            VALUES ('g{age}', 'app', 's{age}', 1, 'doctor', 'Organization/a', '{{}}', '', '', '', {over});
            INSERT INTO oidc_code (digest, grant_id, redirect_uri, challenge, expires)
            VALUES ('c{age}', 'g{age}', '', '', {over});
            INSERT INTO oidc_refresh (digest, grant_id, expires) VALUES ('r{age}', 'g{age}', {over});
            INSERT INTO oidc_jti (digest, expires) VALUES ('j{age}', {over});
            INSERT INTO opened (person, actor, institution, role, reason, began, ends)
            VALUES (1, 'Practitioner/li', 'Organization/a', 'doctor', '', now(), {over});
            """
        )


async def counts(connection):
    tables = ("session", "oidc_grant", "oidc_code", "oidc_refresh", "oidc_jti", "opened")
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


async def test_what_is_long_over_goes_and_the_rest_stays(connection, filled):
    gone = await sweep(connection)
    assert set((await counts(connection)).values()) == {2}
    assert {gone[table] for table in await counts(connection)} == {1}
    assert set((await sweep(connection)).values()) == {0}
    left = {row["id"] for row in await connection.fetch("SELECT id FROM session")}
    assert left == {"s179", "s-1"}


async def test_a_grant_that_outlives_its_long_dead_session_goes_with_it(connection, filled):
    await connection.execute("UPDATE oidc_grant SET expires = clock_timestamp() + interval '1 day'")
    await sweep(connection)
    assert (await counts(connection))["session"] == 2
    assert (await counts(connection))["oidc_grant"] == 2


async def test_a_grant_that_was_taken_back_long_ago_goes(connection, filled):
    await connection.execute(
        "UPDATE oidc_grant SET session = NULL, revoked = clock_timestamp() - interval '1 year', "
        "expires = clock_timestamp() + interval '1 year'"
    )
    await sweep(connection)
    assert (await counts(connection))["oidc_grant"] == 0


async def test_more_than_is_swept_at_once_goes_as_well(connection):
    await connection.execute(
        "INSERT INTO oidc_jti SELECT int8send(n), clock_timestamp() - interval '1 year' "
        "FROM generate_series(1, $1::int8) AS n",
        AT_ONCE * 2 + 1,
    )
    assert (await sweep(connection))["oidc_jti"] == AT_ONCE * 2 + 1


async def test_it_is_done_in_the_background(connection, filled, start_background):
    start_background()
    async with asyncio.timeout(20):
        while (await counts(connection))["session"] > 2:
            await asyncio.sleep(0.05)
