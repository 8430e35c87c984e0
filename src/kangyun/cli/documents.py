"""`kangyun feed try` and `take` of documents: one CDA file, or all `.xml` files of a folder.

Whoever may use this terminal has the root key and the database; who says to act (`--by`) stands in the audit trail, and
what is written is the institution's own.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from kangyun.access.platform import Platform
from kangyun.access.record import Done
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.errors import Conflict, Invalid
from kangyun.cli.feed import ABOUT, MOST_TOLD, Sent, house_of, placed, style_of
from kangyun.cli.opened import on_platform
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, speak
from kangyun.cli.staff import write_new
from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import looks_like
from kangyun.exchange.cda.reading import Feed, Read, conventions, read
from kangyun.exchange.entries import Refusal
from kangyun.exchange.feeds.documents import faults, take

AT_ONCE = 20
"""Documents that are read before they are stored."""


def are(file: Path) -> bool:
    """Whether a path is of documents: a folder, or a file that begins as a CDA document does."""
    if file.is_dir():
        return True
    try:
        with file.open("rb") as stream:
            return looks_like(stream.read(4096))
    except OSError:
        return False


def try_documents(sent: Sent, most: int) -> int:
    """Shows what the first documents would become. Returns 0, or 1 where one would be kept aside."""
    count = aside = 0
    for name, found in _reads(sent):
        count += 1
        wrong = faults(found)
        aside += bool(wrong)
        kind = catalogue.kinds().get(found.kind)
        announce(f"{name} {found.kind} {kind.zh if kind else ''}", style="bold")
        for one in _told(found, wrong):
            announce(f"  {placed(one)}", style=style_of(one))
        for entry in () if wrong else found.entries:
            shown = {key: value for key, value in entry.resource.items() if key != "data"}
            announce(f"  {json.dumps(shown, ensure_ascii=False, default=str)}")
        if count == most:
            break
    announce(speak("cli.feed-documents-tried", documents=count, aside=aside))
    return 1 if aside else 0


class _Taken:
    """What became of documents, and what was said of them."""

    def __init__(self) -> None:
        self.figures = {"documents": 0, "created": 0, "updated": 0, "unchanged": 0, "aside": 0}
        self.lines: list[str] = []

    def count(self, found: Read, outcome: Sequence[Done] | Sequence[Refusal]) -> None:
        """Counts a document; the first refusals are shown at once."""
        wrong = [one for one in outcome if isinstance(one, Refusal)]
        for one in _told(found, wrong):
            self.lines.append(placed(one))
            if len(self.lines) <= MOST_TOLD:
                announce(self.lines[-1], style=style_of(one))
        self.figures["documents"] += 1
        self.figures["aside"] += bool(wrong)
        for done in outcome:
            if not isinstance(done, Refusal):
                self.figures["unchanged" if done.status == "matched" else done.status] += 1


def take_documents(sent: Sent, data: Path | None, by: str) -> int:
    """Takes documents in. Returns 0, or 1 where one was kept aside; why stands in a file of mode 0600 beside them."""
    told = sent.file.with_name(f"{sent.file.stem}.returned.txt")
    if told.exists():
        raise Conflict("cli.staff-exists", file=str(told))
    taken = _Taken()

    async def do(platform: Platform) -> None:
        actor = replace(ADMINISTRATOR, reference=await acting(platform, by), institution=sent.institution)
        record = await platform.gate.open(actor, ABOUT)
        documents = _reads(sent)
        while group := [found for _, found in islice(documents, AT_ONCE)]:
            for found, outcome in zip(group, await take(record, group), strict=True):
                taken.count(found, outcome)

    on_platform(data, do)
    if len(taken.lines) > MOST_TOLD:
        announce(speak("cli.audit-more", count=len(taken.lines) - MOST_TOLD))
    announce(speak("cli.feed-documents-taken", **taken.figures))
    if taken.lines:
        write_new(told, ("\n".join(taken.lines) + "\n").encode())
        announce(speak("cli.staff-written", file=str(told)))
    return 1 if taken.figures["aside"] else 0


def _told(found: Read, wrong: Sequence[Refusal]) -> list[Refusal]:
    """Returns all that is said of a document: why it is kept aside, and what was left out."""
    return [*wrong, *(one for one in found.refusals if not one.whole)]


def _reads(sent: Sent) -> Iterator[tuple[str, Read]]:
    try:
        said = conventions(sent.mapping.read_text("utf-8") if sent.mapping is not None else "")
    except (OSError, UnicodeError):
        raise Invalid("cli.wrong-file", file=str(sent.mapping)) from None
    feed = Feed(house_of(sent.institution), sent.institution, said)
    files = sorted(sent.file.glob("*.xml")) if sent.file.is_dir() else [sent.file]
    if not files:
        raise Invalid("cli.wrong-file", file=str(sent.file))
    for file in files:
        try:
            raw = file.read_bytes()
        except OSError:
            raise Invalid("cli.wrong-file", file=str(file)) from None
        yield file.name, read(raw, file.name, feed)
