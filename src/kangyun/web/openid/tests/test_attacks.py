"""Attacks on the provider: forged tokens, codes and refresh tokens shown again, assertions, keys from within."""

import asyncio
import base64
import json
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from kangyun.testing.provider import BACK, BASE, CHALLENGE, PASSWORD, SITE


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def opened(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


@pytest.fixture
async def token(region):
    """A doctor's token of our own pages."""
    return await region.sign_in.sign_in("li", PASSWORD)


@pytest.fixture
async def signing(region):
    """Signs as the provider would: with its own key, and whatever header and claims."""
    key = await region.sign_in.provider.issuing.keys.signing("ES256")

    def sign(claims, *, with_key=None, **header):
        header = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"} | header
        return jwt.encode(header, claims, with_key or key.key, algorithms=[header["alg"]])

    sign.key = key
    return sign


def forgeries(claims, sign):
    """Returns tokens that are none, by what is wrong with them."""
    public = sign.key.key.as_pem(private=False)
    header = {"kid": sign.key.kid, "typ": "at+jwt"}
    now = int(time.time())
    other = ECKey.generate_key("P-256")
    return {
        "none": f"{part(header | {'alg': 'none'})}.{part(claims)}.",
        "None": f"{part(header | {'alg': 'nOnE'})}.{part(claims)}.",
        "without a signature": ".".join([*sign(claims).split(".")[:2], ""]),
        "HMAC by the public key": jwt.encode(
            header | {"alg": "HS256"}, claims, OctKey.import_key(base64.b64encode(public)), algorithms=["HS256"]
        ),
        "somebody's key": sign(claims, with_key=other),
        "somebody's RSA key": sign(claims, with_key=RSAKey.generate_key(2048), alg="RS256"),
        "key in the header": sign(claims, with_key=other, jwk=other.as_dict(private=False)),
        "key at an address": sign(claims, with_key=other, jku="https://evil.example/jwks"),
        "kid that is a path": sign(claims, with_key=other, kid="../../../dev/null"),
        "kid that is SQL": sign(claims, with_key=other, kid="' OR 1=1 --"),
        "kid that is long": sign(claims, with_key=other, kid="k" * 5000),
        "kid that is no text": f"{part(header | {'alg': 'ES256', 'kid': ['a']})}.{part(claims)}.AAAA",
        "critical": f"{part(header | {'alg': 'ES256', 'crit': ['x'], 'x': 1})}.{part(claims)}.AAAA",
        "expired": sign(claims | {"exp": now - 1}),
        "without an end": sign({name: value for name, value in claims.items() if name != "exp"}),
        "an end that is text": sign(claims | {"exp": "9999999999"}),
        "an end that is endless": sign(claims | {"exp": 10**30}),
        "an end that is true": sign(claims | {"exp": True}),
        "not yet": sign(claims | {"nbf": now + 600}),
        "made tomorrow": sign(claims | {"iat": now + 86_400}),
        "for somebody else": sign(claims | {"aud": "https://other.example/fhir"}),
        "for nobody": sign(claims | {"aud": []}),
        "for an object": sign(claims | {"aud": {"a": 1}}),
        "from somebody else": sign(claims | {"iss": "https://evil.example"}),
        "an id token": sign(claims, typ="JWT"),
        "a session that is not there": sign(claims | {"sid": "none"}),
        "a session that is none": sign(claims | {"sid": ["a"]}),
        "a session with a null sign": sign(claims | {"sid": "a\0b"}),
        "a grant that is not there": sign(claims | {"gid": "none", "client_id": "app"}),
        "changed": "x".join(sign(claims).rsplit("A", 1)),
        "no token": "a.b.c",
        "four parts": sign(claims) + ".AAAA",
        "long": "a" * 20_000,
        "dots": "." * 50,
        "list": f"{part(header | {'alg': 'ES256'})}.{part([1])}.AAAA",
        "deep": f"{base64.urlsafe_b64encode(b'[' * 5000).decode()}.{part(claims)}.AAAA",
    }


async def test_no_forged_token_opens_anything(region, token, signing):
    claims = opened(token)
    assert (await region.read(signing(claims))).status_code == 200  # The control: rightly signed, it is good.
    for name, forged in forgeries(claims, signing).items():
        answer = await region.read(forged)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (401, "login"), name
        assert forged not in answer.text
    rows = [row for row in await region.trail() if row[:3] == ("sign-in", 401, "nobody")]
    assert len(rows) == len(forgeries(claims, signing))


async def test_a_token_says_nothing_of_its_own_power(region, token, signing):
    """What a token does not say it cannot say wrongly: role and institution are the session's."""
    claims = opened(token) | {"role": "system-administrator", "administrator": True, "scope": "system/*.cruds"}
    actor = await region.sign_in.actor(signing(claims))
    assert (actor.role, actor.administrator, actor.scopes) == ("doctor", False, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "w" * 64}, {"code_verifier": ""}, {"code_verifier": CHALLENGE}, {"client_id": "other"},
        {"redirect_uri": f"{BACK}/other"}, {"redirect_uri": ""}, {"code": "made-up"}, {"code": ""},
    ],
    ids=lambda wrong: next(iter(wrong.items())),
)  # fmt: skip
async def test_a_code_is_of_one_client_verifier_and_address(region, wrong):
    await region.register("other")
    code = await region.code(patient="county-p1")
    answer = await region.exchange(**({"code": code} | wrong))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert ("sign-in", 400, "nobody", "POST /oauth/token") in await region.trail()
    if "code" not in wrong:  # It is used up: who guesses has one guess.
        assert (await region.exchange(code)).status_code == 400


