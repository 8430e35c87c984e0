"""The default is closed: without a sign-in there is metadata, health and a page to sign in by, and nothing else."""

import json

import pytest

from kangyun.testing.plugin import ADMIN_TOKEN

WATCH = "watch-0123456789abcdef0123456789abcdef"
SITE = "http://127.0.0.1:8080"
OPEN = {"/": 200, "/about": 200, "/pages/page.css": 200, "/pages/page.js": 200, "/health/live": 200,
        "/health/ready": 200, "/fhir/metadata": 200}  # fmt: skip
CLOSED = ("/metrics", "/openapi.json", "/fhir/openapi.json", "/fhir/", "/fhir", "/fhir/$export", "/fhir/nothing")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CREDENTIALS = ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer "})


@pytest.fixture
async def outsider(open_client):
    """A client without a sign-in, of an installation that is no demonstration."""
    return await open_client(token=None)


async def test_no_address_that_is_described_answers_without_a_sign_in(client, outsider):
    paths = (await client.get("openapi.json")).json()["paths"]
    assert len(paths) > 150
    answered = []
    for path, methods in paths.items():
        address = path.format(**{name: "Patient" if name == "type" else "a" for name in _names(path)})
        for method in methods:
            status = (await outsider.request(method, f"{SITE}/fhir{address}")).status_code
            if status != 401:
                answered.append((method, path, status))
    assert answered == [("get", "/metadata", 200)]


def _names(path):
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


@pytest.mark.parametrize("headers", CREDENTIALS)
@pytest.mark.parametrize("path", CLOSED)
async def test_nothing_else_answers_by_any_method(outsider, path, headers):
    for method in METHODS:
        answer = await outsider.request(method, SITE + path, headers=headers)
        assert answer.status_code in (401, 404, 405), (method, answer.status_code)
        assert len(answer.content) < 1000


async def test_what_is_open_is_open(outsider):
    for path, status in OPEN.items():
        assert (await outsider.get(SITE + path)).status_code == status, path


async def test_outside_of_a_demonstration_only_the_name_is_told(outsider):
    assert (await outsider.get(f"{SITE}/about")).json() == {
        "name": "Kangyun 康云",
        "demonstration": False,
        "zone": "Asia/Shanghai",
        "help": "12320",
    }
    text = (await outsider.get(f"{SITE}/")).text
    assert text.count('data-shown="inside" hidden') == text.count("data-shown=") - 1 == 2


async def test_the_figures_are_the_watchs_and_the_administrators(open_client):
    guarded = await open_client(token=None, metrics_token=WATCH)
    for token, status in ((WATCH, 200), (ADMIN_TOKEN, 200), ("wrong", 401), (WATCH[:-1], 401)):
        answer = await guarded.get(f"{SITE}/metrics", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == status
    assert (await guarded.get("Patient", headers={"authorization": f"Bearer {WATCH}"})).status_code == 401
    unset = await open_client(token=None)
    assert (await unset.get(f"{SITE}/metrics", headers={"authorization": "Bearer "})).status_code == 401


async def test_a_doctor_does_not_see_the_figures_but_the_description(open_client, tmp_path):
    client = await open_client(token=None, demo=True)
    accounts = json.loads((tmp_path / "demo-sign-ins.json").read_bytes())
    doctor = next(one for one in accounts if one["role"] == "doctor")
    body = {"user": doctor["user"], "password": doctor["password"]}
    token = (await client.post(f"{SITE}/sign-in", json=body)).json()["access_token"]
    signed_in = {"authorization": f"Bearer {token}"}
    assert (await client.get(f"{SITE}/metrics", headers=signed_in)).status_code == 403
    assert (await client.get(f"{SITE}/openapi.json", headers=signed_in)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/about", "/health/live", "/fhir/metadata", "/fhir/Patient", "/nothing"])
async def test_every_answer_says_what_a_browser_may_do_with_it(open_client, path):
    client = await open_client(public_url="https://example.org/fhir")
    headers = (await client.get(SITE + path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert headers["strict-transport-security"].startswith("max-age=")


async def test_a_resource_is_kept_by_no_cache_and_a_page_in_it_runs_nothing(client):
    made = await client.post("Binary", content=b"<svg/>", headers={"content-type": "image/svg+xml"})
    answer = await client.get(f"Binary/{made.json()['id']}", headers={"accept": "image/svg+xml"})
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers
