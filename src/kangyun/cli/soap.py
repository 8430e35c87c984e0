"""`kangyun soap list` and `try`: which services there are, and what a message would ask for; nothing is stored."""

import json
from collections.abc import Sequence
from pathlib import Path

from lxml import etree

from kangyun.base.errors import Invalid, Issue, NotFound, PlatformError
from kangyun.base.settings import read_settings
from kangyun.base.texts import say
from kangyun.cli.feed import house_of
from kangyun.cli.speech import announce, language, speak
from kangyun.exchange.soap import envelope
from kangyun.exchange.soap.mapping import Adaptor, BadMapping, parse
from kangyun.exchange.soap.markup import parsed, text_of
from kangyun.exchange.soap.services import services, wrong
from kangyun.exchange.tables.mapping import Feed
from kangyun.fhir.json import decode

ENVELOPES = frozenset(f"{{{space}}}Envelope" for space in envelope.NAMESPACES.values())


def list_services(data: Path | None) -> None:
    """Shows each service with its actions, and how sure their messages are."""
    for name, service in services(read_settings(data=data).data).items():
        announce(speak("cli.soap-service", name=name, title=service.service.title), style="bold")
        for action, one in service.actions.items():
            sure = speak(f"cli.soap-{service.certainty(action)}")
            announce(f"  {action}  {one.title}  [{sure}]  {'、'.join(one.about)}")


def try_message(
    message: Path, service: str, mapping: Path | None, institution: str, answer: Path | None, data: Path | None
) -> int:
    """Shows what a message would ask for, and what an answer would look like. Returns 0, or 1 where it is refused."""
    house = house_of(institution)
    adaptor = _adaptor(service, mapping, data)
    try:
        payload = _payload(_bytes(message))
        called = adaptor.called(payload)
        announce(speak("cli.soap-action", action=called.action, rows=len(called.rows)), style="bold")
        for row in called.rows:
            _show_row(adaptor, called.action, row)
        asked = adaptor.asked(called, Feed(house, institution, house))
    except PlatformError as error:
        _tell(error.issues, "red")
        return 1
    _tell(asked.told, "yellow")
    announce(
        speak(
            "cli.soap-asks", what=asked.own or f"{asked.method} /{asked.path}{'?' if asked.query else ''}{asked.query}"
        )
    )
    if asked.body is not None:
        announce(json.dumps(asked.body, ensure_ascii=False, indent=1, default=str))
    if answer is not None:
        announce(etree.tostring(adaptor.answer(called, decode(_bytes(answer))), encoding="unicode", pretty_print=True))
    announce(speak("cli.soap-tried"))
    return 0


def _adaptor(service: str, mapping: Path | None, data: Path | None) -> Adaptor:
    offered = services(read_settings(data=data).data)
    if mapping is None:
        if service not in offered:
            raise NotFound("exchange.soap.no-service", services="、".join(sorted(offered)))
        return offered[service]
    try:
        read = parse(text_of(_bytes(mapping)), mapping.name)
        return Adaptor(read, offered.get(read.use), source=mapping.name)
    except BadMapping as error:
        raise wrong(error) from None


def _payload(raw: bytes) -> etree._Element:
    """Returns what a message calls: the body of an envelope, or the message as it is."""
    root = parsed(text_of(raw))
    return envelope.read(raw).payload if root.tag in ENVELOPES else root


def _show_row(adaptor: Adaptor, action: str, row: tuple[str, ...]) -> None:
    columns = adaptor.actions[action].columns
    for (name, path), cell in zip(columns.items(), row, strict=True):
        if cell:
            announce(f"  {path} → {name} = {cell[:40]}")


def _tell(issues: Sequence[Issue], style: str) -> None:
    for issue in issues:
        announce(f"  {issue.at or ''} {say(issue.text, language(), issue.parameters)}", style=style)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise Invalid("cli.wrong-file", file=str(file)) from None
