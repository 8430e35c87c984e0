"""The look's page as HTML: no script, Chinese first. All that is said is escaped, here and in `parts`.

Works where Windows 7 is (Chrome 78). Nothing from elsewhere is loaded; origins that the operator names may frame it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from starlette.responses import HTMLResponse, Response

from kangyun.access.look.front import Front
from kangyun.access.look.opening import Opened
from kangyun.access.view.model import Hidden, Mark
from kangyun.base.errors import Issue
from kangyun.base.texts import Language, say
from kangyun.web.look.parts import Parts

CSS = files(__name__.rpartition(".")[0]).joinpath("page.css").read_bytes()
_POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
MARKS = 24  # times that the watermark stands on a page
WAYS = frozenset(
    {"encounter", "stay", "card", "word", "contract", "referral", "duty", "emergency", "consent", "ticket", "alarm"}
)
MARKS_SAID = frozenset({
    "child", "pregnant", "puerperal", "elderly", "hypertension", "diabetes", "coronary", "stroke", "copd", "kidney",
    "cancer", "tuberculosis", "hepatitis", "infectious", "underweight", "normal-weight", "overweight", "obese", "abo",
    "rh",
})  # fmt: skip
WIDE = frozenset({"laboratory", "encounters", "reports", "documents"})
"""Sections that are tables; the others stand side by side."""
ANSWERS = ("found-nobody", "found-nobody-or-closed", "closed")
"""What is said where there is no reason to look: no such number, nobody or no leave, no leave."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above the page: by which reason it is seen, health marks, and what is hidden."""

    way: str
    marks: Sequence[Mark]
    hidden: Hidden


