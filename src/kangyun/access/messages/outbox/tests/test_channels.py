"""The adaptors, each against a server that records: what is sent, and what each answer means."""

import asyncio
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kangyun.access.messages.outbox.channels import installed
from kangyun.access.messages.outbox.channels.gateway import Gateway
from kangyun.access.messages.outbox.channels.mail import Mail
from kangyun.access.messages.outbox.channels.webhook import Webhook
from kangyun.access.messages.outbox.channels.wechat import WeChat
from kangyun.access.messages.outbox.sending import Failed, Parcel, Refused, Throttled, Unknown
from kangyun.access.messages.signatures import is_signed, signature
from kangyun.access.outbound import Guard, Outbound
from kangyun.base.errors import Invalid

PHONE = "13800000001"


@pytest.fixture
def provider():
    """A provider that records what it gets; `answers` are (status, body) in turn, the last one from then on."""

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            Provider.got.append((self.path, dict(self.headers), body))
            status, answer = Provider.answers.pop(0) if len(Provider.answers) > 1 else Provider.answers[0]
            if status is None:  # It took it, and says nothing.
                self.close_connection = True
                return
            self.send_response(status)
            data = json.dumps(answer).encode()
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    Provider.answers, Provider.got = [(200, {})], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    Provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    Provider.host = f"127.0.0.1:{server.server_address[1]}"
    yield Provider
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def outbound(provider):
    made = Outbound(Guard.of(provider.host, "X"))
    yield made
    made.close()


@pytest.fixture
def channels(provider, make_settings, tmp_path):
    """Opens the channels of an installation with these rules."""

    def open_(rules, **given):
        (tmp_path / "policy").mkdir(exist_ok=True)
        (tmp_path / "secret").write_text("s3cret\n")
        (tmp_path / "policy/providers.toml").write_text(rules)
        return installed(make_settings(message_hosts=provider.host, **given))

    return open_


def parcel(channel="sms", **given):
    given = {"template": "KY-LIST", "variables": (("count", "5"), ("link", "https://k/m/x")), "address": PHONE} | given
    return Parcel("ky-7-0-sms", channel, sentence="您有 5 条健康提醒", link="https://k/m/x", **given)


async def test_sms_is_a_template_its_variables_in_order_a_signature_and_a_key(provider, channels):
    rules = f'[sms]\nkind = "gateway"\nurl = "{provider.url}/send"\nsecret = "secret"\nsignature = "康云健康"\n'
    provider.answers = [(200, {"reference": "A1"})]
    sms = channels(rules).senders["sms"]
    assert (await sms.send(parcel())).reference == "A1"
    path, headers, body = provider.got[0]
    said = json.loads(body)
    assert path == "/send" and is_signed(b"s3cret", body, headers["x-kangyun-signature"])
    assert list(said["variables"]) == ["count", "link"] and said["signature"] == "康云健康"
    assert said["key"] == "ky-7-0-sms" and said["template"] == "KY-LIST" and "sentence" not in said


async def test_voice_reads_the_sentence(provider, channels):
    rules = f'[voice]\nkind = "gateway"\nurl = "{provider.url}/"\nsecret = "secret"\n'
    await channels(rules).senders["voice"].send(parcel("voice"))
    assert json.loads(provider.got[0][2])["sentence"] == "您有 5 条健康提醒"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (403, Refused),
        (429, Throttled),
        (503, Throttled),
        (500, Unknown),
        (504, Unknown),
        (None, Unknown),
    ],
)
async def test_what_an_answer_means(provider, channels, status, error):
    rules = f'[sms]\nkind = "gateway"\nurl = "{provider.url}/"\nsecret = "secret"\n'
    provider.answers = [(status, {})]
    with pytest.raises(error):
        await channels(rules).senders["sms"].send(parcel())


async def test_what_could_not_be_connected_has_not_left(channels):
    rules = '[sms]\nkind = "gateway"\nurl = "http://127.0.0.1:9/"\nsecret = "secret"\n'
    with pytest.raises(Refused):  # The guard: no host that is registered.
        await channels(rules).senders["sms"].send(parcel())
    outbound = Outbound(Guard.of("127.0.0.1:9", "X"))
    with pytest.raises(Failed):
        await Gateway(outbound, "http://127.0.0.1:9/", b"k").send(parcel())
    outbound.close()


@pytest.mark.parametrize(
    "rules",
    [
        '[sms]\nkind = "gateway"\n',
        '[sms]\nkind = "smtp"\nhost = "x"\nsender = "y"\n',
        '[sms]\nkind = "gateway"\nurl = "http://x/"\nsecret = "missing"\n',
        '[sms]\nkind = "gateway"\nurl = "http://x/"\nsecret = "../../etc/passwd"\n',
        '[carrier-pigeon]\nkind = "record"\n',
        '[sms]\nkind = "record"\ncolour = "red"\n',
    ],
)
def test_rules_that_cannot_be_followed_are_refused(channels, rules):
    with pytest.raises(Invalid):
        channels(rules)


async def test_a_demonstration_records_and_sends_nothing(make_settings, tmp_path):
    await installed(make_settings(demo=True)).senders["sms"].send(parcel())
    line = json.loads((tmp_path / "messages.ndjson").read_text())
    assert line["variables"]["count"] == "5" and line["channel"] == "sms"


TOKEN = (200, {"access_token": "T1", "expires_in": 7200})


@pytest.fixture
def wechat(provider, outbound):
    return WeChat(outbound, provider.url, "wx1", "s3cret")


