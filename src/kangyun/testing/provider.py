"""People and applications at the OpenID provider, for tests: a browser without scripts, and an application's server."""

import base64
import hashlib
import html
import json
import re
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import asyncpg
import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from kangyun.access.applications.register import Application
from kangyun.access.platform import Platform
from kangyun.base import clock

SITE = "http://127.0.0.1:8080"
BASE = f"{SITE}/fhir"
BACK = "https://app.example/back"
PASSWORD = "Correct-horse-7"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SCOPES = (
    "openid fhirUser profile launch launch/patient offline_access online_access patient/*.rs user/*.cruds system/*.rs"
)
# The policy of a region whose roles need no second factor.
NO_FACTORS = """
role = {}
other = { any = [] }
limits = { challenge_minutes = 5, permit_hours = 24, tries = 5, lock_minutes = 15 }
"""
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Browser:
    """Follows no redirect by itself, so that a test sees each."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.page = httpx.Response(0)

    async def get(self, path: str, **given: Any) -> httpx.Response:
        self.page = await self.http.get(path, **given)
        return self.page

    async def post(self, path: str, fields: list[tuple[str, str]] | dict[str, str]) -> httpx.Response:
        self.page = await self.http.post(path, content=urlencode(fields))
        return self.page

    async def submit(self, button: str = "", **fields: str) -> httpx.Response:
        """Sends the first form of the page, its hidden and preset fields included."""
        text = self.page.text
        form = re.search(r'<form method="post" action="([^"]+)">(.*?)</form>', text, re.DOTALL)
        assert form, text
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[2])
        preset = re.findall(r'type="(?:radio|checkbox)" name="([^"]+)" value="([^"]*)" checked', form[2])
        sent = [(name, html.unescape(value)) for name, value in [*hidden, *preset] if name not in fields]
        sent += list(fields.items())
        do = button or re.findall(r'<button name="do" value="([^"]+)"', form[2])[0]
        return await self.post(form[1], [*sent, ("do", do)])

    async def follow(self) -> httpx.Response:
        """Goes where the page sends, while that is here."""
        while self.page.status_code in (302, 303) and self.page.headers["location"].startswith("/"):
            await self.get(self.page.headers["location"])
        return self.page

    async def sign_in(self, user: str, password: str = PASSWORD) -> httpx.Response:
        await self.submit(user=user, password=password)
        return await self.follow()

    @property
    def answer(self) -> dict[str, str]:
        """What an application is told, in its own address."""
        assert self.page.status_code == 303, self.page.text
        parts = urlsplit(self.page.headers["location"])
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == BACK
        return {name: values[0] for name, values in parse_qs(parts.query).items()}


class Region:
    """An installation, its people and its applications."""

    def __init__(self, client: httpx.AsyncClient, platform: Platform, database: str) -> None:
        self.client, self.platform, self.database = client, platform, database
        self.sign_in = platform.sign_in
        self.keys: dict[str, tuple[str, ECKey | RSAKey]] = {}

    def browser(self) -> Browser:
        headers = {"accept-language": "en", "content-type": "application/x-www-form-urlencoded"}
        return Browser(httpx.AsyncClient(transport=self.client._transport, base_url=SITE, headers=headers))

    async def admit(
        self, handle: str = "li", kind: Any = "staff", roles: Sequence[str] = ("doctor",),
        institution: str = "Organization/county", **given: Any,
    ) -> int:  # fmt: skip
        given = {"reference": f"Practitioner/{handle}"} | given
        id_ = await self.sign_in.identities.admit(
            kind,
            given.pop("reference"),
            institution,
            "李医生",
            roles=roles,
            vouched_by="Organization/county",
            evidence="执业证",
            handle=handle,
            **given,
        )
        await self.sign_in.identities.set_password(id_, PASSWORD)
        return id_

    async def register(
        self, client: str = "app", *, keys: str = "", review: Any = "passed", **given: Any
    ) -> Application:
        jwks = ""
        if keys:
            key: ECKey | RSAKey = ECKey.generate_key("P-384") if keys == "ES384" else RSAKey.generate_key(2048)
            self.keys[client] = (keys, key)
            jwks = json.dumps({"keys": [key.as_dict(private=False) | {"kid": f"{client}-1"}]})
        wanted: dict[str, Any] = {
            "name": "一款应用",
            "owner": "Organization/maker",
            "purpose": "TREAT",
            "redirect_uris": (BACK,),
            "scopes": tuple(SCOPES.split()),
            "expires": clock.now() + timedelta(days=30),
            "jwks": jwks,
        } | given
        application = await self.sign_in.applications.add(Application(client=client, **wanted), "Device/t", "合同")
        if review != "asked":
            await self.sign_in.applications.review(client, review, "Practitioner/security")
        return application

    def asked(
        self, client: str = "app", scope: str = "openid fhirUser launch/patient patient/*.rs", **given: str
    ) -> str:
        return "/oauth/authorize?" + urlencode(
            {
                "client_id": client,
                "redirect_uri": BACK,
                "response_type": "code",
                "scope": scope,
                "state": "s-1",
                "aud": BASE,
                "code_challenge": CHALLENGE,
                "code_challenge_method": "S256",
            }
            | given
        )

    async def code(self, user: str = "li", browser: Browser | None = None, patient: str = "", **asked: str) -> str:
        """Lets somebody sign in and consent, and returns the code."""
        browser = browser or self.browser()
        await browser.get(self.asked(**asked))
        if 'name="password"' in browser.page.text:
            await browser.sign_in(user)
        if browser.page.status_code == 200:
            await browser.submit(**({"patient": patient} if patient else {}))
        return browser.answer["code"]

    async def token(self, **form: str) -> httpx.Response:
        return await self.browser().http.post("/oauth/token", data=form)

    async def exchange(self, code: str, client: str = "app", **form: str) -> httpx.Response:
        return await self.token(
            **{
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": BACK,
                "code_verifier": VERIFIER,
                "client_id": client,
            }
            | form
        )

    def assertion(self, client: str, *, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        algorithm, own = self.keys[client]
        said = {
            "iss": client,
            "sub": client,
            "aud": f"{SITE}/oauth/token",
            "exp": int(time.time()) + 120,
            "jti": uuid4().hex,
        } | claims
        header = {"alg": algorithm, "kid": f"{client}-1", "typ": "JWT"} | (header or {})
        return jwt.encode(header, said, key or own, algorithms=[header["alg"]])

    async def for_itself(self, client: str, scope: str = "system/*.rs", assertion: str = "") -> httpx.Response:
        return await self.token(
            grant_type="client_credentials",
            scope=scope,
            client_assertion_type=ASSERTION,
            client_assertion=assertion or self.assertion(client),
        )

    async def read(self, token: str, path: str = "Patient") -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", "accept-language": "en"}
        return await self.browser().http.get(f"/fhir/{path}", headers=headers)

    async def trail(self) -> list[tuple[str, int, str, str]]:
        connection = await asyncpg.connect(self.database)
        try:
            rows = await connection.fetch("SELECT action, outcome, actor, shape FROM audit ORDER BY id")
        finally:
            await connection.close()
        return [tuple(row) for row in rows]
