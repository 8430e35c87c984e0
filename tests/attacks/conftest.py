"""Two hospitals over HTTP: what stands at A, and people of B, each in a role, who should not know of it.

Who asks is signed in as people are; each request has an id of its own, by which its audit rows are found.
"""

from dataclasses import dataclass, field
from itertools import count

import asyncpg
import httpx
import pytest

from kangyun.testing.provider import PASSWORD, Region

NO_FACTORS = """
role = {}
other = { any = [] }
limits = { challenge_minutes = 5, permit_hours = 24, tries = 5, lock_minutes = 15 }
"""
ICD = "http://hl7.org/fhir/sid/icd-10"
A, B = "Organization/a", "Organization/b"
KINDS = {"resident": "resident", "guardian": "guardian", "device": "device"}
ZHANG = "a-zhang"


@dataclass
class Person:
    """Somebody who asks. `asked`: the ids of his requests, and what they were answered."""

    http: httpx.AsyncClient
    name: str
    asked: dict[str, tuple[str, int]] = field(default_factory=dict)
    _numbers: count = field(default_factory=count)

    async def __call__(self, method, path, **given):
        id_ = f"{self.name}-{next(self._numbers)}"
        headers = given.pop("headers", {}) | {"x-request-id": id_}
        answer = await self.http.request(method, path, headers=headers, **given)
        self.asked[id_] = (f"{method} {path}", answer.status_code)
        assert answer.status_code < 500, (method, path, answer.text)
        return answer


@pytest.fixture(autouse=True)
def no_factors(tmp_path):
    """Second factors are tested elsewhere."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "factors.toml").write_text(NO_FACTORS)


@pytest.fixture
def region(client, platform, fresh_database):
    return Region(client, platform, fresh_database)


def _person(client, token, name):
    headers = {"authorization": f"Bearer {token}", "accept-language": "en"}
    return Person(
        httpx.AsyncClient(transport=client._transport, base_url=str(client.base_url), headers=headers, timeout=60), name
    )


@pytest.fixture
def sign_in(client, region):
    """Lets somebody in and signs him in: `await sign_in("doctor")`, of hospital B where nothing else is said."""

    async def enter(role, institution=B, name="", **given):
        name = name or role
        kind = KINDS.get(role, "staff")
        if kind in ("resident", "guardian"):
            institution = "Organization/platform"
            given = {"reference": f"Patient/b-{name}"} | given
        await region.admit(name, kind, (role,), institution, **given)
        return _person(client, await region.sign_in.sign_in(name, PASSWORD, role), name)

    return enter


@pytest.fixture
def by_application(client, region):
    """An application that acts for somebody who is let in by it: `await by_application("doctor", "user/…")`."""

    async def enter(role, scope, patient="", proxies=(), **given):
        await region.register(f"client-{role}", **given)
        of = {"reference": f"Patient/{patient}", "proxies": proxies} if proxies else {}
        await region.admit(f"u-{role}", KINDS.get(role, "staff"), (role,), B, **of)
        code = await region.code(f"u-{role}", client_id=f"client-{role}", scope=scope, patient=patient)
        made = await region.exchange(code, f"client-{role}")
        assert made.status_code == 200, made.text
        return _person(client, made.json()["access_token"], f"client-{role}")

    return enter


@pytest.fixture
def itself(client, region):
    """An application that acts for itself: `await itself("system/Observation.rs")`."""

    async def enter(scope, name="robot", owner=B):
        await region.register(name, keys="ES384", owner=owner, redirect_uris=(), scopes=tuple(scope.split()))
        made = await region.for_itself(name, scope)
        assert made.status_code == 200, made.text
        return _person(client, made.json()["access_token"], name)

    return enter


@pytest.fixture
def put(platform):
    """Writes as an institution, whatever it is: `await put({…}, A)`; returns what stands."""
    from kangyun.access.actor import Actor, Circumstances

    async def write(resource, institution=A, method=None):
        actor = Actor("Device/feed", "", institution, "SYSADMIN", administrator=True)
        record = await platform.gate.open(actor, Circumstances("TEST /", "", "test"))
        method = method or ("update" if "id" in resource else "create")
        content = None if method == "delete" else resource
        operation = record.operation(method, resource["resourceType"], id=resource.get("id"), resource=content)
        (done,) = await record.commit([operation], method)
        return done.stored

    return write


def patient(id_):
    return {
        "resourceType": "Patient", "id": id_, "name": [{"family": "Zhang"}], "gender": "female",
        "identifier": [{"system": "urn:test", "value": id_}],
    }  # fmt: skip


def about(id_=ZHANG):
    return {"reference": f"Patient/{id_}"}


def condition(id_, subject=ZHANG, code="J18.9"):
    coded = {"coding": [{"system": ICD, "code": code}]}
    return {"resourceType": "Condition", "id": id_, "code": coded, "subject": about(subject)}


@pytest.fixture
async def rows(fresh_database):
    """Reads audit rows by a request's id: `await rows()` gives {request: [(outcome, action, actor, shape)]}."""

    async def read():
        connection = await asyncpg.connect(fresh_database)
        try:
            found = {}
            for row in await connection.fetch("SELECT request, outcome, action, actor, shape FROM audit ORDER BY id"):
                found.setdefault(row["request"], []).append(tuple(row)[1:])
            return found
        finally:
            await connection.close()

    return read


@pytest.fixture
def audited(rows):
    """Holds that each request of a person left a row that says what it was answered, and no value of it."""

    async def hold(person, *secrets):
        found = await rows()
        for id_, (asked, status) in person.asked.items():
            said = found.get(id_, [])
            outcomes = {outcome for outcome, *_ in said}
            # Of a batch, each entry leaves its own.
            assert status in outcomes or (outcomes and asked == "POST "), (asked, status, said)
            assert not any(secret in str(said) for secret in secrets), (asked, said)

    return hold
