"""An outside OpenID provider: its tokens, verified and mapped by a file."""

import asyncio
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from kangyun.access.signin import LOOK
from kangyun.base.errors import Invalid

WANG, OPERATOR = "Practitioner/wang", "Practitioner/operator"
KEY = RSAKey.generate_key(2048)
MAPPING = """
[claims]
role = "realm_access.roles"
[roles]
"physician" = "doctor"
"chief" = "steward"
"citizen" = "resident"
"operator" = "system-administrator"
"guard" = "security-administrator"
[institutions]
"H001" = "Organization/h001"
"""


@pytest.fixture
def provider():
    """An outside provider on this machine. `asked`: which addresses it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            answers = {
                "/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"},
                "/jwks": {"keys": [KEY.as_dict(private=False) | {"kid": "k1", "use": "sig"}]},
            }
            body = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    server.issuer, server.asked = issuer, asked
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def outside(open_client, provider, tmp_path):
    """A client of an installation that takes its tokens."""
    (tmp_path / "oidc.toml").write_text(MAPPING)
    return await open_client(token=None, oidc_issuer=provider.issuer, oidc_client="kangyun", sign_in_hosts="127.0.0.1")


@pytest.fixture
async def identities(outside):
    """The register, with the doctor Wang and an operator."""
    found = outside._transport.app._platform.sign_in.identities
    for reference, role in ((WANG, "doctor"), (OPERATOR, "system-administrator")):
        await found.admit(
            "staff", reference, "Organization/h001", f"name of {reference}", roles=(role,), vouched_by="Device/t",
            evidence="id card",
        )  # fmt: skip
    return found


@pytest.fixture
def issue(provider):
    def issue_(*, key=KEY, header=None, **claims):
        said = {
            "iss": provider.issuer, "aud": "kangyun", "sub": "u-1", "name": "王医生", "org": "H001",
            "fhirUser": WANG, "realm_access": {"roles": ["physician", "offline"]}, "exp": int(time.time()) + 60,
        } | claims  # fmt: skip
        header = {"alg": "RS256", "kid": "k1"} | (header or {})
        return jwt.encode(header, said, key, algorithms=[header["alg"]])

    return issue_


def ask(client, token):
    return client.get("Patient", headers={"authorization": f"Bearer {token}"})


async def test_who_it_names_acts_in_the_role_that_the_file_says(outside, issue, provider, identities):
    assert (await ask(outside, issue())).status_code == 200
    sign_in = outside._transport.app._platform.sign_in
    actor = await sign_in.actor(issue(fhirUser="https://id.example/fhir/Practitioner/wang"))
    assert (actor.reference, actor.role, actor.institution) == ("Practitioner/wang", "doctor", "Organization/h001")
    assert actor.purpose == "TREAT"
    assert actor.name == f"name of {WANG}"
    unnamed = await sign_in.actor(issue(sub="u-2", fhirUser=None, realm_access={"roles": ["citizen"]}))
    assert unnamed.reference.startswith("Person/outside-")
    citizen = await sign_in.actor(issue(realm_access={"roles": ["citizen"]}, fhirUser="Patient/p1", patients=["p2"]))
    assert (citizen.role, citizen.patients) == ("resident", ("p1", "p2"))
    assert provider.asked.count("/jwks") == 1


async def test_who_runs_the_installation_sees_nobodys_record_by_that(outside, issue, identities, open_client):
    owner = await open_client()
    assert (await owner.put("Patient/p1", json={"resourceType": "Patient", "id": "p1"})).status_code == 201
    operator = {"authorization": f"Bearer {issue(realm_access={'roles': ['operator']}, fhirUser=OPERATOR)}"}
    for path in ("Patient/p1", "Patient", "Patient/p1/$everything", "Patient/p1/_history"):
        answer = await outside.get(path, headers=operator)
        assert answer.status_code in (403, 404), path
    assert (await outside.get("Organization", headers=operator)).status_code == 200


async def test_what_is_wrong_with_it_opens_nothing(outside, issue, provider, identities):
    now = int(time.time())
    assert (await ask(outside, issue())).status_code == 200
    wrong = [
        issue(aud="other"), issue(aud=None), issue(iss="https://evil.example"), issue(exp=now - 1),
        issue(nbf=now + 600), issue(key=RSAKey.generate_key(2048)), issue(header={"kid": "k2"}),
        issue(key=ECKey.generate_key("P-256"), header={"alg": "ES256"}),
        issue(key=OctKey.import_key(KEY.as_pem(private=False).hex()), header={"alg": "HS256"}),
        issue(org="H002"), issue(org=None), issue(realm_access={}), issue(realm_access={"roles": ["king"]}),
        issue(realm_access={"roles": ["physician", "chief"]}), issue(sub=""), issue(sub=7),
    ]  # fmt: skip
    for place, token in enumerate(wrong):
        assert (await ask(outside, token)).status_code == 401, place
    assert provider.asked.count("/jwks") == 1  # Whoever makes up a key id makes no calls.


async def number(identities, reference):
    return (await identities.find(reference)).id


@pytest.mark.parametrize("how", ["suspend", "leave", "take"])
async def test_who_has_left_our_register_comes_by_no_outside_token(outside, issue, identities, how):
    token, wang = issue(), await number(identities, WANG)
    assert (await ask(outside, token)).status_code == 200
    if how == "take":
        await identities.take_role(wang, "doctor", "Organization/h001", by="Device/t", why="x")
    else:
        await getattr(identities, how)(wang, by="Device/t", why="x")
    await asyncio.sleep(LOOK + 0.1)
    for one in (token, issue()):
        assert (await ask(outside, one)).status_code == 401


async def test_a_claim_gives_no_role_that_the_register_does_not(outside, issue, identities):
    roles = {name: {"roles": [name]} for name in ("physician", "chief", "operator", "guard", "citizen")}
    refused = [
        issue(fhirUser="Practitioner/nobody"), issue(fhirUser=None), issue(realm_access=roles["chief"]),
        issue(realm_access=roles["citizen"]), issue(fhirUser=OPERATOR, realm_access=roles["guard"]),
        issue(fhirUser=OPERATOR), issue(fhirUser=None, realm_access=roles["operator"]),
    ]  # fmt: skip
    for place, token in enumerate(refused):
        assert (await ask(outside, token)).status_code == 401, place
    assert (await ask(outside, issue(fhirUser=OPERATOR, realm_access=roles["operator"]))).status_code != 401


async def test_what_is_done_in_person_needs_a_factor_that_the_mapping_names(open_client, issue, provider, tmp_path):
    async def asks(mapping, **claims):
        (tmp_path / "oidc.toml").write_text(MAPPING + mapping)
        client = await open_client(
            token=None, oidc_issuer=provider.issuer, oidc_client="kangyun", sign_in_hosts="127.0.0.1"
        )
        identities = client._transport.app._platform.sign_in.identities
        if await identities.find(WANG) is None:
            await identities.admit(
                "staff", WANG, "Organization/h001", "Wang", roles=("doctor",), vouched_by="Device/t", evidence="x"
            )
        body = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "昏迷送抢救室"}]}
        bearer = {"authorization": f"Bearer {issue(**claims)}"}
        return await client.post("Patient/nobody/$break-glass", json=body, headers=bearer)

    named = '[factors]\nclaim = "amr"\nvalues = ["otp"]\n'
    assert (await asks("", amr=["otp"])).status_code == 403
    assert (await asks(named)).status_code == 403
    assert (await asks(named, amr=["pwd"])).status_code == 403
    assert (await asks(named, amr=["pwd", "otp"])).status_code == 404
    # A role that needs a second factor is not had without one at all.
    (tmp_path / "policy" / "factors.toml").unlink()
    assert (await asks(named)).status_code == 401
    assert (await asks(named, amr=["pwd", "otp"])).status_code == 404


async def test_a_provider_that_may_not_be_called_lets_nobody_in(open_client, provider, issue, tmp_path):
    (tmp_path / "oidc.toml").write_text(MAPPING)
    client = await open_client(token=None, oidc_issuer=provider.issuer, oidc_client="kangyun")
    answer = await ask(client, issue())
    assert (answer.status_code, provider.asked) == (403, [])


@pytest.mark.parametrize(
    "mapping", ["[roles", "[roles]\na = 'king'", "[claims]\nodd = 'a'", "[roles]\na = 1", "[institutions]\na = ['b']"]
)
async def test_a_wrong_file_is_told_at_the_start(open_client, tmp_path, mapping):
    (tmp_path / "oidc.toml").write_text(mapping)
    with pytest.raises(Invalid, match="wrong-mapping"):
        await open_client(oidc_issuer="https://id.example", oidc_client="kangyun")
