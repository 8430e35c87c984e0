"""What is sent to be taken for something else: entities, bombs, paths, headers, log lines, addresses of our own.

Each is refused as the client's fault, leaves an audit row, and is no defect. JWT confusion, replay, brute force, CSRF,
clickjacking and refresh are tried where they live: `src/kangyun/web/openid/tests/test_attacks.py`.
"""

import gzip
import io
import json
import logging
import zipfile
from itertools import count

import pytest

from kangyun.base.logging import Formatter
from kangyun.testing.plugin import ADMIN_TOKEN

XML = {"content-type": "application/fhir+xml"}
JSON = {"content-type": "application/fhir+json"}
NAMESPACE = 'xmlns="http://hl7.org/fhir"'
LAUGHS = '<!ENTITY b0 "haha">' + "".join(f'<!ENTITY b{n} "&b{n - 1};&b{n - 1};">' for n in range(1, 40))
SHEET = {"content-type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
FILE = "file:///etc/passwd"
INCLUDED = f'xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{FILE}" parse="text"/>'
COUNTED = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e999999999}}'
TRICKED = {"../../../etc/cron.d/x": b"x", "xl/workbook.xml": f"<!DOCTYPE a [{LAUGHS}]><x>&b39;</x>".encode()}


def workbook(**parts):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.fixture
def administrator(client):
    from .conftest import Person

    return Person(client, "administrator")


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("Patient", XML, f'<!DOCTYPE a [<!ENTITY b SYSTEM "{FILE}">]><Patient {NAMESPACE}><id value="&b;"/></Patient>'),
        ("Patient", XML, f'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><Patient {NAMESPACE}/>'),
        ("Patient", XML, f"<!DOCTYPE a [{LAUGHS}]><Patient {NAMESPACE}><id value='&b39;'/></Patient>"),
        ("Patient", XML, f"<Patient {NAMESPACE} {INCLUDED}</Patient>"),
        (
            "Patient",
            XML,
            f'<?xml-stylesheet href="http://127.0.0.1:9/"?><Patient {NAMESPACE}><id value="\x01"/></Patient>',
        ),
        ("", XML, f"<!DOCTYPE a [{LAUGHS}]><Bundle {NAMESPACE}>&b39;</Bundle>"),
        ("Patient", JSON, "[" * 100_000),
        ("Patient", JSON, '{"resourceType":"Patient","contained":' + "[" * 50_000),
        ("Patient", JSON, '{"resourceType":"Patient","id":' + "9" * 100_000 + "}"),
        ("Observation", JSON, COUNTED),
        ("Patient", JSON | {"content-encoding": "gzip"}, gzip.compress(bytes(200_000_000))),
        ("Patient", JSON | {"content-encoding": "gzip"}, gzip.compress(gzip.compress(b"{}"))),
        ("$staff-import", SHEET, workbook(**{"xl/workbook.xml": bytes(300_000_000)})),
        ("$staff-import", SHEET, workbook(**TRICKED)),
    ],
    ids=map(str, count()),  # Packed bytes differ from process to process.
)
async def test_entities_and_bombs(administrator, audited, path, headers, body):
    answer = await administrator("POST", path, headers=headers, content=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert "root:" not in answer.text
    await audited(administrator)


@pytest.mark.parametrize(
    "path",
    [
        *("Patient/..%2f..%2fetc%2fpasswd", "Patient/%2e%2e/%2e%2e/etc/passwd", "Patient/a%00b", "Patient/a%0d%0ab"),
        *("$bulk-file/%2e%2e/%2e%2e/etc/passwd", "$bulk-file/%2e%2e/root.key", "$bulk-status/..%2f..%2froot.key"),
        "$bulk-file/00000000-0000-4000-8000-000000000000/..%2f..%2froot.key",
        *("Patient/x/_history/..%2f1", "..%2froot.key", "%2e%2e/root.key", "Patient/" + "x" * 5000),
    ],
)
async def test_paths_lead_nowhere_else(administrator, audited, path):
    answer = await administrator("GET", path)
    assert answer.status_code in (400, 404), answer.text
    await audited(administrator, "passwd", "root.key")


@pytest.mark.parametrize(
    "path",
    [
        "/../root.key",
        "/..%2froot.key",
        "/static/../../root.key",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/oauth/../../root.key",
        "/web/..%2f..%2froot.key",
        "//etc/passwd",
    ],
)
async def test_pages_are_no_way_to_files(client, path):
    from kangyun.testing.provider import SITE

    answer = await client.get(f"{SITE}{path}")
    assert answer.status_code in (303, 307, 401, 404), answer.text


EVIL = "x\r\nX-Evil: 1\r\n\r\n<script>"


@pytest.mark.parametrize(
    "name",
    [
        "x-request-id",
        "prefer",
        "accept-language",
        "traceparent",
        "if-match",
        "x-security-context",
        "content-type",
        "accept",
        "if-none-exist",
        "user-agent",
    ],
)
async def test_no_header_of_an_answer_is_the_clients(client, name, rows):
    """A server passes no line ends on; an application that is asked directly could be sent them."""
    headers = {"content-type": "application/fhir+json"} | {name: EVIL}
    answer = await client.post("Patient", content=json.dumps({"resourceType": "Patient"}), headers=headers)
    assert answer.status_code < 500
    assert not any("\n" in value or "\r" in value or "X-Evil" in value for value in answer.headers.values())
    assert "x-evil" not in answer.headers
    assert all("Evil" not in str(said) and "\n" not in request for request, said in (await rows()).items())


async def test_what_a_resource_says_of_itself_breaks_no_header(client):
    for field in (
        {"contentType": "text/plain\r\nX-Evil: 1"},
        {"contentType": "text/html"},
        {"contentType": "text/plain", "securityContext": {"reference": "Patient/x\r\nX-Evil: 1"}},
    ):
        made = await client.post("Binary", json={"resourceType": "Binary", "data": "PGI+"} | field)
        if made.status_code != 201:
            assert made.status_code in (400, 422)
            continue
        kind = field["contentType"].split("\r")[0]
        answer = await client.get(f"Binary/{made.json()['id']}", headers={"accept": kind})
        assert "x-evil" not in answer.headers
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_log_line_stays_one_line(open_client, client):
    """Whatever is sent, each line that is logged is one JSON object."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(Formatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        evil = 'x\n{"level":"INFO","message":"forged"}\r\x1b[31m'
        outsider = await open_client("evil\ntoken")
        for one in (client, outsider):
            await one.get("Patient", params={evil: evil}, headers={"x-request-id": "a\nb", "user-agent": evil})
            await one.get("Patient/%0aforged")
            await one.post("$import", json={"inputFormat": evil})
            await one.request("GE\nT", "Patient")
        site = str(client.base_url).removesuffix("/fhir/")
        await client.post(f"{site}/oauth/token", data={"grant_type": evil, "client_id": evil})
        await client.post(f"{site}/residents/code", json={"phone": evil})
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    for line in written.getvalue().splitlines():
        assert isinstance(json.loads(line), dict)
        assert json.loads(line).get("message") != "forged"


# Only here names are resolved by whoever runs the platform: what a name leads to is looked at, in every form of it.
INNER = [
    "http://127.0.0.1/x",
    "http://localhost/x",
    "http://0.0.0.0/x",
    "http://0/x",
    "http://127.1/x",
    "http://2130706433/x",
    "http://0x7f000001/x",
    "http://0177.0.0.1/x",
    "http://[::1]/x",
    "http://[::]/x",
    "http://[::ffff:127.0.0.1]/x",
    "http://[::ffff:7f00:1]/x",
    "http://[64:ff9b::7f00:1]/x",
    "http://[2002:7f00:1::]/x",
    "http://169.254.169.254/latest",
    "http://[fe80::1]/x",
    "http://[fd00:ec2::254]/x",
    "http://100.100.100.200/x",
    "http://10.0.0.1/x",
    "http://192.168.0.1/x",
    "http://inner.example/x",
    "http://[::127.0.0.1]/x",
    "http://[::ffff:0:127.0.0.1]/x",
    "http://localhost./x",
    "http://LOCALHOST/x",
]


@pytest.fixture
def inner_name(monkeypatch):
    """A public name that leads to this machine."""
    import socket

    real = socket.getaddrinfo

    def resolved(host, port, *more, **given):
        return real("127.0.0.1" if host == "inner.example" else host, port, *more, **given)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


@pytest.mark.parametrize("address", INNER)
def test_no_inner_address_is_called_in_any_form(inner_name, address):
    from kangyun.access.outbound import Guard
    from kangyun.base.errors import Forbidden, Unavailable

    with pytest.raises((Forbidden, Unavailable)):
        Guard.of("", "SETTING").target(address)


async def test_an_import_from_inside_ends_refused(client, start_background, inner_name, audited, administrator):
    import asyncio

    start_background()
    asked = {
        "inputFormat": "application/fhir+ndjson",
        "inputSource": "https://x.example",
        "input": [{"type": "Patient", "url": "http://inner.example/p.ndjson"}],
    }
    made = await administrator("POST", "$import", json=asked)
    assert made.status_code == 202, made.text
    async with asyncio.timeout(60):
        while (told := await administrator("GET", made.headers["content-location"])).status_code == 202:
            await asyncio.sleep(0.05)
    assert told.status_code == 403
    await audited(administrator)


async def test_the_address_of_a_token_is_no_password_in_the_trail(client, rows):
    await client.get(f"Patient?token={ADMIN_TOKEN}&access_token={ADMIN_TOKEN}")
    assert ADMIN_TOKEN not in str(await rows())