def fields(**given):
    return parcel("wechat", address="openid-1", fields=(("thing1", "健康提醒"), ("number2", "5")), **given)


async def test_wechat_asks_for_a_token_once(provider, wechat):
    provider.answers = [TOKEN, (200, {"errcode": 0, "msgid": 42})]
    assert (await wechat.send(fields())).reference == "42"
    await wechat.send(fields())
    assert [path for path, _, _ in provider.got] == ["/cgi-bin/stable_token"] + 2 * [
        "/cgi-bin/message/template/send?access_token=T1"
    ]
    said = json.loads(provider.got[1][2])
    assert said["client_msg_id"] == "ky-7-0-sms" and said["data"]["number2"] == {"value": "5"}


async def test_wechat_asks_for_another_token_when_one_is_stale_and_no_more_than_once(provider, wechat):
    second = (200, {"access_token": "T2", "expires_in": 7200})
    provider.answers = [TOKEN, (200, {"errcode": 42001}), second, (200, {"errcode": 0, "msgid": 1})]
    assert (await wechat.send(fields())).reference == "1"
    assert json.loads(provider.got[2][2])["force_refresh"] is True
    assert provider.got[3][0].endswith("access_token=T2")


async def test_a_mini_program_knows_no_keys(provider, outbound):
    provider.answers = [TOKEN, (200, {"errcode": 0})]
    mini = WeChat(outbound, provider.url, "wx1", "s3cret", mini=True)
    assert (await mini.send(fields())).reference is None and not mini.dedupes and not mini.receipts
    assert provider.got[1][0] == "/cgi-bin/message/subscribe/send?access_token=T1"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"errcode": 43004}, Refused),
        ({"errcode": 40003}, Refused),
        ({"errcode": -1}, Throttled),
        ({"errcode": 45009}, Throttled),
    ],
)
async def test_what_a_code_of_wechat_means(provider, wechat, answer, error):
    provider.answers = [TOKEN, (200, answer)]
    with pytest.raises(error) as raised:
        await wechat.send(fields())
    assert raised.value.code == str(answer["errcode"])


async def test_without_a_token_nothing_has_left(provider, wechat):
    provider.answers = [(200, {"errcode": 40125})]
    with pytest.raises(Failed):
        await wechat.send(fields())


@pytest.mark.parametrize("algorithm", ["sm3", "sha256"])
async def test_a_webhook_is_signed_and_has_no_content(provider, outbound, algorithm):
    webhook = Webhook(outbound, frozenset({"127.0.0.1"}), b"k", algorithm)
    sent = await webhook.send(
        parcel("webhook", address=f"{provider.url}/in", about={"urgency": "red", "asker": "alarm/1"})
    )
    _, headers, body = provider.got[0]
    assert sent.received
    assert json.loads(body) == {"key": "ky-7-0-sms", "template": "KY-LIST", "urgency": "red", "asker": "alarm/1"}
    right = signature(b"k", headers["x-kangyun-timestamp"].encode() + b"." + body, algorithm)
    assert headers["x-kangyun-signature"] == f"{algorithm}={right}"


async def test_a_webhook_calls_registered_hosts_only(provider, outbound):
    with pytest.raises(Refused, match="host-not-registered"):
        await Webhook(outbound, frozenset({"hooks.example"}), b"k").send(
            parcel("webhook", address=f"{provider.url}/in")
        )
    assert provider.got == []


# --- e-mail


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 and its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    unlocked = serialization.NoEncryption()
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked)
    )
    return path


@pytest.fixture
async def mail_server(certificate):
    """A mail server that records; `answer` is what it says to the recipient, empty hangs up behind the text."""

    class Server:
        answer = "250 ok"
        hangs_up = False
        got = ()

    async def serve(reader, writer):
        def say(text):
            writer.write(f"{text}\r\n".encode())

        say("220 here")
        while line := (await reader.readline()).decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                say(Server.answer)
            elif verb == "DATA":
                say("354 go on")
                Server.got += (await reader.readuntil(b"\r\n.\r\n"),)
                if Server.hangs_up:
                    break
                say("250 taken")
            else:
                say("250 ok")
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    trusted = ssl.create_default_context(cafile=str(certificate))
    port = server.sockets[0].getsockname()[1]
    Server.mail = Mail("127.0.0.1", port, "notice@kangyun.example", context=trusted)
    Server.strict = Mail("127.0.0.1", port, "notice@kangyun.example")
    yield Server
    server.close()


def letter():
    return parcel("e-mail", address="li@example.org")


async def test_a_mail_has_the_public_sentence_under_tls(mail_server):
    sent = await mail_server.mail.send(letter())
    assert sent.reference == "<ky-7-0-sms@kangyun.example>" and not sent.received
    assert b"ky-7-0-sms@kangyun.example" in mail_server.got[0]


@pytest.mark.parametrize(("answer", "error"), [("550 no such box", Refused), ("451 later", Throttled)])
async def test_what_a_mail_server_says(mail_server, answer, error):
    mail_server.answer = answer
    with pytest.raises(error):
        await mail_server.mail.send(letter())


async def test_a_mail_that_may_have_been_taken_is_unknown_and_a_server_that_is_not_trusted_gets_none(mail_server):
    mail_server.hangs_up = True
    with pytest.raises(Unknown):
        await mail_server.mail.send(letter())
    with pytest.raises(Failed):
        await mail_server.strict.send(letter())
    assert len(mail_server.got) == 1