class LookPage:
    """One page in one language. mark: what its forms send back; here: its address, with the language that was chosen.

    query: what keeps the language, "" or `?lang=…`.
    """

    def __init__(self, language: Language, frames: Sequence[str], query: str = "") -> None:
        self.language = language
        self.query = query
        self.mark = ""
        self.here = "/look"
        self.watermark = ""
        self._frames = " ".join(frames) or "'none'"
        self._parts = Parts(language, lambda reference: f"{self.here}/{reference}{self.query}")

    def say(self, text: str, **given: str | int) -> str:
        """Returns a text of this page, escaped."""
        return self._parts.say(text, **given)

    def policy(self, rest: str) -> str:
        """Returns the policy of a page, with who may frame it."""
        return f"{rest}frame-ancestors {self._frames}"

    # --- what is answered

    def refused(self, issue: Issue, status: int) -> Response:
        """The page of who is turned away."""
        told = escape(say(issue.text, self.language, issue.parameters))
        return self._response("", f'<p class="error" role="alert">{told}</p>', status)

    def closed(self, answer: str, offered: Sequence[str], *, error: str, challenge: str) -> Response:
        """There is no reason to look, or nobody. answer: one of ANSWERS."""
        told = f'<section class="answer"><h1>{self.say(f"{answer}-title")}</h1><p>{self.say(answer)}</p></section>'
        return self._response("", f"{_error(error)}{told}{self._reasons(offered, challenge)}", 403)

    def front(self, shown: Front, head: Head, offered: Sequence[str], *, error: str, challenge: str) -> Response:
        """The resident's front page."""
        parts, count = self._parts, head.hidden.count
        told = [self.say("hidden", count=count)] if count else []
        told += [self.say("maybe-hidden")] if head.hidden.closed else []
        hidden = "".join(f'<p class="told" role="note">{one}</p>' for one in told)
        recent = parts.recent(shown.recent, shown.days)
        sections = "".join(parts.section(one, wide=one.name in WIDE) for one in shown.sections)
        registered = (
            f'<section class="wide" id="identity"><h2>{self.say("identity")}</h2>{self._registrations(shown)}</section>'
        )
        reasons = self._reasons(offered, challenge) if offered else ""
        body = f'{_error(error)}{hidden}<div class="columns">{recent}{sections}{registered}</div>{reasons}'
        return self._response(self._who(shown, head), body)

    def opened(self, one: Opened) -> Response:
        """A report or document."""
        line = one.line
        back = f'<p><a href="{escape(self.here + self.query)}">← {self.say("back")}</a></p>'
        head = f"<h1>{escape(line.what) or self.say('unnamed')}</h1> <span class=meta>{escape(line.when)}</span>"
        drawn = self._parts.document(one, lambda nth: f"{self.here}/{line.reference}/{nth}{self.query}")
        return self._response("", f"{back}<section>{head}{drawn}</section>{back}")

    # --- its parts

    def _who(self, shown: Front, head: Head) -> str:
        """Who it is, what marks him, by which reason he is seen, and the way around the page: always in sight."""
        name, *rest = (self._parts.person(shown.persons[0][0], 1) if shown.persons else []) or [self.say("unnamed")]
        allergies = next((one.entries for one in shown.sections if one.name == "allergies"), ())
        marks = "".join(self._mark("allergy", self._allergic(one.line.what)) for one in allergies[:3])
        marks += "".join(self._mark(one.kind, self._marked(one)) for one in head.marks)
        way = say(f"web.look.{f'way-{head.way}' if head.way in WAYS else 'way-other'}", self.language)
        links = "".join(
            f'<a href="#{part}">{self.say(part, days=shown.days)}</a>'
            for part in ("recent", *(one.name for one in shown.sections))
        )
        facts = "".join(f"<span>{one}</span>" for one in rest)
        return (
            f'<div class="who"><h1>{name}</h1> {facts}<p class="marks">{marks}</p>'
            f'<p class="meta">{self.say("because", way=way)}</p>'
            f'<nav aria-label="{self.say("title")}">{links}</nav></div>'
        )

    def _marked(self, mark: Mark) -> str:
        """Returns a mark in words; one that a region has added, by its code."""
        word = say(f"web.look.mark-{mark.code}", self.language) if mark.code in MARKS_SAID else mark.code
        return f"{word} {mark.what}".strip()

    def _allergic(self, what: str) -> str:
        return say("web.look.allergic", self.language, {"what": what})

    def _mark(self, group: str, text: str) -> str:
        return f'<span class="mark {escape(group)}">{escape(text)}</span>'

    def _registrations(self, shown: Front) -> str:
        return "".join(
            f"<p>{' · '.join([*self._parts.person(one, 3), escape(institution)])}</p>"
            for one, institution in shown.persons
        )

    def _reasons(self, offered: Sequence[str], challenge: str) -> str:
        """The ways to get leave: forms, one a reason."""
        forms = ""
        if "card" in offered:
            forms += self._form("card", self._field("code"))
        if "word" in offered:
            word = ""
            if challenge:
                hidden = f'<input type="hidden" name="challenge" value="{escape(challenge)}">'
                word = f'<p class="done" role="status">{self.say("sent")}</p>' + self._form(
                    "word", hidden + self._field("word")
                )
            forms += f"{self._form('ask-word', '')}{word}"
        if "emergency" in offered:
            forms += self._form("emergency", self._field("reason"))
        if not forms:
            return ""
        return f'<section id="ways"><h2>{self.say("ways")}</h2><div class="ways">{forms}</div></section>'

    def _form(self, do: str, fields: str) -> str:
        hidden = f'<input type="hidden" name="mark" value="{escape(self.mark)}">'
        button = f'<button name="do" value="{do}">{self.say(f"do-{do}")}</button>'
        told = f"<p>{self.say(f'about-{do}')}</p>"
        address = escape(self.here + self.query)
        return f'<form method="post" action="{address}">{hidden}{told}{fields}{button}</form>'

    def _field(self, name: str) -> str:
        return f'<label>{self.say(name)}<input name="{name}" autocomplete="off" required maxlength="2000"></label>'

    def _response(self, head: str, body: str, status: int = 200) -> Response:
        lang, other, called = ("zh-CN", "en", "English") if self.language == "zh" else ("en", "zh", "中文")
        marks = f'<span data-mark="{escape(self.watermark)}"></span>' * MARKS if self.watermark else ""
        switch = f'<a href="{escape(self.here)}?lang={other}" lang="{other}">{called}</a>'
        html = (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{self.say("title")} · 康云</title><link rel="icon" href="data:,">'
            '<link rel="stylesheet" href="/look/page.css"></head><body>'
            f'<header class="bar"><span><strong>{self.say("name")}</strong> {self.say("title")}</span>'
            f"{switch if self.mark else ''}</header>{head}<main>{body}</main>"
            f'<div class="watermark" aria-hidden="true">{marks}</div></body></html>'
        )
        return HTMLResponse(html, status, self._headers())

    def _headers(self) -> dict[str, str]:
        return {
            "content-security-policy": self.policy(_POLICY),
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }


def _error(told: str) -> str:
    return f'<p class="error" role="alert">{escape(told)}</p>' if told else ""
