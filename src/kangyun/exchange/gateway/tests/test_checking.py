"""连接测试: what is wrong is brought about, and named."""

import datetime as dates
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kangyun.exchange.gateway import line
from kangyun.exchange.gateway.checking import check
from kangyun.exchange.gateway.configuration import Centre, Folder
from kangyun.exchange.gateway.keys import client_key

NOW = dates.datetime.now(dates.UTC)


def certificate(folder: Path, host: str = "localhost", begins: int = -1, ends: int = 30) -> tuple[Path, Path]:
    """Writes a certificate that signs itself, and its key. begins, ends: days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW + dates.timedelta(days=begins))
        .not_valid_after(NOW + dates.timedelta(days=ends))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "centre.pem", folder / "centre.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


class Answering:
    """Answers each connection with the same bytes, under TLS where it is given."""

    def __init__(self, answer: bytes, context: ssl.SSLContext | None) -> None:
        self._answer, self._context = answer, context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    spoken = self._context.wrap_socket(connection, server_side=True) if self._context else connection
                    with spoken:
                        spoken.recv(65_536)
                        spoken.sendall(self._answer)
                except (OSError, ssl.SSLError):
                    continue

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def answer(date: dates.datetime = NOW) -> bytes:
    said = f"{date:%a, %d %b %Y %H:%M:%S} GMT"
    return f"HTTP/1.1 200 OK\r\nDate: {said}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()


@pytest.fixture
def serve() -> Iterator[object]:
    servers = []

    def make(folder: Path, said: bytes = b"", *, plain: bool = False, old: bool = False, **given: object) -> int:
        context = None
        if not plain:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate(folder, **given))  # type: ignore[arg-type]
            context.maximum_version = ssl.TLSVersion.TLSv1_2 if old else ssl.TLSVersion.MAXIMUM_SUPPORTED
        servers.append(Answering(said or answer(), context))
        return servers[-1].port

    yield make
    for server in servers:
        server.close()


def reached(folder, url, **given) -> str:
    """Returns what is said of the centre."""
    made = line.Line(Centre(url=url, client="gw", **given), client_key(folder), folder)
    try:
        made.plain("GET", "/oauth/jwks")
        return "well"
    except line.LineFailed as failed:
        return str(failed.issues[0].text).removeprefix("exchange.gateway.")
    finally:
        made.close()


@pytest.mark.parametrize(
    ("server", "client", "expected"),
    [
        ({}, {"ca": "centre.pem"}, "well"),
        ({}, {}, "cause-issuer"),
        ({"begins": -9, "ends": -2}, {"ca": "centre.pem"}, "cause-expired"),
        ({"begins": 2}, {"ca": "centre.pem"}, "cause-not-yet"),
        ({"host": "elsewhere.example"}, {"ca": "centre.pem"}, "cause-other-host"),
        ({"plain": True}, {}, "cause-no-tls"),
        ({"old": True}, {"ca": "centre.pem", "tls": "1.3"}, "cause-old-tls"),
        ({}, {"ca": "nowhere.pem"}, "cause-ca-file"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_named(tmp_path, serve, server, client, expected):
    port = serve(tmp_path, **server)
    assert reached(tmp_path, f"https://localhost:{port}", **client) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [(b"HTTP/1.1 407 no\r\n\r\n", "cause-proxy-login"), (b"HTTP/1.1 403 no\r\n\r\n", "cause-proxy")],
)
def test_a_proxy_that_does_not_pass_on_is_named(tmp_path, serve, said, expected):
    port = serve(tmp_path, said, plain=True)
    assert reached(tmp_path, "https://hub.example", proxy=f"127.0.0.1:{port}") == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://no-such-host.invalid", "cause-name"),
        ("https://127.0.0.1:1", "cause-port"),
        ("http://127.0.0.1:1", "cause-port"),
    ],
)
def test_an_address_where_nobody_is_is_named(tmp_path, url, expected):
    assert reached(tmp_path, url) == expected


def test_patients_data_do_not_go_in_the_clear(tmp_path):
    with pytest.raises(line.LineFailed) as refused:
        line.Line(Centre(url="http://hub.example", client="gw"), client_key(tmp_path), tmp_path)
    assert refused.value.issues[0].text == "exchange.gateway.not-https"


def found(hospital, **changed):
    told = hospital.configuration(**changed)
    return [(one.what, one.well, one.text.removeprefix("exchange.gateway.")) for one in check(hospital.folder, told)]


def test_all_is_well_where_all_is_well(hospital, centre):
    hospital.reports(range(3))
    assert found(hospital) == [
        (str(hospital.folder), True, "well-machine"),
        (centre.url, True, "well-line-open"),
        ("gw", True, "well-client"),
        ("lis", True, "well-feed-live"),
        ("his", True, "well-source"),
        ("his/TB_LIS_REPORT", True, "well-table"),
    ]


def test_a_clock_that_is_wrong_is_named(hospital, tmp_path, serve):
    port = serve(tmp_path, answer(NOW - dates.timedelta(minutes=10)), plain=True)
    wrong = Centre(url=f"http://127.0.0.1:{port}", client="gw")
    assert (wrong.url, False, "cause-clock") in found(hospital, centre=wrong)


def test_a_gateway_that_is_not_registered_is_named(hospital, centre):
    centre.keys.clear()
    assert ("gw", False, "cause-client") in found(hospital)


def test_a_feed_of_another_is_named(hospital, centre):
    table = msgspec.structs.replace(hospital.table, feed="other")
    assert ("other", False, "cause-feed") in found(hospital, tables=[table])


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"table": "NOWHERE"}, "cause-no-table"),
        ({"column": "NOTHING"}, "column-missing"),
        ({"by": "flag", "column": "SCBZ"}, "column-missing"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(hospital, centre, changed, text):
    table = msgspec.structs.replace(hospital.table, **changed)
    assert (table.place, False, text) in found(hospital, tables=[table])


def test_wrong_characters_are_named(hospital, centre):
    hospital.report(1)
    hospital.run("UPDATE TB_LIS_REPORT SET BGDLB = CAST(? AS TEXT)", ["血常规".encode("gbk")])
    source = msgspec.structs.replace(hospital.source, charset="utf-8")
    assert ("his/TB_LIS_REPORT", False, "cause-charset") in found(hospital, sources=[source])


def test_a_folder_that_cannot_be_written_is_named(hospital, centre, tmp_path):
    told = Folder(folder=str(tmp_path / "none"), feed="lis")
    assert (told.folder, False, "folder") in found(hospital, folders=[told])