async def test_a_code_that_is_shown_again_ends_what_it_gave(region):
    code = await region.code(scope="user/*.rs online_access")
    given = (await region.exchange(code)).json()
    assert (await region.read(given["access_token"])).status_code == 200
    assert (await region.exchange(code)).json()["error"] == "invalid_grant"
    region.sign_in._looked = 0.0
    assert not await region.sign_in.is_good(given["access_token"])
    answer = await region.token(grant_type="refresh_token", client_id="app", refresh_token=given["refresh_token"])
    assert answer.json()["error"] == "invalid_grant"


async def test_a_refresh_token_that_is_shown_again_ends_its_family(region):
    first = (await region.exchange(await region.code(scope="user/*.rs offline_access"))).json()
    form = {"grant_type": "refresh_token", "client_id": "app"}
    second = (await region.token(refresh_token=first["refresh_token"], **form)).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await region.token(refresh_token=first["refresh_token"], **form)).status_code == 400
    # The thief's and the owner's alike.
    assert (await region.token(refresh_token=second["refresh_token"], **form)).status_code == 400
    assert not await region.sign_in.is_good(second["access_token"])


@pytest.mark.parametrize(
    "more",
    ["user/*.cruds", "user/Patient.rs user/Observation.rs", "system/*.rs", "user/Patient.rs offline_access openid"],
)
async def test_a_refresh_gives_no_more_than_was_given(region, more):
    given = (await region.exchange(await region.code(scope="user/Patient.rs offline_access"))).json()
    form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": given["refresh_token"]}
    answer = await region.token(scope=more, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    # And uses nothing up: an application that asked wrongly asks again.
    assert (await region.token(scope="user/Patient.rs", **form)).status_code == 200


async def test_consent_gives_no_more_than_was_asked(region):
    browser = region.browser()
    await browser.get(region.asked(scope="user/Patient.rs"))
    await browser.sign_in("li")
    await browser.submit(scope="user/*.cruds")
    assert (await region.exchange(browser.answer["code"])).json()["scope"] == "user/Patient.rs"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/back", f"{BACK}/", f"{BACK}?x=1", f"{BACK}@evil.example", "https://app.example.evil/back",
        "javascript:alert(1)", "//evil.example", BACK.upper(), f"{BACK}#f", "",
    ],
)  # fmt: skip
async def test_the_browser_is_sent_to_no_address_that_is_not_registered(region, address):
    await region.register("two", redirect_uris=(BACK, "https://app.example/second"))
    browser = region.browser()
    page = await browser.get(region.asked("two", redirect_uri=address))
    assert (page.status_code, page.headers.get("location")) == (400, None)
    page = await browser.get(region.asked("nobody", redirect_uri=address))
    assert (page.status_code, page.headers.get("location")) == (400, None)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"), ({"code_challenge": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"), ({"aud": "https://evil.example"}, "invalid_request"),
        ({"aud": ""}, "invalid_request"), ({"scope": "nonsense"}, "invalid_scope"), ({"scope": ""}, "invalid_scope"),
        ({"scope": "system/*.rs"}, "invalid_scope"), ({"scope": "launch"}, "invalid_request"),
        ({"scope": "patient/Observation.rs?category"}, "invalid_scope"), ({"nonce": "n" * 3000}, "invalid_request"),
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_wrongly_asked_is_told_to_the_application(region, asked, error):
    browser = region.browser()
    await browser.get(region.asked(**asked))
    assert browser.answer == {"error": error, "state": "s-1", "iss": SITE} or error == "invalid_scope"
    assert browser.answer["error"] == error


async def test_an_assertion_is_good_once(region):
    await region.register("server", keys="RS384")
    assertion = region.assertion("server")
    assert (await region.for_itself("server", assertion=assertion)).status_code == 200
    again = await region.for_itself("server", assertion=assertion)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


