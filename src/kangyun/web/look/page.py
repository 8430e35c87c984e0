"""The look's page as HTML: no script, Chinese first. All that is said is escaped here.

Works where Windows 7 is (Chrome 78). Nothing from elsewhere is loaded; origins that the operator names may frame it.
"""

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from starlette.responses import HTMLResponse, Response

from kangyun.access.look.front import Entry, Front, Section, Standing
from kangyun.base.errors import Issue
from kangyun.base.texts import Language, say
from kangyun.fhir import Resource

CSS = files(__name__.rpartition(".")[0]).joinpath("page.css").read_bytes()
_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors "
MARKS = 24  # times that the watermark stands on a page
WAYS = frozenset(
    {"encounter", "stay", "card", "word", "contract", "referral", "duty", "emergency", "consent", "ticket"}
)
STATES = frozenset(
    {
        "state-male",
        "state-female",
        "state-other",
        "state-unknown",
        "state-amb",
        "state-emer",
        "state-imp",
        "state-acute",
        "state-nonac",
        "state-obsenc",
        "state-ss",
        "state-hh",
        "state-vr",
        "state-fld",
        "state-prenc",
        "state-active",
        "state-inactive",
        "state-recurrence",
        "state-relapse",
        "state-remission",
        "state-resolved",
        "state-unconfirmed",
        "state-provisional",
        "state-differential",
        "state-confirmed",
        "state-refuted",
        "state-completed",
        "state-stopped",
        "state-on-hold",
        "state-cancelled",
        "state-draft",
        "state-intended",
        "state-not-taken",
        "state-planned",
        "state-arrived",
        "state-triaged",
        "state-in-progress",
        "state-onleave",
        "state-finished",
        "state-low",
        "state-high",
        "state-unable-to-assess",
    }
)
"""Codes that this page says in words: of gender, encounter class and the states of what is shown."""


class LookPage:
    """One page in one language. mark: what its forms send back; here: its address."""

    def __init__(self, language: Language, frames: Sequence[str]) -> None:
        self.language = language
        self._frames = " ".join(frames) or "'none'"
        self.mark = ""
        self.here = "/look"
        self.watermark = ""

    def say(self, text: str, **given: str | int) -> str:
        """Returns a text of this page, escaped."""
        return escape(say(f"web.look.{text}", self.language, given))

    # --- what is answered

    def refused(self, issue: Issue, status: int) -> Response:
        """The page of who is turned away."""
        told = escape(say(issue.text, self.language, issue.parameters))
        return self._response(f'<p class="error" role="alert">{told}</p>', status)

    def closed(self, offered: Sequence[str], *, error: str, challenge: str) -> Response:
        """There is no reason to look at such a resident, or none: which of them is not told."""
        body = f'{_error(error)}<p class="told" role="status">{self.say("closed")}</p>'
        return self._response(body + self._reasons(offered, challenge), 403)

    def front(
        self, shown: Front, standing: Standing, offered: Sequence[str], *, error: str, challenge: str
    ) -> Response:
        """The resident's front page."""
        way = say(f"web.look.{f'way-{standing.way}' if standing.way in WAYS else 'way-other'}", self.language)
        head = f'{_error(error)}<p class="way">{self.say("because", way=way)}</p>'
        if standing.closed:
            head += f'<p class="told" role="note">{self.say("maybe-hidden")}</p>'
        persons = "".join(self._person(one, institution) for one, institution in shown.persons)
        sections = "".join(self._section(one) for one in shown.sections)
        reasons = self._reasons(offered, challenge) if offered else ""
        return self._response(f"{head}<section><h2>{self.say('identity')}</h2>{persons}</section>{sections}{reasons}")

    # --- its parts

    def _person(self, patient: Resource, institution: str) -> str:
        names = [
            one.get("text") or f"{one.get('family', '')}{''.join(one.get('given', ()))}"
            for one in _list(patient, "name")
        ]
        numbers = [str(one.get("value", "")) for one in _list(patient, "identifier")]
        phones = [str(one.get("value", "")) for one in _list(patient, "telecom")]
        gender = self._state(str(patient.get("gender", "")))
        parts = [*names[:1], gender, str(patient.get("birthDate", "")), *numbers[:2], *phones[:1], institution]
        return f"<p>{' · '.join(escape(one) for one in parts if one)}</p>"

    def _section(self, section: Section) -> str:
        title = f"<h2>{self.say(section.name)}</h2>"
        if section.failed:
            title += f'<p class="told">{self.say("too-slow")}</p>'
        if not section.entries:
            return f"<section>{title}<p>{self.say('nothing')}</p></section>"
        rows = "".join(map(self._row, section.entries))
        more = f"<p>{self.say('more', count=len(section.entries))}</p>" if section.more else ""
        heads = "".join(f"<th>{self.say(name)}</th>" for name in ("when", "what", "detail", "institution"))
        return f"<section>{title}<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{more}</section>"

    def _row(self, entry: Entry) -> str:
        line = entry.line
        states = "、".join(self._state(code) for code in line.states)
        detail = "；".join(part for part in (line.detail, states) if part)
        unnamed = "" if line.states else say("web.look.unnamed", self.language)
        cells = (line.when, line.what or unnamed, detail, entry.institution)
        return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"

    def _state(self, code: str) -> str:
        """Returns a code of FHIR in the page's language; one that is not known as it is."""
        key = f"state-{code.lower()}"
        return say(f"web.look.{key}", self.language) if key in STATES else code

    def _reasons(self, offered: Sequence[str], challenge: str) -> str:
        """The ways to get leave: forms, one a reason."""
        forms = ""
        if "card" in offered:
            forms += self._form("card", self._field("code"))
        if "word" in offered:
            forms += self._form("ask-word", "")
            if challenge:
                hidden = f'<input type="hidden" name="challenge" value="{escape(challenge)}">'
                forms += f'<p role="status">{self.say("sent")}</p>' + self._form("word", hidden + self._field("word"))
        if "emergency" in offered:
            forms += self._form("emergency", self._field("reason"))
        return f'<section class="ways"><h2>{self.say("ways")}</h2>{forms}</section>' if forms else ""

    def _form(self, do: str, fields: str) -> str:
        hidden = f'<input type="hidden" name="mark" value="{escape(self.mark)}">'
        button = f'<button name="do" value="{do}">{self.say(f"do-{do}")}</button>'
        told = f"<p>{self.say(f'about-{do}')}</p>"
        return f'<form method="post" action="{escape(self.here)}">{hidden}{told}{fields}{button}</form>'

    def _field(self, name: str) -> str:
        return f'<label>{self.say(name)}<input name="{name}" autocomplete="off" required maxlength="2000"></label>'

    def _response(self, body: str, status: int = 200) -> Response:
        lang = "zh-CN" if self.language == "zh" else "en"
        marks = f"<span>{escape(self.watermark)}</span>" * MARKS if self.watermark else ""
        html = (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{self.say("title")} · 康云</title><link rel="stylesheet" href="/look/page.css"></head><body>'
            f"<header><strong>康云 Kangyun</strong> {self.say('title')}</header><main>{body}</main>"
            f'<div class="watermark" aria-hidden="true">{marks}</div></body></html>'
        )
        headers = {
            "content-security-policy": _POLICY + self._frames,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }
        return HTMLResponse(html, status, headers)


def _error(told: str) -> str:
    return f'<p class="error" role="alert">{escape(told)}</p>' if told else ""


def _list(resource: Resource, name: str) -> list[Resource]:
    return [one for one in resource.get(name, ()) if isinstance(one, dict)]
