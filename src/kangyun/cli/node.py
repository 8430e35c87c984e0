"""`kangyun node`: which nodes stand above and below this one, and how far each was told."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kangyun.access.applications.register import Application
from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.cli.opened import on_platform
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, speak
from kangyun.exchange.federation.nodes import SCOPES, Node, Nodes, check_name

PURPOSE = "TREAT"
KINDS = ("kangyun", "fhir")


@dataclass(frozen=True, slots=True)
class Given:
    """What was said of a node that is added."""

    name: str
    parent: bool
    child: bool
    url: str
    own: str
    kind: str
    jwks: Path | None
    evidence: str
    days: int


def key(data: Path | None) -> None:
    """Prints the public key, as it is handed to the node above."""

    async def show_(platform: Platform) -> None:
        announce((await _nodes(platform).public()).decode())

    on_platform(data, show_)


def add(data: Path | None, by: str, given: Given) -> None:
    """Adds a node. Raises Invalid, Conflict."""
    if given.parent == given.child:
        raise Invalid("cli.node-place")
    if given.kind not in KINDS:
        raise Invalid("cli.node-kind", known=", ".join(KINDS))

    async def above(platform: Platform) -> None:
        who = await acting(platform, by)
        await _nodes(platform).add(given.name, "parent", who, base=given.url, own=given.own, kind=given.kind)
        announce(speak("cli.node-added-parent", own=given.own))

    async def below(platform: Platform) -> None:
        who = await acting(platform, by)
        wanted = Application(
            client=given.name, name=given.name, owner=f"Organization/{given.name}", purpose=PURPOSE, redirect_uris=(),
            scopes=SCOPES, expires=clock.now() + timedelta(days=given.days), jwks=_keys(given.jwks),
        )  # fmt: skip
        check_name(given.name)
        await platform.sign_in.applications.add(wanted, who, given.evidence)
        await _nodes(platform).add(given.name, "child", who)
        announce(speak("cli.node-added-child", name=given.name))

    on_platform(data, above if given.parent else below)


def show(data: Path | None) -> None:
    """Prints a line for each node."""

    async def tell(platform: Platform) -> None:
        found = await _nodes(platform).placed()
        for one in found:
            state = speak(f"cli.node-{'paused' if one.paused else 'active'}")
            place = speak(f"cli.node-{one.place}")
            announce(f"{one.name}  {place}  {one.kind}  {state}  {one.base}".rstrip())
        if not found:
            announce(speak("cli.node-none"))

    on_platform(data, tell)


def status(data: Path | None) -> int:
    """Says how far each node is. Returns 1 where something waits, was refused, or somebody is not reached."""
    amiss = 0

    async def tell(platform: Platform) -> None:
        nonlocal amiss
        found = await _nodes(platform).counted()
        for one in found:
            amiss += _tell(one)
        if not found:
            announce(speak("cli.node-none"))

    on_platform(data, tell)
    return 1 if amiss else 0


def _tell(one: Node) -> bool:
    if one.place == "child":
        text = "cli.node-heard" if one.is_heard else "cli.node-unheard"
        announce(speak(text, name=one.name, when=_when(one.heard)))
        return not one.is_heard and not one.paused
    figures = {"known": one.known, "waiting": one.waiting, "refused": one.refused}
    announce(speak("cli.node-told", name=one.name, when=_when(one.told), **figures))
    if one.fault:
        text, _, rest = one.fault.partition(" ")
        announce("  " + speak(text, status=rest, reason=rest), style="yellow")
    return bool(one.waiting or one.refused or one.fault)


def _when(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S%z}" if moment is not None else "—"


def pause(data: Path | None, name: str, *, paused: bool) -> None:
    """Pauses or resumes a node. Raises NotFound."""

    async def do(platform: Platform) -> None:
        await _nodes(platform).pause(name, paused=paused)
        announce(speak("cli.done"))

    on_platform(data, do)


def compare(data: Path | None, name: str) -> None:
    """Asks for a comparison. Raises NotFound."""

    async def do(platform: Platform) -> None:
        await _nodes(platform).compare(name)
        announce(speak("cli.done"))

    on_platform(data, do)


def _keys(file: Path | None) -> str:
    if file is None:
        raise Invalid("cli.node-jwks")
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid("cli.wrong-file", file=str(file)) from None


def _nodes(platform: Platform) -> Nodes:
    return Nodes(platform.pool, platform.identities.vault)