async def test_an_assertion_is_the_clients_own(region):
    await region.register("server", keys="RS384")
    await region.register("other", keys="RS384")
    now = int(time.time())
    _, key = region.keys["server"]
    public = OctKey.import_key(base64.b64encode(key.as_pem(private=False)))
    wrong = [
        region.assertion("server", key=region.keys["other"][1]),
        region.assertion("server", sub="other"),
        region.assertion("server", iss="other"),
        region.assertion("server", aud="https://evil.example/token"),
        region.assertion("server", exp=now - 1),
        region.assertion("server", exp=now + 3600),
        region.assertion("server", jti=""),
        region.assertion("server", jti=7),
        region.assertion("server", header={"alg": "RS256"}),
        region.assertion("server", header={"kid": "other-1"}),
        region.assertion("server", header={"alg": "HS384"}, key=public),
        f"{part({'alg': 'none', 'kid': 'server-1'})}.{part({'iss': 'server', 'sub': 'server'})}.",
        "a.b.c",
    ]
    for place, assertion in enumerate(wrong):
        answer = await region.for_itself("server", assertion=assertion)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), place
    # Without one, or with a public client's form, a client that has keys is not believed.
    for form in ({"client_id": "server"}, {"client_id": "app"}, {}):
        answer = await region.token(grant_type="client_credentials", scope="system/*.rs", **form)
        assert answer.json()["error"] in ("invalid_client", "unauthorized_client")


async def test_keys_are_not_fetched_from_where_only_we_can_reach(region):
    for place, address in enumerate(
        ["http://127.0.0.1:9/k", "http://169.254.169.254/", "http://[::1]/", "http://10.0.0.1/"]
    ):
        await region.register(f"inner{place}", jwks_uri=address)
        region.keys[f"inner{place}"] = ("RS384", RSAKey.generate_key(2048))
        answer = await region.for_itself(f"inner{place}")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_the_answer_names_who_gives_it(region):
    """Mix-up: an application that asks several providers sees which one answered."""
    browser = region.browser()
    await browser.get(region.asked(scope="user/*.rs"))
    await browser.sign_in("li")
    await browser.submit()
    assert parse_qs(urlsplit(browser.page.headers["location"]).query)["iss"] == [SITE]
    assert BASE.startswith(SITE)


async def test_a_code_is_used_once_however_many_show_it_at_once(region):
    code = await region.code(scope="user/*.rs offline_access")
    answers = await asyncio.gather(*(region.exchange(code) for _ in range(8)))
    good = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(good) <= 1
    # Whoever had it, the others have ended it.
    assert not [one for one in good if await region.sign_in.is_good(one["access_token"])]


async def test_a_refresh_token_is_used_once_however_many_show_it_at_once(region):
    given = (await region.exchange(await region.code(scope="user/*.rs offline_access"))).json()
    form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": given["refresh_token"]}
    answers = await asyncio.gather(*(region.token(**form) for _ in range(8)))
    assert [answer.status_code for answer in answers].count(200) <= 1
    assert not await region.sign_in.is_good(given["access_token"])


async def test_an_assertion_is_used_once_however_many_show_it_at_once(region):
    await region.register("server", keys="ES384")
    assertion = region.assertion("server")
    answers = await asyncio.gather(*(region.for_itself("server", assertion=assertion) for _ in range(8)))
    assert [answer.status_code for answer in answers].count(200) == 1


async def test_keys_change_and_what_the_old_one_signed_holds(region, fresh_database):
    keys = region.sign_in.provider.issuing.keys
    token = await region.sign_in.sign_in("li", PASSWORD)
    old = (await keys.signing("ES256")).kid
    connection = await asyncpg.connect(fresh_database)

    async def move(by):
        await connection.execute(
            "UPDATE oidc_key SET signs_from = signs_from - $1::interval, signs_until = signs_until - $1::interval, "
            "verifies_until = verifies_until - $1::interval", by,
        )  # fmt: skip
        keys._read = -1000.0

    # The next one is there a day before it signs.
    await move(timedelta(days=29, hours=12))
    assert (await keys.signing("ES256")).kid == old
    told = {one["kid"] for one in await keys.public() if one["alg"] == "ES256"}
    assert len(told) == 2 and old in told
    await move(timedelta(days=1))
    new = (await keys.signing("ES256")).kid
    assert new != old and new in told
    assert await region.sign_in.is_good(token)
    # And one that verifies no more is gone.
    await move(timedelta(days=2))
    assert old not in {one["kid"] for one in await keys.public()}
    assert not await region.sign_in.is_good(token)
    await connection.close()
