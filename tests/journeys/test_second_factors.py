"""Second factors in a real browser, of a whole installation: a passkey, and a USB key by a stub of a vendor's service.

Skipped where there is no Chromium.
"""

import json
import threading
import time
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from gmalg import SM2

from kangyun.testing.chromium import chromium, tab
from kangyun.testing.installation import Installation

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium, which is absent here")
PASSWORD = "Correct-horse-9-battery"
VENDORS = """
[vendor.generic]
name = "stub"
url = "http://127.0.0.1:@/sign"
method = "POST"
body = '{"message": "{message}"}'
message_encoding = "base64"
signature = "result.signature"
certificate = "result.certificate"
form = "raw"
encoding = "base64"
"""


class Vendor(BaseHTTPRequestHandler):
    """A vendor's local service: any page may call it, as theirs are."""

    key = SM2()
    secret, point = key.generate_keypair()

    def do_OPTIONS(self):
        self._answer(b"")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        r, s = SM2(self.secret, b"1234567812345678", self.point).sign(b64decode(asked["message"]))
        self._answer(json.dumps({"result": {"signature": b64encode(r + s).decode()}}).encode())

    def _answer(self, body):
        self.send_response(200)
        for name in ("origin", "headers", "private-network"):
            self.send_header(f"access-control-allow-{name}", "true" if name == "private-network" else "*")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def vendor():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def installation(tmp_path, vendor):
    """A running installation that a browser knows as localhost: passkeys are of a name, not of an address."""
    made = Installation(tmp_path / "data", workers=1)
    (made.data / "policy").mkdir(parents=True)
    (made.data / "policy" / "usb_keys.toml").write_text(VENDORS.replace("@", str(vendor)))
    (made.data / "kangyun.toml").write_text(f'public_url = "http://localhost:{made.port}/fhir"\n')
    made.start()
    yield made
    made.stop()


def first_password(installation, user):
    file = installation.data / "first-sign-ins.json"
    until = time.monotonic() + 60
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.2)
    return next(one["password"] for one in json.loads(file.read_text()) if one["user"] == user)


@pytest.mark.parametrize(
    ("user", "factor"),
    [
        ("security-administrator", {"kind": "passkey"}),
        ("audit-administrator", {"kind": "usb-key", "key": b64encode(Vendor.point).decode()}),
    ],
)
async def test_an_officer_signs_in_by_a_factor(installation, tmp_path, user, factor):
    address = f"http://localhost:{installation.port}/account?lang=en"
    async with tab(tmp_path / "profile") as page:
        await page.go(address)
        await page.until("User name")
        await page.submit(user=user, password=first_password(installation, user))
        await page.until("you have none yet")
        await page.submit(**factor)
        await page.until("set a new one")
        await page.submit(new=PASSWORD, again=PASSWORD)
        await page.until("Where you are signed in")
        await page.call("Network.clearBrowserCookies")
        await page.go(address)
        await page.until("User name")
        await page.submit(user=user, password=PASSWORD)
        await page.until("Where you are signed in")
