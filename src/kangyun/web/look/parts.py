"""The parts of the look's pages as HTML: entries, what was examined lately, documents. What is said is escaped here."""

from collections.abc import Callable, Iterable, Sequence
from html import escape

from kangyun.access.look.front import Entry, Section
from kangyun.access.look.lines import OUT_OF_RANGE, Line, state_of
from kangyun.access.look.opening import SHOWN, File, Opened
from kangyun.access.look.recent import Recent
from kangyun.base.texts import Language, say
from kangyun.fhir import Resource

STATES = frozenset({
    "male", "female", "other", "unknown",
    "amb", "emer", "imp", "acute", "nonac", "obsenc", "ss", "hh", "vr", "fld", "prenc", "vaccination", "procedure",
    "active", "inactive", "recurrence", "relapse", "remission", "resolved",
    "unconfirmed", "provisional", "differential", "confirmed", "refuted",
    "completed", "stopped", "on-hold", "cancelled", "draft", "intended", "not-taken", "not-done",
    "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "low", "high", "unable-to-assess",
})  # fmt: skip
"""Codes that these pages say in words: of gender, encounter class and the states of what is shown."""
QUIET = frozenset({"confirmed", "finished", "completed", "n"})
"""States that go without saying."""
HIGHER, LOWER = frozenset({"H", "HH", "HU", ">"}), frozenset({"L", "LL", "LU", "<"})
CRITICAL = frozenset({"HH", "LL", "AA"})


