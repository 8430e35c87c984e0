"""SMART App Launch: standalone, from a page of ours, for itself; what a token then opens."""

from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import KeySet

from kangyun.testing.provider import BACK, BASE, PASSWORD, SITE, VERIFIER


async def test_it_says_where_everything_is(region):
    http = region.browser().http
    openid = (await http.get("/.well-known/openid-configuration")).json()
    smart = (await http.get("/fhir/.well-known/smart-configuration")).json()
    assert openid["issuer"] == smart["issuer"] == SITE
    assert openid["code_challenge_methods_supported"] == ["S256"]
    assert {"launch-ehr", "launch-standalone", "permission-v1", "permission-v2"} <= set(smart["capabilities"])
    security = (await http.get("/fhir/metadata")).json()["rest"][0]["security"]
    uris = {one["url"]: one["valueUri"] for one in security["extension"][0]["extension"]}
    assert uris["token"] == smart["token_endpoint"] == openid["token_endpoint"]
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"


async def test_a_doctor_launches_an_application_for_a_patient(region):
    code = await region.code(patient="county-p1", nonce="n-1")
    answer = await region.exchange(code)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert given["patient"] == "county-p1"
    assert given["scope"] == "openid fhirUser launch/patient patient/*.rs"
    assert "refresh_token" not in given
    assert answer.headers["cache-control"] == "no-store"
    keys = KeySet.import_key_set((await region.browser().http.get("/oauth/jwks")).json())
    claims = jwt.decode(given["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (SITE, "app", "n-1")
    assert claims["fhirUser"] == f"{BASE}/Practitioner/li"
    assert (await region.read(given["access_token"])).status_code == 200
    actor = await region.sign_in.actor(given["access_token"])
    assert (actor.reference, actor.role, actor.institution) == ("Practitioner/li", "doctor", "Organization/county")
    assert (actor.client, actor.patient, actor.scopes, actor.purpose) == (
        "app",
        "county-p1",
        ("patient/*.rs",),
        "TREAT",
    )
    assert actor.session
    told = (
        await region.browser().http.get("/oauth/userinfo", headers={"authorization": f"Bearer {given['access_token']}"})
    ).json()
    assert told == {"sub": claims["sub"], "fhirUser": claims["fhirUser"]}


async def test_granular_and_first_version_scopes(region):
    asked = "user/Observation.rs?category=laboratory user/Patient.read launch/patient"
    given = (await region.exchange(await region.code(scope=asked, patient="county-p1"))).json()
    assert given["scope"] == "user/Observation.rs?category=laboratory user/Patient.rs launch/patient"


async def test_a_person_gives_less_than_is_asked(region):
    browser = region.browser()
    await browser.get(region.asked(scope="openid user/Patient.rs user/Observation.rs"))
    await browser.sign_in("li")
    await browser.submit(scope="user/Patient.rs")
    given = (await region.exchange(browser.answer["code"])).json()
    assert given["scope"] == "user/Patient.rs"
    assert "id_token" not in given


async def test_a_person_refuses(region):
    browser = region.browser()
    await browser.get(region.asked())
    await browser.sign_in("li")
    await browser.submit("refuse")
    assert browser.answer == {"error": "access_denied", "state": "s-1", "iss": SITE}


async def test_a_patient_that_is_not_there_cannot_be_chosen(region):
    browser = region.browser()
    await browser.get(region.asked())
    await browser.sign_in("li")
    assert "No such patient" in (await browser.submit(patient="none")).text
    assert "code" in (await browser.submit(patient="county-p1")).headers["location"]


async def test_a_resident_chooses_among_his_own(region):
    await region.admit("zhang", "resident", ["resident"], "Organization/platform", reference="Patient/county-p1")
    browser = region.browser()
    await browser.get(region.asked())
    await browser.sign_in("zhang")
    assert 'value="county-p1" checked' in browser.page.text
    assert "No such patient" in (await browser.submit(patient="p2")).text
    await browser.submit()
    token = (await region.exchange(browser.answer["code"])).json()["access_token"]
    actor = await region.sign_in.actor(token)
    assert (actor.role, actor.patients, actor.patient) == ("resident", ("county-p1",), "county-p1")


async def test_who_is_signed_in_and_has_given_it_before_is_not_asked_again(region):
    browser = region.browser()
    scope = "openid user/Patient.rs user/Observation.rs"
    await region.code(browser=browser, scope=scope)
    await browser.get(region.asked(scope="openid user/Patient.rs", prompt="none"))
    assert "code" in browser.answer
    await browser.get(region.asked(scope="openid user/Patient.cruds", prompt="none"))
    assert browser.answer["error"] == "consent_required"
    await region.browser().get(region.asked(prompt="none"))
    await browser.get(region.asked(scope="openid user/Patient.rs", prompt="login"))
    assert 'name="password"' in browser.page.text
    await browser.sign_in("li")
    assert "code" in browser.answer


async def test_nobody_is_signed_in_silently(region):
    browser = region.browser()
    await browser.get(region.asked(prompt="none"))
    assert browser.answer["error"] == "login_required"


async def test_a_page_of_ours_launches_an_application(region):
    token = await region.sign_in.sign_in("li", PASSWORD)
    http = region.browser().http
    headers = {"authorization": f"Bearer {token}"}
    answer = await http.post("/oauth/launch", json={"client": "app", "patient": "county-p1"}, headers=headers)
    assert answer.status_code == 201, answer.text
    assert (
        await http.post("/oauth/launch", json={"client": "app", "patient": "p2"}, headers=headers)
    ).status_code == 404
    launch = answer.json()["launch"]
    browser = region.browser()
    await browser.get(region.asked(scope="launch openid patient/*.rs", launch=launch))
    await browser.sign_in("li")
    assert 'name="patient"' not in browser.page.text
    await browser.submit()
    assert (await region.exchange(browser.answer["code"])).json()["patient"] == "county-p1"
    # Once, and by that person only.
    assert (await browser.get(region.asked(scope="launch patient/*.rs", launch=launch))).status_code == 400


async def test_an_application_is_launched_with_an_encounter_of_that_patient_only(region, client):
    desk = {"authorization": "Bearer desk"}
    patient = {"resourceType": "Patient", "id": "county-p2", "name": [{"text": "李四"}]}
    (await client.put("Patient/county-p2", json=patient, headers=desk)).raise_for_status()
    for number in ("1", "2"):
        encounter = {
            "resourceType": "Encounter", "id": f"county-e{number}", "status": "in-progress", "class": {"code": "AMB"},
            "subject": {"reference": f"Patient/county-p{number}"},
        }  # fmt: skip
        (await client.put(f"Encounter/county-e{number}", json=encounter, headers=desk)).raise_for_status()
    http = region.browser().http
    headers = {"authorization": f"Bearer {await region.sign_in.sign_in('li', PASSWORD)}"}
    answers = []
    for encounter in ("county-e1", "county-e2", "county-none"):
        asked = {"client": "app", "patient": "county-p1", "encounter": encounter}
        answers.append(await http.post("/oauth/launch", json=asked, headers=headers))
    assert [one.status_code for one in answers] == [201, 400, 400]
    assert answers[1].json() == answers[2].json()  # Whether there is one that is hidden is not told.


async def test_refresh_while_signed_in_and_beyond(region):
    browser = region.browser()
    online = (await region.exchange(await region.code(browser=browser, scope="user/*.rs online_access"))).json()
    offline = (
        await region.exchange(await region.code(browser=browser, scope="openid user/*.rs offline_access"))
    ).json()
    form = {"grant_type": "refresh_token", "client_id": "app"}
    online = (await region.token(refresh_token=online["refresh_token"], **form)).json()
    assert online["scope"] == "user/*.rs online_access"
    session = (await region.sign_in.sessions.of(1))[0]
    identity = await region.sign_in.identities.get(1)
    await region.sign_in.sessions.end(identity, [session.id], "", "")
    assert (await region.token(refresh_token=online["refresh_token"], **form)).json()["error"] == "invalid_grant"
    offline = await region.token(refresh_token=offline["refresh_token"], scope="user/Patient.rs", **form)
    assert offline.json()["scope"] == "user/Patient.rs"
    assert (await region.sign_in.actor(offline.json()["access_token"])).scopes == ("user/Patient.rs",)


async def test_an_application_for_itself(region):
    for algorithm in ("RS384", "ES384"):
        client = f"server-{algorithm}"
        await region.register(client, keys=algorithm, purpose="PUBHLTH")
        answer = await region.for_itself(client, "system/Observation.read")
        assert answer.status_code == 200, answer.text
        actor = await region.sign_in.actor(answer.json()["access_token"])
        assert (actor.reference, actor.role, actor.purpose) == (f"Device/{client}", "application", "PUBHLTH")
        assert (actor.institution, actor.scopes) == ("Organization/maker", ("system/Observation.rs",))
        assert (await region.for_itself(client, "user/*.rs")).json()["error"] == "invalid_scope"


async def test_revocation_and_introspection(region):
    await region.register("server", keys="RS384")
    token = (await region.for_itself("server")).json()["access_token"]

    async def call(path, token, client="server"):
        return await region.browser().http.post(
            path,
            data={
                "token": token,
                "client_assertion": region.assertion(client),
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            },
        )

    told = (await call("/oauth/introspect", token)).json()
    assert (told["active"], told["client_id"], told["scope"]) == (True, "server", "system/*.rs")
    await region.register("other", keys="RS384")
    assert (await call("/oauth/introspect", token, "other")).json() == {"active": False}
    assert (await call("/oauth/revoke", token, "other")).status_code == 200
    assert (await region.read(token)).status_code == 200
    assert (await call("/oauth/revoke", token)).status_code == 200
    assert (await call("/oauth/introspect", token)).json() == {"active": False}
    assert (await call("/oauth/revoke", "nonsense")).status_code == 200


async def test_signing_out_goes_back_to_the_application_only(region):
    browser = region.browser()
    await region.code(browser=browser, scope="user/*.rs")
    query = {"client_id": "app", "post_logout_redirect_uri": BACK, "state": "x"}
    await browser.get("/oauth/end-session?" + urlencode(query))
    assert (await browser.submit()).headers["location"] == f"{BACK}?state=x"
    await browser.get("/account")
    assert 'name="password"' in browser.page.text
    await browser.sign_in("li")
    await browser.get("/oauth/end-session?" + urlencode(query | {"post_logout_redirect_uri": "https://evil.example/"}))
    assert (await browser.submit()).status_code == 200


async def test_the_verifier_is_that_of_the_request(region):
    assert len(VERIFIER) == 64
    assert (await region.exchange(await region.code(patient="county-p1"))).status_code == 200
