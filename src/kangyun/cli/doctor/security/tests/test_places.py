"""Checks of what stands around the tables: TLS, the disk, versions' end, the program's own files."""

import base64
import hashlib
import os
import socket
import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kangyun.cli.doctor.security.checks import CHECKS, keys

LINES = "x = 1\n"
FILES = 120


@pytest.fixture
def secured(tmp_path):
    """Starts a TLS server with a certificate for so many days; returns its address and the certificate's file."""
    listening = []

    def start(days):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        pem = tmp_path / "certificate.pem"
        pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = tmp_path / "key.pem"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, private)
        server = socket.create_server(("localhost", 0))
        listening.append(server)
        threading.Thread(target=_shake_hands, args=(server, context), daemon=True).start()
        return f"https://localhost:{server.getsockname()[1]}/fhir", pem

    yield start
    for server in listening:
        server.close()


def _shake_hands(server, context):
    while True:
        try:
            raw, _ = server.accept()
        except OSError:
            return
        with raw:
            try:
                context.wrap_socket(raw, server_side=True).close()
            except OSError:
                continue  # The client does not believe it.


@pytest.mark.parametrize(("days", "verdict"), [(90, "met"), (10, "partly")])
async def test_tls_is_as_good_as_its_certificate(look, secured, monkeypatch, days, verdict):
    url, pem = secured(days)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert await look("transport", public_url=url) == "unmet"
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    assert await look("transport", public_url=url) == verdict


async def test_a_disk_under_encryption_is_seen_through_lvm(open_site, later, tmp_path, monkeypatch):
    site = replace(await open_site(), settings=later(data=tmp_path))
    device = os.stat(tmp_path).st_dev
    below = tmp_path / "sys" / f"{os.major(device)}:{os.minor(device)}" / "slaves" / "dm-1"
    below.mkdir(parents=True)
    (below / "dev").write_text("254:1\n")
    monkeypatch.setattr(keys, "DEVICES", tmp_path / "sys")
    assert (await CHECKS["clear-columns"](site)).verdict == "partly"
    crypt = tmp_path / "sys" / "254:1" / "dm"
    crypt.mkdir(parents=True)
    (crypt / "uuid").write_text("CRYPT-LUKS2-0123\n")
    assert (await CHECKS["clear-columns"](site)).verdict == "met"


async def test_a_version_that_nobody_mends_any_more_is_told(open_site):
    site = await open_site()
    assert (await CHECKS["supported"](site)).verdict == "met"
    later = replace(site, now=datetime(2040, 1, 1, tzinfo=UTC))
    assert (await CHECKS["supported"](later)).verdict == "unmet"


async def test_a_changed_file_of_the_program_is_told(look, tmp_path, monkeypatch):
    assert await look("program-whole") == "unknown"  # Here it is installed from the source tree.
    place = tmp_path / "installed"
    about = place / "kangyun-0.1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kangyun\nVersion: 0.1.0\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(LINES.encode()).digest()).rstrip(b"=").decode()
    (about / "RECORD").write_text("".join(f"part/{n}.py,sha256={digest},{len(LINES)}\n" for n in range(FILES)))
    (place / "part").mkdir()
    for number in range(FILES):
        (place / "part" / f"{number}.py").write_text(LINES)
    monkeypatch.syspath_prepend(place)
    assert await look("program-whole") == "partly"
    (place / "part" / "7.py").write_text("x = 2\n")
    assert await look("program-whole") == "unmet"
    (place / "part" / "7.py").unlink()
    assert await look("program-whole") == "unmet"