class Parts:
    """Draws parts in one language. opens: from a reference to the address where it is opened."""

    def __init__(self, language: Language, opens: Callable[[str], str]) -> None:
        self.language = language
        self._opens = opens

    def say(self, text: str, **given: str | int) -> str:
        """Returns a text of these pages, escaped."""
        return escape(say(f"web.look.{text}", self.language, given))

    # --- who it is

    def person(self, patient: Resource, numbers: int) -> list[str]:
        """Returns what a registration says of somebody, the name first, escaped."""
        names = [
            one.get("text") or f"{one.get('family', '')}{''.join(one.get('given', ()))}"
            for one in elements(patient, "name")
        ]
        known = [str(one.get("value", "")) for one in elements(patient, "identifier")]
        phones = [str(one.get("value", "")) for one in elements(patient, "telecom")]
        gender, born = self._state(str(patient.get("gender", ""))), str(patient.get("birthDate", ""))
        birth = say("web.look.born", self.language, {"day": born}) if born else ""
        return [escape(one) for one in (*names[:1], gender, birth, *known[:numbers], *phones[:1]) if one]

    # --- what was examined lately

    def recent(self, found: Sequence[Recent], days: int) -> str:
        """What was examined within the days."""
        title = f"<h2>{self.say('recent', days=days)} <small>{self.say('recent-about')}</small></h2>"
        if not found:
            return (
                f'<section class="recent wide" id="recent">{title}<p>{self.say("recent-none", days=days)}</p></section>'
            )
        heads = "".join(f"<th scope=col>{self.say(name)}</th>" for name in ("when", "what", "results", "institution"))
        rows = "".join(map(self._recent, found))
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        return f'<section class="recent wide" id="recent">{title}<div class="scroll">{table}</div></section>'

    def _recent(self, one: Recent) -> str:
        kind = self.say("imaging" if one.imaging else "test")
        tag = self.say("recognised") if one.item else self.say("not-listed")
        mark = f'<span class="tag{"" if one.item else " none"}">{tag}</span>'
        results = " ".join(f"<span>{escape(part.what)} {self._value(part)}</span>" for part in one.results)
        told = results or self._value(one.line)
        what = f"{self._name(one.line)} <span class=meta>{kind}</span> {mark}"
        cells = f'<td class="when">{escape(one.line.when)}</td><td>{what}</td><td class="results">{told}</td>'
        return f"<tr>{cells}<td>{escape(one.institution)}</td></tr>"

    # --- a section

    def section(self, section: Section, *, wide: bool) -> str:
        """A section: a table where it is wide, else a list."""
        title = f"<h2>{self.say(section.name)}</h2>"
        if section.failed:
            title += f'<p class="told">{self.say("too-slow")}</p>'
        begin = f'<section id="{section.name}"{" class=wide" if wide else ""}>{title}'
        if not section.entries:
            return f"{begin}<p>{self.say('nothing')}</p></section>"
        more = f'<p class="meta">{self.say("more", count=len(section.entries))}</p>' if section.more else ""
        drawn = self._table(section) if wide else "".join(map(self._entry, section.entries))
        return f"{begin}{drawn}{more}</section>"

    def _table(self, section: Section) -> str:
        last = ("limits",) if section.name == "laboratory" else ()
        heads = "".join(
            f"<th scope=col>{self.say(name)}</th>" for name in ("when", "what", "detail", *last, "institution")
        )
        rows = "".join(self._row(one, limits=bool(last)) for one in section.entries)
        return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'

    def _row(self, entry: Entry, *, limits: bool) -> str:
        line = entry.line
        between = f"<td>{escape(line.limits)}</td>" if limits else ""
        cells = f'<td class="when">{escape(line.when)}</td><td>{self._name(line)}</td><td>{self._value(line)}</td>'
        return f"<tr>{cells}{between}<td>{escape(entry.institution)}</td></tr>"

    def _entry(self, entry: Entry) -> str:
        line = entry.line
        times = f" <small class=meta>{self.say('times', count=entry.times)}</small>" if entry.times > 1 else ""
        about = " · ".join(escape(part) for part in (line.when, entry.institution) if part)
        value = self._value(line)
        return (
            f"<div class=entry><p><strong>{self._name(line)}</strong> {value}{times}</p><p class=meta>{about}</p></div>"
        )

    # --- a line

    def _name(self, line: Line) -> str:
        name = escape(line.what) or escape(self._state(line.states[0]) if line.states else "") or self.say("unnamed")
        return f'<a href="{escape(self._opens(line.reference))}">{name}</a>' if line.reference else name

    def _value(self, line: Line) -> str:
        """Returns what is said of it, a result out of its range with a sign and a word: colour alone says nothing."""
        told = [self._state(code) for code in line.states if code.upper() not in OUT_OF_RANGE]
        told = [escape(part) for part in (line.detail, *told) if part]
        out = state_of(line).upper()
        mark = f' <span class="out">{self._out(out)}</span>' if out else ""
        return "；".join(told[:1]) + mark + "".join(f"；{part}" for part in told[1:]) if told else mark

    def _out(self, code: str) -> str:
        sign = "↑" if code in HIGHER else "↓" if code in LOWER else ""
        word = "out-critical" if code in CRITICAL else "out-high" if sign == "↑" else "out-low" if sign else "out"
        return f"{sign} {self.say(word)}".strip()

    def _state(self, code: str) -> str:
        """Returns a code of FHIR in the page's language; one that is not known as it is."""
        if code.lower() in QUIET:
            return ""
        return say(f"web.look.state-{code.lower()}", self.language) if code.lower() in STATES else code

    # --- a document

    def document(self, one: Opened, address: Callable[[int], str]) -> str:
        """A report or document as it is opened. address: of a file, by its number."""
        rows = "".join(
            f"<tr><td>{self._name(line)}</td><td>{self._value(line)}</td><td>{escape(line.limits)}</td></tr>"
            for line in one.results
        )
        heads = "".join(f"<th scope=col>{self.say(name)}</th>" for name in ("what", "detail", "limits"))
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        parts = "".join(
            f"{f'<h3>{escape(part.title)}</h3>' if part.title else ''}{_paragraphs(part.paragraphs)}"
            for part in one.parts
        )
        files = "".join(self._file(file, address) for file in one.files)
        missing = f'<p class="told">{self.say("file-missing")}</p>' if one.missing else ""
        nothing = "" if table or parts or files or missing else f"<p>{self.say('no-text')}</p>"
        return f"{table}<div class=document>{parts}</div>{files}{missing}{nothing}"

    def _file(self, file: File, address: Callable[[int], str]) -> str:
        name = escape(file.name) or self.say("file", number=file.number + 1)
        size = f"{max(len(file.content) // 1024, 1)} KB"
        how = self.say("file-open" if file.media_type in SHOWN else "file-keep")
        return f'<p><a href="{escape(address(file.number))}">{how}：{name}</a> <span class=meta>{size}</span></p>'


def elements(resource: Resource, name: str) -> list[Resource]:
    """Returns the elements of a resource that are objects."""
    return [one for one in resource.get(name, ()) if isinstance(one, dict)]


def _paragraphs(told: Iterable[str]) -> str:
    return "".join(f"<p>{escape(one)}</p>" for one in told)
