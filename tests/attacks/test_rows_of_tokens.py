"""What is asked of tokens and sessions leaves rows, too."""

import asyncpg
import pytest


@pytest.fixture
async def newest(fresh_database):
    """Reads the newest row of the trail: `await newest()` gives (action, outcome, actor, shape)."""

    async def read():
        connection = await asyncpg.connect(fresh_database)
        try:
            return tuple(
                await connection.fetchrow("SELECT action, outcome, actor, shape FROM audit ORDER BY id DESC LIMIT 1")
            )
        finally:
            await connection.close()

    return read


@pytest.mark.parametrize(
    ("path", "action"), [("/oauth/revoke", "token-revoke"), ("/oauth/introspect", "token-introspect")]
)
async def test_who_asks_of_a_token_leaves_a_row(region, newest, path, action):
    await region.register("robot", keys="ES384", redirect_uris=(), scopes=("system/*.rs",))
    token = (await region.for_itself("robot", "system/*.rs")).json()["access_token"]
    form = {
        "token": token,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": region.assertion("robot"),
    }
    assert (await region.browser().http.post(path, data=form)).status_code == 200
    assert await newest() == (action, 200, "Device/robot", f"POST {path}")


async def test_who_lists_sessions_leaves_a_row(sign_in, newest):
    doctor = await sign_in("doctor")
    assert (await doctor("GET", "http://127.0.0.1:8080/oauth/sessions")).status_code == 200
    action, outcome, actor, shape = await newest()
    assert (action, outcome, shape) == ("session-list", 200, "GET /oauth/sessions")
    assert actor.endswith("doctor")


async def test_a_look_at_the_account_leaves_a_row(region, newest):
    browser = region.browser()
    await browser.http.get("/account")
    assert (await newest())[1:] == (401, "nobody", "GET /account")
