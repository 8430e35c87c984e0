"""An authorization request: read, and held against what the application registered.

What is wrong with the client or its address is told to the person, on a page; the browser is never sent to an address
that is not the application's. All else is told to the application.

Source: RFC 6749 section 4.1, RFC 7636 (PKCE, S256 only, for every client), RFC 9207 (iss), OpenID Connect Core 3.1.2.1,
http://hl7.org/fhir/smart-app-launch/STU2/app-launch.html
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from kangyun.access.applications.register import Application, Applications, redirect_of
from kangyun.access.oidc.errors import Refused, SentBack
from kangyun.access.oidc.scopes import LAUNCH, LAUNCH_PATIENT, WrongScope, narrow, of_data, parse, read

_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")
LONGEST = 2000  # characters of a parameter
PARAMETERS = frozenset(
    {
        *("client_id", "redirect_uri", "response_type", "scope", "state", "aud", "launch", "nonce", "prompt"),
        *("max_age", "code_challenge", "code_challenge_method"),
    }
)


@dataclass(frozen=True, slots=True)
class Asking:
    """What an application asks of a person. `scopes` are what of it the application may have."""

    application: Application
    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    challenge: str
    launch: str = ""
    nonce: str = ""
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None

    @property
    def wants_patient(self) -> bool:
        """Whether a patient is to be chosen."""
        if self.launch:
            return False
        data = [parse(scope) for scope in of_data(self.scopes)]
        return LAUNCH_PATIENT in self.scopes or any(one.level == "patient" for one in data)

    def back(self, issuer: str, **answer: str) -> str:
        """Returns the address to send the browser back to."""
        return back(self.redirect_uri, issuer, self.state, **answer)


def back(redirect_uri: str, issuer: str, state: str, **answer: str) -> str:
    """Returns an application's address with an answer, its state, and who gives it."""
    given = answer | ({"state": state} if state else {}) | {"iss": issuer}
    return redirect_uri + ("&" if "?" in redirect_uri else "?") + urlencode(given)


async def read_asking(pairs: Sequence[tuple[str, str]], applications: Applications, audience: Sequence[str]) -> Asking:
    """Returns what is asked. Raises Refused where nobody but the person may be told, SentBack for all else."""
    known = [(name, value) for name, value in pairs if name in PARAMETERS]
    given = dict(known)
    application = await applications.get(given.get("client_id", ""))
    if application is None:
        raise Refused("invalid_client", "access.oidc.wrong-client")
    if not application.is_usable:
        raise Refused("unauthorized_client", "access.applications.not-usable")
    redirect_uri = redirect_of(application.redirect_uris, given.get("redirect_uri", ""))
    if redirect_uri is None or sum(name == "redirect_uri" for name, _ in known) > 1:
        raise Refused("invalid_request", "access.oidc.wrong-redirect")
    state = given.get("state", "")
    if len(state) > LONGEST:
        raise Refused("invalid_request")
    _check_form(known, given, redirect_uri, state, audience)
    try:
        asked = read(given.get("scope", ""))
    except WrongScope:
        raise SentBack("invalid_scope", redirect_uri, state) from None
    scopes = tuple(one for one in narrow(asked, application.scopes) if not one.startswith("system/"))
    if not scopes or (LAUNCH in scopes and not given.get("launch")):
        raise SentBack("invalid_scope" if not scopes else "invalid_request", redirect_uri, state)
    max_age = given.get("max_age", "")
    return Asking(
        application, redirect_uri, state, scopes, given["code_challenge"], given["launch"] if LAUNCH in scopes else "",
        given.get("nonce", ""), frozenset(given.get("prompt", "").split()),
        int(max_age) if max_age.isdecimal() and max_age.isascii() and len(max_age) < 10 else None,
    )  # fmt: skip


def _check_form(
    known: Sequence[tuple[str, str]], given: dict[str, str], redirect_uri: str, state: str, audience: Sequence[str]
) -> None:
    """Raises SentBack for the first thing that is wrong."""
    if len(given) < len(known) or any(len(value) > LONGEST or "\0" in value for value in given.values()):
        raise SentBack("invalid_request", redirect_uri, state)
    if given.get("response_type") != "code":
        raise SentBack("unsupported_response_type", redirect_uri, state)
    if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(given.get("code_challenge", "")):
        raise SentBack("invalid_request", redirect_uri, state)
    # So that a token for us is not asked for by way of somebody who poses as us.
    if given.get("aud", "").rstrip("/") not in audience:
        raise SentBack("invalid_request", redirect_uri, state)
