"""The provider's pages as HTML: plain forms, Chinese first, without scripts. All that is said is escaped here.

Nothing from elsewhere is loaded, no other page may frame them, and a form may only lead to us and, where an application
waits for the answer, to that application (browsers hold the redirect behind a form to `form-action`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response

from kangyun.access.applications.register import Application
from kangyun.access.identities.model import Post
from kangyun.access.identities.sessions import Session
from kangyun.access.oidc import scopes
from kangyun.base.texts import Language, say

SCRIPT = files(__name__.rpartition(".")[0]).joinpath("factor.js").read_bytes()
LANGUAGE = "lang"
CSS = files(__name__.rpartition(".")[0]).joinpath("pages.css").read_bytes()
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
_NONE = "'none'"
HEADERS = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
}


class Page:
    """One page in one language. `mark` is what its forms send back; `leads_to`: the application's address, or empty.

    here: where the page can be asked for again, in the other language.
    """

    def __init__(self, language: Language, mark: str = "", leads_to: str = "", here: str = "/account") -> None:
        self.language = language
        self._mark = mark
        self._leads_to = leads_to
        self._here = here

    def say(self, text: str, **given: str | int) -> str:
        """Returns a text of these pages, escaped."""
        return escape(say(f"web.openid.{text}", self.language, given))

    def response(self, title: str, body: str, *, error: str = "", status: int = 200, scripts: str = "") -> Response:
        """Returns the page. error: said on top as it is, a text made by `say`. scripts: what policy they have."""
        told = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
        lang = "zh-CN" if self.language == "zh" else "en"
        code, name = ("en", "English") if self.language == "zh" else ("zh", "中文")
        there = f"{self._here}{'&' if '?' in self._here else '?'}{LANGUAGE}={code}"
        other = f'<a href="{escape(there)}" lang="{code}">{name}</a>'
        html = (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{self.say(title)} · 康云</title><link rel="stylesheet" href="/oauth/pages.css"></head><body>'
            f"<header><strong>康云 Kangyun</strong>{other}</header>"
            f"<main><h1>{self.say(title)}</h1>{told}{body}</main></body></html>"
        )
        # form-action stands last: the application's address belongs to it.
        policy = f"{scripts}; {_POLICY}" if scripts else _POLICY
        policy += f" {_origin(self._leads_to)}" if self._leads_to else ""
        return HTMLResponse(html, status, HEADERS | {"content-security-policy": policy})

    def form(self, action: str, fields: str, button: str, *, other: str = "") -> str:
        """Returns a form; `other`: a second button, by its text, which sends `do`."""
        buttons = f'<button name="do" value="{button}">{self.say(button)}</button>'
        if other:
            buttons += f' <button class="other" name="do" value="{other}">{self.say(other)}</button>'
        hidden = f'<input type="hidden" name="mark" value="{escape(self._mark)}">'
        return f'<form method="post" action="{action}">{hidden}{fields}<p>{buttons}</p></form>'

    def field(
        self, name: str, *, kind: str = "text", complete: str = "off", text: str = "", most: int = 200,
        needed: bool = True,
    ) -> str:  # fmt: skip
        return (
            f'<label>{self.say(text or name)}<input name="{name}" type="{kind}" autocomplete="{complete}" '
            f'{"required " if needed else ""}maxlength="{most}"></label>'
        )

    def choices(
        self, name: str, values: Iterable[tuple[str, str]], *, kind: str = "radio", checked: bool = True
    ) -> str:
        """Returns what may be chosen from: values and what is said of them."""
        lines = [
            f'<label class="choice"><input type="{kind}" name="{name}" value="{escape(value)}"'
            f"{' checked' if checked and (kind == 'checkbox' or place == 0) else ''}> {escape(told)}</label>"
            for place, (value, told) in enumerate(values)
        ]
        return "".join(lines)

    # --- the pages

    def sign_in(self, error: str = "", status: int = 200) -> Response:
        fields = self.field("user", complete="username") + self.field(
            "password", kind="password", complete="current-password"
        )
        return self.response("sign-in", self.form("/oauth/sign-in", fields, "sign-in"), error=error, status=status)

    def new_password(self, error: str = "", status: int = 200) -> Response:
        fields = "".join(self.field(name, kind="password", complete="new-password") for name in ("new", "again"))
        body = f"<p>{self.say('why-new')}</p>" + self.form("/oauth/password", fields, "change")
        return self.response("change-password", body, error=error, status=status)

    def role(self, posts: Sequence[Post]) -> Response:
        values = [(f"{one.role} {one.institution}", f"{self.role_name(one.role)} · {one.institution}") for one in posts]
        body = f"<p>{self.say('one-role')}</p>" + self.form("/oauth/role", self.choices("post", values), "go-on")
        return self.response("choose-role", body)

    def factor(
        self, kinds: Sequence[str], kind: str, shown: Mapping[str, Any], error: str = "", status: int = 200
    ) -> Response:
        told = "".join(f"<p>{escape(str(value))}</p>" for value in shown.values() if isinstance(value, str))
        hidden = f'<input type="hidden" name="kind" value="{escape(kind)}">'
        body = f"<p>{self.say(kind)}</p>" + told
        body += self.form("/oauth/factor", hidden + self.field("proof", complete="one-time-code", most=20_000), "go-on")
        others = [one for one in kinds if one != kind]
        if others:
            named = [(one, say(f"web.openid.{one}", self.language)) for one in others]
            body += self.form("/oauth/factor", self.choices("other", named), "other-factor")
        return self.response("second-factor", body + _script(shown), error=error, status=status, scripts=_asks(shown))

    def enrol(self, kinds: Sequence[str], error: str = "", status: int = 200) -> Response:
        """The page of who has no second factor yet and needs one."""
        named = [(one, say(f"web.openid.{one}", self.language)) for one in kinds]
        fields = self.choices("kind", named) + "".join(
            self.field(name, most=20_000, needed=False) for name in ("permit", "phone", "key")
        )
        body = f"<p>{self.say('why-enrol')}</p>" + self.form("/oauth/enrol", fields, "go-on")
        return self.response("second-factor", body, error=error, status=status)

    def confirm(self, kind: str, shown: Mapping[str, Any], error: str = "", status: int = 200) -> Response:
        """The page that asks for the first proof of a factor."""
        told = "".join(f"<p>{escape(str(value))}</p>" for value in shown.values() if isinstance(value, str))
        asked = shown["ask"]["challenge"] if "ask" in shown else ""
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">'
            for name, value in (("kind", kind), ("challenge", asked))
        )
        proof = hidden + self.field("proof", complete="one-time-code", most=20_000)
        body = f"<p>{self.say(f'enrol-{kind}')}</p>" + told + self.form("/oauth/confirm", proof, "go-on")
        return self.response("second-factor", body + _script(shown), error=error, status=status, scripts=_asks(shown))

    def consent(
        self, application: Application, person: str, wanted: Sequence[str], patients: Sequence[str] | None,
        error: str = "",
    ) -> Response:  # fmt: skip
        """patients: to choose from; empty: to be typed; None: nothing is to be chosen."""
        values = [(one, self._scope(one)) for one in wanted]
        fields = self.choices("scope", values, kind="checkbox")
        if patients:
            fields += f"<h2>{self.say('which-patient')}</h2>" + self.choices(
                "patient", [(one, f"Patient/{one}") for one in patients]
            )
        elif patients is not None:
            fields += self.field("patient", text="patient-id")
        told = self.say("asks", name=application.name, owner=application.owner, purpose=application.purpose)
        body = f"<p>{self.say('you-are', name=person)}</p><p>{told}</p>"
        body += self.form("/oauth/consent", fields, "allow", other="refuse")
        return self.response("consent", body, error=error)

    def account(self, name: str, session: Session, all_: Sequence[Session], error: str = "") -> Response:
        rows = "".join(
            f"<tr><td>{one.began:%Y-%m-%d %H:%M}</td><td>{one.seen:%Y-%m-%d %H:%M}</td><td>{escape(one.source)}</td>"
            f"<td>{self.role_name(one.role)}</td><td>{self._end(one, session)}</td></tr>"
            for one in all_
        )
        heads = "".join(f"<th>{self.say(one)}</th>" for one in ("began", "seen", "source", "role"))
        password = self.field("password", kind="password", complete="current-password", text="old") + "".join(
            self.field(one, kind="password", complete="new-password") for one in ("new", "again")
        )
        body = (
            f'<p>{self.say("you-are", name=name)} <a href="/#account">{self.say("go-to-front")}</a></p>'
            f"<h2>{self.say('sessions')}</h2>"
            f"<table><tr>{heads}<th></th></tr>{rows}</table>"
            + self.form("/account/end", '<input type="hidden" name="session" value="*">', "sign-out-everywhere")
            + f"<h2>{self.say('change-password')}</h2>{self.form('/account/password', password, 'change')}"
        )
        return self.response("account", body, error=error)

    def leave(self, request: str) -> Response:
        hidden = f'<input type="hidden" name="request" value="{escape(request)}">'
        return self.response("sign-out", self.form("/oauth/end-session", hidden, "sign-out"))

    def told(self, title: str, text: str, status: int) -> Response:
        """Returns a page that says one thing. `text` was made by `say`."""
        return self.response(title, f"<p>{escape(text)}</p>", status=status)

    def role_name(self, role: str) -> str:
        return self.say(f"role-{role}")

    def _end(self, one: Session, current: Session) -> str:
        if one.id == current.id:
            return self.say("this-one")
        return self.form("/account/end", f'<input type="hidden" name="session" value="{escape(one.id)}">', "sign-out")

    def _scope(self, text: str) -> str:
        """Says a scope in words."""
        if text in scopes.WORDS:
            return say(f"web.openid.scope-{text.replace('/', '-').replace('_', '-').lower()}", self.language)
        one = scopes.parse(text)
        reads, writes = bool({"r", "s"} & set(one.permissions)), bool(set("cud") & set(one.permissions))
        what = "both" if reads and writes else "writes" if writes else "reads"
        type_ = say("web.openid.everything", self.language) if one.type == "*" else one.type
        told = say(f"web.openid.{one.level}-{what}", self.language, {"type": type_})
        return f"{told} [{text}]"


def _origin(uri: str) -> str:
    """Returns what of an address a policy may name."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def _asks(shown: Mapping[str, Any]) -> str:
    """Returns whom the page of a second factor may ask: the services of USB keys that the operator lists."""
    vendors = shown.get("ask", {}).get("with", {}).get("vendors", ())
    origins = " ".join(sorted({_origin(vendor["url"]) for vendor in vendors}))
    return f"script-src 'self'; connect-src {origins or _NONE}"


def _script(shown: Mapping[str, Any]) -> str:
    """Returns what a page's script needs, and the script. Without one a code can still be typed."""
    if "ask" not in shown:
        return ""
    asked = escape(json.dumps(shown["ask"]), quote=True)
    return f'<div id="ask" data-ask="{asked}"></div><script src="/oauth/factor.js" defer></script>'
