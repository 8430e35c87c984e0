"""`kangyun message channels` and `kangyun message try`: which channels are set, and whether one of them works."""

import asyncio
import secrets
from pathlib import Path

from kangyun.access.messages.outbox.channels import installed
from kangyun.access.messages.outbox.hearing import channel_of
from kangyun.access.messages.outbox.model import CHANNELS, Channel
from kangyun.access.messages.outbox.rules import read_rules, zone_of
from kangyun.access.messages.outbox.sending import Failed, NotSent, Parcel, Refused, Sender, Throttled
from kangyun.access.messages.outbox.templates import filled, read_templates
from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.speech import announce, language, speak

TEMPLATE = "test"


def channels(data: Path | None) -> None:
    """Says of each channel whether it is set, and what it promises."""
    found = installed(read_settings(data=data))
    for channel in CHANNELS:
        sender = found.senders.get(channel)
        if channel == "in-app":
            announce(speak("cli.message-in-app", channel=channel))
        elif sender is None:
            announce(speak("cli.message-not-set", channel=channel))
        else:
            promise = "cli.message-once" if sender.dedupes else "cli.message-once-or-unknown"
            announce(speak(promise, channel=channel, kind=type(sender).__name__))


def attempt(data: Path | None, name: str, to: str) -> int:
    """Sends a test by a channel, and says what became of it; 0 where it was handed over. Raises Invalid."""
    settings = read_settings(data=data)
    channel = channel_of(name)
    sender = None if channel is None else installed(settings).senders.get(channel)
    if channel is None or sender is None:
        raise Invalid("cli.message-no-channel", channel=name[:20])
    try:
        sent = asyncio.run(sender.send(_parcel(settings, channel, to)))
    except NotSent as error:
        announce(speak(_said(error), channel=channel, code=error.code))
        return 1
    announce(speak("cli.message-received" if sent.received else "cli.message-handed", channel=channel))
    announce(speak(_about_receipts(sender)))
    return 0


def _parcel(settings: Settings, channel: Channel, to: str) -> Parcel:
    rules = read_rules(settings.data)
    public = read_templates(settings.data, rules.public.variables, rules.public.forbidden).public(TEMPLATE)
    said = {"time": clock.now().astimezone(zone_of(settings.time_zone)).strftime("%m-%d %H:%M")}
    names = {"sms": public.sms, "voice": public.sms, "wechat": public.wechat}
    called = names.get(channel)
    fields = public.wechat.fields if public.wechat else {}
    return Parcel(
        key=f"try-{secrets.token_hex(8)}",
        channel=channel,
        address=to,
        template=called.id if called else TEMPLATE,
        variables=tuple(said.items()),
        fields=tuple((name, filled(text, said)) for name, text in fields.items()),
        sentence=filled(public.zh if language() == "zh" else public.en, said),
        about={"urgency": "plain"},
    )  # fmt: skip


def _said(error: NotSent) -> str:
    for kind, text in ((Refused, "refused"), (Throttled, "throttled"), (Failed, "failed")):
        if isinstance(error, kind):
            return f"cli.message-{text}"
    return "cli.message-unknown"


def _about_receipts(sender: Sender) -> str:
    return "cli.message-receipts" if sender.receipts else "cli.message-no-receipts"
