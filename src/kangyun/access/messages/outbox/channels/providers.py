"""Which channels an installation has: `policy/providers.toml`, the settings, or in a demonstration a file.

A secret stands in a file of its own, never in the rules.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from kangyun.access.messages.outbox.channels.gateway import Gateway
from kangyun.access.messages.outbox.channels.mail import Mail
from kangyun.access.messages.outbox.channels.recorder import FILE as RECORD
from kangyun.access.messages.outbox.channels.recorder import Recorder
from kangyun.access.messages.outbox.channels.webhook import Webhook
from kangyun.access.messages.outbox.channels.wechat import WeChat
from kangyun.access.messages.outbox.model import CHANNELS, Channel
from kangyun.access.messages.outbox.rates import FOR_RED
from kangyun.access.messages.outbox.sending import Sender
from kangyun.access.messages.signatures import Algorithm
from kangyun.access.outbound import Guard, Outbound
from kangyun.access.rulebook import rules_of
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings

FILE = "providers.toml"
SMTP, SUBMISSION = 465, 587
_KINDS: dict[str, tuple[Channel, ...]] = {
    "gateway": ("sms", "voice"), "wechat": ("wechat",), "smtp": ("e-mail",), "webhook": ("webhook",),
    "record": tuple(one for one in CHANNELS if one != "in-app"),
}  # fmt: skip


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section of the file; each kind reads what concerns it."""

    kind: Literal["gateway", "wechat", "smtp", "webhook", "record"]
    url: str = ""
    secret: str = ""
    signature: str = ""
    rate: float = 0.0
    dedupes: bool = False
    app: str = ""
    mini: bool = False
    token: str = ""
    host: str = ""
    port: int = 0
    starts: bool = False
    sender: str = ""
    user: str = ""
    hosts: tuple[str, ...] = ()
    algorithm: Algorithm = "sm3"


@dataclass(frozen=True, slots=True)
class Installed:
    """The channels of an installation.

    senders: by channel. desks: how each duty desk is reached, by the id of its Organization and channel.
    receipt_keys: by which a provider signs what it says later, by channel.
    """

    senders: Mapping[Channel, Sender]
    desks: Mapping[str, Mapping[Channel, str]] = field(default_factory=dict)
    receipt_keys: Mapping[Channel, bytes] = field(default_factory=dict)


def installed(settings: Settings) -> Installed:
    """Opens the channels. Raises Invalid, naming the channel, for rules that cannot be followed."""
    found = rules_of("kangyun.access.messages.outbox", FILE, settings.data)
    try:
        desks = msgspec.convert(found.pop("desk", {}), dict[str, dict[Channel, str]])
        given: dict[Channel, Provider] = msgspec.convert(found, dict[Channel, Provider])
    except msgspec.ValidationError:
        raise Invalid("access.wrong-rules", file=FILE) from None
    opener = _Opener(settings)
    senders: dict[Channel, Sender] = dict(opener.by_settings())
    keys: dict[Channel, bytes] = {}
    if settings.message_key:
        keys = {channel: settings.message_key.encode() for channel in ("sms", "voice")}
    for channel, one in given.items():
        if channel not in _KINDS[one.kind]:
            raise Invalid("access.messages.outbox.wrong-provider", channel=channel)
        senders[channel] = opener.open(channel, one)
        if one.token or one.secret:
            keys[channel] = opener.secret(channel, one.token or one.secret)
    return Installed(senders, desks, keys)


@dataclass(frozen=True, slots=True)
class _Opener:
    settings: Settings

    @property
    def outbound(self) -> Outbound:
        """Threads of each channel's own: a provider that hangs keeps no other channel waiting."""
        guard = Guard.of(self.settings.message_hosts, "KANGYUN_MESSAGE_HOSTS")
        return Outbound(guard, _threads=ThreadPoolExecutor(FOR_RED, thread_name_prefix="messages"))

    def by_settings(self) -> Mapping[Channel, Sender]:
        """SMS and voice by the gateway of the settings; in a demonstration all by a file."""
        settings = self.settings
        if settings.message_url:
            key = settings.message_key.encode()
            return {channel: Gateway(self.outbound, settings.message_url, key) for channel in _KINDS["gateway"]}
        if settings.demo:
            recorder = Recorder(settings.data / RECORD)
            return dict.fromkeys(_KINDS["record"], recorder)
        return {}

    def open(self, channel: Channel, one: Provider) -> Sender:
        """Opens a channel."""
        need: dict[str, tuple[Any, ...]] = {
            "gateway": (one.url, one.secret), "wechat": (one.app, one.secret), "smtp": (one.host, one.sender),
            "webhook": (one.hosts, one.secret), "record": (),
        }  # fmt: skip
        if not all(need[one.kind]):
            raise Invalid("access.messages.outbox.wrong-provider", channel=channel)
        secret = self.secret(channel, one.secret)
        if one.kind == "gateway":
            return Gateway(self.outbound, one.url, secret, one.signature, one.dedupes, rate=one.rate)
        if one.kind == "wechat":
            url = (one.url or self.settings.wechat_url).rstrip("/")
            return WeChat(self.outbound, url, one.app, secret.decode(), one.rate, one.mini)
        if one.kind == "smtp":
            port = one.port or (SUBMISSION if one.starts else SMTP)
            return Mail(one.host, port, one.sender, one.user, secret.decode(), one.starts, rate=one.rate)
        if one.kind == "webhook":
            hosts = frozenset(host.lower() for host in one.hosts)
            return Webhook(self.outbound, hosts, secret, one.algorithm, rate=one.rate)
        return Recorder(self.settings.data / RECORD, rate=one.rate)

    def secret(self, channel: Channel, name: str) -> bytes:
        """Reads a secret from its file below the data folder. Raises Invalid."""
        if not name:
            return b""
        folder = self.settings.data.resolve()
        path: Path = (folder / name).resolve()
        try:
            if not path.is_relative_to(folder):
                raise OSError
            return path.read_bytes().strip()
        except OSError:
            raise Invalid("access.messages.outbox.no-secret", channel=channel) from None
