"""A hospital's gateway, as small as it can be, for tests and benchmarks: it sends the same until it is told that it is
kept, and proves itself by its key."""

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from kangyun.access.applications.register import Application
from kangyun.access.platform import open_platform
from kangyun.base import clock
from kangyun.base.settings import Settings
from kangyun.exchange.protocol import Delivery, pack
from kangyun.testing.provider import ASSERTION

CLIENT = "gateway-1"
PAUSE = 0.1  # seconds


class Gateway:
    """One client's, for one feed of one institution."""

    def __init__(self, url: str, feed: str, key: ECKey) -> None:
        """url: of the platform, without /fhir."""
        self.url, self.feed = url, feed
        self._key, self._token = key, "none"

    @classmethod
    async def join(
        cls, url: str, database: str, data: Path, administrator: str, institution: str, feed: str = "f"
    ) -> "Gateway":
        """Registers a client and a live feed at a running installation."""
        key = ECKey.generate_key("P-384")
        jwks = json.dumps({"keys": [key.as_dict(private=False) | {"kid": f"{CLIENT}-1"}]})
        platform = await open_platform(Settings(data=data), database)
        applications = platform.sign_in.applications
        given = (CLIENT, "前置机", institution, "HOPERAT", (), ("system/feeds",), clock.now() + timedelta(days=1))
        await applications.add(Application(*given, jwks=jwks), "Device/t", "合同")
        await applications.review(CLIENT, "passed", "Device/t")
        await platform.close()
        return await cls(url, "", key).open(administrator, institution, feed)

    async def open(self, administrator: str, institution: str, feed: str) -> "Gateway":
        """Returns the same client for another feed, which is made and live from now on."""
        async with httpx.AsyncClient(
            base_url=self.url, headers={"authorization": f"Bearer {administrator}"}, timeout=30
        ) as http:
            said = {"client": CLIENT, "agreement": "1", "agreed": "2026-11-01", "dialect": "shanghai-hub-2026"}
            new = {"name": feed, "institution": institution, "title": "业务表", "said": said}
            (await http.post("/feeds", json=new)).raise_for_status()
            for state in ("testing", "trial", "live"):
                (await http.post(f"/feeds/{feed}/move", json={"to": state})).raise_for_status()
        return Gateway(self.url, feed, self._key)

    async def put(self, number: int, delivery: Delivery) -> None:
        """Returns when a delivery is kept."""
        body, digest = pack(delivery)
        headers = {"content-encoding": "gzip", "repr-digest": digest}
        await self.ask("PUT", f"/deliveries/{number}", (200, 201), content=body, headers=headers)

    async def answers(self, count: int) -> list[dict[str, Any]]:
        """Returns what became of the first deliveries, once all of them had their turn."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            found += (await self.ask("GET", f"/answers?after={len(found)}", (200,))).json()["answers"]
            await asyncio.sleep(PAUSE)
        return found

    async def ask(self, method: str, path: str, good: tuple[int, ...], **given: Any) -> httpx.Response:
        """Asks until the answer has one of these statuses. Raises AssertionError for one that waiting does not mend."""
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as http:
            while True:
                headers = given.get("headers", {}) | {"authorization": f"Bearer {self._token}"}
                try:
                    answer = await http.request(method, f"/feeds/{self.feed}{path}", **given | {"headers": headers})
                    if answer.status_code in good:
                        return answer
                    assert answer.status_code in (401, 429, 503), answer.text
                    await self._prove(http)
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(PAUSE)

    async def _prove(self, http: httpx.AsyncClient) -> None:
        claims = {
            "iss": CLIENT, "sub": CLIENT, "aud": f"{self.url}/oauth/token", "exp": int(time.time()) + 120,
            "jti": uuid4().hex,
        }  # fmt: skip
        header = {"alg": "ES384", "kid": f"{CLIENT}-1", "typ": "JWT"}
        form = {
            "grant_type": "client_credentials",
            "scope": "system/feeds",
            "client_assertion_type": ASSERTION,
            "client_assertion": jwt.encode(header, claims, self._key, algorithms=["ES384"]),
        }
        answer = await http.post("/oauth/token", data=form)
        self._token = answer.json()["access_token"] if answer.status_code == 200 else "none"
