"""`kangyun device try` and `replay`: what a mapping makes of samples, and a vendor's pushes taken in again."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.base.errors import Invalid, PlatformError
from kangyun.base.texts import say
from kangyun.cli.opened import on_platform
from kangyun.cli.speech import announce, complain, language, speak
from kangyun.devices import formats
from kangyun.devices.doors.opened import open_doors
from kangyun.devices.doors.pushes import Pushes, Replayed
from kangyun.devices.formats import Context, Message
from kangyun.devices.formats.clocks import microseconds
from kangyun.devices.formats.mapped import parts_of
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.model import Mark, Refusal

_TRIED = "tried"


def try_format(format_: str, samples: Sequence[Path]) -> int:
    """Shows what samples say, read by a mapping file or by a format of that name. Returns 1 where any is refused."""
    mapping = Path(format_)
    if mapping.suffix == ".toml":
        try:
            formats.add_mapping(_TRIED, mapping.read_text("utf-8"))
        except Invalid as error:
            complain(f"{say(error.issues[0].text, language())} {error.at}")
            return 1
        format_ = formats.MAPPED + _TRIED
    return max((_shown(format_, sample) for sample in samples), default=0)


def _shown(format_: str, sample: Path) -> int:
    known = formats.mapping(format_.removeprefix(formats.MAPPED))
    payload = sample.read_bytes()
    try:
        parts = parts_of(payload, known.push) if known is not None and known.push is not None else [("", payload)]
    except Invalid:  # One message, as a device itself sends it.
        parts = [("", payload)]
    refused = 0
    for device, part in parts:
        announce(f"{sample.name} {device}".strip(), style="bold")
        message, refusals = formats.read(format_, part, Context(microseconds(clock.now())))
        _tell(message, refusals)
        refused = max(refused, 1 if refusals else 0)
    return refused


def _tell(message: Message, refusals: tuple[Refusal, ...]) -> None:
    for one in message.readings:
        metric = metrics_by_number()[one.metric]
        marks = " ".join(mark.name.lower() for mark in Mark if mark & one.mark and mark.name)
        name = say(f"devices.metrics.{metric.name}", language())
        announce(f"  {_time(one.at)}  {name} {one.value:g} {metric.unit}  {one.key} {marks}".rstrip())
    for event in message.events:
        place = "" if event.latitude is None else f"  {event.latitude:.6f}, {event.longitude:.6f}"
        announce(
            f"  {_time(event.at)}  {say(f'devices.metrics.event-{event.kind}', language())}{place}", style="yellow"
        )
    for wave in message.waves:
        name = say(f"devices.metrics.{metrics_by_number()[wave.metric].name}", language())
        announce(f"  {_time(wave.at)}  {name}  {speak('cli.device-samples', count=len(wave.samples))}")
    for why in refusals:
        announce(f"  {why.at}  {say(why.text, language())}", style="red")


def _time(at: int) -> str:
    return clock.instant(datetime.fromtimestamp(at / 1_000_000, clock.now().tzinfo))


def replay(data: Path | None, vendor: str, since: str, until: str | None) -> int:
    """Takes a vendor's pushes of a while in again. Returns 1 where that is refused."""
    try:
        begins, ends = _instant(since), clock.now() if until is None else _instant(until)

        async def act(platform: Platform) -> Replayed:
            doors = open_doors(platform)
            try:
                return await Pushes.of(doors).replay(doors.vendors.get(vendor), begins, ends)
            finally:
                await doors.close()

        found = on_platform(data, act)
    except PlatformError as error:
        complain(f"{say(error.issues[0].text, language(), error.issues[0].parameters)} {error.at or ''}".strip())
        return 1
    announce(speak("cli.device-replayed", pushes=found.pushes, taken=found.taken))
    for number, wrong in found.wrong:
        said = say(wrong.issues[0].text, language(), wrong.issues[0].parameters)
        complain(speak("cli.device-push-wrong", number=number, why=said, at=wrong.at or "$"))
    return 1 if found.wrong else 0


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("devices.formats.time", at=text) from None
    return found if found.tzinfo is not None else found.astimezone()
