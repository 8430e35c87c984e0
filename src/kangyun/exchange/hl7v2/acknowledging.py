"""ACK: the answer to a message, in its sender's delimiters, character set and version. Pure.

Original mode (MSH-15 and MSH-16 empty): one answer, AA, AE or AR, once the message is stored. Enhanced mode: what
MSH-15 asks for is a commit answer (CA, CE, CR), what MSH-16 asks for an application answer; both are true at the same
moment here, since neither is given before the message is stored, and so they go out together in this order.

AE: the content is wrong, and sending it again unchanged will not help. AR: the kind of message is not taken here, it
could not be read, or nothing could be stored just now; which of these, the error segment says.

Each refusal is an ERR that names segment, its number, field and component. To 2.4 that is ERR-1; from 2.5 on ERR-2 to
ERR-8. Texts are Chinese where the sender's character set has Chinese, and never quote what a field held.

Source: HL7 v2.5.1 chapter 2, 2.9 (processing rules), 2.14.8 (MSA), 2.14.5 (ERR); v2.4 2.15.5 (ERR-1); tables 0008,
0155, 0357.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

from kangyun.base.texts import Language, say
from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.hl7v2 import characters
from kangyun.exchange.hl7v2.message import Marks, Segment

Code = Literal["AA", "AE", "AR"]
_BEIJING = timezone(timedelta(hours=8))
_MOST_ERRORS = 20
_LONGEST = 250
_COMMIT = {"AA": "CA", "AE": "CE", "AR": "CR"}
_PART = re.compile(r"([A-Z][A-Z0-9]{2})(?:-(\d+)(?:\.(\d+))?)?")
# Table 0357: the end of a text id, what it comes to. Others are 207, an internal error of the application.
_KINDS = {
    "no-segment": ("100", "Segment sequence error"), "second-header": ("100", "Segment sequence error"),
    "segment-missing": ("100", "Segment sequence error"), "two-patients": ("100", "Segment sequence error"),
    "no-patient": ("101", "Required field missing"), "no-visit": ("101", "Required field missing"),
    "no-order": ("101", "Required field missing"), "no-code": ("101", "Required field missing"),
    "no-document": ("101", "Required field missing"), "no-charge": ("101", "Required field missing"),
    "no-time": ("101", "Required field missing"), "no-control-id": ("101", "Required field missing"),
    "time": ("102", "Data type error"), "day": ("102", "Data type error"), "amount": ("102", "Data type error"),
    "ends-before": ("102", "Data type error"), "dose-upside-down": ("102", "Data type error"),
    "enclosed": ("102", "Data type error"), "code": ("103", "Table value not found"),
    "wrong-order": ("100", "Segment sequence error"), "several-patients": ("100", "Segment sequence error"),
    "processing": ("202", "Unsupported processing id"),
    "event": ("201", "Unsupported event code"), "version": ("203", "Unsupported version id"),
    "same-patient": ("205", "Duplicate key identifier"), "of-another": ("205", "Duplicate key identifier"),
    "another-person": ("205", "Duplicate key identifier"),
    "same-number": ("205", "Duplicate key identifier"), "enclosed-of-another": ("205", "Duplicate key identifier"),
}  # fmt: skip
REJECTED = frozenset({"event", "version", "processing", "no-header", "characters", "delimiters"})
"""Ends of texts for which a message is not wrong but not for here, or not to be read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered. refusals: why, or with AA what was left out."""

    code: Code
    refusals: tuple[Refusal, ...] = ()


def judged(refusals: Sequence[Refusal]) -> Answer:
    """Returns the answer to a message that has been split and mapped, if it can be stored: first why it is not."""
    ordered = sorted(refusals, key=lambda one: not one.whole)
    whole = [one for one in ordered if one.whole]
    if any(one.text.rpartition(".")[2] in REJECTED for one in whole):
        return Answer("AR", tuple(ordered))
    return Answer("AE" if whole else "AA", tuple(ordered))


def unavailable(control_id: str) -> Answer:
    """Returns the answer where nothing could be stored just now: the sender keeps the message and sends it again."""
    return Answer("AR", (Refusal(Place(control_id), "exchange.hl7v2.unavailable"),))


def acknowledged(
    header: Segment | None, answer: Answer, now: datetime, number: str, language: Language = "zh"
) -> list[bytes]:
    """Returns the answers to a message, without their frames: none where the sender wants none.

    header: MSH of the message, as far as it could be read. number: the control id of ours; a second answer adds a 2.
    """
    if header is None:
        header = Segment("MSH|^~\\&", 1, Marks())
    if header.text(9).upper() == "ACK":
        return []  # An answer is not answered: two programs would never end.
    accept, application = header.text(15).upper(), header.text(16).upper()
    if not (accept or application):
        return [_answer(header, answer, answer.code, now, number, language)]
    found = []
    if _wanted(accept, answer):
        found.append(_answer(header, answer, _COMMIT[answer.code], now, number, language))
    if _wanted(application, answer):
        found.append(_answer(header, answer, answer.code, now, f"{number}2" if found else number, language))
    return found


def _wanted(condition: str, answer: Answer) -> bool:
    """Whether an answer is wanted: always, never, on errors, on success (table 0155)."""
    return (
        condition == "AL" or (condition == "ER" and answer.code != "AA") or (condition == "SU" and answer.code == "AA")
    )


def _answer(header: Segment, answer: Answer, code: str, now: datetime, number: str, language: Language) -> bytes:
    marks = header.marks
    version = header.text(12) or "2.4"
    known = version if re.fullmatch(r"2\.[1-9](\.\d)?", version) else "2.4"
    sets = header.text(18)
    codec = marks.codec if sets == "" or characters.declared(sets) else "ascii"
    language = language if codec != "ascii" else "en"
    texts = [_shown(one, language) for one in answer.refusals[:_MOST_ERRORS]]
    event = header.text(9, 2)
    kind = ["ACK", event, "ACK"] if known > "2.3" and event else ["ACK", event] if event else ["ACK"]
    fields = [
        marks.encoding, header.raw(5), header.raw(6), header.raw(3), header.raw(4),
        now.astimezone(_BEIJING).strftime("%Y%m%d%H%M%S+0800"), "", marks.component.join(kind), number,
        header.raw(11) or "P", known, "", "", "", "", header.raw(17), header.raw(18),
    ]  # fmt: skip
    lines = [_line("MSH", fields, marks)]
    said = _escaped(texts[0][:80], marks) if texts and code[1] != "A" else ""
    lines.append(_line("MSA", [code, header.raw(10), said], marks))
    lines += _errors(answer, texts, known, marks)
    return "".join(f"{line}\r" for line in lines).encode(codec, "replace")


def _errors(answer: Answer, texts: list[str], version: str, marks: Marks) -> list[str]:
    if version < "2.5":
        # Before 2.5 an error has no severity: what was left out of a message that is stored is not told by it.
        if answer.code == "AA":
            return []
        rows = [
            marks.component.join((*_place(one.place)[:3], marks.subcomponent.join((*_kind(one), "HL70357"))))
            for one in answer.refusals[:_MOST_ERRORS]
        ]
        return [_line("ERR", [marks.repetition.join(rows)], marks)] if rows else []
    found = []
    for one, text in zip(answer.refusals, texts, strict=False):
        name, number, field, component = _place(one.place)
        place = [name, number, field, "1" if field else "", component]
        at = marks.component.join(place).rstrip(marks.component)
        kind = marks.component.join((*_kind(one), "HL70357"))
        fields = ["", at, kind, "E" if one.whole else "W", one.text.rpartition(".")[2], "", "", _escaped(text, marks)]
        found.append(_line("ERR", fields, marks))
    return found


def _kind(refusal: Refusal) -> tuple[str, str]:
    return _KINDS.get(refusal.text.rpartition(".")[2], ("207", "Application internal error"))


def _place(place: Place) -> tuple[str, str, str, str]:
    """Returns segment, its number in the message, field, component."""
    found = _PART.fullmatch(place.part or "")
    number = str(place.row) if place.row is not None else ""
    return (found[1], number, found[2] or "", found[3] or "") if found else ("", number, "", "")


def _shown(refusal: Refusal, language: Language) -> str:
    """Returns what is said of a refusal: the place, the reason, and what the value looked like."""
    where = refusal.place.part or ""
    if refusal.place.row is not None and "-" not in where:
        where = f"{where} #{refusal.place.row}".strip()
    said = say(refusal.text, language, refusal.parameters)
    shown = f" [{refusal.shown}]" if refusal.shown else ""
    return f"{where}{shown}: {said}"[:_LONGEST] if where else said[:_LONGEST]


def _escaped(text: str, marks: Marks) -> str:
    sign = marks.escape
    names = {sign: "E", marks.field: "F", marks.component: "S", marks.subcomponent: "T", marks.repetition: "R"}
    return "".join(f"{sign}{names[one]}{sign}" if one in names else " " if one in "\r\n" else one for one in text)


def _line(name: str, fields: Sequence[str], marks: Marks) -> str:
    return (name + marks.field + marks.field.join(fields)).rstrip(marks.field)
